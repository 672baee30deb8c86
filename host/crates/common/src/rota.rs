//! A waiting list that serves clients in turn (round robin), and the entries of one client in their
//! order. A client with a thousand entries delays a client with one by one entry.

use std::collections::{HashMap, VecDeque};

use crate::client::Client;

#[derive(Debug)]
pub struct Rota<T> {
    /// The clients that wait, in the order in which they are served.
    clients: VecDeque<Client>,
    /// Every client of `clients` has at least one entry.
    entries: HashMap<Client, VecDeque<Waiting<T>>>,
    /// The number of the last entry.
    last: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    number: u64,
    /// The entries of a client are served from the smallest to the largest.
    order: u64,
    entry: T,
}

impl<T> Default for Rota<T> {
    fn default() -> Self {
        Self { clients: VecDeque::new(), entries: HashMap::new(), last: 0 }
    }
}

impl<T> Rota<T> {
    /// Adds an entry behind the others of the client. Returns its number, with which [`Rota::remove`]
    /// finds it.
    pub fn add(&mut self, client: Client, entry: T) -> u64 {
        self.insert(client, u64::MAX, entry)
    }

    /// Adds an entry before those of the client whose order is larger. Returns its number.
    pub fn insert(&mut self, client: Client, order: u64, entry: T) -> u64 {
        self.last += 1;
        let entries = self.entries.entry(client).or_default();
        if entries.is_empty() {
            self.clients.push_back(client);
        }
        let place = entries.partition_point(|other| other.order <= order);
        entries.insert(place, Waiting { number: self.last, order, entry });
        self.last
    }

    /// Takes the entry whose turn it is: of the first client that `admits` accepts and that has an
    /// entry which `fits`. The client then waits behind all others.
    pub fn next(
        &mut self,
        admits: impl FnMut(Client) -> bool,
        fits: impl FnMut(Client, &T) -> bool,
    ) -> Option<(Client, T)> {
        let (turn, client, place) = self.find(admits, fits)?;
        let entries = self.entries.get_mut(&client)?;
        let Waiting { entry, .. } = entries.remove(place)?;
        self.clients.remove(turn);
        if entries.is_empty() {
            self.entries.remove(&client);
        } else {
            self.clients.push_back(client);
        }
        Some((client, entry))
    }

    /// The entry that [`Rota::next`] would take.
    pub fn peek(
        &self,
        admits: impl FnMut(Client) -> bool,
        fits: impl FnMut(Client, &T) -> bool,
    ) -> Option<&T> {
        let (_, client, place) = self.find(admits, fits)?;
        self.entries.get(&client)?.get(place).map(|waiting| &waiting.entry)
    }

    /// The client's turn, the client, and the place of the entry among the client's.
    fn find(
        &self,
        mut admits: impl FnMut(Client) -> bool,
        mut fits: impl FnMut(Client, &T) -> bool,
    ) -> Option<(usize, Client, usize)> {
        let mut turns = self.clients.iter().enumerate().filter(|(_, client)| admits(**client));
        turns.find_map(|(turn, client)| {
            let place = self.entries.get(client)?.iter().position(|waiting| fits(*client, &waiting.entry))?;
            Some((turn, *client, place))
        })
    }

    /// Removes an entry that no longer waits. None if it has been served.
    pub fn remove(&mut self, client: Client, number: u64) -> Option<T> {
        let entries = self.entries.get_mut(&client)?;
        let place = entries.iter().position(|waiting| waiting.number == number)?;
        let Waiting { entry, .. } = entries.remove(place)?;
        if entries.is_empty() {
            self.entries.remove(&client);
            self.clients.retain(|other| *other != client);
        }
        Some(entry)
    }

    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// The number of entries of all clients.
    pub fn len(&self) -> usize {
        self.entries.values().map(VecDeque::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> Client {
        Client::of([192, 0, 2, last].into())
    }

    fn rota(entries: &[(u8, &'static str)]) -> Rota<&'static str> {
        let mut rota = Rota::default();
        for (last, entry) in entries {
            rota.add(client(*last), *entry);
        }
        rota
    }

    fn order(rota: &mut Rota<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| rota.next(|_| true, |_, _| true)).map(|(_, entry)| entry).collect()
    }

    #[test]
    fn clients_are_served_in_turn_and_each_in_its_order() {
        let mut rota = rota(&[(1, "a1"), (1, "a2"), (1, "a3"), (1, "a4"), (2, "b1"), (3, "c1"), (2, "b2")]);
        assert_eq!(rota.len(), 7);
        assert_eq!(order(&mut rota), ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
        assert!(rota.is_empty());
    }

    #[test]
    fn an_entry_that_began_earlier_is_served_before_those_of_its_client_that_came_first() {
        let mut rota = Rota::default();
        for (last, order, entry) in
            [(1, 7, "a7"), (1, 9, "a9"), (2, 8, "b8"), (1, 3, "a3"), (1, 7, "a7 again")]
        {
            rota.insert(client(last), order, entry);
        }
        assert_eq!(order(&mut rota), ["a3", "b8", "a7", "a7 again", "a9"]);
    }

    #[test]
    fn a_client_that_returns_waits_behind_the_others() {
        let mut rota = rota(&[(1, "a1"), (1, "a2"), (2, "b1")]);
        assert_eq!(rota.next(|_| true, |_, _| true), Some((client(1), "a1")));
        rota.add(client(3), "c1");
        rota.add(client(1), "a3");
        assert_eq!(order(&mut rota), ["b1", "a2", "c1", "a3"]);
    }

    #[test]
    fn an_entry_that_does_not_fit_keeps_its_place_and_stops_nobody() {
        let mut rota = rota(&[(1, "wide"), (1, "a2"), (2, "wide"), (3, "c1")]);
        let narrow = |rota: &mut Rota<_>| rota.next(|_| true, |_, entry| *entry != "wide");
        assert_eq!(narrow(&mut rota), Some((client(1), "a2")));
        assert_eq!(narrow(&mut rota), Some((client(3), "c1")));
        assert_eq!(narrow(&mut rota), None);
        assert_eq!(rota.next(|other| other != client(2), |_, _| true), Some((client(1), "wide")));
        assert_eq!(rota.len(), 1);
    }

    #[test]
    fn an_entry_that_left_is_not_served_and_its_client_is_forgotten() {
        let mut rota = rota(&[(1, "a1"), (2, "b1")]);
        let number = rota.add(client(3), "c1");
        assert_eq!(rota.remove(client(3), number), Some("c1"));
        assert_eq!(rota.remove(client(3), number), None);
        assert_eq!(rota.entries.len(), 2);
        assert_eq!(order(&mut rota), ["a1", "b1"]);
    }
}

//! Resources that all clients share, and the part of them that one client can use.
//!
//! A [`Budget`] limits a resource: bytes, open files, connections. It has a total, and a share for
//! each client, so that one client cannot use everything. It does not know the resource.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::rota::Rota;

pub use crate::client::Client;

/// The size of a client's share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(f64);

impl Share {
    /// A fraction of the total, above 0 and at most 1.
    pub fn new(fraction: f64) -> Option<Self> {
        (fraction > 0.0 && fraction <= 1.0).then_some(Self(fraction))
    }

    /// The whole total.
    pub fn whole() -> Self {
        Self(1.0)
    }

    /// The share of `total`, at least 1.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share needs no more precision, and lies between 1 and the total"
    )]
    pub fn of(self, total: u64) -> u64 {
        ((total as f64 * self.0) as u64).clamp(1, total.max(1))
    }
}

/// Clones share the budget.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    total: u64,
    /// For one client.
    share: u64,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    all: u64,
    by: HashMap<Client, u64>,
    /// Amounts that are waited for. Clients are served in turn.
    waiting: Rota<(u64, oneshot::Sender<Held>)>,
}

/// Why the budget gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// The client uses its whole share.
    Share,
    /// All clients together use the total.
    Total,
}

impl Budget {
    pub fn new(total: u64, share: Share) -> Self {
        Self(Arc::new(Shared { total, share: share.of(total), used: Mutex::default() }))
    }

    pub fn total(&self) -> u64 {
        self.0.total
    }

    /// The amount that all clients use together.
    pub fn used(&self) -> u64 {
        self.lock().all
    }

    /// Takes `amount`, or returns why it is not available now.
    pub fn take(&self, client: Client, amount: u64) -> Result<Held, Exhausted> {
        let mut used = self.lock();
        used.room(client, amount, &self.0)?;
        used.add(client, amount);
        Ok(Held { budget: self.clone(), client, amount })
    }

    /// Takes `amount` even above the limit, for work that can no longer be rejected.
    pub fn take_anyway(&self, client: Client, amount: u64) -> Held {
        self.lock().add(client, amount);
        Held { budget: self.clone(), client, amount }
    }

    /// Takes `amount` when it becomes available; an error if that takes too long.
    pub async fn wait(&self, client: Client, amount: u64, patience: Duration) -> Result<Held, Exhausted> {
        let mut waiting = match self.queue(client, amount) {
            Ok(held) => return Ok(held),
            Err(waiting) => waiting,
        };
        match tokio::time::timeout(patience, &mut waiting.turn).await {
            Ok(Ok(held)) => Ok(held),
            _ => self.take(client, amount),
        }
    }

    /// The amount, or a place in the waiting list.
    fn queue(&self, client: Client, amount: u64) -> Result<Held, Waiting> {
        let mut used = self.lock();
        if used.room(client, amount, &self.0).is_ok() {
            used.add(client, amount);
            return Ok(Held { budget: self.clone(), client, amount });
        }
        let (granted, turn) = oneshot::channel();
        let number = used.waiting.add(client, (amount, granted));
        Err(Waiting { budget: self.clone(), client, number, turn })
    }

    /// Takes an amount back, and gives what is free to those who wait.
    fn give_back(&self, client: Client, amount: u64) {
        self.lock().subtract(client, amount);
        while let Some((client, amount, granted)) = self.next() {
            // A waiter that gave up meanwhile drops it, which gives it back.
            drop(granted.send(Held { budget: self.clone(), client, amount }));
        }
    }

    /// The next waiter whose amount is free.
    fn next(&self) -> Option<(Client, u64, oneshot::Sender<Held>)> {
        let mut used = self.lock();
        let mut waiting = std::mem::take(&mut used.waiting);
        let next = waiting.next(|_| true, |client, (amount, _)| used.room(client, *amount, &self.0).is_ok());
        used.waiting = waiting;
        let (client, (amount, granted)) = next?;
        used.add(client, amount);
        Some((client, amount, granted))
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.0.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the waiting list, left when dropped.
struct Waiting {
    budget: Budget,
    client: Client,
    number: u64,
    turn: oneshot::Receiver<Held>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Dropped after the lock is released.
        let _entry = self.budget.lock().waiting.remove(self.client, self.number);
    }
}

impl Used {
    /// Whether this amount is available.
    fn room(&self, client: Client, amount: u64, shared: &Shared) -> Result<(), Exhausted> {
        let own = self.by.get(&client).copied().unwrap_or(0);
        if client != Client::trusted() && own.saturating_add(amount) > shared.share {
            return Err(Exhausted::Share);
        }
        if self.all.saturating_add(amount) > shared.total {
            return Err(Exhausted::Total);
        }
        Ok(())
    }

    fn add(&mut self, client: Client, amount: u64) {
        self.all = self.all.saturating_add(amount);
        let own = self.by.entry(client).or_insert(0);
        *own = own.saturating_add(amount);
    }

    fn subtract(&mut self, client: Client, amount: u64) {
        self.all = self.all.saturating_sub(amount);
        if let Some(own) = self.by.get_mut(&client) {
            *own = own.saturating_sub(amount);
            if *own == 0 {
                self.by.remove(&client);
            }
        }
    }
}

/// The budget for the bytes of replies in memory, and the client of these replies.
#[derive(Clone, Debug)]
pub struct Memory {
    pub budget: Budget,
    pub client: Client,
}

impl Memory {
    /// The same bytes, charged to the budget while any part of them lives.
    pub fn hold(&self, bytes: Bytes) -> Bytes {
        let held = self.budget.take_anyway(self.client, bytes.len() as u64);
        counted(bytes, held)
    }
}

/// The same bytes with their charge.
pub fn counted(bytes: Bytes, held: Held) -> Bytes {
    Bytes::from_owner(Counted { bytes, _held: held })
}

struct Counted {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The amount that a client has taken. Dropping it returns the amount.
#[must_use = "it is given back as soon as this is dropped"]
#[derive(Debug)]
pub struct Held {
    budget: Budget,
    client: Client,
    amount: u64,
}

impl Held {
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// Takes more and adds it to this amount.
    pub fn grow(&mut self, more: u64) -> Result<(), Exhausted> {
        let mut taken = self.budget.take(self.client, more)?;
        self.amount += std::mem::take(&mut taken.amount);
        Ok(())
    }

    /// Splits off a part, which is returned separately.
    pub fn split(&mut self, amount: u64) -> Self {
        let amount = amount.min(self.amount);
        self.amount -= amount;
        Self { budget: self.budget.clone(), client: self.client, amount }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.amount > 0 {
            self.budget.give_back(self.client, self.amount);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    fn client(address: &str) -> Client {
        Client::of(address.parse().unwrap())
    }

    fn half(total: u64) -> Budget {
        Budget::new(total, Share::new(0.5).unwrap())
    }

    #[test]
    fn one_client_cannot_take_everything() {
        let budget = half(10);
        let first = budget.take(client("192.0.2.1"), 5).unwrap();
        assert_eq!(budget.take(client("192.0.2.1"), 1).unwrap_err(), Exhausted::Share);
        let second = budget.take(client("192.0.2.2"), 4).unwrap();
        assert_eq!(budget.take(client("192.0.2.3"), 2).unwrap_err(), Exhausted::Total);
        drop(first);
        drop(second);
        assert_eq!(budget.used(), 0);
        assert!(budget.lock().by.is_empty(), "no client is remembered that has nothing");
    }

    #[test]
    fn bytes_count_as_long_as_a_part_of_them_lives() {
        let memory = Memory { budget: half(1000), client: client("192.0.2.1") };
        let bytes = memory.hold(Bytes::from(vec![0; 800]));
        let part = bytes.slice(10..20);
        drop(bytes);
        assert_eq!(memory.budget.used(), 800, "what is there cannot be refused any more");
        drop(part);
        assert_eq!(memory.budget.used(), 0);
    }

    #[test]
    fn a_trusted_client_has_no_share() {
        let budget = half(10);
        let _all = budget.take(Client::trusted(), 10).unwrap();
        assert_eq!(budget.take(Client::trusted(), 1).unwrap_err(), Exhausted::Total);
    }

    #[test]
    fn what_is_split_is_given_back_part_by_part() {
        let budget = half(100);
        let mut held = budget.take(client("192.0.2.1"), 20).unwrap();
        held.grow(10).unwrap();
        assert_eq!(held.grow(30).unwrap_err(), Exhausted::Share);
        let part = held.split(25);
        drop(held);
        assert_eq!(budget.used(), 25);
        drop(part);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn who_waits_gets_what_becomes_free() {
        let budget = half(2);
        let first = budget.take(client("192.0.2.1"), 1).unwrap();
        let waiting = budget.wait(client("192.0.2.1"), 1, Duration::from_mins(1));
        let (held, ()) = tokio::join!(waiting, async { drop(first) });
        assert!(held.is_ok());
        let short = budget.wait(client("192.0.2.1"), 1, Duration::from_millis(5)).await;
        assert_eq!(short.unwrap_err(), Exhausted::Share);
    }

    #[tokio::test]
    async fn clients_that_wait_are_served_in_turn() {
        let budget = Budget::new(1, Share::whole());
        let mut held = budget.take(client("192.0.2.9"), 1).unwrap();
        let (tell, mut served) = tokio::sync::mpsc::unbounded_channel();
        for (number, last) in [1, 1, 1, 2, 3].into_iter().enumerate() {
            let (waits, tell) = (budget.clone(), tell.clone());
            tokio::spawn(async move {
                let held = waits.wait(Client::of([192, 0, 2, last].into()), 1, Duration::from_mins(1)).await;
                tell.send((last, held)).ok();
            });
            while budget.lock().waiting.len() <= number {
                tokio::task::yield_now().await;
            }
        }
        let mut order = Vec::new();
        for _ in 0..5 {
            drop(held);
            let (last, next) = served.recv().await.unwrap();
            order.push(last);
            held = next.unwrap();
        }
        assert_eq!(order, [1, 2, 3, 1, 1]);
    }
}

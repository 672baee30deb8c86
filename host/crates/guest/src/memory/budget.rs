//! The memory budget that all instances share, and its two queues: instances that want to begin,
//! and running instances that need more. It does not know the engine.
//!
//! # Invariants
//! - **Every wait has a deadline.** As soon as all instances that hold memory wait for more, the
//!   youngest of the client that holds most is rejected and releases its memory.
//! - **Running instances come first.** While one of them waits for free memory, no instance begins.
//!   Of the running ones, the oldest comes first.
//! - **One instance can always finish.** The last `growth` bytes are never given to an instance
//!   that begins.
//! - **One client leaves memory to the others.** It has a share of the budget. Its instances that
//!   wait because the share is used up delay no other client. As soon as all of them wait for that
//!   reason, the youngest is rejected.
//! - **Clients begin in turn**, and the instances of one client in their order.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use packhouse_common::rota::Rota;
use packhouse_common::shares::Client;
use tokio::sync::oneshot;

/// The size of the budget, and how many instances can wait for it.
#[derive(Debug, Clone, Copy)]
pub struct BudgetSettings {
    /// Bytes for all instances together.
    pub bytes: usize,
    /// The part of them that only running instances can take.
    pub growth: usize,
    /// The part of them that the instances of one client can take, at least `growth`.
    pub own: usize,
    /// How many instances can wait to begin.
    pub queue: usize,
    /// How long an instance waits.
    pub patience: Duration,
}

/// All memory for instances is in use, and none became free in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the memory for plugin instances is taken: raise [server.limits] guest_memory_total if this happens often"
)]
pub struct NoMemoryLeft;

/// Clones are cheap and share the budget.
#[derive(Clone)]
pub struct MemoryBudget(Arc<Shared>);

struct Shared {
    settings: BudgetSettings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    all: Held,
    by: HashMap<Client, Held>,
    /// The number of the next share: an older share has a smaller number.
    next: u64,
    growing: BTreeMap<u64, Request>,
    entering: Rota<Request>,
}

/// What shares hold.
#[derive(Default, Clone, Copy)]
struct Held {
    bytes: usize,
    /// The number of shares that hold memory.
    shares: usize,
}

struct Request {
    client: Client,
    bytes: usize,
    granted: oneshot::Sender<()>,
}

/// The memory of one instance, returned to the budget when this is dropped.
pub struct Share {
    budget: MemoryBudget,
    client: Client,
    number: u64,
    held: usize,
}

impl MemoryBudget {
    pub fn new(settings: BudgetSettings) -> Self {
        let own = settings.own.max(settings.growth);
        let settings = BudgetSettings { own, ..settings };
        Self(Arc::new(Shared { settings, state: Mutex::default() }))
    }

    /// A share without memory.
    pub fn share(&self, client: Client) -> Share {
        let mut state = self.lock();
        state.next += 1;
        Share { budget: self.clone(), client, number: state.next, held: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes bytes at once, or a place in the queue. `NoMemoryLeft` if the queue is full.
    fn ask(&self, share: &Share, begins: bool, bytes: usize) -> Result<Option<Waiting>, NoMemoryLeft> {
        let settings = &self.0.settings;
        let (client, number) = (share.client, share.number);
        let mut state = self.lock();
        let can_have = if begins {
            state.can_begin(client, bytes, settings)
        } else {
            state.can_grow(client, number, bytes, settings)
        };
        if can_have {
            state.give(client, begins, bytes);
            return Ok(None);
        }
        let (granted, turn) = oneshot::channel();
        let request = Request { client, bytes, granted };
        let mut number = number;
        if !begins {
            state.growing.insert(number, request);
            state.end_deadlocks(settings);
        } else if state.entering.len() < settings.queue {
            number = state.entering.add(client, request);
        } else {
            return Err(NoMemoryLeft);
        }
        Ok(Some(Waiting { budget: self.clone(), client, number, begins, bytes, turn }))
    }

    fn give_back(&self, client: Client, bytes: usize, ends: bool) {
        let mut state = self.lock();
        state.take_back(client, bytes, ends);
        state.serve(&self.0.settings);
        state.end_deadlocks(&self.0.settings);
    }
}

impl State {
    fn free(&self, settings: &BudgetSettings) -> usize {
        settings.bytes.saturating_sub(self.all.bytes)
    }

    /// Whether the client's share has room for this.
    fn has_room(&self, client: Client, bytes: usize, settings: &BudgetSettings) -> bool {
        let held = self.by.get(&client).map_or(0, |held| held.bytes);
        client == Client::trusted() || held.saturating_add(bytes) <= settings.own
    }

    fn can_begin(&self, client: Client, bytes: usize, settings: &BudgetSettings) -> bool {
        let (first_that_grows, short) = self.who_grows(settings);
        first_that_grows.is_none()
            && !short.contains(&client)
            && self.who_begins(&short, settings).is_none()
            && self.has_room(client, bytes, settings)
            && self.free(settings) >= bytes.saturating_add(settings.growth)
    }

    fn can_grow(&self, client: Client, number: u64, bytes: usize, settings: &BudgetSettings) -> bool {
        let (first_that_grows, _) = self.who_grows(settings);
        let mut older = self.growing.range(..number);
        first_that_grows.is_none_or(|first| first > number)
            && !older.any(|(_, request)| request.client == client)
            && self.has_room(client, bytes, settings)
            && self.free(settings) >= bytes
    }

    /// The oldest of the growing instances whose clients' shares have room, and the clients whose
    /// shares have none for their oldest.
    fn who_grows(&self, settings: &BudgetSettings) -> (Option<u64>, HashSet<Client>) {
        let mut short = HashSet::new();
        for (number, request) in &self.growing {
            if short.contains(&request.client) {
                continue;
            }
            if self.has_room(request.client, request.bytes, settings) {
                return (Some(*number), short);
            }
            short.insert(request.client);
        }
        (None, short)
    }

    /// The next to begin of the clients whose shares have room.
    fn who_begins(&self, short: &HashSet<Client>, settings: &BudgetSettings) -> Option<&Request> {
        let has_room = |client, request: &Request| self.has_room(client, request.bytes, settings);
        self.entering.peek(|client| !short.contains(&client), has_room)
    }

    fn give(&mut self, client: Client, begins: bool, bytes: usize) {
        for held in [&mut self.all, self.by.entry(client).or_default()] {
            held.bytes += bytes;
            held.shares += usize::from(begins);
        }
    }

    fn take_back(&mut self, client: Client, bytes: usize, ends: bool) {
        for held in [&mut self.all, self.by.entry(client).or_default()] {
            held.bytes = held.bytes.saturating_sub(bytes);
            held.shares = held.shares.saturating_sub(usize::from(ends));
        }
        if self.by.get(&client).is_some_and(|held| held.shares == 0) {
            self.by.remove(&client);
        }
    }

    /// Gives free memory to the instances that wait.
    fn serve(&mut self, settings: &BudgetSettings) {
        loop {
            let (number, short) = self.who_grows(settings);
            let free = self.free(settings);
            if let Some(number) = number {
                match self.growing.remove(&number) {
                    Some(request) if request.bytes <= free => self.grant(false, request),
                    Some(request) => {
                        self.growing.insert(number, request);
                        return;
                    }
                    None => return,
                }
                continue;
            }
            let fits = |first: &Request| first.bytes.saturating_add(settings.growth) <= free;
            if !self.who_begins(&short, settings).is_some_and(fits) {
                return;
            }
            let Self { entering, by, .. } = &mut *self;
            let has_room = |client, request: &Request| {
                let held = by.get(&client).map_or(0, |held| held.bytes);
                client == Client::trusted() || held.saturating_add(request.bytes) <= settings.own
            };
            let next = entering.next(|client| !short.contains(&client), has_room);
            let Some((_, request)) = next else { return };
            self.grant(true, request);
        }
    }

    fn grant(&mut self, begins: bool, request: Request) {
        // The receiver is gone, so it takes nothing.
        if request.granted.send(()).is_ok() {
            self.give(request.client, begins, request.bytes);
        }
    }

    /// If all instances that hold memory wait for more, none will release any. The same holds for
    /// those of one client, if its share has no room.
    fn end_deadlocks(&mut self, settings: &BudgetSettings) {
        let (_, short) = self.who_grows(settings);
        let stuck: Vec<_> = short.into_iter().filter(|client| self.all_wait(*client)).collect();
        for client in stuck {
            self.reject_youngest(client);
        }
        if !self.growing.is_empty() && self.growing.len() >= self.all.shares {
            let most = self.growing.values().map(|request| request.client);
            let most = most.max_by_key(|client| self.by.get(client).map_or(0, |held| held.bytes));
            if let Some(client) = most {
                self.reject_youngest(client);
            }
        }
    }

    fn all_wait(&self, client: Client) -> bool {
        let waiting = self.growing.values().filter(|request| request.client == client).count();
        waiting >= self.by.get(&client).map_or(0, |held| held.shares)
    }

    /// Dropping the sender rejects the request.
    fn reject_youngest(&mut self, client: Client) {
        let mut youngest_first = self.growing.iter().rev();
        let youngest = youngest_first.find(|(_, request)| request.client == client);
        if let Some(number) = youngest.map(|(number, _)| *number) {
            self.growing.remove(&number);
        }
    }
}

impl Share {
    /// Bytes.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Takes this many bytes more. Waits for them if they are not free.
    pub async fn take(&mut self, bytes: usize) -> Result<(), NoMemoryLeft> {
        let begins = self.held == 0;
        if let Some(mut waiting) = self.budget.ask(self, begins, bytes)? {
            let patience = self.budget.0.settings.patience;
            let turn = tokio::time::timeout(patience, &mut waiting.turn).await;
            if !matches!(turn, Ok(Ok(()))) {
                return Err(NoMemoryLeft);
            }
            waiting.bytes = 0;
        }
        self.held += bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.held > 0 {
            self.budget.give_back(self.client, self.held, true);
        }
    }
}

/// A place in a queue, left when dropped.
struct Waiting {
    budget: MemoryBudget,
    client: Client,
    /// The number of its share, or of its entry if it begins.
    number: u64,
    begins: bool,
    /// Zero after the instance has received the bytes.
    bytes: usize,
    turn: oneshot::Receiver<()>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        {
            let mut state = self.budget.lock();
            if self.begins {
                state.entering.remove(self.client, self.number);
            } else {
                state.growing.remove(&self.number);
            }
        }
        // The bytes were granted while the instance gave up, or other instances wait behind it.
        let granted = self.turn.try_recv().is_ok();
        let bytes = if granted { self.bytes } else { 0 };
        self.budget.give_back(self.client, bytes, granted && self.begins);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    fn budget(bytes: usize, growth: usize, queue: usize, patience: Duration) -> MemoryBudget {
        MemoryBudget::new(BudgetSettings { bytes, growth, own: bytes, queue, patience })
    }

    /// Half of it for each client.
    fn halves(bytes: usize) -> MemoryBudget {
        MemoryBudget::new(BudgetSettings { bytes, growth: 0, own: bytes / 2, queue: 100, patience: LONG })
    }

    fn client(last: u8) -> Client {
        Client::of([192, 0, 2, last].into())
    }

    fn free_and_holders(budget: &MemoryBudget) -> (usize, usize) {
        let state = budget.lock();
        assert_eq!(state.by.values().map(|held| held.bytes).sum::<usize>(), state.all.bytes);
        (state.free(&budget.0.settings), state.all.shares)
    }

    async fn until_waiting(budget: &MemoryBudget, growing: usize, entering: usize) {
        loop {
            {
                let state = budget.lock();
                if state.growing.len() == growing && state.entering.len() == entering {
                    return;
                }
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_begins_waits_for_what_another_gives_back() {
        let budget = budget(10, 2, 1, LONG);
        let mut first = budget.share(client(1));
        first.take(6).await.unwrap();
        let mut second = budget.share(client(1));
        let second = tokio::spawn(async move { second.take(4).await.map(|()| second) });
        until_waiting(&budget, 0, 1).await;
        assert_eq!(budget.share(client(1)).take(1).await, Err(NoMemoryLeft), "the queue is full");
        drop(first);
        let second = second.await.unwrap().unwrap();
        assert_eq!((second.held(), free_and_holders(&budget).0), (4, 6));
        drop(second);
        assert_eq!(free_and_holders(&budget), (10, 0));
    }

    #[tokio::test]
    async fn none_begins_while_a_running_one_waits() {
        let budget = budget(10, 0, 5, LONG);
        let (mut old, mut young) = (budget.share(client(1)), budget.share(client(1)));
        old.take(4).await.unwrap();
        young.take(5).await.unwrap();
        let old = tokio::spawn(async move { old.take(4).await.map(|()| old) });
        until_waiting(&budget, 1, 0).await;
        let mut third = budget.share(client(1));
        let third = tokio::spawn(async move { third.take(1).await.map(|()| third) });
        until_waiting(&budget, 1, 1).await;
        drop(young);
        assert_eq!(old.await.unwrap().unwrap().held(), 8);
        assert_eq!(third.await.unwrap().unwrap().held(), 1);
        assert_eq!(free_and_holders(&budget).0, 10);
    }

    #[tokio::test]
    async fn when_all_wait_for_more_the_youngest_is_refused_at_once() {
        let budget = budget(10, 0, 5, LONG);
        let (mut old, mut young) = (budget.share(client(1)), budget.share(client(1)));
        old.take(5).await.unwrap();
        young.take(5).await.unwrap();
        let old = tokio::spawn(async move { old.take(5).await.map(|()| old) });
        until_waiting(&budget, 1, 0).await;
        assert_eq!(young.take(1).await, Err(NoMemoryLeft));
        drop(young);
        assert_eq!(old.await.unwrap().unwrap().held(), 10);
    }

    #[tokio::test]
    async fn many_that_need_more_than_there_is_never_stand_still() {
        let budget = budget(100, 10, 1000, LONG);
        let tasks: Vec<_> = (0..200)
            .map(|_| {
                let mut share = budget.share(client(1));
                tokio::spawn(async move {
                    for _ in 0..10 {
                        share.take(3).await?;
                        tokio::task::yield_now().await;
                    }
                    Ok::<_, NoMemoryLeft>(())
                })
            })
            .collect();
        let mut finished = 0;
        for task in tasks {
            finished += usize::from(task.await.unwrap().is_ok());
        }
        assert!(finished >= 20, "{finished} of 200 came to their end");
        assert_eq!(free_and_holders(&budget), (100, 0));
    }

    #[tokio::test]
    async fn one_client_leaves_memory_to_the_others() {
        let budget = halves(20);
        let (mut old, mut young) = (budget.share(client(1)), budget.share(client(1)));
        old.take(5).await.unwrap();
        young.take(4).await.unwrap();
        let old = tokio::spawn(async move { old.take(3).await.map(|()| old) });
        until_waiting(&budget, 1, 0).await;
        let mut third = budget.share(client(1));
        let third = tokio::spawn(async move { third.take(1).await.map(|()| third) });
        until_waiting(&budget, 1, 1).await;
        let mut other = budget.share(client(2));
        other.take(8).await.unwrap();
        other.take(2).await.unwrap();
        drop(young);
        assert_eq!(old.await.unwrap().unwrap().held(), 8);
        assert_eq!(third.await.unwrap().unwrap().held(), 1);
        drop(other);
        assert_eq!(free_and_holders(&budget), (20, 0));
    }

    #[tokio::test]
    async fn when_all_of_a_client_wait_for_its_share_its_youngest_is_refused_at_once() {
        let budget = halves(20);
        let (mut old, mut young) = (budget.share(client(1)), budget.share(client(1)));
        let mut other = budget.share(client(2));
        other.take(4).await.unwrap();
        old.take(5).await.unwrap();
        young.take(5).await.unwrap();
        let old = tokio::spawn(async move { old.take(5).await.map(|()| old) });
        until_waiting(&budget, 1, 0).await;
        assert_eq!(young.take(1).await, Err(NoMemoryLeft));
        drop(young);
        assert_eq!(old.await.unwrap().unwrap().held(), 10);
        drop(other);
        assert_eq!(free_and_holders(&budget), (20, 0));
    }

    #[tokio::test]
    async fn clients_begin_in_turn() {
        let budget = budget(10, 0, 100, LONG);
        let mut first = budget.share(client(1));
        first.take(10).await.unwrap();
        let (tell, mut begun) = tokio::sync::mpsc::unbounded_channel();
        for (number, last) in [1, 1, 1, 1, 2, 3].into_iter().enumerate() {
            let (mut share, tell) = (budget.share(client(last)), tell.clone());
            tokio::spawn(async move {
                let taken = share.take(10).await;
                tell.send((last, taken.map(|()| share))).ok();
            });
            until_waiting(&budget, 0, number + 1).await;
        }
        let mut held = first;
        let mut order = Vec::new();
        for _ in 0..6 {
            drop(held);
            let (last, share) = begun.recv().await.unwrap();
            held = share.unwrap();
            order.push(last);
        }
        assert_eq!(order, [1, 2, 3, 1, 1, 1]);
    }

    #[tokio::test]
    async fn patience_has_an_end_and_leaves_nothing_behind() {
        let budget = budget(10, 0, 5, Duration::from_millis(10));
        let mut first = budget.share(client(1));
        first.take(10).await.unwrap();
        assert_eq!(budget.share(client(1)).take(1).await, Err(NoMemoryLeft));
        assert!(budget.lock().entering.is_empty());
        drop(first);
        assert_eq!(free_and_holders(&budget), (10, 0));
    }
}

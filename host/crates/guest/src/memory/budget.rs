//! The memory budget that all instances share, and its two queues: instances that want to begin,
//! and running instances that need more. It does not know the engine.
//!
//! # Invariants
//! - **Every wait has a deadline.** As soon as all instances that hold memory wait for more, the
//!   youngest is rejected and releases its memory.
//! - **Running instances come first.** While one of them waits, no instance begins. Of the running
//!   ones, the oldest comes first.
//! - **One instance can always finish.** The last `growth` bytes are never given to an instance
//!   that begins.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// The size of the budget, and how many instances can wait for it.
#[derive(Debug, Clone, Copy)]
pub struct BudgetSettings {
    /// Bytes for all instances together.
    pub bytes: usize,
    /// The part of them that only running instances can take.
    pub growth: usize,
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

struct State {
    free: usize,
    /// The number of the next share: an older share has a smaller number.
    next: u64,
    /// The number of shares that hold memory.
    holders: usize,
    growing: BTreeMap<u64, Request>,
    entering: VecDeque<(u64, Request)>,
}

struct Request {
    bytes: usize,
    granted: oneshot::Sender<()>,
}

/// The memory of one instance, returned to the budget when this is dropped.
pub struct Share {
    budget: MemoryBudget,
    number: u64,
    held: usize,
}

impl MemoryBudget {
    pub fn new(settings: BudgetSettings) -> Self {
        let state = State {
            free: settings.bytes,
            next: 0,
            holders: 0,
            growing: BTreeMap::new(),
            entering: VecDeque::new(),
        };
        Self(Arc::new(Shared { settings, state: Mutex::new(state) }))
    }

    /// A share without memory.
    pub fn share(&self) -> Share {
        let mut state = self.lock();
        state.next += 1;
        Share { budget: self.clone(), number: state.next, held: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes bytes at once, or a place in the queue. `NoMemoryLeft` if the queue is full.
    fn ask(&self, number: u64, begins: bool, bytes: usize) -> Result<Option<Waiting>, NoMemoryLeft> {
        let settings = &self.0.settings;
        let mut state = self.lock();
        if state.can_have(number, begins, bytes, settings.growth) {
            state.give(begins, bytes);
            return Ok(None);
        }
        let (granted, turn) = oneshot::channel();
        let request = Request { bytes, granted };
        if !begins {
            state.growing.insert(number, request);
            state.end_deadlock();
        } else if state.entering.len() < settings.queue {
            state.entering.push_back((number, request));
        } else {
            return Err(NoMemoryLeft);
        }
        Ok(Some(Waiting { budget: self.clone(), number, begins, bytes, turn }))
    }

    fn give_back(&self, bytes: usize, ends: bool) {
        let mut state = self.lock();
        state.free += bytes;
        state.holders -= usize::from(ends);
        state.serve(self.0.settings.growth);
        state.end_deadlock();
    }
}

impl State {
    fn can_have(&self, number: u64, begins: bool, bytes: usize, growth: usize) -> bool {
        if begins {
            self.growing.is_empty() && self.entering.is_empty() && self.free >= bytes.saturating_add(growth)
        } else {
            self.growing.range(..number).next().is_none() && self.free >= bytes
        }
    }

    fn give(&mut self, begins: bool, bytes: usize) {
        self.free -= bytes;
        self.holders += usize::from(begins);
    }

    /// Gives free memory to the instances that wait.
    fn serve(&mut self, growth: usize) {
        while let Some(oldest) = self.growing.first_entry() {
            if oldest.get().bytes > self.free {
                return;
            }
            let request = oldest.remove();
            self.grant(false, request);
        }
        while let Some((_, first)) = self.entering.front() {
            if first.bytes.saturating_add(growth) > self.free {
                return;
            }
            if let Some((_, request)) = self.entering.pop_front() {
                self.grant(true, request);
            }
        }
    }

    fn grant(&mut self, begins: bool, request: Request) {
        // The receiver is gone, so it takes nothing.
        if request.granted.send(()).is_ok() {
            self.give(begins, request.bytes);
        }
    }

    /// If all instances that hold memory wait for more, none will release any.
    fn end_deadlock(&mut self) {
        if !self.growing.is_empty() && self.growing.len() >= self.holders {
            // Dropping the sender rejects the request.
            self.growing.pop_last();
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
        if let Some(mut waiting) = self.budget.ask(self.number, begins, bytes)? {
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
            self.budget.give_back(self.held, true);
        }
    }
}

/// A place in a queue, left when dropped.
struct Waiting {
    budget: MemoryBudget,
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
                state.entering.retain(|(number, _)| *number != self.number);
            } else {
                state.growing.remove(&self.number);
            }
        }
        // The bytes were granted while the instance gave up, or other instances wait behind it.
        let granted = self.turn.try_recv().is_ok();
        let bytes = if granted { self.bytes } else { 0 };
        self.budget.give_back(bytes, granted && self.begins);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    fn budget(bytes: usize, growth: usize, queue: usize, patience: Duration) -> MemoryBudget {
        MemoryBudget::new(BudgetSettings { bytes, growth, queue, patience })
    }

    fn free_and_holders(budget: &MemoryBudget) -> (usize, usize) {
        let state = budget.lock();
        (state.free, state.holders)
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
        let mut first = budget.share();
        first.take(6).await.unwrap();
        let mut second = budget.share();
        let second = tokio::spawn(async move { second.take(4).await.map(|()| second) });
        until_waiting(&budget, 0, 1).await;
        assert_eq!(budget.share().take(1).await, Err(NoMemoryLeft), "the queue is full");
        drop(first);
        let second = second.await.unwrap().unwrap();
        assert_eq!((second.held(), budget.lock().free), (4, 6));
        drop(second);
        assert_eq!(free_and_holders(&budget), (10, 0));
    }

    #[tokio::test]
    async fn none_begins_while_a_running_one_waits() {
        let budget = budget(10, 0, 5, LONG);
        let (mut old, mut young) = (budget.share(), budget.share());
        old.take(4).await.unwrap();
        young.take(5).await.unwrap();
        let old = tokio::spawn(async move { old.take(4).await.map(|()| old) });
        until_waiting(&budget, 1, 0).await;
        let mut third = budget.share();
        let third = tokio::spawn(async move { third.take(1).await.map(|()| third) });
        until_waiting(&budget, 1, 1).await;
        drop(young);
        assert_eq!(old.await.unwrap().unwrap().held(), 8);
        assert_eq!(third.await.unwrap().unwrap().held(), 1);
        assert_eq!(budget.lock().free, 10);
    }

    #[tokio::test]
    async fn when_all_wait_for_more_the_youngest_is_refused_at_once() {
        let budget = budget(10, 0, 5, LONG);
        let (mut old, mut young) = (budget.share(), budget.share());
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
                let mut share = budget.share();
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
    async fn patience_has_an_end_and_leaves_nothing_behind() {
        let budget = budget(10, 0, 5, Duration::from_millis(10));
        let mut first = budget.share();
        first.take(10).await.unwrap();
        assert_eq!(budget.share().take(1).await, Err(NoMemoryLeft));
        assert!(budget.lock().entering.is_empty());
        drop(first);
        assert_eq!(free_and_holders(&budget), (10, 0));
    }
}

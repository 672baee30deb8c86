//! The memory budget of all uploads of this process to a remote store. It does not know the store.
//!
//! # Invariants
//! **A waiting upload never holds memory that only it can release.** So no upload waits for ever:
//! reserved memory is either being sent, or its holder releases it soon when others wait
//! ([`Budget::is_waited_for`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Result, StorageError};

/// Bytes per permit.
const UNIT: u64 = 64 * 1024;
/// The longest wait: sending one part takes less.
const PATIENCE: Duration = Duration::from_mins(1);

/// Cheap to clone; clones share it.
#[derive(Clone)]
pub(super) struct Budget {
    permits: Arc<Semaphore>,
    all: u32,
    waiting: Arc<AtomicUsize>,
    patience: Duration,
}

/// Reserved bytes. Dropping it releases them.
pub(super) struct Reservation {
    permit: OwnedSemaphorePermit,
    all: u32,
}

impl Budget {
    pub fn new(bytes: u64) -> Self {
        let all = units(bytes).max(1);
        let permits = Arc::new(Semaphore::new(all as usize));
        Self { permits, all, waiting: Arc::default(), patience: PATIENCE }
    }

    /// In order of arrival. Reserves the whole budget if `bytes` is larger. `Unavailable` if
    /// nothing becomes free for a long time.
    pub async fn reserve(&self, bytes: u64) -> Result<Reservation> {
        let _waiting = Waiting::count(&self.waiting);
        let turn = Arc::clone(&self.permits).acquire_many_owned(units(bytes).min(self.all));
        match tokio::time::timeout(self.patience, turn).await {
            Ok(Ok(permit)) => Ok(Reservation { permit, all: self.all }),
            _ => Err(StorageError::unavailable(
                "too many uploads at once; try again, or raise [storage] part_buffers",
            )),
        }
    }

    /// Whether a holder should release memory that it does not need now.
    pub fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

impl Reservation {
    /// Releases everything above `bytes`.
    pub fn shrink(&mut self, bytes: u64) {
        let surplus = self.permit.num_permits().saturating_sub(units(bytes) as usize);
        drop(self.permit.split(surplus));
    }

    /// Grows to `bytes` in all without waiting. False, without a change, if others wait or hold the
    /// memory.
    pub fn grow(&mut self, bytes: u64) -> bool {
        let wanted = units(bytes)
            .min(self.all)
            .saturating_sub(u32::try_from(self.permit.num_permits()).unwrap_or(u32::MAX));
        match Arc::clone(self.permit.semaphore()).try_acquire_many_owned(wanted) {
            Ok(more) => {
                self.permit.merge(more);
                true
            }
            Err(_) => false,
        }
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

/// Counts a waiting upload until it has memory or gives up.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn count(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[tokio::test]
    async fn who_waits_gets_what_another_gives_back() {
        let budget = Budget::new(8 * MIB);
        let mut first = budget.reserve(8 * MIB).await.unwrap();
        let second = tokio::spawn({
            let budget = budget.clone();
            async move { budget.reserve(3 * MIB).await }
        });
        while !budget.is_waited_for() {
            tokio::task::yield_now().await;
        }
        first.shrink(5 * MIB);
        let mut second = second.await.unwrap().unwrap();
        assert!(!budget.is_waited_for());
        assert!(!second.grow(4 * MIB));
        drop(first);
        assert!(second.grow(4 * MIB));
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let budget = Budget { patience: Duration::from_millis(1), ..Budget::new(MIB) };
        let _all = budget.reserve(100 * MIB).await.unwrap();
        assert!(matches!(budget.reserve(1).await, Err(StorageError::Unavailable(_))));
        assert!(!budget.is_waited_for());
    }
}

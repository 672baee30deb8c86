//! Scheduled collection in a serving host: one host at a time, and requests come first.

use std::time::{Duration, SystemTime};

use rand::RngExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::maintenance::lease::{self, Attempt};
use crate::maintenance::{Caretaker, MaintenanceError, Order, Task, Tone, Witness};
use crate::storage::{LEFTOVERS_KEPT_FOR, Storage, StorageError};

/// The time between two removals of what crashed hosts left behind.
const TIDY_EVERY: Duration = Duration::from_hours(1);
/// The longest time between two checks whether a collection is due.
const LOOK_EVERY: Duration = Duration::from_mins(10);
/// The shortest time, so that an unreachable store is not asked all the time.
const REST: Duration = Duration::from_secs(1);

/// Collects whenever `every` has passed, and removes what crashed hosts left behind, now and every
/// hour, until the result is dropped. Each collection is by another `caretaker`: the mounts change.
pub fn look_after(
    storage: Storage,
    every: Duration,
    older_than: Duration,
    caretaker: impl Fn() -> Caretaker + Send + 'static,
) -> AbortOnDropHandle<()> {
    let order = Order { older_than, ..Order::new(Task::Collect) };
    AbortOnDropHandle::new(tokio::spawn(async move {
        tokio::join!(tidy(&storage), collect_on_schedule(caretaker, every, &order));
    }))
}

async fn tidy(storage: &Storage) {
    let mut hours = tokio::time::interval(TIDY_EVERY);
    loop {
        hours.tick().await;
        let swept = async {
            let before = storage.now().await?.checked_sub(LEFTOVERS_KEPT_FOR);
            storage.sweep(before.unwrap_or(SystemTime::UNIX_EPOCH)).await
        };
        match swept.await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(
                removed,
                "{removed} left-overs of crashed hosts and expired uploads were removed"
            ),
            Err(error) => tracing::warn!(error = %error, "left-overs cannot be removed now: {error}"),
        }
    }
}

async fn collect_on_schedule(caretaker: impl Fn() -> Caretaker, every: Duration, order: &Order) {
    loop {
        let caretaker = caretaker();
        let wait = match caretaker.collect_if_due(every, order).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::warn!(error = %error, "nothing can be collected now: {error}");
                LOOK_EVERY
            }
        };
        // Hosts that start together do not all check at the same moment.
        let jitter = Duration::from_millis(rand::rng().random_range(0..500));
        tokio::time::sleep(wait.clamp(REST, LOOK_EVERY) + jitter).await;
    }
}

impl Caretaker {
    /// Collects if it is due and no other host collects. Returns how long to wait until the next
    /// check.
    async fn collect_if_due(&self, every: Duration, order: &Order) -> Result<Duration, MaintenanceError> {
        let attempt = match lease::take(&self.storage, Some(every)).await {
            // It is due on a full disk too: collecting makes room, and is safe without the lease.
            Err(StorageError::Full(reason)) => {
                tracing::warn!("{reason}: this host collects without informing other hosts");
                self.go_over(&self.chosen(order)?, order, &CancellationToken::new(), &mut Logged).await;
                return Ok(LOOK_EVERY);
            }
            attempt => attempt?,
        };
        match attempt {
            Attempt::NotDue(left) => Ok(left),
            Attempt::Held(_) => Ok(lease::EXPIRES),
            Attempt::Taken(lease) => {
                tracing::info!("removing objects that nothing references any more");
                self.collect(&self.chosen(order)?, order, lease, &mut Logged).await?;
                Ok(every)
            }
        }
    }
}

/// Writes findings to the log.
struct Logged;

impl Witness for Logged {
    fn tell(&mut self, tone: Tone, line: &str) {
        match tone {
            Tone::Finding => tracing::debug!(target: "packhouse::maintenance", "{line}"),
            Tone::Summary | Tone::Remark => tracing::info!(target: "packhouse::maintenance", "{line}"),
            Tone::Damage | Tone::Failure => tracing::error!(target: "packhouse::maintenance", "{line}"),
        }
    }
}

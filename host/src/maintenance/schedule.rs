//! Collecting in a host that serves: by itself, one host at a time, requests first.

use std::time::{Duration, SystemTime};

use rand::RngExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::app::Registry;
use crate::maintenance::lease::{self, Attempt};
use crate::maintenance::{Caretaker, MaintenanceError, Order, Task, Tone, Witness};
use crate::storage::{LEFTOVERS_KEPT_FOR, Storage, StorageError};

/// Between two looks for what crashed hosts have left half-done.
const TIDY_EVERY: Duration = Duration::from_hours(1);
/// Between two looks whether a collection is due, at most.
const LOOK_EVERY: Duration = Duration::from_mins(10);
/// At least, so that a store that is away is not asked without end.
const REST: Duration = Duration::from_secs(1);

impl Registry {
    /// Collects as often as the configuration says, and removes now and every hour what
    /// crashed hosts have left half-done, until the result is dropped. None when the
    /// configuration has switched it off.
    pub fn look_after(&self) -> Option<AbortOnDropHandle<()>> {
        let maintenance = &self.config().maintenance;
        let (every, older_than) = (maintenance.gc.0?, maintenance.older_than.0);
        let order = Order { older_than, ..Order::new(Task::Collect) };
        let registry = self.clone();
        Some(AbortOnDropHandle::new(tokio::spawn(async move {
            tokio::join!(tidy(registry.storage()), collect_on_schedule(&registry, every, &order));
        })))
    }
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

async fn collect_on_schedule(registry: &Registry, every: Duration, order: &Order) {
    loop {
        let caretaker = registry.caretaker();
        let wait = match caretaker.collect_if_due(every, order).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::warn!(error = %error, "nothing can be collected now: {error}");
                LOOK_EVERY
            }
        };
        // Hosts that were started together do not all look at the same moment.
        let jitter = Duration::from_millis(rand::rng().random_range(0..500));
        tokio::time::sleep(wait.clamp(REST, LOOK_EVERY) + jitter).await;
    }
}

impl Caretaker {
    /// Collects if it is time and no other host does. Says how long to wait until the next
    /// look.
    async fn collect_if_due(&self, every: Duration, order: &Order) -> Result<Duration, MaintenanceError> {
        let attempt = match lease::take(&self.storage, Some(every)).await {
            // It is due; collecting is what makes room, and needs the lease for courtesy only.
            Err(StorageError::Full(reason)) => {
                tracing::warn!("{reason}: collecting without a word to other hosts");
                self.go_over(&self.chosen(order)?, order, &CancellationToken::new(), &mut Logged).await;
                return Ok(LOOK_EVERY);
            }
            attempt => attempt?,
        };
        match attempt {
            Attempt::NotDue(left) => Ok(left),
            Attempt::Held(_) => Ok(lease::EXPIRES),
            Attempt::Taken(lease) => {
                tracing::info!("collecting what nothing names any more");
                self.collect(&self.chosen(order)?, order, lease, &mut Logged).await?;
                Ok(every)
            }
        }
    }
}

/// Tells the log.
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

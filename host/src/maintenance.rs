//! Maintains the storage while requests are served: `gc`, `reindex` and `verify` by command, and `gc`
//! on a schedule too. Only the plugins know what is live, derived or damaged. This module calls their
//! optional export step by step, and removes what the host itself has left behind.
//!
//! # Layout
//! | part | contents |
//! |---|---|
//! | `run` | one run over one mount |
//! | `findings` | the lines that report what a run found |
//! | `links` | symbolic links in the storage of a mount |
//! | `bound` | how much of a mount one collection may remove |
//! | `lease` | only one of the hosts of a store collects at a time |
//! | `schedule` | collections in a host that serves |
//!
//! # Invariants
//! - **A kill loses nothing**: a killed run leaves only what plugins wrote by compare-and-swap, and a
//!   lease that expires.
//! - **A dry run changes nothing**, whatever the plugin does, because its store is read-only.
//! - **Damage does not spread**: a collection that would remove more than a few per cent of a mount's
//!   objects removes nothing, unless the operator orders it.
//! - **A failure in one mount does not end the runs of other mounts.**
//! - **A mount that is not served because of its settings is not looked after.** What a plugin considers
//!   live may depend on them, and a removed object is lost.
//! - **The lease only saves work**: two collections at a time are safe.

mod bound;
pub mod findings;
mod lease;
mod links;
mod run;
mod schedule;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio_util::sync::CancellationToken;

use crate::capabilities::ground::DataLimits;
use crate::capabilities::resources::Resources;
use crate::mounts::{Mount, Mounts};
use crate::plugins::{Generation, Plugins, Unusable};
use crate::prefixes::{PrefixError, Prefixes};
use crate::server::Gate;
use crate::serving::{unknown_feature, unusable_settings};
use crate::storage::{Storage, StorageError};

pub use packhouse_guest::upkeep::{Amount, Finding, Run, Tally, Task};
pub use run::RunError;
pub use schedule::look_after;

use findings::{counted, or_nothing};
use lease::{Attempt, Lease};
use run::Target;

/// What is staged or uploaded belongs to a request under way when it was touched so lately,
/// however short the grace is: a request that rests for longer has been cut off.
const UNDER_WAY: Duration = Duration::from_mins(5);
/// Between two looks whether another host's collection has ended.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The longest rest between two steps in a host that serves.
const LONGEST_REST: Duration = Duration::from_secs(1);
/// Between two looks whether requests still wait for a place.
const YIELD: Duration = Duration::from_millis(50);

/// One order, by command or by schedule.
#[derive(Debug, Clone)]
pub struct Order {
    pub task: Task,
    /// Change nothing, say what would be.
    pub dry_run: bool,
    /// Keep what was written in so much time before the run.
    pub older_than: Duration,
    /// Remove files too that have no document.
    pub orphans: bool,
    /// Remove however much nothing names.
    pub many: bool,
    /// By name; empty for all.
    pub mounts: Vec<String>,
}

impl Order {
    /// For all mounts, and as careful as can be.
    pub fn new(task: Task) -> Self {
        Self {
            task,
            dry_run: false,
            older_than: Duration::from_hours(24),
            orphans: false,
            many: false,
            mounts: Vec::new(),
        }
    }
}

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Finding,
    Damage,
    Summary,
    Failure,
    Remark,
}

/// Whoever is told.
pub trait Witness: Send {
    /// One line, without a full stop.
    fn tell(&mut self, tone: Tone, line: &str);
}

/// Why an order cannot be carried out at all; one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum MaintenanceError {
    #[error("there is no mount {name:?} that is enabled; there is {known}")]
    NoSuchMount { name: String, known: String },
    #[error("the plugin {plugin} of [mount.{mount}] does not support maintenance")]
    NoMaintenance { mount: String, plugin: String },
    #[error("the store: {0}")]
    Storage(#[from] StorageError),
}

/// How fast steps follow each other, and whether they still may.
pub struct Pace {
    stop: CancellationToken,
    /// Of the requests that are served beside.
    gate: Option<Gate>,
}

impl Pace {
    /// Does a step, then rests where requests are served. None when it was stopped.
    async fn step<F: Future>(&self, step: F) -> Option<F::Output> {
        let began = Instant::now();
        let output = tokio::select! {
            output = step => output,
            () = self.stop.cancelled() => return None,
        };
        if let Some(gate) = &self.gate {
            // Half of the time is the requests' alone, and more while they wait.
            tokio::time::sleep(began.elapsed().min(LONGEST_REST)).await;
            while gate.waiting() > 0 && !self.stop.is_cancelled() {
                tokio::time::sleep(YIELD).await;
            }
        }
        Some(output)
    }
}

/// Why the plugin cannot use the features or the settings that the mount sets; none if it can.
async fn refused_settings(mount: &Mount, generation: &Generation) -> Option<String> {
    if let Some(sentence) = unknown_feature(mount, &generation.description.features) {
        return Some(sentence);
    }
    match generation.check_settings(mount).await.err()? {
        Unusable::Refused(why) => Some(unusable_settings(mount, &why)),
        Unusable::Unknown(why) => Some(format!("it could not check them: {why}")),
    }
}

/// Everything that maintenance works with.
pub struct Caretaker {
    pub storage: Storage,
    pub(crate) prefixes: Arc<Prefixes>,
    pub plugins: Arc<Plugins>,
    pub mounts: Arc<Mounts>,
    /// What is lacking for all plugins to be served, a sentence each.
    pub gaps: Vec<String>,
    pub limits: DataLimits,
    pub resources: Resources,
    /// Set where requests are served beside: they go first.
    pub gate: Option<Gate>,
}

impl Caretaker {
    /// Carries out an order, waiting for another collection to end first. True when every
    /// mount's run came to its end and nothing damaged was found.
    pub async fn perform(&self, order: &Order, witness: &mut dyn Witness) -> Result<bool, MaintenanceError> {
        let mounts = self.chosen(order)?;
        if order.task != Task::Collect || order.dry_run {
            return Ok(self.go_over(&mounts, order, &CancellationToken::new(), witness).await);
        }
        let mut told = false;
        loop {
            let attempt = match lease::take(&self.storage, None).await {
                // Collecting is what makes room, and needs the lease for courtesy only.
                Err(StorageError::Full(reason)) => {
                    witness.tell(
                        Tone::Remark,
                        &format!("{reason}: this host collects without informing other hosts"),
                    );
                    return Ok(self.go_over(&mounts, order, &CancellationToken::new(), witness).await);
                }
                attempt => attempt?,
            };
            match attempt {
                Attempt::Taken(lease) => return self.collect(&mounts, order, lease, witness).await,
                Attempt::Held(holder) if !told => {
                    told = true;
                    let line = format!("{holder} is collecting in this store: waiting until it has ended");
                    witness.tell(Tone::Remark, &line);
                }
                Attempt::Held(_) | Attempt::NotDue(_) => {}
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn collect(
        &self,
        mounts: &[Arc<Mount>],
        order: &Order,
        lease: Lease,
        witness: &mut dyn Witness,
    ) -> Result<bool, MaintenanceError> {
        let is_well = self.go_over(mounts, order, lease.lost(), witness).await;
        match lease.finish(order.mounts.is_empty()).await {
            // It expires.
            Err(StorageError::Full(_)) => {}
            finished => finished?,
        }
        Ok(is_well)
    }

    /// The mounts, and after all of them what is the host's own.
    async fn go_over(
        &self,
        mounts: &[Arc<Mount>],
        order: &Order,
        stop: &CancellationToken,
        witness: &mut dyn Witness,
    ) -> bool {
        let pace = Pace { stop: stop.clone(), gate: self.gate.clone() };
        let mut is_well = true;
        // An order for all mounts is not carried out where some are not known.
        for gap in self.gaps.iter().filter(|_| order.mounts.is_empty()) {
            witness.tell(Tone::Failure, gap);
            is_well = false;
        }
        for mount in mounts {
            is_well &= self.look_after(mount, order, &pace, witness).await;
        }
        if order.task == Task::Collect && order.mounts.is_empty() && !stop.is_cancelled() {
            is_well &= self.sweep(order, witness).await;
        }
        is_well
    }

    async fn look_after(
        &self,
        mount: &Arc<Mount>,
        order: &Order,
        pace: &Pace,
        witness: &mut dyn Witness,
    ) -> bool {
        let name = &mount.name;
        let Some(generation) = self.plugins.serving(&mount.plugin) else {
            witness.tell(Tone::Failure, &format!("{name}: {}", self.plugins.absence(&mount.plugin)));
            return false;
        };
        // Objects of another protocol are not this plugin's to look after.
        if let Err(error) = self.check_protocol(mount, &generation).await {
            witness.tell(Tone::Failure, &format!("{name}: {error}"));
            return false;
        }
        if let Some(why) = refused_settings(mount, &generation).await {
            let task = "it is not looked after while its plugin refuses its settings";
            witness.tell(Tone::Failure, &format!("{name}: {task}: {why}"));
            return false;
        }
        if !generation.has_maintenance() {
            witness.tell(
                Tone::Summary,
                &format!("{name}: its plugin does not support maintenance, so there is nothing to do"),
            );
            return true;
        }
        let target = self.target(mount, &generation);
        match bound::check(&target, order, pace).await {
            Ok(None) => {}
            Ok(Some(excess)) => {
                witness.tell(Tone::Failure, &format!("{name}: {excess}"));
                return false;
            }
            Err(error) => {
                witness.tell(Tone::Failure, &format!("{name}: stopped before its end: {error}"));
                return false;
            }
        }
        let (tally, ended) = run::run(&target, order, pace, witness).await;
        witness.tell(Tone::Summary, &format!("{name}: {}", findings::summary(&tally, order, ended.is_ok())));
        if let Err(error) = &ended {
            witness.tell(Tone::Failure, &format!("{name}: stopped before its end: {error}"));
        }
        ended.is_ok() && tally.is_well()
    }

    /// Whether what a mount has stored is for the plugin that serves it.
    pub(crate) async fn check_protocol(
        &self,
        mount: &Mount,
        generation: &Generation,
    ) -> Result<(), PrefixError> {
        let (protocol, features) = (&generation.description.protocol, &generation.description.features);
        self.prefixes.check(&mount.prefix, protocol, mount.doubt(protocol, features)).await
    }

    fn target<'a>(&'a self, mount: &'a Arc<Mount>, generation: &'a Generation) -> Target<'a> {
        Target {
            storage: &self.storage,
            mount,
            generation,
            limits: self.limits,
            resources: self.resources.clone(),
        }
    }

    /// Removes or counts what crashed hosts have left half-done, and uploads that nobody
    /// went on with.
    async fn sweep(&self, order: &Order, witness: &mut dyn Witness) -> bool {
        match sweep(&self.storage, order).await {
            Ok(count) => {
                let verb = if order.dry_run { "would remove" } else { "removed" };
                let what =
                    or_nothing(count, || format!("{} that were abandoned", counted(count, "left-over")));
                let line = format!("uploads and staging: {verb} {what}");
                witness.tell(Tone::Summary, &line);
                true
            }
            Err(error) => {
                witness.tell(Tone::Failure, &format!("uploads and staging: stopped before the end: {error}"));
                false
            }
        }
    }

    /// The enabled mounts that an order is about, by name.
    fn chosen(&self, order: &Order) -> Result<Vec<Arc<Mount>>, MaintenanceError> {
        let mut all: Vec<_> = self.mounts.iter().filter(|mount| mount.enabled).cloned().collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        if order.mounts.is_empty() {
            return Ok(all);
        }
        order.mounts.iter().map(|name| self.named(&all, name)).collect()
    }

    fn named(&self, all: &[Arc<Mount>], name: &str) -> Result<Arc<Mount>, MaintenanceError> {
        let Some(mount) = all.iter().find(|mount| mount.name == name) else {
            let known: Vec<_> = all.iter().map(|mount| mount.name.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(MaintenanceError::NoSuchMount { name: name.to_owned(), known });
        };
        match self.plugins.serving(&mount.plugin) {
            Some(generation) if !generation.has_maintenance() => Err(MaintenanceError::NoMaintenance {
                mount: mount.name.clone(),
                plugin: mount.plugin.clone(),
            }),
            _ => Ok(Arc::clone(mount)),
        }
    }
}

async fn sweep(storage: &Storage, order: &Order) -> Result<u64, StorageError> {
    let kept = order.older_than.max(UNDER_WAY);
    let before = storage.now().await?.checked_sub(kept).unwrap_or(SystemTime::UNIX_EPOCH);
    if order.dry_run { storage.count_left_overs(before).await } else { storage.sweep(before).await }
}

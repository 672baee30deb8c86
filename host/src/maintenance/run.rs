//! One run over one mount: the state that its steps share, and their sequence until one returns no
//! cursor. It does not know what a step does, or who ordered the run.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use crate::capabilities::ground::DataLimits;
use crate::capabilities::resources::Resources;
use crate::capabilities::{Ground, StepContext};
use crate::maintenance::{Order, Pace, Run, Tally, Task, Witness, findings, links};
use crate::mounts::Mount;
use crate::plugins::{CallError, Generation};
use crate::storage::{Storage, StorageError};

/// The most steps of one run; each covers some hundred objects.
const MOST_STEPS: usize = 1_000_000;

/// Why a run over a mount did not finish.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the store: {0}")]
    Storage(#[from] StorageError),
    #[error("it makes no progress: a step stopped at {0:?} a second time")]
    NoProgress(String),
    #[error("it has not ended after {MOST_STEPS} steps")]
    Endless,
    #[error("another run took over meanwhile")]
    TakenOver,
}

/// A mount and what its plugin needs.
pub struct Target<'a> {
    pub storage: &'a Storage,
    pub mount: &'a Arc<Mount>,
    pub generation: &'a Generation,
    pub limits: DataLimits,
    pub resources: Resources,
}

impl Target<'_> {
    fn step(&self, order: &Order, run: &Arc<Run>, cursor: Option<String>) -> Result<StepContext, RunError> {
        let ground = Ground {
            mount: Arc::clone(self.mount),
            description: Arc::clone(&self.generation.description),
            storage: self.storage.scope(&self.mount.prefix)?,
            is_read_only: order.dry_run || order.task == Task::Verify,
            limits: self.limits.of_a_step(),
            resources: self.resources.clone(),
            now: SystemTime::now(),
        };
        Ok(StepContext::new(ground, order.task, Arc::clone(run), cursor))
    }
}

/// Runs steps until one returns no cursor. Findings are reported as they come. The counts are right
/// even if the run fails.
pub async fn run(
    target: &Target<'_>,
    order: &Order,
    pace: &Pace,
    witness: &mut dyn Witness,
) -> (Tally, Result<(), RunError>) {
    let run = match target.storage.now().await {
        Ok(now) => Arc::new(Run::new(now, order.older_than, order.dry_run, order.orphans)),
        Err(error) => return (Tally::default(), Err(error.into())),
    };
    let ended = take_steps(target, order, &run, pace, witness).await;
    (run.tally(), ended)
}

async fn take_steps(
    target: &Target<'_>,
    order: &Order,
    run: &Arc<Run>,
    pace: &Pace,
    witness: &mut dyn Witness,
) -> Result<(), RunError> {
    let (mut cursor, mut seen) = (None, HashSet::new());
    for _ in 0..MOST_STEPS {
        let step = target.step(order, run, cursor.take())?;
        let taken = pace.step(target.generation.step(Box::new(step))).await;
        // Includes the findings of a step that failed.
        tell(target, order, run, witness);
        let Some(next) = taken.ok_or(RunError::TakenOver)?? else {
            let looked = links::report(&target.storage.scope(&target.mount.prefix)?, run, pace).await;
            tell(target, order, run, witness);
            return looked;
        };
        if !seen.insert(blake3::hash(next.as_bytes())) {
            return Err(RunError::NoProgress(next));
        }
        cursor = Some(next);
    }
    Err(RunError::Endless)
}

/// Reports the findings since the last call.
fn tell(target: &Target<'_>, order: &Order, run: &Run, witness: &mut dyn Witness) {
    for finding in run.take_findings() {
        let line = findings::line(&finding, &target.mount.prefix, order);
        witness.tell(findings::tone(&finding), &format!("{}: {line}", target.mount.name));
    }
}

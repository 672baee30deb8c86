//! One run over one mount: what its steps share, and how they follow each other until one
//! leaves no cursor. It does not know what a step does, nor who ordered the run.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::capabilities::ground::DataLimits;
use crate::capabilities::resources::Resources;
use crate::capabilities::{Ground, StepContext};
use crate::maintenance::findings::{Finding, Tally};
use crate::maintenance::words::{TooMany, Words};
use crate::maintenance::{Order, Pace, Task, Witness};
use crate::mounts::Mount;
use crate::plugins::{CallError, Generation};
use crate::storage::{Storage, StorageError};

/// Steps of one run; each does some hundred objects.
const MOST_STEPS: usize = 1_000_000;
/// Odd things that one run reports.
const MOST_ODD: usize = 1000;
/// Stores write a moment down up to so much too early: a second that is cut off, and
/// another that a file's time is set back by to make it unique.
const MARGIN: Duration = Duration::from_secs(2);

/// What all steps of a run share.
pub struct Run {
    /// A UUID.
    pub id: String,
    pub started: SystemTime,
    /// What was written since stays.
    pub keep_since: SystemTime,
    pub is_dry: bool,
    /// Whether files without a document may be removed too.
    pub removes_orphans: bool,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    words: Words,
    findings: Vec<Finding>,
    tally: Tally,
    /// What the host itself has reported; a listing may come across it again.
    odd: HashSet<String>,
}

/// Why a run over a mount did not come to its end.
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

impl Run {
    fn new(now: SystemTime, order: &Order) -> Self {
        let kept = order.older_than.saturating_add(MARGIN);
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            started: now,
            keep_since: now.checked_sub(kept).unwrap_or(SystemTime::UNIX_EPOCH),
            is_dry: order.dry_run,
            removes_orphans: order.orphans,
            book: Mutex::default(),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn remember(&self, words: &[String]) -> Result<(), TooMany> {
        let mut book = self.book();
        words.iter().try_for_each(|word| book.words.insert(word))
    }

    pub fn remembered(&self, words: &[String]) -> Vec<bool> {
        let book = self.book();
        words.iter().map(|word| book.words.contains(word)).collect()
    }

    pub fn note(&self, finding: Finding) {
        let mut book = self.book();
        book.tally.count(&finding);
        book.findings.push(finding);
    }

    /// Whether this is seen for the first time.
    pub fn is_first_look(&self, key: &str) -> bool {
        let mut book = self.book();
        book.odd.len() < MOST_ODD && book.odd.insert(key.to_owned())
    }

    pub fn count_kept(&self, objects: u64, bytes: u64) {
        self.book().tally.kept.add(objects, bytes);
    }

    pub fn count_ordered(&self, objects: u64) {
        let mut book = self.book();
        book.tally.ordered = book.tally.ordered.saturating_add(objects);
    }

    pub fn count_checked(&self, objects: u64, bytes: u64) {
        self.book().tally.checked.add(objects, bytes);
    }

    fn take_findings(&self) -> Vec<Finding> {
        std::mem::take(&mut self.book().findings)
    }
}

/// A mount with what its plugin needs.
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

/// Takes steps until one leaves no cursor. What was found is told as it comes; the counts
/// are right however the run ends.
pub async fn run(
    target: &Target<'_>,
    order: &Order,
    pace: &Pace,
    witness: &mut dyn Witness,
) -> (Tally, Result<(), RunError>) {
    let run = match target.storage.now().await {
        Ok(now) => Arc::new(Run::new(now, order)),
        Err(error) => return (Tally::default(), Err(error.into())),
    };
    let ended = take_steps(target, order, &run, pace, witness).await;
    let tally = run.book().tally;
    (tally, ended)
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
        // Also those of a step that failed in its middle.
        for finding in run.take_findings() {
            let line = finding.line(&target.mount.prefix, order);
            witness.tell(finding.tone(), &format!("{}: {line}", target.mount.name));
        }
        let Some(next) = taken.ok_or(RunError::TakenOver)?? else { return Ok(()) };
        if !seen.insert(blake3::hash(next.as_bytes())) {
            return Err(RunError::NoProgress(next));
        }
        cursor = Some(next);
    }
    Err(RunError::Endless)
}

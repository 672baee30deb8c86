//! Runs of maintenance: all steps, one after the other, as the real host drives them.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::state::{self, Shared, Usage};
use crate::maintenance::{Maintenance, Step};
use crate::{Error, sys};

/// The default grace period: a day, in milliseconds.
const GRACE: u64 = 24 * 60 * 60 * 1000;

type StepOf = fn(&Step<'_>) -> Result<(), Error>;

/// The state that the steps of one run share.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) cursor: Option<String>,
    pub(crate) next: Option<String>,
    pub(crate) is_dry: bool,
    pub(crate) removes_orphans: bool,
    pub(crate) started: u64,
    pub(crate) keep_since: u64,
    pub(crate) words: BTreeSet<String>,
    pub(crate) outcome: Outcome,
}

/// The report of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Keys that were removed, or would be removed if this were no dry run.
    pub left_over: Vec<String>,
    pub left_over_bytes: u64,
    /// How many of them a request had marked for removal.
    pub ordered: u64,
    /// Keys that stay because no document belongs to them.
    pub orphans: Vec<String>,
    /// Objects that look left over, but are recent.
    pub kept: u64,
    pub damaged: Vec<String>,
    pub rebuilt: Vec<String>,
    /// Objects that were looked at.
    pub checked: u64,
    pub checked_bytes: u64,
    pub steps: usize,
    /// All reports except counts, with their reasons, in order.
    pub lines: Vec<String>,
}

/// A run that has not begun yet, from [`super::Host::upkeep`].
#[must_use]
pub struct Upkeep<'a> {
    state: Shared,
    is_dry: bool,
    removes_orphans: bool,
    grace: u64,
    most_steps: usize,
    between: Option<Box<dyn FnMut(usize) + 'a>>,
}

impl<'a> Upkeep<'a> {
    pub(crate) fn new(state: Shared) -> Upkeep<'a> {
        Upkeep {
            state,
            is_dry: false,
            removes_orphans: false,
            grace: GRACE,
            most_steps: usize::MAX,
            between: None,
        }
    }

    /// Makes it a dry run: every call that writes or removes is `Denied`.
    pub fn dry_run(self) -> Upkeep<'a> {
        Upkeep { is_dry: true, ..self }
    }

    /// Runs as if the operator had ordered to remove orphans too.
    pub fn removing_orphans(self) -> Upkeep<'a> {
        Upkeep { removes_orphans: true, ..self }
    }

    /// Sets the grace period in milliseconds. The default is a day.
    pub fn older_than(self, milliseconds: u64) -> Upkeep<'a> {
        Upkeep { grace: milliseconds, ..self }
    }

    /// Kills the host after this many steps.
    pub fn killed_after(self, steps: usize) -> Upkeep<'a> {
        Upkeep { most_steps: steps, ..self }
    }

    /// Calls this after each step except the last, with the number of steps so far, e.g. to let
    /// somebody else write.
    pub fn between(self, work: impl FnMut(usize) + 'a) -> Upkeep<'a> {
        Upkeep { between: Some(Box::new(work)), ..self }
    }

    /// Runs all steps of [`Maintenance::collect`].
    pub fn collect<P: Maintenance>(self) -> Result<Outcome, Error> {
        self.run::<P>(P::collect)
    }

    /// Runs all steps of [`Maintenance::reindex`].
    pub fn reindex<P: Maintenance>(self) -> Result<Outcome, Error> {
        self.run::<P>(P::reindex)
    }

    /// Runs all steps of [`Maintenance::verify`], in which nothing can be changed.
    pub fn verify<P: Maintenance>(self) -> Result<Outcome, Error> {
        self.dry_run().run::<P>(P::verify)
    }

    fn run<P: Maintenance>(mut self, step: StepOf) -> Result<Outcome, Error> {
        state::make_current(&self.state);
        self.state.borrow_mut().describe(P::describe());
        let run = RefCell::new(self.begin());
        let mut seen = BTreeSet::new();
        loop {
            self.take(&run, step)?;
            let steps = run.borrow().outcome.steps;
            let Some(cursor) = run.borrow_mut().next.take() else { break };
            if !seen.insert(cursor.clone()) {
                return Err(Error::Misused(format!("no progress: the cursor {cursor:?} came twice")));
            }
            if steps >= self.most_steps {
                break;
            }
            run.borrow_mut().cursor = Some(cursor);
            if let Some(between) = &mut self.between {
                between(steps);
            }
        }
        Ok(run.into_inner().outcome)
    }

    fn begin(&self) -> Run {
        let mut state = self.state.borrow_mut();
        let id = format!("00000000-0000-4000-8000-{:012x}", state.next_serial());
        let started = state.store_now();
        Run {
            id,
            is_dry: self.is_dry,
            removes_orphans: self.removes_orphans,
            started,
            keep_since: started.saturating_sub(self.grace),
            ..Run::default()
        }
    }

    /// Runs one step. Bytes that it staged and did not commit are removed afterwards.
    fn take(&self, run: &RefCell<Run>, step: StepOf) -> Result<(), Error> {
        {
            let mut state = self.state.borrow_mut();
            state.is_read_only = self.is_dry;
            state.usage = Usage::of_request();
        }
        let done = state::unless_ended(|| step(&Step::new(sys::Step::new(run))));
        let mut state = self.state.borrow_mut();
        state.is_read_only = false;
        state.usage = Usage::default();
        state.staging.clear();
        run.borrow_mut().outcome.steps += 1;
        done.unwrap_or_else(|ended| Err(Error::Misused(ended.why)))
    }
}

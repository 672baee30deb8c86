//! The phases of a run, in their order, and the budget of a step.

use crate::Error;
use crate::maintenance::Step;

/// One phase of a run, for example all documents, and then all files.
///
/// A cursor consists of the name of the phase and a position in it. A phase begins without a
/// position.
///
/// ```
/// use packhouse_plugin::maintenance::{Maintenance, Phase, Step, each};
/// use packhouse_plugin::Error;
/// # use packhouse_plugin::{Description, Protocol, Request, Response};
/// # struct Notes;
/// # impl Protocol for Notes {
/// #     fn describe() -> Description { Description::new("notes", "Notes", "0.1.0") }
/// #     fn handle(_: Request) -> Response { Response::new(200) }
/// # }
///
/// const VERIFY: &[Phase] = &[
///     Phase { name: "indexes", step: |step, after| indexes(step, after) },
///     Phase { name: "notes", step: |step, after| notes(step, after) },
/// ];
///
/// fn indexes(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
///     each("index/", after, 500, |index| { step.checked(1, index.size); Ok(()) })
/// }
/// fn notes(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
///     each("notes/", after, 500, |note| { step.checked(1, note.size); Ok(()) })
/// }
///
/// impl Maintenance for Notes {
///     fn collect(_: &Step<'_>) -> Result<(), Error> { Ok(()) }
///     fn reindex(_: &Step<'_>) -> Result<(), Error> { Ok(()) }
///     fn verify(step: &Step<'_>) -> Result<(), Error> { step.run_phases(VERIFY) }
/// }
/// # let host = packhouse_plugin::testing::Host::new();
/// # host.insert("index/a", "…")?;
/// # host.insert("notes/a", "…")?;
/// assert_eq!(host.upkeep().verify::<Notes>()?.checked, 2);
/// # Ok::<(), Error>(())
/// ```
pub struct Phase {
    /// Short and stable; no tab.
    pub name: &'static str,
    /// Does one step of the phase after this position. Returns the position after which the next
    /// step continues; none at the end of the phase.
    pub step: fn(&Step<'_>, Option<&str>) -> Result<Option<String>, Error>,
}

/// Separates the phase from the position in a cursor. No key contains it.
const BETWEEN: char = '\t';

impl Step<'_> {
    /// Continues where the previous step stopped, and sets the cursor. A cursor of another version
    /// of the plugin, with an unknown phase, restarts at the first phase.
    pub fn run_phases(&self, phases: &[Phase]) -> Result<(), Error> {
        let cursor = self.cursor().unwrap_or_default();
        let (name, after) = cursor.split_once(BETWEEN).unwrap_or((&cursor, ""));
        let known = phases.iter().position(|phase| phase.name == name);
        let after = Some(after).filter(|after| known.is_some() && !after.is_empty());
        let number = known.unwrap_or(0);
        let Some(phase) = phases.get(number) else { return Ok(()) };
        match (phase.step)(self, after)? {
            Some(after) => self.set_cursor(&format!("{}{BETWEEN}{after}", phase.name)),
            None => phases.get(number + 1).iter().for_each(|next| self.set_cursor(next.name)),
        }
        Ok(())
    }
}

/// The work that one step may do, so that it ends before its deadline.
///
/// ```
/// use packhouse_plugin::maintenance::Budget;
///
/// let mut budget = Budget::new(200, 1 << 30);
/// budget.spend(1, 5 << 20);
/// assert!(!budget.is_spent());
/// budget.spend(199, 0);
/// assert!(budget.is_spent());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    objects: u64,
    bytes: u64,
}

impl Budget {
    /// A number of objects, and a number of bytes to read.
    pub fn new(objects: u64, bytes: u64) -> Budget {
        Budget { objects, bytes }
    }

    /// Subtracts work that was done.
    pub fn spend(&mut self, objects: u64, bytes: u64) {
        self.objects = self.objects.saturating_sub(objects);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Whether one of the two is used up: then the step should end.
    pub fn is_spent(&self) -> bool {
        self.objects == 0 || self.bytes == 0
    }
}

/// The position in a phase whose documents may have more entries than one step processes.
///
/// ```
/// use packhouse_plugin::maintenance::Place;
///
/// assert_eq!(Place::parse(None), Place::Start);
/// assert_eq!(Place::parse(Some(&Place::at(0, "index/demo"))), Place::Within { key: "index/demo", done: 0 });
/// assert_eq!(Place::parse(Some(&Place::behind("index/demo"))), Place::Behind("index/demo"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// At the start of the phase.
    Start,
    /// In the document at this key, after this many entries, which may be none.
    Within { key: &'a str, done: usize },
    /// After the document at this key.
    Behind(&'a str),
}

/// Before a key that is done.
const BEHIND: &str = "> ";

impl<'a> Place<'a> {
    /// Parses what [`Place::at`] and [`Place::behind`] write.
    pub fn parse(after: Option<&'a str>) -> Place<'a> {
        let Some(after) = after else { return Place::Start };
        let within = after.split_once(' ').and_then(|(done, key)| Some((done.parse().ok()?, key)));
        match (after.strip_prefix(BEHIND), within) {
            (Some(key), _) => Place::Behind(key),
            (None, Some((done, key))) => Place::Within { key, done },
            (None, None) => Place::Behind(after),
        }
    }

    /// In the document at this key, after this many entries.
    pub fn at(done: usize, key: &str) -> String {
        format!("{done} {key}")
    }

    /// After the document at this key.
    pub fn behind(key: &str) -> String {
        format!("{BEHIND}{key}")
    }

    /// The key after which the documents are listed.
    pub fn key(self) -> Option<&'a str> {
        match self {
            Place::Start => None,
            Place::Within { key, .. } | Place::Behind(key) => Some(key),
        }
    }
}

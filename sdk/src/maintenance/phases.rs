//! The order of a run: phases, one after the other, and how much of one a step does.

use crate::Error;
use crate::maintenance::Step;

/// One phase of a run, e.g. all documents, and then all files.
///
/// A cursor is the name of the phase and a place within it. A phase begins without a place.
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
    /// Does one step of the phase behind this place, and gives the place behind which the next
    /// step goes on; none when the phase has ended.
    pub step: fn(&Step<'_>, Option<&str>) -> Result<Option<String>, Error>,
}

/// Between the phase and the place of a cursor; no key holds it.
const BETWEEN: char = '\t';

impl Step<'_> {
    /// Goes on where the step before has ended, and sets the cursor. A cursor of another version
    /// of the plugin, whose phase is not known, begins with the first phase.
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

/// What one step may do, so that it ends before the deadline of a request.
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
    /// So many objects, and so many bytes that are read.
    pub fn new(objects: u64, bytes: u64) -> Budget {
        Budget { objects, bytes }
    }

    /// Takes away what was done.
    pub fn spend(&mut self, objects: u64, bytes: u64) {
        self.objects = self.objects.saturating_sub(objects);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Nothing is left of one of the two: the step ends here.
    pub fn is_spent(&self) -> bool {
        self.objects == 0 || self.bytes == 0
    }
}

/// Where a phase goes on whose documents have more entries than one step does.
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
    /// In the document at this key, of which so many entries are done; it may be none of them.
    Within { key: &'a str, done: usize },
    /// Behind the document at this key.
    Behind(&'a str),
}

/// Before a key that is done.
const BEHIND: &str = "> ";

impl<'a> Place<'a> {
    /// As [`Place::at`] and [`Place::behind`] write it.
    pub fn parse(after: Option<&'a str>) -> Place<'a> {
        let Some(after) = after else { return Place::Start };
        let within = after.split_once(' ').and_then(|(done, key)| Some((done.parse().ok()?, key)));
        match (after.strip_prefix(BEHIND), within) {
            (Some(key), _) => Place::Behind(key),
            (None, Some((done, key))) => Place::Within { key, done },
            (None, None) => Place::Behind(after),
        }
    }

    /// In the document at this key, of which so many entries are done.
    pub fn at(done: usize, key: &str) -> String {
        format!("{done} {key}")
    }

    /// Behind the document at this key.
    pub fn behind(key: &str) -> String {
        format!("{BEHIND}{key}")
    }

    /// The key behind which the documents are listed.
    pub fn key(self) -> Option<&'a str> {
        match self {
            Place::Start => None,
            Place::Within { key, .. } | Place::Behind(key) => Some(key),
        }
    }
}

//! Looking after what a mount has stored: collecting what nothing names any more,
//! rebuilding what is derived, verifying what is kept. Optional: a protocol that
//! implements [`Maintenance`] is exported with `export!(MyProtocol, maintenance)`.
//!
//! A run is many steps, each in a fresh instance: a step does some hundred objects, sets
//! a cursor ([`Step::set_cursor`]) and returns. [`crate::storage`] works as in a request;
//! [`crate::auth`] ends the run. Requests are served meanwhile and a run may be killed
//! between any two calls: change by compare-and-swap only, and let the next run find
//! what this one has left half done.
//!
//! # What may be removed
//! A collection must not complete what damage began. A file of a package is removed only
//! - next to the package's document, if that document exists, is complete, parses to its end
//!   and does not name the file ([`Reference::Unnamed`]), or
//! - if a request has marked the removal ([`RemovalMark`]), or
//! - if the operator ordered to remove orphans ([`Step::removes_orphans`]).
//!
//! [`Step::reclaim`] keeps this rule: tell it what the document says. The host adds a bound:
//! without the operator's order a run removes no more than a few per cent of a mount's objects.
//!
//! # Examples
//! Notes whose index is gone are left over:
//! ```
//! use packhouse_plugin::maintenance::{Maintenance, Step};
//! use packhouse_plugin::storage::{self, ListingOptions, Precondition};
//! use packhouse_plugin::{Description, Error, Protocol, Request, Response};
//!
//! pub struct Notes;
//! # impl Protocol for Notes {
//! #     fn describe() -> Description { Description::new("notes", "Notes", "0.1.0") }
//! #     fn handle(_: Request) -> Response { Response::new(200) }
//! # }
//! impl Maintenance for Notes {
//!     fn collect(step: &Step<'_>) -> Result<(), Error> {
//!         let after = step.cursor();
//!         let options = ListingOptions { after: after.as_deref(), ..ListingOptions::new("notes/") };
//!         let page = storage::list_page(&options)?;
//!         for note in &page.objects {
//!             step.checked(1, 0);
//!             // Read after the listing: a note that was named since is named now.
//!             if storage::stat(&note.key.replace("notes/", "index/"))?.is_some() {
//!                 continue;
//!             }
//!             if step.is_recent(note) {
//!                 step.kept(1, note.size);
//!             } else if step.remove(note)? {
//!                 step.left_over(&note.key, note.size, "no index names it");
//!             }
//!         }
//!         page.next.iter().for_each(|next| step.set_cursor(next));
//!         Ok(())
//!     }
//!     fn reindex(_: &Step<'_>) -> Result<(), Error> { Ok(()) }
//!     fn verify(_: &Step<'_>) -> Result<(), Error> { Ok(()) }
//! }
//! packhouse_plugin::export!(Notes, maintenance);
//!
//! use packhouse_plugin::testing::Host;
//!
//! let host = Host::new();
//! host.insert("notes/old", "…")?;
//! host.set_now(host.now() + 1000);
//! let dry = host.upkeep().older_than(0).dry_run().collect::<Notes>()?;
//! assert_eq!(dry.left_over, ["notes/old"]);
//! assert_eq!(host.objects(), ["notes/old"], "a dry run changes nothing");
//! assert_eq!(host.upkeep().collect::<Notes>()?.kept, 1, "written less than a day ago");
//! host.upkeep().older_than(0).collect::<Notes>()?;
//! assert!(host.objects().is_empty());
//! # Ok::<(), Error>(())
//! ```

mod lost;
mod mark;
mod orphan;
mod phases;
mod reclaim;
mod removal;
mod stored;
mod walk;

pub(crate) use mark::clear;
pub use mark::{Mark, MarkState, Standing};
pub use orphan::{FILE_FOR_FOLDER, FOLDER_FOR_FILE};
pub use phases::{Budget, Phase, Place};
pub(crate) use reclaim::{RENEWED_WITHIN, hold, mark_of, wait_for_removals};
pub use reclaim::{Reference, forget_claims};
pub use removal::{RemovalMark, void_removal};
pub(crate) use removal::{is_marked, is_removed};
pub use stored::{Stored, digests, first_missing};
pub use walk::{each, each_document, each_folder, each_in_parts};

use crate::types::{ObjectInfo, Precondition};
use crate::{Error, Protocol, storage, sys};

/// Stands for a key in what is reported of the mount's settings.
const SETTINGS: &str = "(settings)";
/// Words of one call to the host.
const WORDS: usize = 10_000;

/// What a protocol does for its mount beside answering requests; see `wit/maintenance.wit`.
/// An error ends the run of this mount and is shown to whoever ordered it.
pub trait Maintenance: Protocol {
    /// One step of removing what nothing names any more and what interrupted requests
    /// left behind, unless it was written since [`Step::keep_since`].
    fn collect(step: &Step<'_>) -> Result<(), Error>;

    /// One step of writing every derived document that is missing or differs. Removes
    /// nothing, and changes nothing where all is well.
    fn reindex(step: &Step<'_>) -> Result<(), Error>;

    /// One step of reading everything and reporting what does not match its digest,
    /// cannot be parsed, or is named and missing. Nothing can be changed in it.
    fn verify(step: &Step<'_>) -> Result<(), Error>;
}

/// A step of a verification. The first one says whether the settings can be used.
pub(crate) fn verify<P: Maintenance>(step: &Step<'_>) -> Result<(), Error> {
    if step.cursor().is_none()
        && let Err(error) = P::check_settings()
    {
        step.damaged(SETTINGS, &error.to_string());
    }
    P::verify(step)
}

/// One step of a run; see `wit/upkeep.wit`. Times are milliseconds since the Unix epoch
/// by the store's own clock, as [`ObjectInfo::modified`] is.
pub struct Step<'a> {
    raw: sys::Step<'a>,
}

impl<'a> Step<'a> {
    pub(crate) fn new(raw: sys::Step<'a>) -> Step<'a> {
        Step { raw }
    }

    /// As the step before this one set it; none in the first step of a run.
    pub fn cursor(&self) -> Option<String> {
        self.raw.cursor()
    }

    /// There is more to do, and the next step goes on here; the last call counts. Without
    /// it the run is at its end. One that was set before in this run ends it.
    pub fn set_cursor(&self, cursor: &str) {
        self.raw.set_cursor(cursor);
    }

    /// Nothing may be changed: report what would be.
    pub fn is_dry_run(&self) -> bool {
        self.raw.is_dry_run()
    }

    /// The operator ordered to remove orphans too: files of a package without a document.
    pub fn removes_orphans(&self) -> bool {
        self.raw.removes_orphans()
    }

    /// The same in all steps of a run, and never again: a UUID.
    pub fn run(&self) -> String {
        self.raw.run()
    }

    /// When the run began.
    pub fn started(&self) -> u64 {
        self.raw.started()
    }

    /// What was written at this moment or later is kept.
    pub fn keep_since(&self) -> u64 {
        self.raw.keep_since()
    }

    /// Whether it was written since [`Step::keep_since`], or the store does not say when.
    pub fn is_recent(&self, info: &ObjectInfo) -> bool {
        info.modified.is_none_or(|modified| modified >= self.keep_since())
    }

    /// Adds words to a set that lasts for the run and is kept by the host.
    pub fn remember<S: AsRef<str>>(&self, words: &[S]) {
        for words in words.chunks(WORDS) {
            self.raw.remember(&owned(words));
        }
    }

    /// For each of these whether it was remembered in this run.
    pub fn remembered<S: AsRef<str>>(&self, words: &[S]) -> Vec<bool> {
        words.chunks(WORDS).flat_map(|words| self.raw.remembered(&owned(words))).collect()
    }

    /// Removes an object if it still is what the listing showed; in a dry run only says
    /// whether it would. False when somebody changed or removed it in between.
    pub fn remove(&self, info: &ObjectInfo) -> Result<bool, Error> {
        if self.is_dry_run() {
            return Ok(true);
        }
        match storage::remove(&info.key, Precondition::Version(&info.version)) {
            Err(Error::Conflict) => Ok(false),
            removed => removed,
        }
    }

    /// This key is left over, holds so many bytes, and has been removed, or in a dry run
    /// would be.
    pub fn left_over(&self, key: &str, bytes: u64, why: &str) {
        self.raw.left_over(key, bytes, why);
    }

    /// So many of the objects that were reported as left over were marked for removal by a
    /// request.
    pub fn ordered(&self, objects: u64) {
        self.raw.ordered(objects);
    }

    /// The document that should name this key does not name it or does not exist, and no request
    /// has marked the removal. The key stays.
    pub fn orphan(&self, key: &str, bytes: u64, why: &str) {
        self.raw.orphan(key, bytes, why);
    }

    /// So many objects of so many bytes look left over and stay for now: they are recent.
    pub fn kept(&self, objects: u64, bytes: u64) {
        self.raw.kept(objects, bytes);
    }

    /// What lies at this key, or should, is not what it has to be.
    pub fn damaged(&self, key: &str, why: &str) {
        self.raw.damaged(key, why);
    }

    /// The same, once in a run however often it is met.
    pub fn damaged_once(&self, key: &str, why: &str) {
        let word = format!("damaged {key}");
        if self.remembered(&[&word]).contains(&false) {
            self.remember(&[&word]);
            self.damaged(key, why);
        }
    }

    /// Reports a key at which nothing may lie, with the reason, once in a run. False if there is
    /// none. A plugin's layout knows which keys these are.
    pub fn report_misplaced(&self, misplaced: Option<(&str, &str)>) -> bool {
        if let Some((key, why)) = misplaced {
            self.damaged_once(key, why);
        }
        misplaced.is_some()
    }

    /// This derived document was missing or differed and has been written, or in a dry
    /// run would be.
    pub fn rebuilt(&self, key: &str) {
        self.raw.rebuilt(key);
    }

    /// So many more objects were looked at, so many bytes of content were read.
    pub fn checked(&self, objects: u64, bytes: u64) {
        self.raw.checked(objects, bytes);
    }
}

fn owned<S: AsRef<str>>(words: &[S]) -> Vec<String> {
    words.iter().map(|word| word.as_ref().to_owned()).collect()
}

//! Maintenance of what a mount has stored: remove what nothing references, rebuild what is derived,
//! verify what is kept. It is optional. A protocol that implements [`Maintenance`] is exported with
//! `export!(MyProtocol, maintenance)`.
//!
//! A run consists of many steps, each in a fresh instance. A step processes some hundred objects,
//! sets a cursor ([`Step::set_cursor`]) and returns. [`crate::storage`] works as in a request.
//! Using [`crate::auth`] fails the run. The host serves requests at the same time, and a run may be
//! killed between any two calls. Therefore change documents by compare-and-swap only, and write
//! each step so that a later run completes what an earlier one left unfinished.
//!
//! # What may be removed
//! A collection must not spread damage. It removes a file of a package only
//! - next to the package's document, if that document exists, is complete, parses to its end
//!   and does not name the file ([`Reference::Unnamed`]), or
//! - if a request has marked the removal ([`RemovalMark`]), or
//! - if the operator ordered to remove orphans ([`Step::removes_orphans`]).
//!
//! A document that is an older copy of itself is damaged ([`Stored::read`] compares it with its
//! proof), and a file that the proof says the document has named stays: the document has lost it. See
//! [`Proof`](crate::storage::Proof).
//!
//! [`Step::reclaim`] follows this rule: pass it what the document says. The host adds a limit:
//! without the operator's order, a run removes at most a few per cent of a mount's objects.
//!
//! # Examples
//! Notes without an index are left over:
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

/// The most words of one call to the host.
const WORDS: usize = 10_000;

/// What a protocol does for its mount besides answering requests; see `wit/maintenance.wit`. An
/// error ends the run of this mount, and the host shows it to the operator.
pub trait Maintenance: Protocol {
    /// One step of removing what nothing references, and what interrupted requests left behind,
    /// unless it was written since [`Step::keep_since`].
    fn collect(step: &Step<'_>) -> Result<(), Error>;

    /// One step of writing every derived document that is missing or wrong. It removes nothing, and
    /// changes nothing if everything is right.
    fn reindex(step: &Step<'_>) -> Result<(), Error>;

    /// One step of reading everything and reporting what does not match its digest, cannot be
    /// parsed, or is referenced but missing. It cannot change anything.
    fn verify(step: &Step<'_>) -> Result<(), Error>;
}

/// One step of a run; see `wit/upkeep.wit`. Times are milliseconds since the Unix epoch by the
/// clock of the store, like [`ObjectInfo::modified`].
pub struct Step<'a> {
    raw: sys::Step<'a>,
}

impl<'a> Step<'a> {
    pub(crate) fn new(raw: sys::Step<'a>) -> Step<'a> {
        Step { raw }
    }

    /// The cursor that the previous step set; none in the first step of a run.
    pub fn cursor(&self) -> Option<String> {
        self.raw.cursor()
    }

    /// Lets the next step continue here. The last call applies. Without a call the run ends.
    /// Setting a cursor that was set before in this run ends it with an error.
    pub fn set_cursor(&self, cursor: &str) {
        self.raw.set_cursor(cursor);
    }

    /// Whether this is a dry run: report changes instead of making them.
    pub fn is_dry_run(&self) -> bool {
        self.raw.is_dry_run()
    }

    /// Whether the operator ordered to remove orphans too: files of a package without a document.
    pub fn removes_orphans(&self) -> bool {
        self.raw.removes_orphans()
    }

    /// A UUID of the run, the same in all of its steps.
    pub fn run(&self) -> String {
        self.raw.run()
    }

    /// When the run began.
    pub fn started(&self) -> u64 {
        self.raw.started()
    }

    /// Keep what was written at this moment or later.
    pub fn keep_since(&self) -> u64 {
        self.raw.keep_since()
    }

    /// Whether it was written since [`Step::keep_since`], or the store does not know when.
    pub fn is_recent(&self, info: &ObjectInfo) -> bool {
        info.modified.is_none_or(|modified| modified >= self.keep_since())
    }

    /// Adds words to a set that the host keeps for the run.
    pub fn remember<S: AsRef<str>>(&self, words: &[S]) {
        for words in words.chunks(WORDS) {
            self.raw.remember(&owned(words));
        }
    }

    /// Whether each of these words was added in this run.
    pub fn remembered<S: AsRef<str>>(&self, words: &[S]) -> Vec<bool> {
        words.chunks(WORDS).flat_map(|words| self.raw.remembered(&owned(words))).collect()
    }

    /// Removes an object if it has not changed since it was listed. In a dry run, only returns
    /// whether it would. False if the object was changed or removed meanwhile.
    pub fn remove(&self, info: &ObjectInfo) -> Result<bool, Error> {
        if self.is_dry_run() {
            return Ok(true);
        }
        match storage::remove(&info.key, Precondition::Version(&info.version)) {
            Err(Error::Conflict) => Ok(false),
            removed => removed,
        }
    }

    /// Reports a key that is left over, with its size: it was removed, or in a dry run would be.
    pub fn left_over(&self, key: &str, bytes: u64, why: &str) {
        self.raw.left_over(key, bytes, why);
    }

    /// Reports how many of the left-over objects a request had marked for removal, or the mount's
    /// settings do not keep.
    pub fn ordered(&self, objects: u64) {
        self.raw.ordered(objects);
    }

    /// Reports a key that its document does not name, or whose document does not exist, and that no
    /// request has marked for removal. The key stays.
    pub fn orphan(&self, key: &str, bytes: u64, why: &str) {
        self.raw.orphan(key, bytes, why);
    }

    /// Reports objects and bytes that look left over but stay, because they are recent.
    pub fn kept(&self, objects: u64, bytes: u64) {
        self.raw.kept(objects, bytes);
    }

    /// Reports a key whose content is wrong or missing.
    pub fn damaged(&self, key: &str, why: &str) {
        self.raw.damaged(key, why);
    }

    /// The same, but only once per run and key.
    pub fn damaged_once(&self, key: &str, why: &str) {
        let word = format!("damaged {key}");
        if self.remembered(&[&word]).contains(&false) {
            self.remember(&[&word]);
            self.damaged(key, why);
        }
    }

    /// Reports a key at which no object may be, with the reason, once per run. False for any other
    /// key. The plugin's layout decides which keys these are.
    pub fn report_misplaced(&self, misplaced: Option<(&str, &str)>) -> bool {
        if let Some((key, why)) = misplaced {
            self.damaged_once(key, why);
        }
        misplaced.is_some()
    }

    /// Reports a derived document that was missing or wrong and was written, or in a dry run would
    /// be.
    pub fn rebuilt(&self, key: &str) {
        self.raw.rebuilt(key);
    }

    /// Counts objects that were checked, and bytes of content that were read.
    pub fn checked(&self, objects: u64, bytes: u64) {
        self.raw.checked(objects, bytes);
    }
}

fn owned<S: AsRef<str>>(words: &[S]) -> Vec<String> {
    words.iter().map(|word| word.as_ref().to_owned()).collect()
}

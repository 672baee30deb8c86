//! Removing a blob that no document names, while others may be publishing it again: the
//! other half of [`Staged::claim`](crate::storage::Staged::claim).
//!
//! A version cannot tell a blob from the same bytes written anew (on some stores it is a hash of them),
//! so removing by version alone could take away what somebody has just given its key and is about to
//! name. Therefore the collection announces the removal in a mark beside the blobs, and the publisher
//! looks for the mark after giving the key:
//!
//! | who removes | who publishes |
//! |---|---|
//! | 1. writes the mark | 1. gives the blob its key |
//! | 2. looks at the blob again: recent, it stays | 2. swaps the mark to "kept", if there is one |
//! | 3. reads the document again: named, it stays | 3. names it in the document |
//! | 4. swaps the mark to "removing": changed, it stays | |
//! | 5. removes the blob, then the mark | |
//!
//! A publisher who gives the key after step 4 finds a mark that is "removing" and waits for
//! its end, or finds none because the removal has ended. If something lies at the key already, the
//! publisher waits before it writes: a publish that is refused leaves that object as it is.
//! In every case the last step before
//! the document is written is to look whether the blob is there. The mark is swapped and not
//! taken away, since not every store removes by version in one step.
//!
//! On a full disk the collection cannot write a mark with content. It writes an empty one, which
//! takes no room and means "removing" from the start: publishers wait for its end, and the
//! collection goes through the steps 2, 3 and 5. Looking again after the mark is written is what
//! makes both ways safe; announcing first only saves publishers the wait. If not even the empty
//! mark can be written, the blob stays until the next run.
//!
//! A collection marks one blob. A request that takes names out of a document
//! ([`Removal`](crate::storage::Removal)) marks the folder in which the blobs lie. The marks
//! lie at `reclaimed/{sha256 of the key or folder}`.
//!
//! A process that is killed leaves its mark. The age of the mark alone, by the
//! store's clock, decides whether it is left over:
//! - "removing": after two minutes. One removal takes a minute at most. A collection that removes many
//!   blobs renews the mark in between ([`RENEWED_WITHIN`]). A publisher then takes the mark over.
//! - Any other mark, for other removals: after [`DEAD`]. Publishers do not wait for these.
//! - An empty mark cannot be written anew, and reading lies between it and the removal: after
//!   [`DEAD`].

use super::mark::{DEAD, Mark, MarkState, Standing, is_older};
use super::{orphan, removal};
use crate::digests::{self, SHA256};
use crate::maintenance::Step;
use crate::storage::{self, GRACE, Precondition, Proof, get_many, wait_turn};
use crate::types::ObjectInfo;
use crate::{Error, find_digest, log};

const MARKS: &str = "reclaimed/";
/// How old, in milliseconds, a mark that says "removing" may be when the removal of a blob begins.
pub(crate) const RENEWED_WITHIN: u64 = 30 * 1000;
/// How often a publisher looks whether a removal has ended.
const ATTEMPTS: u32 = 60;

/// What a package's document says of one of the package's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// The document names the file.
    Named,
    /// The document exists, is complete, parses to its end, and does not name the file.
    Unnamed,
    /// As [`Reference::Unnamed`], and the document was begun after the file was stored: an
    /// earlier document, which may have named the file, was lost. See [`Reference::beside`].
    Predates,
    /// There is no document.
    NoDocument,
    /// There is a document, and it is damaged: nobody knows what it named.
    Damaged,
}

impl Reference {
    /// What an unnamed file is next to a document that was begun at this moment (milliseconds
    /// since the Unix epoch; none if the document does not say). A publish writes its file a
    /// moment before the package's first document, so a file may be older by [`GRACE`].
    #[must_use]
    pub fn beside(self, file: &ObjectInfo, begun: Option<u64>) -> Reference {
        let floor = begun.map(|begun| begun.saturating_sub(GRACE));
        let is_older = file.modified.zip(floor).is_some_and(|(modified, floor)| modified < floor);
        if self == Self::Unnamed && is_older { Self::Predates } else { self }
    }
}

impl Step<'_> {
    /// Removes a file of a package if the rule in [`crate::maintenance`] allows it, and says
    /// so. The file stays when it is recent, named after all, or published again at this
    /// moment; an orphan stays and is reported. `info` is as the listing showed it, `document`
    /// the key of the package's document, `found` what the document said after the listing,
    /// and `read_again` reads it again.
    ///
    /// However short the run's grace is, what is younger than [`GRACE`] stays: its publish
    /// may be about to name it. For files that are given their keys by
    /// [`Staged::claim`](crate::storage::Staged::claim), and for no others.
    pub fn reclaim<E: From<Error>>(
        &self,
        info: &ObjectInfo,
        document: &str,
        found: Reference,
        mut read_again: impl FnMut() -> Result<Reference, E>,
    ) -> Result<(), E> {
        if matches!(found, Reference::Named | Reference::Damaged) {
            return Ok(());
        }
        if self.is_young(info) {
            self.kept(1, info.size);
            return Ok(());
        }
        if found == Reference::Unnamed && self.report_unnamed_by(&Proof::of(document)?, document, &info.key) {
            return Ok(());
        }
        let is_orphan = matches!(found, Reference::NoDocument | Reference::Predates);
        let is_marked = is_orphan && removal::is_marked(document, info)?;
        if is_orphan && !is_marked && !self.removes_orphans() {
            let why = if found == Reference::Predates {
                orphan::before(document)
            } else {
                orphan::without(document)
            };
            self.orphan(&info.key, info.size, &why);
            return Ok(());
        }
        let why = match (is_orphan, is_marked) {
            (true, true) => "a request removed its package",
            (true, false) if found == Reference::Predates => "it is older than its document",
            (true, false) => "it has no document",
            (false, _) => "its document does not name it",
        };
        let mut removed = self.is_dry_run();
        if !removed && let Some(mut mark) = self.announce(&info.key)? {
            let still = || read_again().map(|now| now == found);
            let outcome = self.remove_announced(info, &mut mark, still);
            // Only if it is ours still: a publisher may have taken it away.
            self.remove(&mark)?;
            removed = outcome?;
        }
        if removed {
            self.left_over(&info.key, info.size, why);
            self.ordered(u64::from(is_marked));
        }
        Ok(())
    }

    /// Whether it may belong to a request under way: it is recent, or younger than [`GRACE`],
    /// however short the run's grace is.
    pub fn is_young(&self, info: &ObjectInfo) -> bool {
        let floor = self.started().saturating_sub(GRACE);
        self.is_recent(info) || info.modified.is_none_or(|modified| modified >= floor)
    }

    /// None if the storage is too full to write what a collection writes beside its removals, e.g. a list
    /// that is derived. The collection goes on, because it makes room, and the next one writes it.
    ///
    /// ```
    /// use packhouse_plugin::maintenance::{Maintenance, Step};
    /// use packhouse_plugin::storage::{self, Precondition};
    /// # use packhouse_plugin::{Description, Error, Protocol, Request, Response, testing::Host};
    /// # struct Notes;
    /// # impl Protocol for Notes {
    /// #     fn describe() -> Description { Description::new("notes", "Notes", "1") }
    /// #     fn handle(_: Request) -> Response { Response::new(200) }
    /// # }
    /// # impl Maintenance for Notes {
    /// fn collect(step: &Step<'_>) -> Result<(), Error> {
    ///     let list = storage::put("list.json", b"[]", Precondition::Any, None);
    ///     step.unless_full("list.json", list).map(drop)
    /// }
    /// #     fn reindex(_: &Step<'_>) -> Result<(), Error> { Ok(()) }
    /// #     fn verify(_: &Step<'_>) -> Result<(), Error> { Ok(()) }
    /// # }
    /// # let host = Host::new();
    /// # host.set_full();
    /// assert!(host.upkeep().collect::<Notes>().is_ok());
    /// ```
    pub fn unless_full<T>(&self, key: &str, done: Result<T, Error>) -> Result<Option<T>, Error> {
        if is_full(&done) {
            self.warn_of_full(key);
            return Ok(None);
        }
        done.map(Some)
    }

    /// None when another run has announced it.
    fn announce(&self, key: &str) -> Result<Option<ObjectInfo>, Error> {
        let mark = mark_of(key)?;
        let there = Mark::read(&mark)?;
        let precondition = match &there {
            None => Precondition::Absent,
            Some(mark) if mark.is_left_over(self.started()) => Precondition::Version(&mark.info.version),
            Some(_) => return Ok(None),
        };
        let mut written = Mark::write(&mark, MarkState::Announced, &self.run(), key, precondition);
        if is_full(&written) {
            written = storage::put(&mark, b"", precondition, None);
        }
        if is_full(&written) {
            self.warn_of_full(key);
            return Ok(None);
        }
        match written {
            Err(Error::Conflict) => Ok(None),
            written => written.map(Some),
        }
    }

    /// Once in a run.
    fn warn_of_full(&self, key: &str) {
        const WORD: &str = "the storage is full";
        if self.remembered(&[WORD]).contains(&false) {
            self.remember(&[WORD]);
            let sentence = "the storage is too full for what a collection writes, so some files may stay: free some space";
            log::warn(sentence, &[("key", key)]);
        }
    }

    /// False when it stays.
    fn remove_announced<E: From<Error>>(
        &self,
        info: &ObjectInfo,
        mark: &mut ObjectInfo,
        is_still_unnamed: impl FnOnce() -> Result<bool, E>,
    ) -> Result<bool, E> {
        let now = storage::stat(&info.key)?;
        let is_same = now.is_some_and(|now| now.version == info.version && !self.is_young(&now));
        if !is_same || !is_still_unnamed()? {
            return Ok(false);
        }
        if mark.size == 0 {
            // It says "removing" already; an earlier version of this code may have replaced it.
            let is_ours = storage::stat(&mark.key)?.is_some_and(|now| now.version == mark.version);
            return if is_ours { Ok(self.remove(info)?) } else { Ok(false) };
        }
        let ours = Precondition::Version(&mark.version);
        let written = Mark::write(&mark.key, MarkState::Removing, &self.run(), &info.key, ours);
        if is_full(&written) {
            self.warn_of_full(&info.key);
            return Ok(false);
        }
        match written {
            Err(Error::Conflict) => return Ok(false),
            written => *mark = written?,
        }
        Ok(self.remove(info)?)
    }
}

/// Removes the marks that killed runs and interrupted requests left behind; for the first step
/// of a collection.
pub fn forget_claims(step: &Step<'_>) -> Result<(), Error> {
    removal::forget(step)?;
    for mark in storage::list(MARKS) {
        let mark = mark?;
        if is_older(&mark, DEAD, step.started()) {
            step.remove(&mark)?;
        }
    }
    Ok(())
}

/// To be called after a blob was given its key and after the document that is built upon was
/// read, before the document is written. True when the blob is there and nobody removes it;
/// false when it was removed.
pub(crate) fn hold(key: &str) -> Result<bool, Error> {
    for mark in marks_of(key)? {
        keep(&mark)?;
    }
    // A removal that has ended by now has left no mark.
    Ok(storage::stat(key)?.is_some())
}

/// Waits for the end of a removal of what lies at this key, without changing anything.
pub(crate) fn wait_for_removals(key: &str) -> Result<(), Error> {
    for mark in marks_of(key)? {
        let mut attempt = 1;
        while let Some(found) = Mark::read(&mark)?.filter(Mark::is_removing) {
            if found.is_left_over(storage::now()?) {
                break;
            }
            if attempt > ATTEMPTS {
                return Err(being_removed());
            }
            storage::wait_turn(&mark, attempt)?;
            attempt += 1;
        }
    }
    Ok(())
}

/// Those of the blob and of its folder that are there.
fn marks_of(key: &str) -> Result<Vec<String>, Error> {
    let marks = [mark_of(key)?, mark_of(storage::folder_of(key))?];
    let found = get_many(&marks)?;
    Ok(marks.into_iter().zip(found).filter_map(|(mark, found)| found.map(|_| mark)).collect())
}

/// Stops a removal that is announced, waits for the end of one that has begun, or takes over one
/// whose process was killed.
fn keep(mark: &str) -> Result<(), Error> {
    let is_left = |found: &Mark| Ok(found.is_left_over(storage::now()?));
    for attempt in 1..=ATTEMPTS {
        if Mark::keep_unless(mark, is_left)? == Standing::Safe {
            return Ok(());
        }
        wait_turn(mark, attempt)?;
    }
    Err(being_removed())
}

fn being_removed() -> Error {
    Error::Unavailable("what lay there is being removed; try again".to_owned())
}

fn is_full<T>(written: &Result<T, Error>) -> bool {
    matches!(written, Err(Error::Other { code, .. }) if code == "storage-full")
}

pub(crate) fn mark_of(key: &str) -> Result<String, Error> {
    Ok(format!("{MARKS}{}", digest_of(key)?))
}

/// The SHA-256 of a key, which is a segment of another key.
pub(super) fn digest_of(key: &str) -> Result<String, Error> {
    let digests = digests::of(key.as_bytes(), &[SHA256])?;
    find_digest(&digests, SHA256)
        .map(|digest| digest.hex.clone())
        .ok_or_else(|| Error::Misused("the host computed no digest".to_owned()))
}

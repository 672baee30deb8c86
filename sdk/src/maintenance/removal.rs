//! Marks for removals. A request that removes a package's document first records which files belong
//! to it. If the request is interrupted, a collection can distinguish these files from those of a
//! package whose document was lost.
//!
//! The mark is at `removals/{sha256 of the document's key}`. It is valid for files that were
//! written before it, until the document is changed instead of removed.

use serde::{Deserialize, Serialize};

use super::mark::clear;
use super::reclaim::digest_of;
use crate::maintenance::Step;
use crate::storage::{self, Before, GRACE, Precondition, unless_conflict};
use crate::types::ObjectInfo;
use crate::{Error, log};

const MARKS: &str = "removals/";

/// The content of a mark.
#[derive(Serialize, Deserialize)]
struct Content {
    document: String,
    files: Vec<String>,
}

/// A removal in progress. [`RemovalMark::remove`] begins it and removes the document; then remove the
/// files, and call [`RemovalMark::finish`]. The proof of the document stays until a collection removes it.
///
/// ```
/// use packhouse_plugin::Error;
/// use packhouse_plugin::maintenance::RemovalMark;
/// use packhouse_plugin::storage::{self, Before, put_proven};
/// # let host = packhouse_plugin::testing::Host::new();
///
/// put_proven("index.json", None, b"[]".to_vec(), None)?;
/// let read = storage::get("index.json")?.expect("it was written");
/// let mark = RemovalMark::remove("index.json", &Before::from(&read), &[])?;
/// mark.expect("nobody has changed it").finish();
/// assert_eq!(storage::check_absent("index.json"), Ok(()), "a request has removed it");
/// assert_eq!(host.objects(), ["proofs/index.json"]);
/// # Ok::<(), Error>(())
/// ```
#[must_use]
pub struct RemovalMark {
    mark: ObjectInfo,
    document: String,
}

impl RemovalMark {
    /// Marks these files for removal together with the document at `document`, which was read as `before`,
    /// and says so in its proof. `Conflict` if the document has changed; `Damaged` if it is an older copy.
    pub fn begin(document: &str, before: &Before, files: &[String]) -> Result<RemovalMark, Error> {
        let content = Content { document: document.to_owned(), files: files.to_vec() };
        let bytes = storage::to_json(&content)?;
        let mark = storage::put(&mark_of(document)?, &bytes, Precondition::Any, Some("application/json"))?;
        match storage::announce_removal(document, before) {
            Ok(()) => Ok(RemovalMark { mark, document: document.to_owned() }),
            Err(error) => {
                clear(&mark)?;
                Err(error)
            }
        }
    }

    /// The same for the document as it is, if it has this version.
    pub fn begin_at(document: &str, version: &str, files: &[String]) -> Result<RemovalMark, Error> {
        let there = storage::get(document)?.filter(|there| there.info.version == version);
        let before = there.as_ref().map(Before::from).ok_or(Error::Conflict)?;
        drop(there);
        RemovalMark::begin(document, &before, files)
    }

    /// Begins the removal, and removes the document if it is still what was read. None if somebody else
    /// was faster. If the store does not answer, the document may be gone, and the mark stays.
    pub fn remove(document: &str, before: &Before, files: &[String]) -> Result<Option<RemovalMark>, Error> {
        let Some(mark) = unless_conflict(RemovalMark::begin(document, before, files))? else {
            return Ok(None);
        };
        match storage::remove(document, before.precondition()) {
            Ok(_) => Ok(Some(mark)),
            // Ours, if the answer was lost.
            Err(Error::Conflict) if storage::stat(document)?.is_none() => Ok(Some(mark)),
            Err(Error::Conflict) => {
                mark.finish();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Ends the removal: the document and its files are gone, or the document stays after all. If
    /// the mark cannot be removed, the next collection removes it.
    pub fn finish(self) {
        if let Err(error) = self.try_finish() {
            let fields = [("key", self.mark.key.as_str()), ("error", &error.to_string())];
            log::warn("the mark of a removal was left behind", &fields);
        }
    }

    fn try_finish(&self) -> Result<(), Error> {
        storage::confirm_removal(&self.document)?;
        clear(&self.mark)
    }
}

/// Call this before an existing document is changed; in a publish, before the document names the
/// new file. A mark of a request that did not remove the document is then invalid. Otherwise it
/// would let a collection remove the files if the document were lost later.
pub fn void_removal(document: &str) -> Result<(), Error> {
    let Some(mark) = storage::stat(&mark_of(document)?)? else { return Ok(()) };
    clear(&mark)
}

/// Whether a request has marked this file for removal together with its document.
pub(crate) fn is_marked(document: &str, file: &ObjectInfo) -> Result<bool, Error> {
    let Some(mark) = storage::get(&mark_of(document)?)? else { return Ok(false) };
    let Ok(content) = mark.json::<Content>() else { return Ok(false) };
    // A file that was published again after the removal is not marked.
    let is_older = file.modified.is_some_and(|file| mark.info.modified.is_some_and(|mark| file <= mark));
    Ok(is_older && content.files.contains(&file.key))
}

/// Whether a request of a version before 0.1.1 has removed this document: it said so in no proof. A
/// `proof` that is later than the mark belongs to a document that was published after the removal.
pub(crate) fn is_removed(document: &str, proof: &ObjectInfo) -> Result<bool, Error> {
    let Some(mark) = storage::stat(&mark_of(document)?)? else { return Ok(false) };
    Ok(proof.modified.is_some_and(|proof| mark.modified.is_some_and(|mark| proof <= mark)))
}

/// Whether there is a mark for the removal of this document.
pub(super) fn has_mark(document: &str) -> Result<bool, Error> {
    Ok(storage::stat(&mark_of(document)?)?.is_some())
}

/// Removes marks that are no longer needed: the document stayed, or all files are gone.
pub(super) fn forget(step: &Step<'_>) -> Result<(), Error> {
    let floor = step.started().saturating_sub(GRACE);
    for mark in storage::list(MARKS) {
        let mark = mark?;
        if mark.modified.is_none_or(|modified| modified >= floor) {
            continue;
        }
        let Some(document) = storage::get(&mark.key)? else { continue };
        let content = document.json::<Content>();
        if let Ok(content) = &content
            && storage::stat(&content.document)?.is_none()
        {
            if storage::stat_many(&content.files)?.iter().any(Option::is_some) {
                continue;
            }
            if !step.is_dry_run() {
                storage::settle_absent(&content.document)?;
            }
        } else if let (Ok(content), false) = (&content, step.is_dry_run()) {
            storage::settle_proof(&content.document, floor)?;
        }
        step.remove(&mark)?;
    }
    Ok(())
}

fn mark_of(document: &str) -> Result<String, Error> {
    Ok(format!("{MARKS}{}", digest_of(document)?))
}

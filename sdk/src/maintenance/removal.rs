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
use crate::storage::{self, GRACE, Precondition};
use crate::types::ObjectInfo;
use crate::{Error, log};

const MARKS: &str = "removals/";

/// The content of a mark.
#[derive(Serialize, Deserialize)]
struct Content {
    document: String,
    files: Vec<String>,
}

/// A removal in progress. Write the mark, remove the document, then the files, then call
/// [`RemovalMark::finish`].
#[must_use]
pub struct RemovalMark {
    mark: ObjectInfo,
    document: String,
}

impl RemovalMark {
    /// Marks these files for removal together with the document at `document`.
    pub fn begin(document: &str, files: &[String]) -> Result<RemovalMark, Error> {
        let content = Content { document: document.to_owned(), files: files.to_vec() };
        let bytes = storage::to_json(&content)?;
        let mark = storage::put(&mark_of(document)?, &bytes, Precondition::Any, Some("application/json"))?;
        Ok(RemovalMark { mark, document: document.to_owned() })
    }

    /// Ends the removal: the document and its files are gone, or the document stays after all. If
    /// the mark cannot be removed, the next collection removes it.
    pub fn finish(self) {
        if let Err(error) = self.try_finish() {
            let fields = [("key", self.mark.key.as_str()), ("error", &error.to_string())];
            log::warn("the mark of a removal was left behind", &fields);
        }
    }

    /// The proof of the document is removed before the mark. Without the mark, a proof would mean
    /// that the document was lost.
    fn try_finish(&self) -> Result<(), Error> {
        if storage::stat(&self.document)?.is_none() {
            storage::forget_proof(&self.document)?;
        }
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

/// Whether a request has removed this document. A `proof` that is later than the mark belongs to a
/// document that was published after the removal.
pub(crate) fn is_removed(document: &str, proof: &ObjectInfo) -> Result<bool, Error> {
    let Some(mark) = storage::stat(&mark_of(document)?)? else { return Ok(false) };
    Ok(proof.modified.is_some_and(|proof| mark.modified.is_some_and(|mark| proof <= mark)))
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
                storage::forget_proof(&content.document)?;
            }
        }
        step.remove(&mark)?;
    }
    Ok(())
}

fn mark_of(document: &str) -> Result<String, Error> {
    Ok(format!("{MARKS}{}", digest_of(document)?))
}

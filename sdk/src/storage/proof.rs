//! Proofs that documents exist. Without one, a document that was lost looks like one that never
//! existed: the next publish would begin a new document over it.
//!
//! The proof of a document lies at `proofs/{key of the document}`.
//! - A publish writes it after the document and before the client is answered. So a publish that
//!   was killed before it wrote the document leaves no proof.
//! - A request that removes the document removes the proof after it. A request that was killed in
//!   between has left its [`RemovalMark`], which says that the document was not lost.
//! - A document of an earlier version has no proof until its next publish, or until
//!   `packhouse reindex` writes one.
//!
//! [`RemovalMark`]: crate::maintenance::RemovalMark

use crate::maintenance::is_removed;
use crate::storage::{Precondition, put, remove, stat, stat_many, unless_conflict};
use crate::types::ObjectInfo;
use crate::{Error, log};

/// Every proof lies below this.
pub const PROOFS: &str = "proofs/";

/// Checks that a document that was looked for and not found was not lost; `Damaged` if it was.
/// Call it only when the document is absent: then it costs one look-up in the store.
pub fn check_absent(document: &str) -> Result<(), Error> {
    let key = proof_of(document);
    let Some(proof) = stat(&key)? else { return Ok(()) };
    if is_lost(document, &proof)? { Err(Error::damaged(document, why(&key))) } else { Ok(()) }
}

/// Whether the document is not there although there is this proof, and no request has removed it.
pub(crate) fn is_lost(document: &str, proof: &ObjectInfo) -> Result<bool, Error> {
    if is_removed(document, proof)? {
        return Ok(false);
    }
    // A removal takes the proof away before its own mark, and a publish may come at any time.
    let found = stat_many(&[document, proof.key.as_str()])?;
    let is_same = |now: &ObjectInfo| now.version == proof.version;
    Ok(matches!(found.as_slice(), [None, Some(now)] if is_same(now)))
}

/// Why a document is damaged that was lost, and what to do.
pub(crate) fn why(proof: &str) -> String {
    format!(
        "it was there, and is lost: restore it from a backup. To begin without it, remove `{proof}`, or let \
         `packhouse gc --orphans` remove all that is left of it"
    )
}

/// Leaves a proof that a document exists, unless there is one. Call it after the document was
/// written, if it is not written by a [`Publish`](crate::storage::Publish). If the proof cannot be
/// written, that is only logged.
pub fn leave_proof(document: &str) {
    record_publish(document, false);
}

/// Writes the proof of a document that was written a moment before. That it cannot be written is
/// no failure of the publish, so it is only logged: the next publish tries again.
pub(crate) fn record_publish(document: &str, is_new: bool) {
    let recorded = match stat(&proof_of(document)) {
        Ok(Some(_)) if !is_new => return,
        Ok(_) => record(document),
        Err(error) => Err(error),
    };
    if let Err(error) = recorded {
        let fields = [("key", document), ("error", &error.to_string())];
        log::warn("the proof that a document exists could not be written", &fields);
    }
}

/// Writes the proof of a document. It is removed again if a request has removed the document
/// meanwhile.
pub(crate) fn record(document: &str) -> Result<(), Error> {
    let text = format!("{document} exists. If it is not there, it was lost.\n");
    let proof = put(&proof_of(document), text.as_bytes(), Precondition::Any, None)?;
    if stat(document)?.is_none() {
        remove_proof(&proof)?;
    }
    Ok(())
}

/// To be called after a request has removed the document.
pub(crate) fn forget(document: &str) -> Result<(), Error> {
    let Some(proof) = stat(&proof_of(document))? else { return Ok(()) };
    remove_proof(&proof)?;
    // A publish may have found the proof and left it as it was.
    if stat(document)?.is_some() { record(document) } else { Ok(()) }
}

fn remove_proof(proof: &ObjectInfo) -> Result<(), Error> {
    unless_conflict(remove(&proof.key, Precondition::Version(&proof.version))).map(drop)
}

pub(crate) fn proof_of(document: &str) -> String {
    format!("{PROOFS}{document}")
}

//! Documents that are not there: lost, or removed by a request. And proofs of documents of which an
//! earlier version left none.

use serde::de::IgnoredAny;

use super::{Base, Before, Name, Proof, State, parse, proof_of, put_rebuilt};
use crate::maintenance::is_removed;
use crate::storage::{Document, get, stamp, stat, unless_conflict, wait_turn};
use crate::types::ObjectInfo;
use crate::{Error, log};

/// Checks that a document that was looked for and not found was not lost; `Damaged` if it was.
/// Call it only when the document is absent: then it costs one look-up in the store.
pub fn check_absent(document: &str) -> Result<(), Error> {
    let key = proof_of(document);
    let Some(proof) = stat(&key)? else { return Ok(()) };
    if is_lost(document, &proof)? { Err(Error::damaged(document, why_lost(&key))) } else { Ok(()) }
}

/// How often a loss is looked at before it is believed.
const LOOKS: u32 = 4;

/// Whether the document is not there although there is this proof, and no request has removed it.
pub(crate) fn is_lost(document: &str, proof: &ObjectInfo) -> Result<bool, Error> {
    for look in 1..=LOOKS {
        if !looks_lost(document, proof)? {
            return Ok(false);
        }
        // A change that finds its document removed says so in the proof a moment later.
        if look < LOOKS {
            wait_turn(&proof.key, look)?;
        }
    }
    Ok(true)
}

fn looks_lost(document: &str, proof: &ObjectInfo) -> Result<bool, Error> {
    let Some(found) = get(&proof.key)? else { return Ok(false) };
    let state = parse(&found);
    // An earlier version said it in the mark only.
    let is_said_by_mark = || Ok::<_, Error>(state.removal.is_none() && is_removed(document, &found.info)?);
    if state.is_removed() || is_said_by_mark()? {
        return Ok(false);
    }
    // A publish or a removal may come at any time. A removal changes the proof before it removes the
    // document, so the proof is looked up after the document.
    if stat(document)?.is_some() {
        return Ok(false);
    }
    Ok(stat(&proof.key)?.is_some_and(|now| now.version == found.info.version))
}

/// Why a document is damaged that was lost, and what to do.
pub(crate) fn why_lost(proof: &str) -> String {
    format!(
        "it existed, but is lost: restore it from a backup. To start without it, remove `{proof}`, or run `packhouse gc --orphans` to remove everything that is left of it"
    )
}

/// Leaves a proof that a document exists, unless there is one. Call it after the document was
/// written, if it is not written by a [`Publish`](crate::storage::Publish). If the proof cannot be
/// written, that is only logged.
pub fn leave_proof(document: &str) {
    if let Err(error) = record(document) {
        let fields = [("key", document), ("error", &error.to_string())];
        log::warn("the proof of a document could not be written", &fields);
    }
}

/// Writes the proof of a document that is there, with the stamp that the document has now, unless
/// there is one.
pub(crate) fn record(document: &str) -> Result<(), Error> {
    if stat(&proof_of(document))?.is_some() {
        return Ok(());
    }
    let Some(there) = get(document)? else { return Ok(()) };
    let version = &there.info.version;
    let base = Base::Document(version.clone());
    let proof = Proof { document: document.to_owned(), info: None, state: State::default(), base, new: None };
    proof.try_record(version, stamp::of(&there.bytes).unwrap_or(0), &[]).map(drop)
}

/// The same for a document that is changed with [`Update::strict`](crate::storage::Update::strict): it
/// gets a stamp if it has none.
pub(crate) fn record_strict(document: &str) -> Result<(), Error> {
    let Some(there) = get(document)? else { return Ok(()) };
    if stamp::of(&there.bytes).is_some() {
        return record(document);
    }
    // What is damaged stays as it is.
    if stat(&proof_of(document))?.is_some() || there.json::<IgnoredAny>().is_err() {
        return Ok(());
    }
    let before = Before::from(&there);
    unless_conflict(put_rebuilt(document, Some(&before), there.bytes, there.info.content_type.as_deref()))
        .map(drop)
}

/// Writes into the proof what this document names and the proof does not say.
pub(crate) fn add_names(document: &Document, mut proof: Proof, mut names: Vec<Name>) -> Result<(), Error> {
    names.retain(|name| !proof.names(&name.name));
    let stamp = stamp::of(&document.bytes).unwrap_or(0);
    if (names.is_empty() && !proof.has_news(stamp)) || proof.is_ahead_of(document)? {
        return Ok(());
    }
    let version = &document.info.version;
    proof.base = Base::Document(version.clone());
    proof.try_record(version, stamp, &names).map(drop)
}

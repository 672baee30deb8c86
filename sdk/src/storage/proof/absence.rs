//! Documents that are not there: lost, or removed by a request. And proofs that come and go with their
//! documents.

use serde::de::IgnoredAny;

use super::{Base, Before, Name, Proof, State, parse, proof_of, put_rebuilt};
use crate::maintenance::is_removed;
use crate::storage::{Document, Precondition, get, remove, retry, stamp, stat, stat_many, unless_conflict};
use crate::types::ObjectInfo;
use crate::{Error, log};

/// Checks that a document that was looked for and not found was not lost; `Damaged` if it was.
/// Call it only when the document is absent: then it costs one look-up in the store.
pub fn check_absent(document: &str) -> Result<(), Error> {
    let key = proof_of(document);
    let Some(proof) = stat(&key)? else { return Ok(()) };
    if is_lost(document, &proof)? { Err(Error::damaged(document, why_lost(&key))) } else { Ok(()) }
}

/// Whether the document is not there although there is this proof, and no request has removed it.
pub(crate) fn is_lost(document: &str, proof: &ObjectInfo) -> Result<bool, Error> {
    let Some(found) = get(&proof.key)? else { return Ok(false) };
    let state = parse(&found);
    // An earlier version said it in the mark only.
    let is_said_by_mark = || Ok::<_, Error>(state.removal.is_none() && is_removed(document, &found.info)?);
    if state.is_removed() || is_said_by_mark()? {
        return Ok(false);
    }
    let proof = &found.info;
    // A removal takes the proof away before its own mark, and a publish may come at any time.
    let found = stat_many(&[document, proof.key.as_str()])?;
    let is_same = |now: &ObjectInfo| now.version == proof.version;
    Ok(matches!(found.as_slice(), [None, Some(now)] if is_same(now)))
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
/// there is one. It is removed again if a request has removed the document meanwhile.
pub(crate) fn record(document: &str) -> Result<(), Error> {
    if stat(&proof_of(document))?.is_some() {
        return Ok(());
    }
    let Some(there) = get(document)? else { return Ok(()) };
    let proof =
        Proof { document: document.to_owned(), info: None, state: State::default(), base: Base::Unknown };
    proof.try_record(stamp::of(&there.bytes).unwrap_or(0), &[])
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

/// Writes into the proof what this document names and the proof does not say. What a request has taken
/// out meanwhile goes again.
pub(crate) fn add_names(document: &Document, proof: Proof, mut names: Vec<Name>) -> Result<(), Error> {
    let key = &document.info.key;
    names.retain(|name| !proof.names(&name.name));
    if names.is_empty() || proof.is_ahead_of(document)? {
        return Ok(());
    }
    proof.try_record(stamp::of(&document.bytes).unwrap_or(0), &names)?;
    if stat(key)?.is_none_or(|now| now.version != document.info.version) {
        let names: Vec<String> = names.into_iter().map(|name| name.name).collect();
        release(key, &names)?;
    }
    Ok(())
}

/// Takes files out of the proof, before the document is written without them.
/// [`Removal::out_of`](crate::storage::Removal::out_of) does this.
pub fn release(document: &str, files: &[String]) -> Result<(), Error> {
    retry(document, |_| {
        let mut proof = Proof::of(document)?;
        let before = proof.state.files.len();
        for file in files {
            proof.state.files.remove(file);
            proof.state.notes.remove(file);
        }
        if proof.state.files.len() == before {
            return Ok(Some(()));
        }
        Ok(unless_conflict(proof.write())?.map(drop))
    })
}

/// To be called after a request has removed the document.
pub(crate) fn forget(document: &str) -> Result<(), Error> {
    let key = proof_of(document);
    retry(&key, |_| {
        let Some(proof) = stat(&key)? else { return Ok(Some(())) };
        // A publish may be writing it.
        unless_conflict(remove(&key, Precondition::Version(&proof.version))).map(|gone| gone.map(drop))
    })?;
    // A publish may have written the document anew, and its proof before it was removed here.
    if stat(document)?.is_some() { record(document) } else { Ok(()) }
}

pub(super) fn remove_proof(proof: &ObjectInfo) -> Result<(), Error> {
    unless_conflict(remove(&proof.key, Precondition::Version(&proof.version))).map(drop)
}

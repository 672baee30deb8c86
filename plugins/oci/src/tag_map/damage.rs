//! Documents of tags that are not what was acknowledged last: lost, emptied, unreadable, older, or those of
//! another repository.
//!
//! The proof repeats all tags with their digests. So it also shows that a document without a stamp is an
//! older copy, unless an earlier version or system has written it and no proof has a stamp.

use packhouse_plugin::Error;
use packhouse_plugin::storage::{self, Before, Document, Proof, unless_conflict};

use crate::digest::ContentDigest;
use crate::document::{LONGEST_EMPTY, Tags};
use crate::name::{RepositoryName, Tag};
use crate::{adoption, layout, records};

/// What is wrong with an older copy.
const WHY_OLDER: &str = "it is an older copy, and a newer one was acknowledged: restore the newest copy, or run \
                         `packhouse reindex`, which sets the tags again";
pub const WHY_FOREIGN: &str = "it contains the tags of another repository: restore its own copy, or run \
                               `packhouse reindex`, which sets the tags again that its proof names";

/// [`check`] of what is stored; whether there is a document.
pub fn check_stored(repository: &RepositoryName) -> Result<bool, Error> {
    let key = layout::tags(repository);
    match storage::stat(&key)? {
        Some(info) if info.size > LONGEST_EMPTY as u64 => Ok(true),
        _ => {
            let document = storage::get(&key)?;
            check(repository, document.as_ref())?;
            Ok(document.is_some())
        }
    }
}

/// `Damaged` when the document was lost or emptied.
pub fn check(repository: &RepositoryName, document: Option<&Document>) -> Result<(), Error> {
    let is_damaged = match document {
        None => {
            is_proof_left(repository)?
                || records::prove(repository, false)?
                || adoption::has_made_tags(repository)?
        }
        Some(document) => {
            Tags::may_be_emptied(&document.bytes)
                && (has_proof(repository)? || records::prove(repository, true)?)
        }
    };
    if is_damaged {
        return Err(Error::damaged(layout::tags(repository), why_lost(document.is_some())));
    }
    Ok(())
}

/// Whether the document is not there, and its proof is.
pub fn is_proof_left(repository: &RepositoryName) -> Result<bool, Error> {
    match storage::check_absent(&layout::tags(repository)) {
        Err(Error::Damaged { .. }) => Ok(true),
        checked => checked.map(|()| false),
    }
}

/// Whether the document has had a tag.
pub fn has_proof(repository: &RepositoryName) -> Result<bool, Error> {
    Ok(storage::stat(&format!("{}{}", storage::PROOFS, layout::tags(repository)))?.is_some())
}

/// What is wrong with a document of tags that is empty or not there.
pub fn why_lost(is_there: bool) -> String {
    let what = if is_there { "has no tags" } else { "does not exist" };
    format!(
        "it {what}, and a push or an adoption has written it: restore it, or run `packhouse reindex`, which sets \
         the tags again that its proof names"
    )
}

/// What is wrong with a document of tags that cannot be read.
pub fn why_unreadable(bytes: &[u8], error: &dyn std::fmt::Display) -> String {
    let removed = if Tags::holds_nothing(bytes) { "" } else { "remove it and " };
    format!(
        "it is not a map of tags: {error}. Restore it, or {removed}run `packhouse reindex`, which sets the tags \
         again that its proof names"
    )
}

/// What is wrong with a document that can be read and is not the newest state of its repository's.
pub fn why_not_newest(document: &Document) -> Result<Option<&'static str>, Error> {
    match unless_conflict(check_newest(document, &Proof::of(&document.info.key)?)) {
        Err(Error::Damaged { .. }) if Before::from(document).is_foreign() => Ok(Some(WHY_FOREIGN)),
        Err(Error::Damaged { .. }) => Ok(Some(WHY_OLDER)),
        checked => checked.map(|_| None),
    }
}

/// The same as an error; `Conflict` if the document has been changed since it was read. The proof was read
/// after it.
pub fn check_newest(document: &Document, proof: &Proof) -> Result<(), Error> {
    let before = Before::from(document);
    if before.is_foreign() {
        return Err(document.damaged(WHY_FOREIGN));
    }
    proof.check(&before)?;
    if !proof.expects_stamp(&before) || !contradicts(document, proof) {
        return Ok(());
    }
    match storage::stat(&document.info.key)? {
        Some(now) if now.version == before.version() => Err(document.damaged(WHY_OLDER)),
        _ => Err(Error::Conflict),
    }
}

/// [`check_newest`] of a document that may have no stamp; whatever else is checked already. If it has been
/// changed since it was read, the write notices that.
pub fn check_unstamped(document: &Document) -> Result<(), Error> {
    if Before::from(document).has_stamp() {
        return Ok(());
    }
    unless_conflict(check_newest(document, &Proof::of(&document.info.key)?)).map(drop)
}

/// Whether the document lacks a tag that the proof names, or says something else of it. A tag that contains
/// no digest is for a push to repair.
fn contradicts(document: &Document, proof: &Proof) -> bool {
    let Ok(tags) = Tags::parse(&document.bytes) else { return false };
    let said = |name: &str| ContentDigest::parse(proof.note(name)?).ok();
    proof.files().filter_map(|(name, _)| Some((Tag::parse(name).ok()?, said(name)?))).any(|(tag, said)| {
        match tags.get(&tag) {
            Some(digest) => digest != said,
            None => !tags.has(&tag),
        }
    })
}

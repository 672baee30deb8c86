//! Removals of whole documents, and what a proof says of them.
//!
//! A request that removes a document says so in the proof first: it writes the stamp `of` the document
//! that it has read, and a word that no other removal has. As long as `of` is not earlier than the
//! stamp of the proof, an absent document was removed, and not lost.
//!
//! | who removes | who changes or publishes |
//! |---|---|
//! | 1. reads the document | 1. reads the document, then the proof |
//! | 2. writes its [`RemovalMark`], for the files | 2. writes the document, with a later stamp than both |
//! | 3. writes `of` into the proof: a conflict, it begins again | 3. writes that stamp into the proof |
//! | 4. removes the document if it is what was read | |
//! | 5. removes the files | |
//! | 6. removes the proof if it says so still, then the mark | |
//!
//! Every step changes one object by its version, so only their order counts, on one host or on several:
//! - The document changes between 1 and 4: step 4 is a conflict. The new stamp is later than `of`, and
//!   step 3 of the change puts it into the proof. From then on, absence is a loss again.
//! - The document is removed between 1 and 2 of a change: step 2 is a conflict. The change reads again,
//!   finds no document and `of` in the proof, and begins anew with a stamp later than `of`.
//! - Step 3 of a change that the removal has seen comes late: its stamp is not later than `of`, so
//!   it writes nothing. If the proof is gone by then, it writes one that is not valid yet, and looks
//!   for the document. A document that began anew has a later stamp, which its proof keeps as `of`.
//! - Two removals of one document: the later word is in the proof, and only that request removes it.
//! - A kill after 3: the document is there, and the next change or `gc` settles the proof. A kill
//!   after 4 or 5: the proof says that the document was removed. `gc` removes the files by
//!   the mark, and the proof. A kill of a change between 2 and 3: the proof is behind, until the next
//!   change. In none of these states is a document called lost that a request has removed.
//!
//! [`void_removal`](crate::maintenance::void_removal) removes a mark, and so does a later removal. This
//! decides only which files `gc` may remove without an order of the operator.
//!
//! [`RemovalMark`]: crate::maintenance::RemovalMark

use serde::{Deserialize, Serialize};

use super::absence::record;
use super::{Before, Proof, State};
use crate::storage::{Precondition, get, remove, retry, stamp, stat, unless_conflict};
use crate::{Digest, Error, random};

/// A removal of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Going {
    /// The stamp of the document.
    of: u64,
    /// A word that no other removal has; empty if no request has said this.
    #[serde(default)]
    by: String,
}

impl Going {
    /// In a proof that is not valid yet.
    pub(super) fn not_yet(stamp: u64) -> Going {
        Going { of: stamp, by: String::new() }
    }
}

impl State {
    /// Whether the absence of the document is no loss.
    pub(super) fn is_removed(&self) -> bool {
        self.removal.as_ref().is_some_and(|removal| removal.of >= self.stamp)
    }

    /// Whether the proof is not valid yet.
    fn is_not_yet(&self) -> bool {
        self.is_removed() && self.removal.as_ref().is_some_and(|removal| removal.by.is_empty())
    }
}

/// What a change was built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    Unknown,
    /// There was no document.
    Nothing,
    /// The document with this stamp.
    Stamp(u64),
}

impl Base {
    /// What was written before a document that began with this stamp belongs to a document that a
    /// request has removed.
    pub(super) fn floor(self, stamp: u64) -> Option<Going> {
        (self == Base::Nothing && stamp > 0).then(|| Going { of: stamp - 1, by: String::new() })
    }
}

impl Proof {
    /// Says what a change of the document is built on.
    pub(crate) fn build_on(&mut self, before: Option<&Before>) {
        let of = |before: &Before| before.stamp.map_or(Base::Unknown, Base::Stamp);
        self.base = before.map_or(Base::Nothing, of);
    }

    /// Whether a request has removed, or is removing, the document that was written with this stamp.
    pub(super) fn is_removed_since(&mut self, stamp: u64) -> Result<bool, Error> {
        let is_later = self.state.removal.as_ref().is_some_and(|removal| removal.of >= stamp);
        if !is_later || self.state.is_not_yet() {
            return Ok(false);
        }
        if stamp > 0 || stat(&self.document)?.is_none() {
            return Ok(true);
        }
        // A document that can have no stamp is there again.
        self.state.removal = None;
        Ok(false)
    }

    /// Before a change is recorded. What the proof says of files is about a document that is gone, unless
    /// the change was built on that document.
    pub(super) fn begin_anew_after_removal(&mut self) {
        let Some(removal) = self.state.removal.as_ref().filter(|_| self.state.is_removed()) else { return };
        let is_new = match self.base {
            Base::Nothing => true,
            Base::Stamp(stamp) => stamp > removal.of,
            Base::Unknown => false,
        };
        if self.state.is_not_yet() {
            self.state.removal = None;
        } else if is_new {
            (self.state.files, self.state.notes) = Default::default();
        }
    }

    /// Whether the last change that was acknowledged came before this moment, in milliseconds since the
    /// Unix epoch. Some stores know whole seconds only.
    pub fn is_before(&self, moment: u64) -> bool {
        self.state.stamp <= moment.saturating_add(999)
    }
}

/// Says in the proof that the document is about to be removed as it was read, and gives the word of the
/// removal. `Conflict` if the document has changed; `Damaged` if it is an older copy.
pub(crate) fn announce_removal(document: &str, before: &Before) -> Result<String, Error> {
    let by = Digest::from_bytes("random", &random::bytes(8)).hex;
    retry(document, |_| {
        let mut proof = Proof::of(document)?;
        proof.check(before)?;
        let of = before.stamp.unwrap_or(proof.state.stamp).max(proof.state.stamp);
        proof.state.removal = Some(Going { of, by: by.clone() });
        Ok::<_, Error>(unless_conflict(proof.write())?.map(drop))
    })?;
    Ok(by)
}

/// After the document was removed: removes the proof if it says nothing but this removal.
pub(crate) fn forget_removed(document: &str, by: &str) -> Result<(), Error> {
    retry(document, |_| {
        let proof = Proof::of(document)?;
        let is_ours = proof.state.removal.as_ref().is_some_and(|removal| removal.by == by);
        match proof.info.filter(|_| is_ours && proof.state.is_removed()) {
            Some(proof) => {
                let gone = remove(&proof.key, Precondition::Version(&proof.version));
                Ok::<_, Error>(unless_conflict(gone)?.map(drop))
            }
            None => Ok(Some(())),
        }
    })?;
    // Not every store removes by version in one step.
    if stat(document)?.is_some() { record(document) } else { Ok(()) }
}

/// Of a document that is there long after a removal was announced: the request was killed.
pub(crate) fn settle(document: &str) -> Result<(), Error> {
    retry(document, |_| {
        let Some(there) = get(document)? else { return Ok(Some(())) };
        let mut proof = Proof::of(document)?;
        if !proof.state.is_removed() {
            return Ok(Some(()));
        }
        proof.state.removal = None;
        proof.state.stamp = proof.state.stamp.max(stamp::of(&there.bytes).unwrap_or(0));
        Ok(unless_conflict(proof.write())?.map(drop))
    })
}

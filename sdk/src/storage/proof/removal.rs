//! Removals of whole documents, and what a proof says of them.
//!
//! A request that removes a document says so in the proof first: it writes the stamp `of` the document
//! that it has read. As long as `of` is not earlier than the stamp of the proof, an absent document was
//! removed, and not lost. The removal leaves the proof, which is a tombstone then. Only `gc` removes it,
//! [`GRACE`](crate::storage::GRACE) after it was written: no request lasts as long.
//!
//! | who removes | who changes or publishes |
//! |---|---|
//! | 1. reads the document | 1. reads the document, then the proof |
//! | 2. writes its [`RemovalMark`], for the files | 2. writes the document, with a later stamp than all of these |
//! | 3. writes `of` into the proof: a conflict, it begins again | 3. writes that stamp into the proof |
//! | 4. removes the document if it is what was read | |
//! | 5. removes the files, then the mark | |
//!
//! Every step changes one object by its version, so only their order counts, on one host or on several.
//! The proof is there as long as a request can know a removed document, and `of` never becomes earlier.
//! So the stamps of one key tell the order of all its documents, whatever the clocks say:
//! - The document changes between 1 and 4: step 4 is a conflict. The new stamp is later than `of`, and
//!   step 3 of the change puts it into the proof. From then on, absence is a loss again.
//! - The document is removed between 1 and 2 of a change: step 2 is a conflict. The change reads again,
//!   finds no document and `of` in the proof, and begins anew with a stamp later than `of`.
//! - Step 3 of a change that the removal has seen comes late: its stamp is not later than `of`, so
//!   it writes nothing. The proof of a document that begins anew keeps `of` for that.
//! - A document comes and goes between 1 and 2 of a first publish: step 2 is no conflict, and its stamp
//!   may be earlier than `of`. Step 3 finds that, and gives the document a later stamp. Until then, no
//!   document is an older copy beside a proof that says that the document was removed.
//! - Two removals of one document: `of` is the same for both, or that of the later document.
//! - A kill after 3: the document is there, and the next change or `gc` settles the proof. A kill
//!   after 4 or 5: the proof says that the document was removed, and `gc` removes the files by the mark.
//!   A kill of a change between 2 and 3: the proof is behind, until the next change. In none of these
//!   states is a document called lost that a request has removed.
//! - A store that does not remove by version in one step may remove a document that has just been
//!   changed. The removal looks at the proof afterwards, and a change that finds `of` looks for the
//!   document after step 3: either of them says that it was removed.
//! - A document that can have no stamp has the stamp 0. A change that finds `of` and the document takes
//!   `of` out, and the removal looks at the proof afterwards.
//!
//! [`void_removal`](crate::maintenance::void_removal) removes a mark, and so does a later removal. This
//! decides only which files `gc` may remove without an order of the operator.
//!
//! [`RemovalMark`]: crate::maintenance::RemovalMark

use serde::{Deserialize, Serialize};

use super::{Before, Proof, State, proof_of};
use crate::Error;
use crate::maintenance::is_removed;
use crate::storage::{get, remove, retry, stamp, stat, unless_conflict};
use crate::types::Precondition;

/// A removal of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Going {
    /// The stamp of the document.
    of: u64,
    /// The version of the document that was read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    version: String,
}

impl State {
    /// Whether the absence of the document is no loss.
    pub(super) fn is_removed(&self) -> bool {
        self.is_removed_since(self.stamp)
    }

    /// Whether a request has removed, or is removing, the document that was written with this stamp.
    pub(super) fn is_removed_since(&self, stamp: u64) -> bool {
        self.removal.as_ref().is_some_and(|removal| removal.of >= stamp)
    }

    /// Says that a document with this stamp is removed.
    pub(super) fn remove(&mut self, stamp: u64, version: &str) {
        self.removal = Some(Going { of: stamp.max(self.last()), version: version.to_owned() });
        // Who comes late with a file finds `of`.
        self.released.clear();
    }

    /// The latest stamp that a document at this key has had, as far as the proof knows.
    pub(super) fn last(&self) -> u64 {
        self.removal.as_ref().map_or(0, |removal| removal.of).max(self.stamp)
    }
}

/// What a change was built on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Base {
    /// There was no document.
    Nothing,
    /// There was no document, and this request has begun one, with this stamp.
    Begun(u64),
    /// The document of this version.
    Document(String),
    Unknown,
}

impl Proof {
    /// Says what a change of the document is built on.
    pub(crate) fn build_on(&mut self, before: Option<&Before>) {
        self.base = match (&self.base, before) {
            (_, None) => Base::Nothing,
            (Base::Begun(stamp), Some(before)) if before.stamp == Some(*stamp) => Base::Begun(*stamp),
            (_, Some(before)) => Base::Document(before.version.clone()),
        };
    }

    /// The stamp of a document that this request begins.
    pub(super) fn begin(&mut self) -> u64 {
        let stamp = self.next_stamp(None);
        self.base = Base::Begun(stamp);
        stamp
    }

    /// Whether the change has begun a document where there was none.
    pub(super) fn is_begun(&self) -> bool {
        matches!(self.base, Base::Nothing | Base::Begun(_))
    }

    /// Before a change is recorded: what the proof says of the files of a document that is gone. It stays
    /// if the change was built on that document, which is not gone then.
    pub(super) fn begin_anew_after_removal(&mut self) {
        let Some(removal) = self.state.removal.as_ref().filter(|_| self.state.is_removed()) else { return };
        if !matches!(&self.base, Base::Document(version) if *version == removal.version) {
            (self.state.files, self.state.notes) = Default::default();
        }
    }

    /// Whether the last change that was acknowledged came before this moment, in milliseconds since the
    /// Unix epoch. Some stores know whole seconds only.
    pub fn is_before(&self, moment: u64) -> bool {
        self.state.stamp <= moment.saturating_add(999)
    }
}

/// Says in the proof that the document is about to be removed as it was read. `Conflict` if the document
/// has changed; `Damaged` if it is an older copy.
pub(crate) fn announce_removal(document: &str, before: &Before) -> Result<(), Error> {
    retry(document, |_| {
        let mut proof = Proof::of(document)?;
        proof.check(before)?;
        proof.state.remove(before.stamp.unwrap_or(0), &before.version);
        Ok(unless_conflict(proof.write())?.map(drop))
    })
}

/// After a removal, whatever has become of it: if the document is gone, the proof says so.
pub(crate) fn confirm_removal(document: &str) -> Result<(), Error> {
    retry(document, |_| {
        let mut proof = Proof::of(document)?;
        if !proof.is_there() || stat(document)?.is_some() {
            return Ok(Some(()));
        }
        proof.state.remove(0, "");
        Ok(unless_conflict(proof.write())?.map(drop))
    })
}

/// Of a document that is there long after a removal was announced: the request was killed. A proof that
/// was written since `floor` stays as it is: another removal may be under way.
pub(crate) fn settle(document: &str, floor: u64) -> Result<(), Error> {
    retry(document, |_| {
        let Some(there) = get(document)? else { return Ok(Some(())) };
        let mut proof = Proof::of(document)?;
        let is_old = proof.info().and_then(|info| info.modified).is_some_and(|modified| modified < floor);
        if !proof.state.is_removed() || !is_old {
            return Ok(Some(()));
        }
        proof.state.removal = None;
        proof.state.stamp = stamp::of(&there.bytes).unwrap_or(proof.state.stamp);
        Ok(unless_conflict(proof.write())?.map(drop))
    })
}

/// Of a document that a request of a version before 0.1.1 has removed: it said so in its mark only, which
/// is about to go.
pub(crate) fn settle_absent(document: &str) -> Result<(), Error> {
    let Some(found) = stat(&proof_of(document))? else { return Ok(()) };
    let proof = Proof::of(document)?;
    if proof.state.removal.is_some() || !is_removed(document, &found)? {
        return Ok(());
    }
    unless_conflict(remove(&found.key, Precondition::Version(&found.version))).map(drop)
}

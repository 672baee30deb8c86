//! Proofs of documents. Without one, a document that was lost looks like one that never existed,
//! and an older copy of it looks like the document: the next publish would build on it.
//!
//! The proof of a document lies at `proofs/{key of the document}`. It says which state of the
//! document was acknowledged last, by the document's stamp (`storage/stamp.rs`), and which files the
//! document has named.
//! - A change writes it after the document and before the client is answered. So the proof is never
//!   ahead of the document: a document with an earlier stamp than its proof is an older copy. It may
//!   be behind, after a change that was killed in between.
//! - A file that the proof names was named by the document. Other bytes never replace it, and no
//!   collection removes it, because the document does not name it: the document has lost it. A request
//!   that takes a file out of the document takes it out of the proof before; see the module `release`.
//! - A request that removes the document says so in the proof before. The proof stays, and `gc` removes
//!   it when no request can know the removed document any more; see the module `removal`.
//! - The proof repeats what the newest state of the document says of access and of yanks; see the module
//!   `said`.
//! - A stamp also tells the key at which the document was written. A document with the stamp of another key
//!   is damaged, whatever its proof says.
//! - A document of an earlier version has no proof, or one that says only that the document exists,
//!   until its next change, or until `packhouse reindex` writes one. A document without a stamp was
//!   written by such a version, by another system or by hand: only the files that the proof names
//!   count then. A document that decides who may do what names no files: without a stamp it is an
//!   older copy ([`Update::strict`](crate::storage::Update::strict)).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::storage::{Document, Precondition, get, put, stamp, stat};
use crate::types::ObjectInfo;
use crate::{Error, clock, log};
use release::Released;
use removal::{Base, Going};

mod absence;
mod change;
mod newest;
mod record;
mod release;
mod removal;
mod said;

pub(crate) use absence::{add_names, is_lost, record, record_strict, why_lost};
pub use absence::{check_absent, leave_proof};
pub use change::{begin, check_newest, put_anew, put_naming, put_proven, put_rebuilt};
pub use newest::{get_each_newest, get_each_newest_strict};
pub use release::release;
pub(crate) use removal::{announce_removal, confirm_removal, settle, settle_absent};
pub use said::Said;

/// Every proof lies below this.
pub const PROOFS: &str = "proofs/";

const JSON: &str = "application/json";

/// What is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// Of the last state of the document that was acknowledged.
    stamp: u64,
    /// The files that the document has named, and when it began to, in milliseconds since the Unix
    /// epoch.
    #[serde(default)]
    files: BTreeMap<String, u64>,
    /// What the document says of some of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    notes: BTreeMap<String, String>,
    /// The last removal of the document that a request has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    removal: Option<Going>,
    /// The files that requests have taken out of the document a short while ago.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    released: BTreeMap<String, Released>,
    /// None if the last change did not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    said: Option<Said>,
}

/// What a document names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "a name is the first thing to be said of a name")]
pub struct Name {
    pub name: String,
    /// What the document says of it, where that is short.
    pub note: Option<String>,
    /// Since when, in milliseconds since the Unix epoch; none for now.
    pub since: Option<u64>,
}

impl From<String> for Name {
    fn from(name: String) -> Name {
        Name { name, ..Name::default() }
    }
}

/// What is known of a document beside it.
#[derive(Debug, Clone)]
pub struct Proof {
    document: String,
    info: Option<ObjectInfo>,
    state: State,
    base: Base,
    /// What the document says after the next change.
    new: Option<Said>,
}

/// What a change of a document builds on: the document as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    version: String,
    stamp: Option<u64>,
    /// A copy without a stamp is an older one, once the proof has a stamp.
    is_strict: bool,
    /// It is a copy of the document of another key.
    is_foreign: bool,
}

impl From<&Document> for Before {
    fn from(document: &Document) -> Before {
        let stamp = stamp::of(&document.bytes);
        let is_foreign = stamp::is_foreign(&document.info.key, &document.bytes);
        Before { version: document.info.version.clone(), stamp, is_strict: false, is_foreign }
    }
}

impl Before {
    /// Of a document that is changed with [`Update::strict`](crate::storage::Update::strict).
    pub(crate) fn strict(document: &Document) -> Before {
        Before { is_strict: true, ..Before::from(document) }
    }

    /// Whether the document is a copy of the document of another key: its stamp says so.
    pub fn is_foreign(&self) -> bool {
        self.is_foreign
    }

    /// Of the document that was read.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether the document has a stamp; see [`Proof::expects_stamp`].
    pub fn has_stamp(&self) -> bool {
        self.stamp.is_some()
    }

    pub(crate) fn stamp(&self) -> Option<u64> {
        self.stamp
    }

    /// What must hold for the document to be written.
    pub fn precondition(&self) -> Precondition<'_> {
        Precondition::Version(&self.version)
    }
}

impl Proof {
    /// The proof of the document at this key, if there is one. Read the document before.
    pub fn of(document: &str) -> Result<Proof, Error> {
        let found = get(&proof_of(document))?;
        let state = found.as_ref().map(parse).unwrap_or_default();
        Ok(Proof {
            document: document.to_owned(),
            info: found.map(|found| found.info),
            state,
            base: Base::Unknown,
            new: None,
        })
    }

    /// The key of the document.
    pub fn document(&self) -> &str {
        &self.document
    }

    pub(crate) fn info(&self) -> Option<&ObjectInfo> {
        self.info.as_ref()
    }

    /// Whether the document was there once, and no request has removed it.
    pub fn is_there(&self) -> bool {
        self.info.is_some() && !self.is_removed()
    }

    /// Whether a request has removed the document, or is removing it.
    pub fn is_removed(&self) -> bool {
        self.state.is_removed()
    }

    /// Whether the document has named the file at this key, and no request has taken it out.
    pub fn names(&self, file: &str) -> bool {
        !self.is_removed() && self.state.files.contains_key(file)
    }

    /// The files that the document has named, and when it began to, in milliseconds since the Unix
    /// epoch. Versions before 0.1.1 did not record any.
    pub fn files(&self) -> impl Iterator<Item = (&str, u64)> {
        let files = self.state.files.iter().filter(|_| !self.state.is_removed());
        files.map(|(file, named)| (file.as_str(), *named))
    }

    /// `Damaged` if the document is an older copy of what was acknowledged, or a copy of the document of
    /// another key; `Conflict` if it has been changed since it was read. After a removal, any document of
    /// this key is a new one.
    pub fn check(&self, document: &Before) -> Result<(), Error> {
        let stamp = document.stamp.or(document.is_strict.then_some(0));
        let why = if document.is_foreign {
            stamp::WHY_FOREIGN.to_owned()
        } else if self.state.is_removed() || stamp.is_none_or(|stamp| stamp >= self.state.stamp) {
            return Ok(());
        } else if document.is_strict {
            self.why_older()
        } else {
            WHY_OLDER.to_owned()
        };
        // The document may have been changed after it was read, and the proof with it.
        match stat(&self.document)? {
            Some(now) if now.version == document.version => Err(Error::damaged(&self.document, why)),
            _ => Err(Error::Conflict),
        }
    }

    /// Whether this document has no stamp, and the newest state of it had one: an earlier version has
    /// written it, another system or a hand, or it is an older copy.
    pub fn expects_stamp(&self, document: &Before) -> bool {
        document.stamp.is_none() && self.state.stamp > 0 && !self.state.is_removed()
    }

    /// Of a document that nothing else that is stored can replace.
    fn why_older(&self) -> String {
        format!(
            "it is an older copy, and a newer one was acknowledged: restore the newest copy. To use this copy \
             instead, remove `{}`",
            proof_of(&self.document)
        )
    }

    /// What the document said of a name.
    pub fn note(&self, name: &str) -> Option<&str> {
        self.state.notes.get(name).map(String::as_str)
    }

    /// Whether a change with this stamp has nothing to add to what is said of this name.
    fn knows(&self, name: &Name, stamp: u64) -> bool {
        let is_said = |note: &String| self.note(&name.name) == Some(note) || self.state.stamp > stamp;
        self.names(&name.name) && name.note.as_ref().is_none_or(is_said)
    }

    /// `Damaged` if the document has named the file at this key, for a request that found that it
    /// does not.
    pub fn check_unnamed(&self, file: &str) -> Result<(), Error> {
        if self.names(file) { Err(Error::damaged(&self.document, why_unnamed(file))) } else { Ok(()) }
    }

    /// The same as [`Proof::check`], true if it is an older copy, or that of another key. False if it has been
    /// changed since it was read.
    pub fn is_ahead_of(&self, document: &Document) -> Result<bool, Error> {
        match self.check(&document.into()) {
            Err(Error::Damaged { .. }) => Ok(true),
            Err(Error::Conflict) => Ok(false),
            checked => checked.map(|()| false),
        }
    }

    /// Of a document that is absent: `Damaged` if it was lost. If a request has removed it, what the
    /// proof says of files is about those that went with it.
    pub(crate) fn check_absent(&mut self) -> Result<(), Error> {
        self.base = Base::Nothing;
        let Some(info) = &self.info else { return Ok(()) };
        if !self.state.is_removed() && is_lost(&self.document, info)? {
            return Err(Error::damaged(&self.document, why_lost(&info.key)));
        }
        (self.state.files, self.state.notes) = (BTreeMap::new(), BTreeMap::new());
        Ok(())
    }

    /// The stamp of a change of this document: later than every one that the proof knows.
    pub(crate) fn next_stamp(&self, before: Option<u64>) -> u64 {
        stamp::next(before, self.state.last(), clock::now())
    }

    fn write(&self) -> Result<ObjectInfo, Error> {
        let precondition =
            self.info.as_ref().map_or(Precondition::Absent, |info| Precondition::Version(&info.version));
        let bytes = crate::storage::to_json(&self.state)?;
        put(&proof_of(&self.document), &bytes, precondition, Some(JSON))
    }
}

const WHY_OLDER: &str = "it is an older copy, and a newer one was acknowledged: restore the newest copy, or run \
                         `packhouse reindex`, which makes it again from what is stored";

/// Why a document is damaged that has lost the entry of a file.
pub(crate) fn why_unnamed(file: &str) -> String {
    format!(
        "it named {file} earlier and no longer does, although no request removed it: restore a copy that names it, or run `packhouse reindex`"
    )
}

/// An earlier version wrote a sentence.
fn parse(proof: &Document) -> State {
    match serde_json::from_slice(&proof.bytes) {
        Ok(state) => state,
        Err(error) => {
            if is_damaged(&proof.bytes) {
                let fields = [("key", proof.info.key.as_str()), ("error", &error.to_string())];
                log::error("the proof of a document is damaged; its next change writes it anew", &fields);
            }
            State::default()
        }
    }
}

/// Whether this is neither a proof nor the sentence that an earlier version wrote.
pub(crate) fn is_damaged(proof: &[u8]) -> bool {
    serde_json::from_slice::<State>(proof).is_err()
        && !proof.ends_with(b" exists. If it is not there, it was lost.\n")
}

pub(crate) fn proof_of(document: &str) -> String {
    format!("{PROOFS}{document}")
}

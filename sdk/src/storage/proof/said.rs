//! What a document says of access and of withdrawn versions. Nothing else that is stored says it. An
//! older copy of the document would give back what requests have taken away, so the proof records what
//! the newest state said, and a reindex takes it from there.
//!
//! A change that does not tell it erases it: then nobody knows what the newest state says. The change
//! with the latest stamp decides, whatever comes first.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Proof;
use crate::auth::Owner;
use crate::storage::stat_many;
use crate::{Error, log};

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Empty for a protocol whose packages have no owners.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Owner>,
    /// The versions or files that were withdrawn, e.g. yanked, and what the document says of that. The
    /// empty name is the whole package.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub withdrawn: BTreeMap<String, String>,
}

impl Proof {
    /// For the next change of the document: what the document says then.
    #[must_use]
    pub fn saying(self, said: Said) -> Proof {
        Proof { new: Some(said), ..self }
    }

    /// What the newest state of the document said. None if it was written by a plugin that does not tell
    /// it ([`Update::saying`](crate::storage::Update::saying)), e.g. by an earlier version.
    pub fn said(&self) -> Option<&Said> {
        self.state.said.as_ref().filter(|_| !self.is_removed())
    }

    /// The files among these, which an older copy of the document names, that requests have taken out of
    /// it since: the newest state did not name them, and they are gone. Each is logged. Gives nothing for
    /// a proof that names no file at all, as versions before 0.1.1 left it.
    pub fn taken_out(&self, files: &[String]) -> Result<BTreeSet<String>, Error> {
        if self.files().next().is_none() {
            return Ok(BTreeSet::new());
        }
        let unnamed: Vec<&String> = files.iter().filter(|file| !self.names(file)).collect();
        let there = stat_many(&unnamed)?;
        let gone = unnamed.into_iter().zip(there).filter(|(_, there)| there.is_none());
        let gone: BTreeSet<String> = gone.map(|(file, _)| file.clone()).collect();
        for file in &gone {
            let fields = [("key", self.document()), ("file", file)];
            log::warn("a file that only an older copy names, and that is gone, is not listed again", &fields);
        }
        Ok(gone)
    }

    /// Whether a change with this stamp has something to add to what the proof says.
    pub(super) fn has_news(&self, stamp: u64) -> bool {
        self.new.is_some() && stamp >= self.state.stamp && self.state.said != self.new
    }

    /// Before the stamp of the change is recorded.
    pub(super) fn say_new(&mut self, stamp: u64) {
        if stamp > self.state.stamp || self.has_news(stamp) {
            self.state.said.clone_from(&self.new);
        }
    }
}

//! What one reply depends on. `capabilities/access.rs` records it while a plugin answers a request, so
//! that the host can decide later whether the same plugin would give the same reply again.
//!
//! Some inputs are not recorded, because they are part of a reply's key: the mount with its
//! configuration, the plugin's generation, the method, the path and the query.
//!
//! # Invariants
//! - An input is recorded before it is read, and completed by what was read. If it is not completed,
//!   the reply cannot be remembered. A counter of changes can be taken at the first of the two.
//! - The record is bounded. If a request has more inputs, the reply cannot be remembered.
//! - Values of headers are never printed.

mod line;
mod reason;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use http::HeaderName;

use packhouse_auth::Decision;
use packhouse_storage::{Key, ObjectInfo};

pub use reason::Reason;

/// The most header names. `Vary` lists no more either, apart from those of a proxy.
const MOST_HEADERS: usize = 32;
/// The most questions, objects, prefixes, and names that were filtered, together.
const MOST_INPUTS: usize = 4096;
/// The most bytes of their texts.
const MOST_BYTES: usize = 256 << 10;

/// The inputs of one reply.
#[derive(Debug, Default)]
pub struct Inputs {
    /// The headers that the plugin asked for, and what it was told.
    pub headers: Vec<(HeaderName, Option<String>)>,
    /// The base URL, if the plugin asked for it.
    pub base_url: Option<String>,
    /// The alias that the client used, if the plugin asked for it. Empty for the mount's own address.
    pub alias: Option<String>,
    /// Whether the client sent a HEAD, if the plugin asked for it.
    pub is_head: Option<bool>,
    /// Questions about the caller's permissions, with the answers.
    pub questions: BTreeMap<Question, Answer>,
    /// The objects that were looked at.
    pub objects: BTreeMap<Key, Found>,
    /// The prefixes that were listed.
    pub prefixes: BTreeSet<String>,
    /// The first moment at which `clock.passed` gives another answer, in milliseconds since the Unix
    /// epoch.
    pub expires: Option<u64>,
    /// Why the reply cannot be remembered. Empty if it can.
    pub reasons: BTreeSet<Reason>,
    /// Names of the headers that the reply depends on, for `Vary`.
    vary: Vec<HeaderName>,
    count: usize,
    bytes: usize,
    is_off: bool,
}

/// A question about permissions. It is asked again for each caller.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// Whether the caller may do this. The ids and names are those of the listed owners.
    Check { kind: String, name: String, action: String, ids: Vec<String>, names: Vec<String> },
    /// On which of the names the caller may do this.
    Filter { kind: String, names: Vec<String>, action: String },
    /// Whether everybody may do this.
    Public { kind: String, name: String, action: String },
    /// Whether the credentials were rejected, or did not allow what was checked. Only the answer
    /// "no" is recorded; otherwise the reply is for this caller alone ([`Reason::Rejection`]).
    Rejection,
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Decision(Decision),
    /// For each name, whether it passed the filter.
    Each(Vec<bool>),
    Bool(bool),
}

/// What was found at a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The read has not ended, or it failed.
    Unread,
    Absent,
    /// The same version may have been written again later, so the time is an input too.
    Object {
        version: String,
        modified: Option<SystemTime>,
    },
}

impl Inputs {
    /// The inputs of a reply. `vary` are the headers that chose the mount.
    pub(crate) fn of_reply(vary: Vec<HeaderName>) -> Self {
        Self { vary, ..Self::default() }
    }

    /// Records nothing: for work that gives no reply.
    pub(crate) fn off() -> Self {
        Self { is_off: true, ..Self::default() }
    }

    /// The reply cannot be remembered.
    pub(crate) fn forget(&mut self, reason: Reason) {
        if !self.is_off {
            self.reasons.insert(reason);
        }
    }

    /// A header, and its value as the plugin is told. Whether the name is new.
    pub(crate) fn header(&mut self, name: &HeaderName, value: Option<&str>) -> bool {
        if self.is_off || self.headers.iter().any(|(known, _)| known == name) {
            return false;
        }
        if self.headers.len() >= MOST_HEADERS {
            self.forget(Reason::TooMany);
            return false;
        }
        self.headers.push((name.clone(), value.map(str::to_owned)));
        self.vary.len() < MOST_HEADERS && self.varies(name)
    }

    /// The base URL, and the headers of a proxy that choose it.
    pub(crate) fn base_url(&mut self, url: &str, vary: &[HeaderName]) {
        if self.base_url.is_none() && !self.is_off {
            self.base_url = Some(url.to_owned());
            for name in vary {
                self.varies(name);
            }
        }
    }

    fn varies(&mut self, name: &HeaderName) -> bool {
        let is_new = !self.vary.contains(name);
        if is_new {
            self.vary.push(name.clone());
        }
        is_new
    }

    pub(crate) fn alias(&mut self, alias: Option<&str>) {
        if self.alias.is_none() && !self.is_off {
            self.alias = Some(alias.unwrap_or_default().to_owned());
        }
    }

    pub(crate) fn is_head(&mut self, is_head: bool) {
        self.is_head = (!self.is_off).then_some(is_head);
    }

    pub(crate) fn asked(&mut self, question: Question, answer: Answer) {
        if let Some(known) = self.questions.get(&question) {
            if *known != answer {
                self.forget(Reason::Changed);
            }
        } else if self.has_room(question.count(), question.bytes()) {
            self.questions.insert(question, answer);
        }
    }

    /// An object is about to be read.
    pub(crate) fn reads(&mut self, key: &Key) {
        if !self.objects.contains_key(key) && self.has_room(1, key.as_str().len()) {
            self.objects.insert(key.clone(), Found::Unread);
        }
    }

    /// The object was read: what is there, or none.
    pub(crate) fn found(&mut self, key: &Key, info: Option<&ObjectInfo>) {
        let is_same = |found: &Found| match (found, info) {
            (Found::Absent, None) => true,
            (Found::Object { version, modified }, Some(info)) => {
                *version == info.version && *modified == info.modified
            }
            _ => false,
        };
        let Some(known) = self.objects.get_mut(key) else { return };
        if *known == Found::Unread {
            *known = info.map_or(Found::Absent, |info| Found::Object {
                version: info.version.clone(),
                modified: info.modified,
            });
        } else if !is_same(known) {
            self.forget(Reason::Changed);
        }
    }

    /// A prefix is about to be listed.
    pub(crate) fn lists(&mut self, prefix: &str) {
        if !self.prefixes.contains(prefix) && self.has_room(1, prefix.len()) {
            self.prefixes.insert(prefix.to_owned());
        }
    }

    /// The plugin asked whether a moment has come. If it has, the answer stays the same.
    pub(crate) fn passed(&mut self, moment: u64, has_passed: bool) {
        if !has_passed && !self.is_off {
            self.expires = Some(self.expires.map_or(moment, |earlier| earlier.min(moment)));
        }
    }

    /// Whether so many inputs with so many bytes can still be recorded. If not, the reply cannot be
    /// remembered.
    fn has_room(&mut self, count: usize, bytes: usize) -> bool {
        if self.is_off {
            return false;
        }
        self.count = self.count.saturating_add(count);
        self.bytes = self.bytes.saturating_add(bytes);
        let has_room = self.count <= MOST_INPUTS && self.bytes <= MOST_BYTES;
        if !has_room {
            self.forget(Reason::TooMany);
        }
        has_room
    }

    /// The inputs of a reply that is complete.
    pub(crate) fn finish(mut self) -> Self {
        if self.objects.values().any(|found| *found == Found::Unread) {
            self.forget(Reason::Failed);
        }
        self
    }

    /// Names of the headers that the reply depends on.
    pub fn vary(&self) -> &[HeaderName] {
        &self.vary
    }

    /// Whether the same inputs give the same reply.
    pub fn can_be_remembered(&self) -> bool {
        self.reasons.is_empty()
    }
}

impl Question {
    /// The number of inputs in it: each name of a list can change the answer.
    fn count(&self) -> usize {
        match self {
            Self::Check { ids, names, .. } => 1 + ids.len() + names.len(),
            Self::Filter { names, .. } => 1 + names.len(),
            Self::Public { .. } | Self::Rejection => 1,
        }
    }

    fn bytes(&self) -> usize {
        let all = |texts: &[String]| texts.iter().map(String::len).sum::<usize>();
        match self {
            Self::Check { kind, name, action, ids, names } => {
                kind.len() + name.len() + action.len() + all(ids) + all(names)
            }
            Self::Filter { kind, names, action } => kind.len() + action.len() + all(names),
            Self::Public { kind, name, action } => kind.len() + name.len() + action.len(),
            Self::Rejection => 0,
        }
    }
}

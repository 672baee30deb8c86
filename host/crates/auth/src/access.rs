//! What a signed access token lets its bearer do: actions on named things of one mount.
//! It must not know how it is signed, nor who bears it.
//!
//! The words are those of the distribution token specification, where one such entry is a
//! `resource scope` (<https://distribution.github.io/distribution/spec/auth/jwt/>).

use serde::{Deserialize, Serialize};

use super::scope::{self, Resource};

/// Stands as a name for whatever the bearer may do these actions on at the moment of use.
/// Only a token that narrows grants holds it: alone it would say nothing.
pub const ALL: &str = "*";

/// Actions on one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    #[serde(rename = "type")]
    pub kind: String,
    /// Compared as it stands, but for [`ALL`].
    pub name: String,
    #[serde(default)]
    pub actions: Vec<String>,
}

/// What one token holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    pub entries: Vec<Entry>,
    /// Was it signed by the token server of the configuration? Then what it holds counts
    /// alone; else it only narrows what its user may do at this moment.
    pub outside: bool,
}

impl Access {
    /// Does it hold this action? One action includes another as in a grant, and `*` is all.
    pub fn holds(&self, resource: &Resource<'_>, action: &str) -> bool {
        self.entries.iter().any(|entry| {
            entry.kind == resource.kind
                && (entry.name == resource.name || (entry.name == ALL && !self.outside))
                && entry.actions.iter().any(|held| scope::covers_action(held, action))
        })
    }
}

/// Puts the wanted together: each thing and each of its actions once, and of those that have
/// a name only what `allowed` says of kind, name and action; things with nothing left are
/// left out.
pub(super) fn put_together(wanted: &[Entry], allowed: impl Fn(&str, &str, &str) -> bool) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for Entry { kind, name, actions } in wanted {
        for action in actions.iter().filter(|action| name == ALL || allowed(kind, name, action)) {
            let same = entries.iter_mut().find(|entry| entry.kind == *kind && entry.name == *name);
            match same {
                Some(entry) if entry.actions.contains(action) => {}
                Some(entry) => entry.actions.push(action.clone()),
                None => entries.push(Entry {
                    kind: kind.clone(),
                    name: name.clone(),
                    actions: vec![action.clone()],
                }),
            }
        }
    }
    entries
}

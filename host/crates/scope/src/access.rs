//! What the bearer of a signed access token may do: actions on named things of one mount. It does
//! not know how the token is signed, or who the bearer is.
//!
//! The terms are those of the distribution token specification, in which one such entry is a
//! `resource scope` (<https://distribution.github.io/distribution/spec/auth/jwt/>).

use serde::{Deserialize, Serialize};

use crate::actions::Actions;
use crate::scope::Resource;

/// As a name: everything on which the bearer may do these actions when the token is used. Only a
/// token that narrows grants contains it, because it means nothing without grants.
pub const ALL: &str = "*";

/// Actions on one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    #[serde(rename = "type")]
    pub kind: String,
    /// Compared as it is, except [`ALL`]. As in a grant, a name without `:` also means the names that
    /// begin with it and a `:`.
    pub name: String,
    #[serde(default)]
    pub actions: Vec<String>,
}

impl Entry {
    fn is_about(&self, name: &str) -> bool {
        let group = name.split_once(':').map(|(group, _)| group);
        self.name == name || group == Some(self.name.as_str())
    }
}

/// The content of one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    pub entries: Vec<Entry>,
    /// Whether the configured external token server signed it. Then its content is allowed without
    /// a grant. Otherwise it narrows what its user may do when it is used.
    pub outside: bool,
}

impl Access {
    /// Whether it contains this action. Actions include others as in a grant, and `*` means all.
    pub fn holds(&self, resource: &Resource<'_>, action: &str, actions: &Actions) -> bool {
        self.entries.iter().any(|entry| {
            entry.kind == resource.kind
                && (entry.is_about(resource.name) || (entry.name == ALL && !self.outside))
                && entry.actions.iter().any(|held| actions.includes(&entry.kind, held, action))
        })
    }
}

/// Which of the wanted actions a token gets: each thing and each action once. For things with a
/// name, only the actions that `allowed` permits for the kind and the name. Things without actions
/// are left out.
pub fn put_together(wanted: &[Entry], allowed: impl Fn(&str, &str, &str) -> bool) -> Vec<Entry> {
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

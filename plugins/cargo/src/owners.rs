//! Who owns a crate, and in which spelling its name is taken: a document of ours beside the
//! fixed layout, named by the canonical form, so that a name that collides is found by one
//! look-up. It knows no storage and no HTTP.
//!
//! A crate of another system has none; then only grants count.

use std::collections::BTreeMap;

use packhouse_plugin::auth::Owner;
use packhouse_plugin::ownership::Holder;
use serde::{Deserialize, Serialize};

use crate::name::CrateName;

/// The most owners of one crate; so many count in a permission too.
pub const MOST: usize = 1000;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owners {
    /// The crate's name as it was first published.
    pub name: String,
    /// Names of users, in the order in which they were added.
    #[serde(default, rename = "owners")]
    names: Vec<String>,
    /// The account of each, by name. One that was recorded by a version before 0.1.1 has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    ids: BTreeMap<String, String>,
    /// Whether a version was published: then the name is taken also without an index file, which
    /// was lost. A version before 0.1.1 did not write it down.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub published: bool,
}

impl Owners {
    pub fn new(name: &CrateName, owner: Option<Owner>) -> Self {
        let mut owners = Self { name: name.to_string(), ..Self::default() };
        if let Some(owner) = owner {
            owners.add(owner);
        }
        owners
    }

    /// In the order in which they were added.
    pub fn list(&self) -> Vec<Owner> {
        let owner = |name: &String| Owner { name: name.clone(), id: self.ids.get(name).cloned() };
        self.names.iter().map(owner).collect()
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// False when they are listed already. An entry of this name with another account, or
    /// without one, becomes this account's: no two accounts have a name at one time.
    pub fn add(&mut self, owner: Owner) -> bool {
        let is_listed = self.names.contains(&owner.name);
        if is_listed && (owner.id.is_none() || self.ids.get(&owner.name) == owner.id.as_ref()) {
            return false;
        }
        if !is_listed {
            self.names.push(owner.name.clone());
        }
        if let Some(id) = owner.id {
            self.ids.insert(owner.name, id);
        }
        true
    }

    /// False when they are not listed.
    pub fn remove(&mut self, user: &str) -> bool {
        self.retain(|owner| owner.name != user)
    }

    /// Takes an account off the list. False when it is not listed.
    pub fn disown(&mut self, holder: &Holder) -> bool {
        self.retain(|owner| !holder.is(owner))
    }

    fn retain(&mut self, keeps: impl Fn(&Owner) -> bool) -> bool {
        let before = self.list();
        let kept: Vec<&Owner> = before.iter().filter(|owner| keeps(owner)).collect();
        self.names.retain(|name| kept.iter().any(|owner| owner.name == *name));
        self.ids.retain(|name, _| kept.iter().any(|owner| owner.name == *name));
        self.names.len() != before.len()
    }
}

/// A number for a user, as cargo wants one: the same each time (32-bit FNV-1a).
pub fn number(user: &str) -> u32 {
    user.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

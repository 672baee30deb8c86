//! Who owns a crate, and in which spelling its name is taken: a document of ours beside the
//! fixed layout, named by the canonical form, so that a name that collides is found by one
//! look-up. It knows no storage and no HTTP.
//!
//! A crate of another system has none; then only grants count.

use serde::{Deserialize, Serialize};

use crate::name::CrateName;

/// The most owners of one crate; so many count in a permission too.
pub const MOST: usize = 1000;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owners {
    /// The crate's name as it was first published.
    pub name: String,
    /// Names of users, in the order in which they were added.
    #[serde(default)]
    pub owners: Vec<String>,
}

impl Owners {
    pub fn new(name: &CrateName, owner: Option<String>) -> Self {
        Self { name: name.to_string(), owners: owner.into_iter().collect() }
    }

    /// False when they are listed already.
    pub fn add(&mut self, user: &str) -> bool {
        let new = !self.owners.iter().any(|owner| owner == user);
        if new {
            self.owners.push(user.to_owned());
        }
        new
    }

    /// False when they are not listed.
    pub fn remove(&mut self, user: &str) -> bool {
        let before = self.owners.len();
        self.owners.retain(|owner| owner != user);
        self.owners.len() != before
    }
}

/// A number for a user, as cargo wants one: the same each time (32-bit FNV-1a).
pub fn number(user: &str) -> u32 {
    user.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

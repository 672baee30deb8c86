//! What every store speaks of: what is known of an object, what must hold of one before it is
//! changed, and pages of keys. Order is that of whole keys' bytes, folders taken with their `/`.

use std::time::SystemTime;

use super::error::{Result, StorageError};
use super::key::PRIVATE;

/// What is known of a stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Relative to the scope.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// The token for compare-and-swap; opaque, differs between stores.
    pub version: String,
    pub modified: Option<SystemTime>,
    /// As given when written; none where the store keeps no content types
    /// ([`Abilities::content_types`](crate::Abilities::content_types)).
    pub content_type: Option<String>,
}

/// What must hold of the target for a change to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    Any,
    /// Nothing is there.
    Absent,
    /// The object is there and still has this version.
    Version(String),
}

impl Precondition {
    /// `Conflict` unless it holds of what is there now.
    pub(super) fn check(&self, current: Option<&str>) -> Result<()> {
        match (self, current) {
            (Self::Any, _) | (Self::Absent, None) => Ok(()),
            (Self::Version(wanted), Some(version)) if wanted == version => Ok(()),
            _ => Err(StorageError::Conflict),
        }
    }
}

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Keys that begin with this; need not end at a `/`.
    pub prefix: String,
    /// Group keys below the next `/` after the prefix, as folders.
    pub folders: bool,
    /// Only keys and folders after this one.
    pub after: Option<String>,
    /// Objects and folders together, at least 1.
    pub limit: usize,
}

/// One page. `next` goes into `after` when there is more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    pub objects: Vec<ObjectInfo>,
    /// With their `/` at the end.
    pub folders: Vec<String>,
    pub next: Option<String>,
    /// What was left out because it is no object, and should not be there: symbolic links.
    pub odd: Vec<String>,
}

/// The same with whole paths, as stores see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathListing {
    pub prefix: String,
    pub folders: bool,
    pub after: Option<String>,
    pub limit: usize,
}

impl PathListing {
    /// Does `name` (a path, or a folder with its `/`) belong to the listing? The host's own
    /// objects do only when the prefix asks for them.
    pub fn includes(&self, name: &str) -> bool {
        name.starts_with(&self.prefix)
            && self.is_after(name)
            && (name.split('/').next() != Some(PRIVATE) || self.prefix.starts_with(PRIVATE))
    }

    /// Is `name` behind `after`? A folder that `after` names has been seen with all that is in it.
    fn is_after(&self, name: &str) -> bool {
        let Some(after) = self.after.as_deref() else {
            return true;
        };
        name > after && !(self.folders && self.group_of(name).is_some_and(|folder| folder <= after))
    }

    /// The folder that `path` is grouped under when folders are asked for.
    pub fn group_of<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.get(self.prefix.len()..)?;
        let slash = rest.find('/')?;
        path.get(..=self.prefix.len() + slash)
    }
}

//! The vocabulary of all stores: information on an object, preconditions of a change, and pages of
//! keys. Keys sort by their bytes, and folders sort with their `/`.

use std::time::SystemTime;

use super::error::{Result, StorageError};
use super::key::PRIVATE;

/// Information on a stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Relative to the scope.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// The token for compare-and-swap; opaque, differs between stores.
    pub version: String,
    pub modified: Option<SystemTime>,
    /// As written; none if the store keeps no content types
    /// ([`Abilities::content_types`](crate::Abilities::content_types)).
    pub content_type: Option<String>,
}

/// A condition on the target of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    Any,
    /// The object does not exist.
    Absent,
    /// The object exists and has this version.
    Version(String),
}

impl Precondition {
    /// `Conflict` unless the present state meets it.
    pub(super) fn check(&self, current: Option<&str>) -> Result<()> {
        match (self, current) {
            (Self::Any, _) | (Self::Absent, None) => Ok(()),
            (Self::Version(wanted), Some(version)) if wanted == version => Ok(()),
            _ => Err(StorageError::Conflict),
        }
    }
}

/// The query of a listing.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Only keys that begin with this. It need not end at a `/`.
    pub prefix: String,
    /// Whether to group keys by the next `/` after the prefix, as folders.
    pub folders: bool,
    /// Only keys and folders after this one.
    pub after: Option<String>,
    /// The most objects and folders together, at least 1.
    pub limit: usize,
}

/// One page. If there is more, `next` is the `after` of the next page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    pub objects: Vec<ObjectInfo>,
    /// With their `/` at the end.
    pub folders: Vec<String>,
    pub next: Option<String>,
    /// Files that are not objects and were left out: symbolic links.
    pub odd: Vec<String>,
}

/// The same with whole paths, as stores use them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathListing {
    pub prefix: String,
    pub folders: bool,
    pub after: Option<String>,
    pub limit: usize,
}

impl PathListing {
    /// Whether `name` (a path, or a folder with its `/`) belongs to the listing. The host's own
    /// objects belong only if the prefix asks for them.
    pub fn includes(&self, name: &str) -> bool {
        name.starts_with(&self.prefix)
            && self.is_after(name)
            && (name.split('/').next() != Some(PRIVATE) || self.prefix.starts_with(PRIVATE))
    }

    /// Whether `name` comes after `after`. If `after` names a folder, all of its content comes
    /// before.
    fn is_after(&self, name: &str) -> bool {
        let Some(after) = self.after.as_deref() else {
            return true;
        };
        name > after && !(self.folders && self.group_of(name).is_some_and(|folder| folder <= after))
    }

    /// The folder to which `path` belongs if the listing groups by folders.
    pub fn group_of<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.get(self.prefix.len()..)?;
        let slash = rest.find('/')?;
        path.get(..=self.prefix.len() + slash)
    }
}

//! Pages of keys: what is asked and what is answered, the same on every backend.
//! Order is that of whole keys' bytes, folders taken with their `/`.

use super::store::ObjectInfo;

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Keys that begin with this; need not end at a `/`.
    pub prefix: String,
    /// Group keys below the next `/` after the prefix, as folders.
    pub folders: bool,
    /// Only keys and folders after this one.
    pub after: Option<String>,
    /// Bucket and folders together, at least 1.
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

/// The same with whole paths, as backends see it.
#[derive(Debug, Clone)]
pub(super) struct PathListing {
    pub prefix: String,
    pub folders: bool,
    pub after: Option<String>,
    pub limit: usize,
}

impl PathListing {
    /// Is `name` (a path, or a folder with its `/`) behind `after`? A folder that
    /// `after` names has been seen with all that is in it.
    pub fn is_after(&self, name: &str) -> bool {
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

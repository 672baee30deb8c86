//! Folders inside the store that are known by an object in them. A disk that is mounted at such a folder
//! may go away, or the folder may be removed or replaced, while the store itself stays. Then nothing is
//! written there, and nothing that is not found there counts as absent.
//!
//! Looking costs one call of the file system, so it is done with every change.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use super::inside::Inside;
use super::is_nothing;
use crate::error::{Result, StorageError};
use crate::key::PRIVATE;

#[derive(Default)]
pub(super) struct Marks {
    /// The path of the object by the folder, which ends with `/`.
    by_folder: RwLock<BTreeMap<String, String>>,
}

impl Marks {
    /// From now on the folder counts only while this object is in it.
    pub fn add(&self, folder: &str, mark: &str) {
        let is_known =
            |known: &BTreeMap<String, String>| known.get(folder).is_some_and(|known| known == mark);
        if !is_known(&self.by_folder.read().unwrap_or_else(PoisonError::into_inner)) {
            let mut known = self.by_folder.write().unwrap_or_else(PoisonError::into_inner);
            known.insert(folder.to_owned(), mark.to_owned());
        }
    }

    /// `Unavailable` if the path leads into a folder that has lost its object.
    pub fn check(&self, inside: &Inside, path: &str) -> Result<()> {
        let known = self.by_folder.read().unwrap_or_else(PoisonError::into_inner);
        for (folder, mark) in known.iter() {
            // The host may put the mark itself back.
            let Some(rest) = path.strip_prefix(folder.as_str()) else { continue };
            if rest.strip_prefix(PRIVATE).is_some_and(|rest| rest.starts_with('/')) {
                continue;
            }
            match inside.identity(mark) {
                Ok(_) => {}
                Err(error) if is_nothing(&error) => return Err(missing(folder, mark)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

fn missing(folder: &str, mark: &str) -> StorageError {
    let folder = folder.trim_end_matches('/');
    StorageError::unavailable(format!(
        "what was stored below `{folder}` has disappeared: `{mark}` is missing; nothing is read from there or written \
         there until it is back"
    ))
}

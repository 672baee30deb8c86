//! Where the entries of an archive are unpacked to: no two of them to one place, and no file where another
//! entry needs a folder.

use std::collections::{HashMap, HashSet};
use std::hash::RandomState;

use super::Error;
use super::path::{EntryPath, shown};

/// The most folders that the paths of an archive lead through.
const FOLDERS: usize = 200_000;

/// Paths by their hashes.
#[derive(Default)]
pub(super) struct Places {
    hasher: RandomState,
    /// What was listed, and whether it is a folder.
    listed: HashMap<u64, bool>,
    files: HashSet<u64>,
    /// Those that the path of an entry leads through.
    folders: HashSet<u64>,
}

impl Places {
    pub(super) fn add(&mut self, path: &EntryPath, is_link: bool) -> Result<(), Error> {
        let shown = || shown(path.clean.as_bytes());
        let hashes = path.hashes(&self.hasher);
        let Some((own, parents)) = hashes.split_last() else { return Ok(()) };
        let earlier = self.listed.insert(*own, path.is_folder);
        // A folder may be there repeatedly, and is then made once.
        if earlier.is_some_and(|was_folder| !(was_folder && path.is_folder)) {
            return Err(Error::refused(format!("it holds {} twice", shown())));
        }
        let mut is_clash = false;
        if !path.is_folder && !is_link {
            is_clash = self.folders.contains(own);
            self.files.insert(*own);
        }
        for parent in parents.iter().rev() {
            is_clash |= self.files.contains(parent);
            // What leads to a known folder is known.
            if !self.folders.insert(*parent) {
                break;
            }
        }
        if is_clash {
            return Err(Error::refused(format!(
                "a file and a folder in it have one path, because of {}: it cannot be unpacked",
                shown()
            )));
        }
        if self.folders.len() > FOLDERS {
            return Err(Error::refused(format!("its files lie in more than {FOLDERS} folders")));
        }
        Ok(())
    }
}

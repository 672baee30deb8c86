//! The list of projects, from the folders in the storage. A walk over them reads two pages of keys per
//! 1000 projects. The first request after a project was added or removed does this; other requests read
//! the result, and publishes do not need it ([`Derived`]).

use packhouse_plugin::Error as HostError;
use packhouse_plugin::storage::{Derived, folders};
use serde::{Deserialize, Serialize};

use crate::endpoints::pages;
use crate::error::Error;
use crate::layout::{LIST, MARK, METADATA, PACKAGES};
use crate::name::ProjectName;

/// How old a list may be, in milliseconds by the store's clock.
pub const INTERVAL: u64 = 60_000;

/// All projects.
const DIRECTORY: Derived<'_> = Derived { key: LIST, marker: MARK, lifetime: INTERVAL };

/// What a walk has found.
#[derive(Serialize, Deserialize)]
struct List {
    projects: Vec<String>,
}

/// All of them, in the order of their bytes. One that has a folder and no files is in it too.
pub fn project_names() -> Result<Vec<String>, Error> {
    let list = DIRECTORY.read(|| {
        let projects = walk()?;
        pages::refresh_root(&projects);
        Ok::<_, Error>(List { projects })
    })?;
    Ok(list.projects)
}

/// A project was added or removed: the next request for the list walks over the folders.
pub fn changed() {
    DIRECTORY.changed();
}

/// As the store has them now.
pub fn walk() -> Result<Vec<String>, HostError> {
    let mut names = Vec::new();
    // What an earlier system has stored may have no document.
    for folder in folders(METADATA).chain(folders(PACKAGES)) {
        let folder = folder?;
        if ProjectName::parse_normalised(&folder).is_some() {
            names.push(folder);
        }
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

//! The list of projects, from the folders in the storage. A walk over them reads four pages of keys per
//! 1000 projects, and the proof of each project that was deleted. The first request after a project was added or removed does this; other requests read
//! the result, and publishes do not need it ([`Derived`]).

use std::collections::BTreeSet;

use packhouse_plugin::Error as HostError;
use packhouse_plugin::storage::{self, Derived, PROOFS, folders};
use serde::{Deserialize, Serialize};

use crate::endpoints::{pages, stored};
use crate::error::Error;
use crate::layout::{self, LIST, MARK, METADATA, PACKAGES, PAGES};
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

/// As the store has them now. A project stays until a request deletes it: a client that does not find a name
/// on the list may take the project from another index.
pub fn walk() -> Result<Vec<String>, HostError> {
    let mut names = BTreeSet::new();
    // What an earlier system has stored may have no document.
    for folder in folders(METADATA).chain(folders(PACKAGES)) {
        let folder = folder?;
        if ProjectName::parse_normalised(&folder).is_some() {
            names.insert(folder);
        }
    }
    // If a project has lost its document and all its files, its proof or its page is left.
    let mut lost = BTreeSet::new();
    let roots =
        [(format!("{PROOFS}{METADATA}"), has_proof as fn(&ProjectName) -> _), (PAGES.to_owned(), has_page)];
    for (root, is_lost) in roots {
        for folder in folders(&root) {
            let folder = folder?;
            let name = ProjectName::parse_normalised(&folder).filter(|_| !names.contains(&folder));
            if name.map_or(Ok(false), |name| is_lost(&name))? {
                lost.insert(folder);
            }
        }
    }
    names.append(&mut lost);
    Ok(names.into_iter().collect())
}

/// Of a project without a document.
fn has_proof(name: &ProjectName) -> Result<bool, HostError> {
    is_damaged(storage::check_absent(&layout::document(name)))
}

fn has_page(name: &ProjectName) -> Result<bool, HostError> {
    is_damaged(stored::read(name).map(drop))
}

fn is_damaged(found: Result<(), HostError>) -> Result<bool, HostError> {
    match found {
        Err(HostError::Damaged { .. }) => Ok(true),
        found => found.map(|()| false),
    }
}

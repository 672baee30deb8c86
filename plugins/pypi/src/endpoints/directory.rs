//! Which projects there are: the folders in the store say it. Walking them costs two pages of
//! keys per 1000 projects, so it is done by whoever asks first after a project came or went,
//! and by no publish; others read what that walk has found.
//!
//! # Invariants
//! - A mark is made anew once a project came or went, before its publisher is answered. A list
//!   names the mark that lay there before its walk, and counts as long as that one lies there.
//! - What is copied in by hand leaves no mark: a list counts for [`INTERVAL`] at most.

use packhouse_plugin::storage::{self, Document, ListingOptions, Precondition};
use packhouse_plugin::{log, random};
use serde::{Deserialize, Serialize};

use super::{JSON, pages};
use crate::error::Error;
use crate::layout::{LIST, MARK, METADATA, PACKAGES};
use crate::name::ProjectName;

/// How old a list may be, in milliseconds by the store's clock.
pub(crate) const INTERVAL: u64 = 60_000;

/// What a walk has found.
#[derive(Serialize, Deserialize)]
struct List {
    /// The version of the mark before the walk; none when there was none.
    mark: Option<String>,
    projects: Vec<String>,
}

/// All of them, in the order of their bytes. One that has a folder and no files is in it too.
pub fn project_names() -> Result<Vec<String>, Error> {
    let mark = storage::stat(MARK)?.map(|info| info.version);
    let stored = match storage::get(LIST) {
        Err(packhouse_plugin::Error::Damaged { .. }) => None,
        stored => stored?,
    };
    if let Some(stored) = &stored
        && let Some(list) = counting(stored, mark.as_deref())?
    {
        return Ok(list.projects);
    }
    let list = List { mark, projects: walk()? };
    if let Err(error) = write(&list, stored.as_ref()) {
        log::warn("the list of projects could not be written", &[("error", &error.to_string())]);
    }
    pages::refresh_root(&list.projects);
    Ok(list.projects)
}

/// A project came or went: the next one who asks for all of them walks.
pub fn changed() {
    if let Err(error) = storage::put(MARK, &random::bytes(16), Precondition::Any, None) {
        let sentence = "the list of projects is behind for a minute: its mark could not be made";
        log::warn(sentence, &[("error", &error.to_string())]);
    }
}

/// The stored list, if nothing says that it is behind.
fn counting(stored: &Document, mark: Option<&str>) -> Result<Option<List>, Error> {
    let is_young = storage::age(&stored.info)?.is_some_and(|age| age < INTERVAL);
    let list: Option<List> = serde_json::from_slice(&stored.bytes).ok();
    Ok(list.filter(|list| is_young && list.mark.as_deref() == mark))
}

fn write(list: &List, stored: Option<&Document>) -> Result<(), Error> {
    let precondition =
        stored.map_or(Precondition::Absent, |stored| Precondition::Version(&stored.info.version));
    match storage::put(LIST, &storage::to_json(list)?, precondition, Some(JSON)) {
        // Somebody else was faster, which is as good.
        Err(packhouse_plugin::Error::Conflict) | Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// As the store has them now.
pub fn walk() -> Result<Vec<String>, Error> {
    let mut names = folders(METADATA)?;
    // What an earlier system has stored may have no document.
    names.extend(folders(PACKAGES)?);
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The names of the folders directly below `prefix` that can be projects.
fn folders(prefix: &str) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = storage::list_page(&ListingOptions {
            folders: true,
            after: after.as_deref(),
            ..ListingOptions::new(prefix)
        })?;
        names.extend(page.folders.iter().filter_map(|folder| {
            let name = folder.strip_prefix(prefix)?.trim_end_matches('/');
            ProjectName::parse_normalised(name).map(|name| name.as_str().to_owned())
        }));
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(names),
        }
    }
}

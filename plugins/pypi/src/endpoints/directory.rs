//! Which projects there are, from the folders in the store. There is no list that could be out
//! of date, and walking costs two pages of keys per 1000 projects, asked of whoever wants the
//! list and of no publish.

use packhouse_plugin::storage::{self, ListingOptions};

use crate::error::Error;
use crate::layout::{METADATA, PACKAGES};
use crate::name::ProjectName;

/// All of them, in the order of their bytes. One that has a folder and no files is in it too.
pub fn project_names() -> Result<Vec<String>, Error> {
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

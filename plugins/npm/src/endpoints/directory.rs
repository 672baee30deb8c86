//! Which packages there are, from the folders in the store. There is no list that could
//! be out of date, and walking costs one page of keys per 1000 packages.

use packhouse_plugin::storage::{self, ListingOptions};

use crate::error::Error;
use crate::layout::PACKAGES;
use crate::name::PackageName;

/// Every package that has a folder, in the order of its bytes. Whether it has a document
/// shows when that is read. Stops after `limit` names.
pub fn package_names(limit: usize) -> Result<Vec<PackageName>, Error> {
    let mut names = Vec::new();
    for folder in folders(PACKAGES, limit)? {
        if names.len() >= limit {
            break;
        }
        if folder.starts_with('@') {
            let prefix = format!("{PACKAGES}{folder}/");
            for base in folders(&prefix, limit - names.len())? {
                names.extend(PackageName::parse(&format!("{folder}/{base}")));
            }
        } else {
            names.extend(PackageName::parse(&folder));
        }
    }
    names.truncate(limit);
    Ok(names)
}

/// The names of the folders directly below `prefix`.
fn folders(prefix: &str, limit: usize) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    let mut after: Option<String> = None;
    while names.len() < limit {
        let page = storage::list_page(&ListingOptions {
            folders: true,
            after: after.as_deref(),
            ..ListingOptions::new(prefix)
        })?;
        names.extend(page.folders.iter().filter_map(|folder| {
            let name = folder.strip_prefix(prefix)?;
            Some(name.trim_end_matches('/').to_owned())
        }));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    Ok(names)
}

//! Files that no index names, and names that were taken for crates that never were: left
//! behind by publishes that were interrupted.
//!
//! # Invariants
//! - An index is read after its crate's files were listed: what was published in between is
//!   named by then.
//! - Where an index cannot be read, nothing beside it is removed.

use packhouse_plugin::maintenance::{Step, forget_claims};
use packhouse_plugin::storage::{self, GRACE, ListingOptions, list_page};
use packhouse_plugin::{Error, ObjectInfo};

use super::Stored;
use crate::layout;
use crate::name::{CrateName, Version};
use crate::owners::Owners;

/// Keys of one step.
const KEYS: u32 = 500;
/// Bytes of index files after which a step ends.
const MOST_READ: u64 = 16 << 20;

/// One step: a page of keys, first of files, then of owners.
pub fn collect(step: &Step<'_>) -> Result<(), Error> {
    let after = step.cursor();
    if after.is_none() {
        forget_claims(step)?;
    }
    match after.as_deref() {
        Some(after) if after.starts_with(layout::OWNERS) => collect_owners(step, Some(after)),
        after => collect_files(step, after),
    }
}

fn collect_files(step: &Step<'_>, after: Option<&str>) -> Result<(), Error> {
    let page = list_page(&ListingOptions { after, limit: KEYS, ..ListingOptions::new(layout::CRATES) })?;
    let mut read = 0;
    for files in page.objects.chunk_by(|one, next| folder(&one.key) == folder(&next.key)) {
        read += collect_crate(step, files)?;
        if let Some(last) = files.last().filter(|_| read > MOST_READ) {
            step.set_cursor(&last.key);
            return Ok(());
        }
    }
    match page.next {
        Some(next) => step.set_cursor(&next),
        None => step.set_cursor(layout::OWNERS),
    }
    Ok(())
}

fn folder(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The files of one crate, or some of them. Gives the bytes that were read.
fn collect_crate(step: &Step<'_>, files: &[ObjectInfo]) -> Result<u64, Error> {
    step.checked(files.len() as u64, 0);
    let releases: Vec<(&ObjectInfo, CrateName, Version)> = files
        .iter()
        .filter_map(|file| layout::release_of_file(&file.key).map(|(name, version)| (file, name, version)))
        .collect();
    let Some((_, name, _)) = releases.first() else { return Ok(0) };
    let stored = Stored::read(name)?;
    step.checked(0, stored.size());
    if let Stored::TooLarge(limit) = &stored {
        step.damaged(&layout::index(name), &format!("it is larger than the {limit} bytes that can be read"));
    }
    for (file, name, version) in &releases {
        if !stored.names(version) {
            let is_named = || Ok::<_, Error>(Stored::read(name)?.names(version));
            step.reclaim(file, "no index names it", is_named)?;
        }
    }
    Ok(stored.size())
}

/// Documents of crates that have no index file. What is younger than two graces may be that
/// of a first publish that is under way.
fn collect_owners(step: &Step<'_>, after: Option<&str>) -> Result<(), Error> {
    let after = after.filter(|after| *after != layout::OWNERS);
    let page = list_page(&ListingOptions { after, limit: KEYS, ..ListingOptions::new(layout::OWNERS) })?;
    let keys: Vec<&str> = page.objects.iter().map(|object| object.key.as_str()).collect();
    for (object, document) in page.objects.iter().zip(storage::get_each(&keys)) {
        step.checked(1, object.size);
        let Some(document) = document? else { continue };
        let Ok(owners) = document.json::<Owners>() else {
            step.damaged(&object.key, "it is no document of owners");
            continue;
        };
        let Ok(name) = CrateName::parse(&owners.name) else {
            step.damaged(&object.key, "it names no crate");
            continue;
        };
        if storage::stat(&layout::index(&name))?.is_some() {
            continue;
        }
        let floor = step.started().saturating_sub(2 * GRACE);
        if step.is_recent(object) || object.modified.is_none_or(|modified| modified >= floor) {
            step.kept(1, object.size);
        } else if step.remove(object)? {
            step.left_over(&object.key, object.size, "there is no crate of this name");
        }
    }
    page.next.iter().for_each(|next| step.set_cursor(next));
    Ok(())
}

//! Removes files that no index lists, and reserved names of crates that were never published.
//! Interrupted publishes leave both.
//!
//! # Invariants
//! - An index file is read after the files of its crate were listed, so it also lists what was
//!   published in between.
//! - A file is removed only if the index file beside it is intact and all crates that it lists exist.

use packhouse_plugin::maintenance::{
    Phase, Reference, Step, Stored, each_document, each_folder, forget_claims,
};
use packhouse_plugin::storage::{self, GRACE, ListingOptions, list_page};
use packhouse_plugin::{Error, ObjectInfo};

use super::{begun, lost_index, reference, stored};
use crate::document::Index;
use crate::layout;
use crate::name::{CrateName, Version};
use crate::owners::Owners;

/// Keys of one step.
const KEYS: u32 = 500;
/// Bytes of index files after which a step ends.
const MOST_READ: u64 = 16 << 20;

pub const PHASES: &[Phase] = &[
    Phase { name: "files", step: files },
    Phase { name: "lost", step: |step, after| step.collect_lost(after, has_files_of) },
    Phase { name: "owners", step: owners },
];

fn files(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    if after.is_none() {
        forget_claims(step)?;
    }
    each_folder(layout::CRATES, after, KEYS, MOST_READ, |files| collect_crate(step, files))
}

/// The files of one crate, or some of them. Gives the bytes that were read.
fn collect_crate(step: &Step<'_>, files: &[ObjectInfo]) -> Result<u64, Error> {
    step.checked(files.len() as u64, 0);
    let releases: Vec<(&ObjectInfo, CrateName, Version)> = files
        .iter()
        .filter_map(|file| layout::release_of_file(&file.key).map(|(name, version)| (file, name, version)))
        .collect();
    let Some((_, name, _)) = releases.first() else { return Ok(0) };
    let key = layout::index(name);
    let stored = stored(name)?;
    step.checked(0, stored.size());
    if let Some(why) = stored.damage() {
        step.damaged_once(&key, why);
    }
    let unnamed: Vec<(&ObjectInfo, &Version, Reference)> = releases
        .iter()
        .map(|(file, _, version)| (*file, version, reference(&stored, version)))
        .filter(|(_, _, reference)| *reference != Reference::Named)
        .collect();
    if let (false, Stored::Ours(document, ())) = (unnamed.is_empty(), &stored)
        && step.report_missing(&key, first_missing(name, Index::new(&document.bytes))?.as_deref())
    {
        return Ok(stored.size());
    }
    // Reading when an index was begun takes all of its lines: once for all files.
    let begun = if unnamed.is_empty() { None } else { begun(&stored) };
    for (file, version, found) in unnamed {
        let again = || {
            let stored = super::stored(name)?;
            Ok::<_, Error>(reference(&stored, version).beside(file, super::begun(&stored)))
        };
        step.reclaim(file, &key, found.beside(file, begun), again)?;
    }
    Ok(stored.size())
}

/// A file that the index names and that does not exist: then the index or the storage has lost
/// something.
fn first_missing(name: &CrateName, index: Index<'_>) -> Result<Option<String>, Error> {
    let releases: Vec<(CrateName, Version)> = index.lines().filter_map(|line| line.release(name)).collect();
    let spelled: Vec<String> =
        releases.iter().map(|(name, version)| layout::crate_file(name, version)).collect();
    let lower: Vec<String> =
        releases.iter().map(|(name, version)| layout::lower_crate_file(name, version)).collect();
    let found = storage::stat_many(&spelled)?.into_iter().zip(storage::stat_many(&lower)?);
    let missing = spelled.iter().zip(found).find(|(_, (one, other))| one.is_none() && other.is_none());
    Ok(missing.map(|(key, _)| key.clone()))
}

/// Collects documents of owners of crates that have no index file.
fn owners(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_document(layout::OWNERS, after, KEYS, u64::MAX, |object, document| {
        step.checked(1, object.size);
        let owners = match super::owners(document)? {
            Ok(owners) => owners,
            Err(why) => {
                step.damaged_once(&object.key, &why);
                return Ok(());
            }
        };
        let Ok(name) = CrateName::parse(&owners.name) else { return Ok(()) };
        if is_crate(&name)? {
            return Ok(());
        }
        if owners.published && !step.removes_orphans() {
            step.damaged_once(&layout::index(&name), &lost_index(&object.key));
            return Ok(());
        }
        if step.is_recent(object) || !is_old(step, object) {
            step.kept(1, object.size);
        } else if step.remove_document(object)? {
            step.left_over(&object.key, object.size, "there is no crate of this name");
        }
        Ok(())
    })
}

/// Whether a collection would remove this document of owners, however short its grace is.
pub fn is_left_over(step: &Step<'_>, object: &ObjectInfo, name: &CrateName) -> Result<bool, Error> {
    Ok(is_old(step, object) && !is_crate(name)?)
}

/// What is younger than two graces may be that of a first publish that is under way.
fn is_old(step: &Step<'_>, object: &ObjectInfo) -> bool {
    let floor = step.started().saturating_sub(2 * GRACE);
    object.modified.is_some_and(|modified| modified < floor)
}

/// Next to files, or to the proof of an index file, a document of owners may be what is left of a
/// crate whose index file was lost.
fn is_crate(name: &CrateName) -> Result<bool, Error> {
    let index = layout::index(name);
    if storage::stat(&index)?.is_some() || has_files(name)? {
        return Ok(true);
    }
    match storage::check_absent(&index) {
        Err(Error::Damaged { .. }) => Ok(true),
        checked => checked.map(|()| false),
    }
}

/// Whether a file of the crate is there whose index file lies at this key. Its files lie below its
/// name as it is spelled, which the document of owners knows.
fn has_files_of(index: &str) -> Result<bool, Error> {
    let Some(name) = layout::crate_of_index(index) else {
        return layout::crate_of_owners(index).map_or(Ok(false), |name| is_any_spelling(&name));
    };
    if has_files(&name)? {
        return Ok(true);
    }
    let owners = match storage::get(&layout::owners(&name)) {
        Err(Error::Damaged { .. }) => None,
        owners => owners?,
    };
    let owners = owners.and_then(|owners| owners.json::<Owners>().ok());
    let spelled = owners.and_then(|owners| CrateName::parse(&owners.name).ok());
    spelled.map_or(Ok(false), |spelled| has_files(&spelled))
}

/// Whether a crate is there, in any spelling of this name.
fn is_any_spelling(name: &CrateName) -> Result<bool, Error> {
    for name in [name.clone()].iter().chain(&name.variants()) {
        if is_crate(name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_files(name: &CrateName) -> Result<bool, Error> {
    for folder in [format!("{}{name}/", layout::CRATES), format!("{}{}/", layout::CRATES, name.lower())] {
        let page = list_page(&ListingOptions { limit: 1, ..ListingOptions::new(&folder) })?;
        if !page.objects.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

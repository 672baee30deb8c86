//! Compares each file with the index, and reports files without an index and damaged lists of owners.
//! It changes nothing.

use packhouse_plugin::digests::SHA256;
use packhouse_plugin::maintenance::{
    Budget, Phase, Place, Reference, Step, Stored, digests, each_document, each_folder, each_in_parts,
};
use packhouse_plugin::storage;
use packhouse_plugin::{Error, ObjectInfo, find_digest};

use super::collect::is_left_over;
use super::{begun, index, is_published_here, lost_index, lost_owners, reference, stored};
use crate::document::{Index, Line, bad_line};
use crate::layout;
use crate::name::{CrateName, Version};
use crate::owners::Owners;

/// Keys of one step.
const KEYS: u32 = 500;
/// Bytes of index files after which a step that looks at files ends.
const MOST_OF_INDEXES: u64 = 16 << 20;
/// Versions after which a step ends, and bytes.
const MOST_VERSIONS: u64 = 200;
const MOST_READ: u64 = 1 << 30;

/// What the layout has folders for.
const FOLDERS: [&str; 3] = ["index", "crates", "owners"];

pub const PHASES: &[Phase] = &[
    Phase { name: "indexes", step: indexes },
    Phase { name: "files", step: files },
    Phase { name: "owners", step: owners },
    Phase { name: "lost", step: |step, after| step.report_lost(after) },
];

/// Crates in the order of their index files, until enough was read. The place is the number of the
/// lines that were read before, and the key of the index file.
fn indexes(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    if after.is_none() {
        step.report_files_for_folders(&FOLDERS)?;
    }
    let mut budget = Budget::new(MOST_VERSIONS, MOST_READ);
    each_in_parts(layout::INDEX, after, KEYS, |key, done| {
        if step.report_misplaced(layout::misplaced(key)) {
            return Ok(None);
        }
        verify_crate(step, key, done, &mut budget)
    })
}

/// Files that no index names, or that have no index file.
fn files(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_folder(layout::CRATES, after, KEYS, MOST_OF_INDEXES, |files| verify_files_of_crate(step, files))
}

/// Gives the bytes that were read.
fn verify_files_of_crate(step: &Step<'_>, files: &[ObjectInfo]) -> Result<u64, Error> {
    for file in files {
        step.report_misplaced(layout::misplaced(&file.key));
    }
    let releases: Vec<(&ObjectInfo, CrateName, Version)> = files
        .iter()
        .filter_map(|file| layout::release_of_file(&file.key).map(|(name, version)| (file, name, version)))
        .collect();
    let Some((_, name, _)) = releases.first() else { return Ok(0) };
    let stored = stored(name)?;
    let unnamed: Vec<(&ObjectInfo, Reference)> = releases
        .iter()
        .map(|(file, _, version)| (*file, reference(&stored, version)))
        .filter(|(_, reference)| *reference != Reference::Named)
        .collect();
    let begun = if unnamed.is_empty() { None } else { begun(&stored) };
    let unnamed: Vec<_> =
        unnamed.into_iter().map(|(file, reference)| (file, reference.beside(file, begun))).collect();
    step.report_unnamed(&unnamed, &layout::index(name))?;
    Ok(stored.size())
}

fn owners(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_document(layout::OWNERS, after, KEYS, u64::MAX, |object, document| {
        let key = &object.key;
        if step.report_misplaced(layout::misplaced(key)) {
            return Ok(());
        }
        match super::owners(document)? {
            Ok(owners) => report_ownerless(step, object, &owners)?,
            Err(why) => step.damaged_once(key, &why),
        }
        Ok(())
    })
}

/// Reports owners of a crate that does not exist.
fn report_ownerless(step: &Step<'_>, object: &ObjectInfo, owners: &Owners) -> Result<(), Error> {
    let Ok(name) = CrateName::parse(&owners.name) else { return Ok(()) };
    if is_left_over(step, object, &name)? && owners.published {
        step.damaged_once(&layout::index(&name), &lost_index(&object.key));
    } else if is_left_over(step, object, &name)? {
        step.orphan(
            &object.key,
            object.size,
            &format!("there is no crate {name}: `packhouse gc` removes it"),
        );
    }
    Ok(())
}

/// The crate whose index file this is, less the lines that were read before. Gives the place to go
/// on at when the step has done enough.
fn verify_crate(
    step: &Step<'_>,
    key: &str,
    read: usize,
    budget: &mut Budget,
) -> Result<Option<String>, Error> {
    if budget.is_spent() {
        return Ok(Some(Place::at(read, key)));
    }
    let Some(name) = layout::crate_of_index(key) else { return Ok(None) };
    let stored = stored(&name)?;
    if read == 0 {
        step.checked(1, stored.size());
    }
    let mut told = false;
    let lines = index(&stored).into_iter().flat_map(Index::all_lines).enumerate();
    for (number, line) in lines.skip(read) {
        if budget.is_spent() {
            return Ok(Some(Place::at(number, key)));
        }
        if let Some((line, (spelled, version))) =
            line.as_ref().and_then(|line| Some((line, line.release(&name)?)))
        {
            verify_version(step, &spelled, &version, line, budget)?;
        } else {
            told = true;
            step.damaged(key, &bad_line(number));
        }
    }
    if read == 0 {
        verify_has_owners(step, &stored)?;
    }
    // What no single line shows: that it is empty, too large, or lists a version twice.
    if let (Some(why), false) = (stored.damage(), told) {
        step.damaged_once(key, why);
    }
    Ok(None)
}

fn verify_has_owners(step: &Step<'_>, stored: &Stored) -> Result<(), Error> {
    let Stored::Ours(document, ()) = stored else { return Ok(()) };
    let index = Index::new(&document.bytes);
    let Some(name) = index.name().filter(|_| is_published_here(index)) else { return Ok(()) };
    let key = layout::owners(&name);
    if storage::stat(&key)?.is_none() {
        step.damaged_once(&key, &lost_owners(&name));
    }
    Ok(())
}

fn verify_version(
    step: &Step<'_>,
    name: &CrateName,
    version: &Version,
    line: &Line<'_>,
    budget: &mut Budget,
) -> Result<(), Error> {
    let keys = [layout::crate_file(name, version), layout::lower_crate_file(name, version)];
    let found = storage::stat_many(&keys)?.into_iter().flatten().next();
    let size = found.as_ref().map_or(0, |info| info.size);
    let [key, _] = keys;
    let key = found.map_or(key, |info| info.key);
    budget.spend(1, size);
    step.checked(1, size);
    let computed = digests(&key, &[SHA256])?;
    let why = match computed.as_deref().and_then(|digests| find_digest(digests, SHA256)) {
        None => "it is missing, but the index lists it".to_owned(),
        Some(computed) if computed.hex.eq_ignore_ascii_case(&line.cksum) => return Ok(()),
        Some(computed) => format!("its SHA-256 is {}, but the index says {}", computed.hex, line.cksum),
    };
    // It may have been replaced by hand while it was read; a publish never does that.
    step.damaged_if(&key, Some(&why), || {
        let now = stored(name)?;
        Ok(index(&now).and_then(|index| index.find(version)).is_some_and(|now| now.cksum == line.cksum))
    })
}

//! Compares each dist with its document, and reports files that no document names. It changes nothing.

use packhouse_plugin::digests::{SHA1, SHA256};
use packhouse_plugin::maintenance::{
    Budget, Phase, Place, Reference, Step, digests, each_folder, each_in_parts,
};
use packhouse_plugin::storage::{self, GRACE};
use packhouse_plugin::{Error, ObjectInfo, find_digest};

use super::{notes, reference, stored};
use crate::catalog;
use crate::document::Dist;
use crate::endpoints::advisories;
use crate::layout;
use crate::name::PackageName;

/// Keys of one listing.
const KEYS: u32 = 500;
/// Dists after which a step ends, and bytes.
const MOST_FILES: u64 = 200;
const MOST_READ: u64 = 1 << 30;
/// Bytes of documents that were read for their files after which a step ends.
const MOST_OF_DOCUMENTS: u64 = 16 << 20;
/// What the layout has folders for.
const FOLDERS: [&str; 2] = ["packages", "deleted"];

pub const PHASES: &[Phase] = &[
    Phase { name: "documents", step: documents },
    Phase { name: "files", step: files },
    Phase { name: "list", step: |step, _| verify_list(step).map(|()| None) },
    Phase { name: "lost", step: |step, after| step.report_lost(after) },
];

/// The place is the number of the package's dists that were read before, and the document's key.
fn documents(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    if after.is_none() {
        step.report_files_for_folders(&FOLDERS)?;
    }
    let mut budget = Budget::new(MOST_FILES, MOST_READ);
    each_in_parts(layout::PACKAGES, after, KEYS, |key, done| {
        let name = layout::package_of_document(key);
        name.map_or(Ok(None), |name| verify_package(step, key, &name, done, &mut budget))
    })
}

/// Gives the place to go on at when the step has done enough.
fn verify_package(
    step: &Step<'_>,
    key: &str,
    name: &PackageName,
    done: usize,
    budget: &mut Budget,
) -> Result<Option<String>, Error> {
    if budget.is_spent() {
        return Ok(Some(Place::at(done, key)));
    }
    let stored = stored(name)?;
    if done == 0 {
        step.checked(1, stored.size());
    }
    if let Some(why) = stored.damage() {
        step.damaged_once(key, why);
    }
    let Some(package) = stored.content() else { return Ok(None) };
    for (index, (normalized, dist)) in package.files().enumerate().skip(done) {
        if budget.is_spent() {
            return Ok(Some(Place::at(index, key)));
        }
        budget.spend(1, dist.size);
        verify_dist(step, name, dist)?;
        notes::verify(step, name, normalized, dist)?;
    }
    Ok(None)
}

fn verify_dist(step: &Step<'_>, name: &PackageName, dist: &Dist) -> Result<(), Error> {
    if !layout::is_reference(&dist.reference) {
        return Ok(());
    }
    let key = layout::dist(name, &dist.reference);
    let computed = digests(&key, &[SHA1, SHA256])?;
    let size = storage::stat(&key)?.map(|info| info.size);
    step.checked(1, dist.size);
    let why = match (computed, size) {
        (None, _) | (_, None) => Some("it is missing, but the document lists it".to_owned()),
        (Some(_), Some(size)) if size != dist.size => {
            Some(format!("it has {size} bytes, but the document says {}", dist.size))
        }
        (Some(computed), Some(_)) => {
            [(SHA1, &dist.sha1), (SHA256, &dist.sha256)].into_iter().find_map(|(algorithm, stated)| {
                let found = find_digest(&computed, algorithm)?;
                (!stated.eq_ignore_ascii_case(&found.hex))
                    .then(|| format!("its bytes have {found}, but the document says {stated}"))
            })
        }
    };
    step.damaged_if(&key, why.as_deref(), || is_named(name, dist))
}

/// Whether the document names it still.
pub fn is_named(name: &PackageName, dist: &Dist) -> Result<bool, Error> {
    Ok(stored(name)?.content().is_some_and(|package| package.dists().any(|there| there == dist)))
}

/// Packages that are not on the list that clients get: they look for these in other repositories.
fn verify_list(step: &Step<'_>) -> Result<(), Error> {
    if catalog::listed()?.is_none() {
        return Ok(());
    }
    let names = catalog::walk()?;
    // After the walk: a publish changes the list after its document.
    let Some(listed) = catalog::listed()? else { return Ok(()) };
    let floor = step.started().saturating_sub(GRACE);
    let names: Vec<PackageName> = names
        .iter()
        .filter(|name| listed.binary_search(name).is_err())
        .filter_map(|name| PackageName::parse(name).ok())
        .collect();
    let documents: Vec<String> = names.iter().map(layout::document).collect();
    let is_old = |info: &ObjectInfo| info.modified.is_some_and(|modified| modified < floor);
    let mut missing = names.iter().zip(storage::stat_many(&documents)?);
    if let Some((name, _)) = missing.find(|(_, found)| found.as_ref().is_none_or(is_old)) {
        let why = format!(
            "it does not list {name}, so clients look for this package in other repositories: run `packhouse reindex`"
        );
        step.damaged_once(layout::LIST, &why);
    }
    Ok(())
}

fn files(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_folder(layout::PACKAGES, after, KEYS, MOST_OF_DOCUMENTS, |objects| verify_files(step, objects))
}

/// The files of one package, or some of them. Gives the bytes that were read.
fn verify_files(step: &Step<'_>, objects: &[ObjectInfo]) -> Result<u64, Error> {
    for object in objects {
        step.report_misplaced(layout::misplaced(&object.key));
    }
    let files: Vec<(&ObjectInfo, PackageName, &str)> = objects
        .iter()
        .filter_map(|object| layout::package_of(&object.key).map(|(name, file)| (object, name, file)))
        .collect();
    let Some((_, name, _)) = files.first() else { return Ok(0) };
    let stored = stored(name)?;
    let mut unnamed: Vec<(&ObjectInfo, Reference)> = Vec::new();
    for (object, _, file) in &files {
        if *file == layout::ADVISORIES {
            step.checked(1, object.size);
            step.pass(advisories::check(name))?;
        }
        let found = reference(name, &stored, file)?;
        if !matches!(found, Reference::Named | Reference::Damaged) {
            unnamed.push((object, found));
        }
    }
    step.report_unnamed(&unnamed, &layout::document(name))?;
    Ok(stored.size())
}

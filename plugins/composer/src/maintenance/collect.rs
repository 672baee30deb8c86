//! Removes dists and notes that no document names, which interrupted publishes and deletions leave, and
//! notes about deleted packages that no client needs any more.
//!
//! # Invariants
//! - A document is read after the files of its package were listed, so it also names what was published
//!   in between.
//! - A file is removed only if the document beside it was written by this plugin and is intact, and all
//!   its dists exist.

use packhouse_plugin::maintenance::{
    Phase, Reference, Step, each_document, each_folder, first_missing, forget_claims,
};
use packhouse_plugin::storage::{self, ListingOptions, PROOFS, list_page};
use packhouse_plugin::time::SECOND;
use packhouse_plugin::{Error, ObjectInfo};
use serde_json::{Map, Value};

use super::{reference, stored};
use crate::document::Package;
use crate::endpoints::advisories;
use crate::layout;
use crate::name::PackageName;

/// Keys of one step.
const KEYS: u32 = 500;
/// Bytes of documents after which a step ends.
const MOST_READ: u64 = 16 << 20;

pub const PHASES: &[Phase] = &[
    Phase { name: "files", step: files },
    Phase { name: "lost", step: |step, after| step.collect_lost(after, has_files) },
    Phase { name: "deleted", step: deleted },
];

fn files(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    if after.is_none() {
        forget_claims(step)?;
    }
    each_folder(layout::PACKAGES, after, KEYS, MOST_READ, |objects| collect_package(step, objects))
}

/// The files of one package, or some of them. Gives the bytes that were read.
fn collect_package(step: &Step<'_>, objects: &[ObjectInfo]) -> Result<u64, Error> {
    step.checked(objects.len() as u64, 0);
    let files: Vec<(&ObjectInfo, PackageName, &str)> = objects
        .iter()
        .filter_map(|object| layout::package_of(&object.key).map(|(name, file)| (object, name, file)))
        .collect();
    let Some((_, name, _)) = files.first() else { return Ok(0) };
    let key = layout::document(name);
    let stored = stored(name)?;
    step.checked(0, stored.size());
    if let Some(why) = stored.damage() {
        step.damaged_once(&key, why);
    }
    let mut unnamed: Vec<(&ObjectInfo, &str, Reference)> = Vec::new();
    for (object, _, file) in &files {
        if *file == layout::ADVISORIES {
            step.pass(advisories::check(name))?;
        }
        let found = reference(name, &stored, file)?;
        if !matches!(found, Reference::Named | Reference::Damaged) {
            unnamed.push((object, file, found));
        }
    }
    let dists = stored.content().into_iter().flat_map(Package::dists);
    let named: Vec<String> = dists.map(|dist| layout::dist(name, &dist.reference)).collect();
    if !unnamed.is_empty() && step.report_missing(&key, first_missing(&named)?.as_deref()) {
        return Ok(stored.size());
    }
    for (object, file, found) in unnamed {
        step.reclaim(object, &key, found, || reference(name, &super::stored(name)?, file))?;
        if found == Reference::Unnamed && layout::is_dist(file) {
            collect_note(step, name, object, file)?;
        }
        if file == layout::ADVISORIES {
            forget_advisories(step, object)?;
        }
    }
    Ok(stored.size())
}

/// The note beside a dist goes right after it: its key comes before the dist's, so the dist was still
/// there when the note was looked at.
fn collect_note(step: &Step<'_>, name: &PackageName, dist: &ObjectInfo, file: &str) -> Result<(), Error> {
    let stays = step.is_young(dist) || (!step.is_dry_run() && storage::stat(&dist.key)?.is_some());
    let Some(at) = layout::reference_of(file).filter(|_| !stays) else { return Ok(()) };
    let Some(note) = storage::stat(&layout::note(name, at))? else { return Ok(()) };
    step.reclaim(&note, &layout::document(name), Reference::Unnamed, || {
        reference(name, &stored(name)?, &format!("{at}.json"))
    })
}

/// The proof of advisories that were removed with their package.
fn forget_advisories(step: &Step<'_>, advisories: &ObjectInfo) -> Result<(), Error> {
    if step.is_dry_run() || storage::stat(&advisories.key)?.is_some() {
        return Ok(());
    }
    match storage::stat(&format!("{PROOFS}{}", advisories.key))? {
        Some(proof) => step.remove(&proof).map(drop),
        None => Ok(()),
    }
}

/// Whether a file of the package is there whose document lies at this key.
fn has_files(document: &str) -> Result<bool, Error> {
    let Some(name) = layout::package_of_document(document) else { return Ok(false) };
    let folder = layout::folder(&name);
    let page = list_page(&ListingOptions { limit: 1, ..ListingOptions::new(&folder) })?;
    Ok(!page.objects.is_empty())
}

/// A note says how new the document of a package must be that comes back. Once that moment has passed,
/// every document is.
fn deleted(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let now = storage::now()? / SECOND;
    each_document(layout::DELETED, after, KEYS, MOST_READ, |object, document| {
        step.checked(1, object.size);
        let members: Option<Map<String, Value>> = document.ok().and_then(|document| document.json().ok());
        let told = members.and_then(|members| members.get("modified").and_then(Value::as_u64));
        if step.is_young(object) || told.is_some_and(|told| told >= now) {
            step.kept(1, object.size);
        } else if step.remove(object)? {
            step.left_over(&object.key, object.size, "its package was deleted long ago");
        }
        Ok(())
    })
}

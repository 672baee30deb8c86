//! Removes tarballs and provenance bundles that no packument names. Interrupted publishes and
//! unpublishes leave such files.
//!
//! # Invariants
//! - A packument is read after the files of its package were listed, so it also names what was
//!   published in between.
//! - A file is removed only if the packument beside it is intact and all its tarballs exist.

use packhouse_plugin::maintenance::{Phase, Reference, Step, each_folder, first_missing, forget_claims};
use packhouse_plugin::{Error, ObjectInfo, storage};

use super::part::Part;
use super::{package_of, packument, stored};
use crate::document::Packument;
use crate::layout;
use crate::name::PackageName;

/// Keys of one step.
const KEYS: u32 = 500;
/// Bytes of packuments after which a step ends.
const MOST_READ: u64 = 16 << 20;

pub const PHASES: &[Phase] = &[
    Phase { name: "files", step: files },
    Phase { name: "lost", step: |step, after| step.collect_lost(after, has_files) },
];

/// A page of keys, package by package.
fn files(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    if after.is_none() {
        forget_claims(step)?;
    }
    each_folder(layout::PACKAGES, after, KEYS, MOST_READ, |files| collect_package(step, files))
}

/// Whether a file of the package is there whose packument lies at this key.
fn has_files(index: &str) -> Result<bool, Error> {
    let Some(name) = package_of(index) else { return Ok(false) };
    for object in storage::list(&format!("{}/", layout::folder(&name))) {
        if Part::of(&name, &object?.key).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The files of one package, or some of them. Gives the bytes that were read.
fn collect_package(step: &Step<'_>, files: &[ObjectInfo]) -> Result<u64, Error> {
    step.checked(files.len() as u64, 0);
    let Some(name) = files.first().and_then(|file| package_of(&file.key)) else { return Ok(0) };
    let parts: Vec<(&ObjectInfo, Part<'_>)> =
        files.iter().filter_map(|file| Some((file, Part::of(&name, &file.key)?))).collect();
    if parts.is_empty() {
        return Ok(0);
    }
    let key = layout::index(&name);
    let stored = stored(&name)?;
    step.checked(0, stored.size());
    if let Some(why) = stored.damage() {
        step.damaged_once(&key, why);
        return Ok(stored.size());
    }
    let packument = packument(&stored);
    let begun = super::begun(packument.as_ref());
    let reference =
        |file: &ObjectInfo, part: &Part<'_>| part.reference(&stored, packument.as_ref()).beside(file, begun);
    let unnamed: Vec<_> = parts
        .into_iter()
        .map(|(file, part)| (file, reference(file, &part), part))
        .filter(|(_, found, _)| *found != Reference::Named)
        .collect();
    if let (false, Some(packument)) = (unnamed.is_empty(), &packument)
        && step.report_missing(&key, first_missing(&tarballs(&name, packument))?.as_deref())
    {
        return Ok(stored.size());
    }
    for (file, found, part) in unnamed {
        let again = || {
            let stored = super::stored(&name)?;
            let packument = super::packument(&stored);
            let begun = super::begun(packument.as_ref());
            Ok::<_, Error>(part.reference(&stored, packument.as_ref()).beside(file, begun))
        };
        step.reclaim(file, &key, found, again)?;
    }
    Ok(stored.size())
}

/// The keys of the tarballs that the packument names.
fn tarballs(name: &PackageName, packument: &Packument<'_>) -> Vec<String> {
    let tarballs = packument.versions().map(|(version, _)| layout::tarball_name(name, version));
    // A version that cannot be a key is that of an earlier system: nothing can lie there.
    tarballs
        .filter(|tarball| tarball.len() <= layout::SEGMENT_LENGTH && !tarball.contains('/'))
        .map(|tarball| layout::file(name, &tarball))
        .collect()
}

//! Tarballs and provenance bundles that no packument names: left behind by publishes and
//! unpublishes that were interrupted.
//!
//! # Invariants
//! - A packument is read after its files were listed: what was published in between is
//!   named by then.
//! - A file is removed only next to a packument that is whole and whose tarballs are all there.

use packhouse_plugin::maintenance::{Reference, Step, forget_claims};
use packhouse_plugin::storage::{self, ListingOptions, PROOFS, list_page};
use packhouse_plugin::{Error, ObjectInfo};

use super::part::Part;
use super::{Stored, folder, package_of};
use crate::document::Packument;
use crate::layout;
use crate::name::PackageName;

/// Keys of one step.
const KEYS: u32 = 500;
/// Bytes of packuments after which a step ends.
const MOST_READ: u64 = 16 << 20;

/// One step: a page of keys, package by package; then the proofs.
pub fn collect(step: &Step<'_>) -> Result<(), Error> {
    let after = step.cursor();
    if after.is_none() {
        forget_claims(step)?;
    }
    if let Some(after) = after.as_deref().filter(|after| after.starts_with(PROOFS)) {
        step.collect_lost(Some(after), has_files)?.iter().for_each(|next| step.set_cursor(next));
        return Ok(());
    }
    let options =
        ListingOptions { after: after.as_deref(), limit: KEYS, ..ListingOptions::new(layout::PACKAGES) };
    let page = list_page(&options)?;
    let mut read = 0;
    for files in page.objects.chunk_by(|one, next| folder(&one.key) == folder(&next.key)) {
        read += collect_package(step, files)?;
        match files.last() {
            Some(last) if read > MOST_READ => {
                step.set_cursor(&last.key);
                return Ok(());
            }
            _ => {}
        }
    }
    step.set_cursor(page.next.as_deref().unwrap_or(PROOFS));
    Ok(())
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
    let stored = Stored::read(&name)?;
    step.checked(0, stored.size());
    if let Stored::Damaged(_, why) = &stored {
        step.damaged_once(&key, why);
        return Ok(stored.size());
    }
    let packument = stored.packument();
    let begun = super::begun(packument.as_ref());
    let reference =
        |file: &ObjectInfo, part: &Part<'_>| part.reference(&stored, packument.as_ref()).beside(file, begun);
    let unnamed: Vec<_> = parts
        .into_iter()
        .map(|(file, part)| (file, reference(file, &part), part))
        .filter(|(_, found, _)| *found != Reference::Named)
        .collect();
    if let (false, Some(packument)) = (unnamed.is_empty(), &packument)
        && let Some(missing) = first_missing(&name, packument)?
    {
        step.damaged_once(
            &key,
            &format!("it names {missing}, which is missing, so nothing beside it is removed"),
        );
        return Ok(stored.size());
    }
    for (file, found, part) in unnamed {
        let again = || {
            let stored = Stored::read(&name)?;
            let packument = stored.packument();
            let begun = super::begun(packument.as_ref());
            Ok::<_, Error>(part.reference(&stored, packument.as_ref()).beside(file, begun))
        };
        step.reclaim(file, &key, found, again)?;
    }
    Ok(stored.size())
}

/// A tarball that the packument names and that is not there: then the packument, or the store,
/// has lost something.
fn first_missing(name: &PackageName, packument: &Packument<'_>) -> Result<Option<String>, Error> {
    let tarballs = packument.versions().map(|(version, _)| layout::tarball_name(name, version));
    // A version that cannot be a key is that of an earlier system: nothing can lie there.
    let keys: Vec<String> = tarballs
        .filter(|tarball| tarball.len() <= layout::SEGMENT_LENGTH && !tarball.contains('/'))
        .map(|tarball| layout::file(name, &tarball))
        .collect();
    let found = storage::stat_many(&keys)?;
    Ok(keys.into_iter().zip(found).find(|(_, found)| found.is_none()).map(|(key, _)| key))
}

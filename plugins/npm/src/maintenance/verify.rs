//! Compares each tarball with its packument, and reports files without a packument. It changes nothing.

use packhouse_plugin::digests::{SHA1, SHA256, SHA512};
use packhouse_plugin::maintenance::{Budget, Phase, Place, Step, digests, each_folder, each_in_parts};
use packhouse_plugin::storage;
use packhouse_plugin::{Error, ObjectInfo, find_digest};

use super::part::Part;
use super::{begun, package_of, packument, stored};
use crate::document::Manifest;
use crate::integrity::{self, Verdict};
use crate::json::Object;
use crate::layout;
use crate::name::PackageName;

/// Keys of one step.
const KEYS: u32 = 500;
/// Versions after which a step ends, and bytes.
const MOST_VERSIONS: u64 = 200;
const MOST_READ: u64 = 1 << 30;
/// Bytes of packuments that were read for their files after which a step ends.
const MOST_OF_PACKUMENTS: u64 = 16 << 20;

pub const PHASES: &[Phase] = &[
    Phase { name: "packages", step: packages },
    Phase { name: "files", step: files },
    Phase { name: "lost", step: |step, after| step.report_lost(after) },
];

/// Packages in the order of their keys, until enough was read. The place is the number of the
/// package's versions that were read before, and the packument's key.
fn packages(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    if after.is_none() {
        step.report_files_for_folders(&[layout::PACKAGES.trim_end_matches('/')])?;
    }
    let mut budget = Budget::new(MOST_VERSIONS, MOST_READ);
    each_in_parts(layout::PACKAGES, after, KEYS, |key, done| {
        if step.report_misplaced(layout::misplaced(key)) {
            return Ok(None);
        }
        verify_package(step, key, done, &mut budget)
    })
}

fn files(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_folder(layout::PACKAGES, after, KEYS, MOST_OF_PACKUMENTS, |files| verify_files(step, files))
}

/// Files that the packument does not name, or that have none. Gives the bytes that were read.
fn verify_files(step: &Step<'_>, files: &[ObjectInfo]) -> Result<u64, Error> {
    let Some(name) = files.first().and_then(|file| package_of(&file.key)) else { return Ok(0) };
    let parts: Vec<(&ObjectInfo, Part<'_>)> =
        files.iter().filter_map(|file| Some((file, Part::of(&name, &file.key)?))).collect();
    if parts.is_empty() {
        return Ok(0);
    }
    let stored = stored(&name)?;
    let packument = packument(&stored);
    let begun = begun(packument.as_ref());
    let files: Vec<_> = parts
        .into_iter()
        .map(|(file, part)| (file, part.reference(&stored, packument.as_ref()).beside(file, begun)))
        .collect();
    step.report_unnamed(&files, &layout::index(&name))?;
    Ok(stored.size())
}

/// The package whose packument this is, less the versions that were read before. Gives the place
/// to go on at when the step has done enough.
fn verify_package(
    step: &Step<'_>,
    key: &str,
    read: usize,
    budget: &mut Budget,
) -> Result<Option<String>, Error> {
    if budget.is_spent() {
        return Ok(Some(Place::at(read, key)));
    }
    let Some(name) = layout::package_of_index(key) else { return Ok(None) };
    let stored = stored(&name)?;
    if read == 0 {
        step.checked(1, stored.size());
    }
    if let Some(why) = stored.damage() {
        step.damaged_once(key, why);
    }
    let Some(packument) = packument(&stored) else { return Ok(None) };
    for (index, (version, manifest)) in packument.versions().enumerate().skip(read) {
        if budget.is_spent() {
            return Ok(Some(Place::at(index, key)));
        }
        verify_version(step, &name, version, Manifest(manifest), budget)?;
    }
    Ok(None)
}

fn verify_version(
    step: &Step<'_>,
    name: &PackageName,
    version: &str,
    manifest: Manifest<'_>,
    budget: &mut Budget,
) -> Result<(), Error> {
    let key = layout::file(name, &layout::tarball_name(name, version));
    let (why, size) = match compare(&key, manifest) {
        Ok(compared) => compared,
        // A version that cannot be a key: nothing can lie there.
        Err(Error::Invalid(why)) => (Some(why), 0),
        Err(error) => return Err(error),
    };
    budget.spend(1, size);
    step.checked(1, size);
    let still = || is_still_so(name, version, manifest);
    step.damaged_if(&key, why.as_deref(), still)?;
    let has_digest = manifest.integrity().is_some() || manifest.shasum().is_some();
    let why = format!("its version {version} names no digest in `dist`, so clients cannot install it safely");
    if !has_digest && still()? {
        step.damaged(&layout::index(name), &why);
    }
    verify_bundle(step, name, version, manifest)
}

/// Why a tarball is damaged, or none, and the number of bytes that were read.
fn compare(key: &str, manifest: Manifest<'_>) -> Result<(Option<String>, u64), Error> {
    let (Some(info), Some(computed)) = (storage::stat(key)?, digests(key, &[SHA1, SHA256, SHA512])?) else {
        return Ok((Some("it is missing, but the packument lists it".to_owned()), 0));
    };
    let differs = |what: &str, computed: String| {
        Some(format!("its bytes have {computed}, but the packument says another {what}"))
    };
    if let Some(declared) = manifest.integrity()
        && integrity::compare(&declared, &computed) == Verdict::Differs
    {
        let strongest = find_digest(&computed, SHA512).map(integrity::text);
        return Ok((differs("integrity", strongest.unwrap_or_default()), info.size));
    }
    let why = match (manifest.shasum(), find_digest(&computed, SHA1)) {
        (Some(declared), Some(sha1)) if !declared.eq_ignore_ascii_case(&sha1.hex) => {
            differs("shasum", sha1.to_string())
        }
        _ => None,
    };
    Ok((why, info.size))
}

/// Whether the packument still says the same of this version: it may have been unpublished
/// or published anew while its tarball was read.
fn is_still_so(name: &PackageName, version: &str, manifest: Manifest<'_>) -> Result<bool, Error> {
    let stored = stored(name)?;
    Ok(packument(&stored).is_some_and(|packument| packument.version(version) == Some(manifest.0)))
}

/// The provenance bundle that the packument names, if this registry stores it.
fn verify_bundle(
    step: &Step<'_>,
    name: &PackageName,
    version: &str,
    manifest: Manifest<'_>,
) -> Result<(), Error> {
    let ours = layout::attestations_path(name, version);
    let Some(sha1) = manifest.shasum().filter(|_| manifest.attestations_url() == Some(ours)) else {
        return Ok(());
    };
    let key = layout::provenance(name, version, &sha1);
    let bundle = storage::get(&key)?;
    step.checked(1, bundle.as_ref().map_or(0, |bundle| bundle.bytes.len() as u64));
    let why = match &bundle {
        None => "it is missing, but the packument lists it",
        Some(bundle) if Object::parse_bytes(&bundle.bytes).is_err() => "it is not a JSON object",
        Some(_) => return Ok(()),
    };
    step.damaged_if(&key, Some(why), || is_still_so(name, version, manifest))
}

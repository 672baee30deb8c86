//! Each tarball against what its packument says of it, and files without a packument. It
//! changes nothing.

use packhouse_plugin::digests::{SHA1, SHA256, SHA512};
use packhouse_plugin::maintenance::Step;
use packhouse_plugin::storage::{self, ListingOptions, PROOFS, list_page};
use packhouse_plugin::{Digest, Error, ObjectInfo, find_digest};

use super::part::Part;
use super::{Stored, begun, folder, package_of};
use crate::document::Manifest;
use crate::integrity::{self, Verdict};
use crate::json::Object;
use crate::layout;
use crate::name::PackageName;

/// Keys of one step.
const KEYS: u32 = 500;
/// Versions after which a step ends, and bytes.
const MOST_VERSIONS: usize = 200;
const MOST_READ: u64 = 1 << 30;
/// Bytes of packuments that were read for their files after which a step ends.
const MOST_OF_PACKUMENTS: u64 = 16 << 20;

/// What a step has done so far.
#[derive(Default)]
struct Done {
    versions: usize,
    bytes: u64,
}

impl Done {
    fn is_enough(&self) -> bool {
        self.versions >= MOST_VERSIONS || self.bytes >= MOST_READ
    }
}

/// One step: packages in the order of their keys, until enough was read; then the proofs. The cursor is the
/// number of the package's versions that were read before, and the packument's key.
pub fn verify(step: &Step<'_>) -> Result<(), Error> {
    let cursor = step.cursor();
    let (read, after) = match cursor.as_deref().and_then(|cursor| cursor.split_once(' ')) {
        Some((read, key)) => (read.parse().unwrap_or(0), Some(key)),
        None => (0, None),
    };
    if after.is_none() {
        step.report_files_for_folders(&[layout::PACKAGES.trim_end_matches('/')])?;
    }
    if let Some(after) = after.filter(|after| after.starts_with(PROOFS)) {
        step.report_lost(Some(after))?.iter().for_each(|next| step.set_cursor(&format!("0 {next}")));
        return Ok(());
    }
    let (mut done, mut read_again) = (Done::default(), 0);
    if let Some(key) = after.filter(|_| read > 0)
        && !verify_package(step, key, read, &mut done)?
    {
        return Ok(());
    }
    let page = list_page(&ListingOptions { after, limit: KEYS, ..ListingOptions::new(layout::PACKAGES) })?;
    for files in page.objects.chunk_by(|one, next| folder(&one.key) == folder(&next.key)) {
        for object in files {
            if step.report_misplaced(layout::misplaced(&object.key)) {
                continue;
            }
            if !verify_package(step, &object.key, 0, &mut done)? {
                return Ok(());
            }
        }
        read_again += verify_files(step, files)?;
        if let Some(last) = files.last().filter(|_| read_again > MOST_OF_PACKUMENTS) {
            step.set_cursor(&format!("0 {}", last.key));
            return Ok(());
        }
    }
    step.set_cursor(&format!("0 {}", page.next.as_deref().unwrap_or(PROOFS)));
    Ok(())
}

/// Files that the packument does not name, or that have none. Gives the bytes that were read.
fn verify_files(step: &Step<'_>, files: &[ObjectInfo]) -> Result<u64, Error> {
    let Some(name) = files.first().and_then(|file| package_of(&file.key)) else { return Ok(0) };
    let parts: Vec<(&ObjectInfo, Part<'_>)> =
        files.iter().filter_map(|file| Some((file, Part::of(&name, &file.key)?))).collect();
    if parts.is_empty() {
        return Ok(0);
    }
    let stored = Stored::read(&name)?;
    let packument = stored.packument();
    let begun = begun(packument.as_ref());
    let files: Vec<_> = parts
        .into_iter()
        .map(|(file, part)| (file, part.reference(&stored, packument.as_ref()).beside(file, begun)))
        .collect();
    step.report_unnamed(&files, &layout::index(&name))?;
    Ok(stored.size())
}

/// The package whose packument this is, less the versions that were read before. False,
/// with the cursor set, when the step has done enough.
fn verify_package(step: &Step<'_>, key: &str, read: usize, done: &mut Done) -> Result<bool, Error> {
    let Some(name) = layout::package_of_index(key) else { return Ok(true) };
    let stored = Stored::read(&name)?;
    if read == 0 {
        step.checked(1, stored.size());
    }
    if let Stored::Damaged(_, why) = &stored {
        step.damaged_once(key, why);
    }
    let Some(packument) = stored.packument() else { return Ok(true) };
    for (index, (version, manifest)) in packument.versions().enumerate().skip(read) {
        if done.is_enough() {
            step.set_cursor(&format!("{index} {key}"));
            return Ok(false);
        }
        verify_version(step, &name, version, Manifest(manifest), done)?;
    }
    Ok(true)
}

fn verify_version(
    step: &Step<'_>,
    name: &PackageName,
    version: &str,
    manifest: Manifest<'_>,
    done: &mut Done,
) -> Result<(), Error> {
    let before = done.bytes;
    done.versions += 1;
    let key = layout::file(name, &layout::tarball_name(name, version));
    let trouble = match compare(&key, manifest, done) {
        Ok(trouble) => trouble,
        // A version that cannot be a key: nothing can lie there.
        Err(Error::Invalid(why)) => Some(why),
        Err(error) => return Err(error),
    };
    step.checked(1, done.bytes - before);
    if let Some(why) = trouble
        && is_still_so(name, version, manifest)?
    {
        step.damaged(&key, &why);
    }
    if manifest.integrity().is_none() && manifest.shasum().is_none() && is_still_so(name, version, manifest)?
    {
        let why =
            format!("its version {version} names no digest in `dist`, so clients cannot install it safely");
        step.damaged(&layout::index(name), &why);
    }
    verify_bundle(step, name, version, manifest)
}

/// What is wrong with a tarball; none when all is well.
fn compare(key: &str, manifest: Manifest<'_>, done: &mut Done) -> Result<Option<String>, Error> {
    let Some(info) = storage::stat(key)? else {
        return Ok(Some("it is missing, and the packument names it".to_owned()));
    };
    let Some(computed) = digests(key)? else {
        return Ok(Some("it is missing, and the packument names it".to_owned()));
    };
    done.bytes += info.size;
    let differs = |what: &str, computed: String| {
        Ok(Some(format!("its bytes have {computed}, and the packument says another {what}")))
    };
    if let Some(declared) = manifest.integrity()
        && integrity::compare(&declared, &computed) == Verdict::Differs
    {
        let strongest = find_digest(&computed, SHA512).map(integrity::text);
        return differs("integrity", strongest.unwrap_or_default());
    }
    match (manifest.shasum(), find_digest(&computed, SHA1)) {
        (Some(declared), Some(sha1)) if !declared.eq_ignore_ascii_case(&sha1.hex) => {
            differs("shasum", sha1.to_string())
        }
        _ => Ok(None),
    }
}

/// None when nothing is there. What is replaced while it is read is read again, once.
fn digests(key: &str) -> Result<Option<Vec<Digest>>, Error> {
    match storage::digests(key, &[SHA1, SHA256, SHA512]) {
        Err(Error::Conflict) => storage::digests(key, &[SHA1, SHA256, SHA512]),
        read => read,
    }
}

/// Whether the packument still says the same of this version: it may have been unpublished
/// or published anew while its tarball was read.
fn is_still_so(name: &PackageName, version: &str, manifest: Manifest<'_>) -> Result<bool, Error> {
    let stored = Stored::read(name)?;
    Ok(stored.packument().and_then(|packument| packument.version(version).map(|now| now == manifest.0))
        == Some(true))
}

/// The bundle that the packument names, where it is one of ours.
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
        None => "it is missing, and the packument names it",
        Some(bundle) if Object::parse_bytes(&bundle.bytes).is_err() => "it is no JSON object",
        Some(_) => return Ok(()),
    };
    if is_still_so(name, version, manifest)? {
        step.damaged(&key, why);
    }
    Ok(())
}

//! Builds of snapshots that the mount's settings do not keep; files that no document names, left behind
//! by deployments and deletions that were interrupted; and documents that were begun and name none.
//!
//! # Invariants
//! - A build goes only if the files of all builds that stay are there.
//! - A document is read after its files were listed: what was uploaded in between is named by then.
//! - A file is removed only next to a document of its version that is whole and whose files are all
//!   there. Where there is no document, the files are served as they are found, and stay.

use std::collections::BTreeSet;

use packhouse_plugin::maintenance::{
    Phase, Reference, Step, each, each_folder, first_missing, forget_claims,
};
use packhouse_plugin::storage::{self, ListingOptions, list_page};
use packhouse_plugin::{Error, ObjectInfo};

use super::{Stored, changes, stored};
use crate::document::{File, Release};
use crate::endpoints::change;
use crate::layout::{self, ARTIFACTS, VERSIONS};
use crate::name::{Coordinates, FileName};
use crate::retention;
use crate::stored::is_sidecar;

/// Keys of one step.
const KEYS: u32 = 500;
/// Bytes of documents after which a step ends.
const MOST_READ: u64 = 16 << 20;

/// What the files leave empty is seen the next time.
pub const PHASES: &[Phase] = &[
    Phase { name: "builds", step: builds },
    Phase { name: "documents", step: documents },
    Phase { name: "files", step: files },
    Phase { name: "changes", step: changes::settle_left_over },
    Phase { name: "lost", step: |step, after| step.collect_lost(after, has_files_of) },
];

fn builds(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let Some(keep) = retention::kept()? else { return Ok(None) };
    each(VERSIONS, after, KEYS, |object| {
        let coordinates = layout::version_of_document(&object.key);
        coordinates
            .filter(Coordinates::is_snapshot)
            .map_or(Ok(()), |coordinates| expire(step, &coordinates, keep))
    })
}

/// Removes the builds that are not kept, as the next deployment would. What is damaged is for the next
/// phase to report.
fn expire(step: &Step<'_>, coordinates: &Coordinates, keep: usize) -> Result<(), Error> {
    let Stored::Ours(document, release) = stored(coordinates)? else { return Ok(()) };
    step.checked(0, document.bytes.len() as u64);
    // Recent ones stay: the deployment that they belong to may be under way.
    let meant = |release: &Release| -> BTreeSet<String> {
        let mut expired = retention::expired(coordinates, release, keep);
        let is_recent = |name: &String| {
            let uploaded = release.file(name).and_then(File::uploaded_at);
            uploaded.is_none_or(|uploaded| uploaded >= step.keep_since())
        };
        expired.retain(|name| !is_recent(name));
        expired
    };
    let expired = meant(&release);
    let stays = release.files.iter().filter(|file| !expired.contains(&file.name));
    let stays: Vec<String> = stays.map(|file| layout::file(coordinates, &file.name)).collect();
    if expired.is_empty() || step.report_missing(&document.info.key, first_missing(&stays)?.as_deref()) {
        return Ok(());
    }
    if !step.is_dry_run()
        && step.unless_full(&document.info.key, change::remove_some(coordinates, meant))? != Some(true)
    {
        return Ok(());
    }
    for file in release.files.iter().filter(|file| expired.contains(&file.name)) {
        let key = layout::file(coordinates, &file.name);
        step.left_over(&key, file.size, "newer builds are kept (keep_snapshot_builds)");
    }
    step.ordered(expired.len() as u64);
    Ok(())
}

fn documents(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    if after.is_none() {
        forget_claims(step)?;
    }
    each(VERSIONS, after, KEYS, |object| collect_document(step, object))
}

/// A document without files is that of a first upload that never came to its end, or of a version
/// that was deleted.
fn collect_document(step: &Step<'_>, object: &ObjectInfo) -> Result<(), Error> {
    step.checked(1, 0);
    let Some(coordinates) = layout::version_of_document(&object.key) else { return Ok(()) };
    let stored = stored(&coordinates)?;
    step.checked(0, stored.size());
    if let Some(why) = stored.damage() {
        step.damaged_once(&object.key, why);
    }
    let Stored::Ours(document, release) = &stored else { return Ok(()) };
    // As long as a file exists, the document says that the file is hidden.
    if !release.files.is_empty() || document.info.version != object.version || has_files(&coordinates)? {
        return Ok(());
    }
    if step.is_young(object) {
        step.kept(1, object.size);
    } else if step.remove_document(object)? {
        step.left_over(&object.key, object.size, "it lists no file");
    }
    Ok(())
}

/// Whether a file of the version exists whose document has this key.
fn has_files_of(document: &str) -> Result<bool, Error> {
    layout::version_of_document(document).map_or(Ok(false), |coordinates| has_files(&coordinates))
}

fn has_files(coordinates: &Coordinates) -> Result<bool, Error> {
    let folder = layout::folder(coordinates);
    Ok(!list_page(&ListingOptions { limit: 1, ..ListingOptions::new(&folder) })?.objects.is_empty())
}

fn files(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_folder(ARTIFACTS, after, KEYS, MOST_READ, |objects| collect_version(step, objects))
}

/// The files of one version, or some of them. Gives the bytes that were read.
fn collect_version(step: &Step<'_>, objects: &[ObjectInfo]) -> Result<u64, Error> {
    step.checked(objects.len() as u64, 0);
    let Some((coordinates, _)) = objects.first().and_then(|object| layout::version_of_file(&object.key))
    else {
        return Ok(0);
    };
    let stored = stored(&coordinates)?;
    step.checked(0, stored.size());
    let key = layout::document(&coordinates);
    if let Some(why) = stored.damage() {
        step.damaged_once(&key, why);
    }
    let Stored::Ours(_, release) = &stored else { return Ok(stored.size()) };
    let unnamed: Vec<(&ObjectInfo, String)> = objects
        .iter()
        .filter_map(|object| Some((object, main_file(&coordinates, &object.key)?)))
        .filter(|(_, file)| release.file(file).is_none())
        .collect();
    let named: Vec<String> =
        release.files.iter().map(|file| layout::file(&coordinates, &file.name)).collect();
    if !unnamed.is_empty() && step.report_missing(&key, first_missing(&named)?.as_deref()) {
        return Ok(stored.size());
    }
    for (object, file) in unnamed {
        step.reclaim(object, &key, Reference::Unnamed, || reference(&coordinates, &object.key, &file))?;
    }
    Ok(stored.size())
}

/// The file that an object is, or that it is the stored checksum of; none for what is not ours.
pub fn main_file(coordinates: &Coordinates, key: &str) -> Option<String> {
    let (_, file) = layout::version_of_file(key)?;
    let main = if is_sidecar(file) { file.rsplit_once('.')?.0 } else { file };
    FileName::parse(coordinates, main).ok().map(|name| name.as_str().to_owned())
}

/// Whether the document names the file now. A checksum is kept as long as its file exists.
fn reference(coordinates: &Coordinates, key: &str, file: &str) -> Result<Reference, Error> {
    let is_named = |release: &Release| release.file(file).is_some();
    Ok(match stored(coordinates)? {
        Stored::Ours(_, release) if is_named(&release) => Reference::Named,
        Stored::Ours(..) if is_sidecar(key) && storage::stat(&layout::file(coordinates, file))?.is_some() => {
            Reference::Named
        }
        Stored::Ours(..) => Reference::Unnamed,
        Stored::Nothing | Stored::Foreign(_) => Reference::NoDocument,
        Stored::Damaged(..) => Reference::Damaged,
    })
}

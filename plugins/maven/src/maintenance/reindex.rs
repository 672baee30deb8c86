//! Makes documents from the files: adds files that were copied in, with their digests, and keeps what
//! the documents already contain. Then it makes the metadata of the artifacts from the documents.
//!
//! # Invariants
//! - A damaged document is reported and never replaced: it may be restored.
//! - No file is removed. `verify` reports files that a document names and that are missing.
//! - A file that is younger than [`GRACE`](storage::GRACE) may belong to an upload that has not ended.
//! - Times of publication stay as they are.

use packhouse_plugin::maintenance::{Phase, Step, each_folder};
use packhouse_plugin::storage::{self, GRACE, Precondition, unless_conflict};
use packhouse_plugin::{Error, ObjectInfo};

use super::{Stored, stored};
use crate::catalog;
use crate::document::{ALGORITHMS, Digests, File, Release};
use crate::layout::{self, ARTIFACTS, VERSIONS};
use crate::name::{Artifact, Coordinates, FileName};
use crate::stored::{self as versions, JSON};

/// Keys of one step.
const KEYS: u32 = 500;
/// Bytes of files that were read through after which a step ends.
const MOST_READ: u64 = 1 << 30;
/// Bytes of documents that were read after which a step ends.
const MOST_DOCUMENTS: u64 = 16 << 20;

/// The files first: their documents are there when the artifacts are walked.
pub const PHASES: &[Phase] =
    &[Phase { name: "files", step: files }, Phase { name: "artifacts", step: artifacts }];

fn files(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_folder(ARTIFACTS, after, KEYS, MOST_READ, |objects| {
        step.checked(objects.len() as u64, 0);
        let version = objects.first().and_then(|object| layout::version_of_file(&object.key));
        version.map_or(Ok(0), |(coordinates, _)| write_document(step, &coordinates, objects))
    })
}

/// Gives the bytes that were read through.
fn write_document(step: &Step<'_>, coordinates: &Coordinates, objects: &[ObjectInfo]) -> Result<u64, Error> {
    let key = layout::document(coordinates);
    let mut read = 0;
    storage::retry(&key, |_| {
        let (mut release, version) = match stored(coordinates)? {
            Stored::Ours(document, release) => (release, Some(document.info.version)),
            Stored::Nothing | Stored::Foreign(_) => {
                let found = versions::found(coordinates)?;
                (found, None)
            }
            Stored::Damaged(_, why) => {
                step.damaged_once(&key, &why);
                return Ok(Some(read));
            }
        };
        let is_changed = add_files(step, coordinates, &mut release, objects, &mut read)?;
        if release.files.is_empty() || (version.is_some() && !is_changed) {
            return Ok(Some(read));
        }
        if !step.is_dry_run() {
            let precondition = version.as_deref().map_or(Precondition::Absent, Precondition::Version);
            let bytes = storage::to_json(&release)?;
            if unless_conflict(storage::put(&key, &bytes, precondition, Some(JSON)))?.is_none() {
                return Ok(None);
            }
        }
        step.rebuilt(&key);
        Ok::<_, Error>(Some(read))
    })
}

/// Adds what the document may name and does not, and the digests that it does not know.
fn add_files(
    step: &Step<'_>,
    coordinates: &Coordinates,
    release: &mut Release,
    objects: &[ObjectInfo],
    read: &mut u64,
) -> Result<bool, Error> {
    let floor = step.started().saturating_sub(GRACE);
    let mut is_changed = false;
    for info in objects {
        let Some((_, name)) = layout::version_of_file(&info.key) else { continue };
        let Ok(name) = FileName::parse(coordinates, name) else { continue };
        if versions::is_sidecar(name.as_str()) {
            continue;
        }
        let there = release.file(name.as_str());
        let is_old = info.modified.is_some_and(|modified| modified < floor);
        if there.map_or(!is_old, |there| there.digests.is_some()) {
            continue;
        }
        let mut file = there.cloned().unwrap_or_else(|| File::found(name.as_str(), info));
        let Some(digests) = packhouse_plugin::maintenance::digests(&info.key, &ALGORITHMS)? else { continue };
        *read += info.size;
        file.digests = Digests::of(&digests);
        file.object =
            crate::endpoints::files::is_replaceable(coordinates, &name).then(|| info.version.clone());
        release.put(file);
        release.listed |= name.is_pom();
        is_changed = true;
    }
    Ok(is_changed)
}

fn artifacts(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_folder(VERSIONS, after, KEYS, MOST_DOCUMENTS, |objects| {
        let artifact = objects.first().and_then(|object| layout::version_of_document(&object.key));
        artifact.map_or(Ok(0), |coordinates| write_metadata(step, &coordinates.artifact))
    })
}

/// Lists what is not listed, and unlists what is gone. Gives the bytes of documents.
fn write_metadata(step: &Step<'_>, artifact: &Artifact) -> Result<u64, Error> {
    write_spelling(step, artifact)?;
    let Some(versions) = step.pass(catalog::walk(artifact))? else { return Ok(0) };
    let Some(known) = step.pass(catalog::read(&artifact.path()))? else { return Ok(0) };
    let size = known.as_ref().map_or(0, |(document, _)| document.bytes.len() as u64);
    let mut metadata = known.map(|(_, metadata)| metadata).unwrap_or_default();
    let gone: Vec<String> =
        metadata.versions.iter().filter(|there| !versions.contains(there)).cloned().collect();
    if !metadata.change_versions(artifact, &versions, &gone) {
        return Ok(size);
    }
    if !step.is_dry_run() {
        let all = [versions, gone].concat();
        if step.pass(catalog::follow(artifact, &all))?.is_none() {
            return Ok(size);
        }
    }
    step.rebuilt(&layout::metadata(&artifact.path()));
    Ok(size)
}

/// Of an artifact that was copied in, so that no other one takes its name in another case.
fn write_spelling(step: &Step<'_>, artifact: &Artifact) -> Result<(), Error> {
    let key = layout::spelling(artifact);
    if storage::stat(&key)?.is_some() {
        return Ok(());
    }
    if !step.is_dry_run() {
        unless_conflict(storage::put(&key, artifact.to_string().as_bytes(), Precondition::Absent, None))?;
    }
    step.rebuilt(&key);
    Ok(())
}

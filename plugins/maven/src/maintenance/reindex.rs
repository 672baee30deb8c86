//! Makes documents from the files: adds files that were copied in, with their digests, and keeps what
//! the documents already contain. Then it makes the metadata of the artifacts from the documents.
//!
//! # Invariants
//! - A damaged document is reported and never replaced: it may be restored. An old copy of a document,
//!   and a lost one, are made from the files. Only the document knows who uploaded them.
//! - No file is removed. `verify` reports files that a document names and that are missing.
//! - A file that is younger than [`GRACE`](storage::GRACE) may belong to an upload that has not ended.
//! - Times of publication stay as they are.

use std::collections::BTreeSet;

use packhouse_plugin::maintenance::{Phase, Step, each, each_document, each_folder};
use packhouse_plugin::storage::{
    self, Before, Document, GRACE, Name, Precondition, Proof, put_rebuilt, unless_conflict,
};
use packhouse_plugin::{Error, ObjectInfo};

use super::{Stored, stored};
use crate::catalog;
use crate::document::{ALGORITHMS, Digests, File, Release};
use crate::layout::{self, ARTIFACTS, METADATA, PLUGINS, VERSIONS};
use crate::maintenance::changes;
use crate::metadata::{Metadata, Plugin};
use crate::name::{Artifact, Coordinates, FileName, GroupId, METADATA_FILE};
use crate::path::Place;
use crate::prefixes;
use crate::stored::{self as versions, JSON};

/// Keys of one step.
const KEYS: u32 = 500;
/// Bytes of files that were read through after which a step ends.
const MOST_READ: u64 = 1 << 30;
/// Bytes of documents that were read after which a step ends.
const MOST_DOCUMENTS: u64 = 16 << 20;

/// The files first: their documents are there when the artifacts are walked.
pub const PHASES: &[Phase] = &[
    Phase { name: "files", step: files },
    Phase { name: "proofs", step: proofs },
    Phase {
        name: "older",
        step: |step, after| step.each_proven(after, |document, proof| prove(step, &document, proof)),
    },
    Phase { name: "artifacts", step: artifacts },
    Phase { name: "prefixes", step: prefixes_of_plugins },
    Phase { name: "plugins", step: plugins },
    Phase { name: "changes", step: changes::settle_left_over },
    Phase { name: "lost", step: |step, after| step.report_lost(after) },
];

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
        let stored = stored(coordinates)?;
        let proof = Proof::of(&key)?;
        let mut is_older = false;
        let (mut release, before) = match stored {
            Stored::Ours(document, release) => (release, Some(Before::from(&document))),
            Stored::Nothing | Stored::Foreign(_) => {
                let found = versions::found(coordinates)?;
                (found, None)
            }
            Stored::Damaged(Some((document, release)), _)
                if release.check(coordinates).is_ok() && proof.is_ahead_of(&document)? =>
            {
                is_older = true;
                (release, Some(Before::from(&document)))
            }
            Stored::Damaged(_, why) => {
                step.damaged_once(&key, &why);
                return Ok(Some(read));
            }
        };
        let is_changed = add_files(step, coordinates, &mut release, objects, &proof, &mut read)?;
        if is_older {
            let file = |file: &File| layout::file(coordinates, &file.name);
            let gone = proof.taken_out(&release.files.iter().map(file).collect::<Vec<_>>())?;
            release.files.retain(|there| !gone.contains(&file(there)));
        }
        if release.files.is_empty() || (before.is_some() && !is_changed && !is_older) {
            return Ok(Some(read));
        }
        if !step.is_dry_run() {
            let bytes = storage::to_json(&release)?;
            if unless_conflict(put_rebuilt(&key, before.as_ref(), bytes, Some(JSON)))?.is_none() {
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
    proof: &Proof,
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
        let is_other = |version: &String| *version != info.version;
        if there.and_then(|there| there.object.as_ref()).is_some_and(is_other) {
            *read += info.size;
            is_changed |= name_object(release, info, name.as_str(), step.started())?;
            continue;
        }
        let is_old = info.modified.is_some_and(|modified| modified < floor) || proof.names(&info.key);
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

/// Of a file that may be replaced: the object has another version since it was restored from a backup, or
/// since an upload of it was cut short. False for bytes that nobody has uploaded, which `verify` reports.
fn name_object(release: &mut Release, info: &ObjectInfo, name: &str, now: u64) -> Result<bool, Error> {
    let digests = packhouse_plugin::maintenance::digests(&info.key, &ALGORITHMS)?;
    let digests = digests.and_then(|digests| Digests::of(&digests));
    let found = release.candidates(name).find(|candidate| candidate.digests == digests).cloned();
    let Some(found) = found else { return Ok(false) };
    let file = File { object: Some(info.version.clone()), ..found };
    release.put(file.clone());
    release.settle(&file, now);
    Ok(true)
}

/// Of documents that an earlier version wrote.
fn proofs(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let mut keys = Vec::new();
    let next = each(VERSIONS, after, KEYS, |object| {
        keys.extend(layout::version_of_document(&object.key).map(|_| object.key.clone()));
        Ok(())
    })?;
    step.prove(&keys)?;
    Ok(next)
}

/// Reports entries that a document has lost and that no file restores, and records the names of the rest.
fn prove(step: &Step<'_>, document: &Document, proof: Proof) -> Result<(), Error> {
    let key = &document.info.key;
    let Some(coordinates) = layout::version_of_document(key) else { return Ok(()) };
    let Ok(release) = versions::parse(&coordinates, document) else { return Ok(()) };
    let named: BTreeSet<String> =
        release.files.iter().map(|file| layout::file(&coordinates, &file.name)).collect();
    let unnamed: Vec<&str> =
        proof.files().map(|(file, _)| file).filter(|file| !named.contains(*file)).collect();
    for (file, found) in unnamed.iter().zip(storage::stat_many(&unnamed)?) {
        if found.is_none() {
            let why = "it is missing, and the document of its version has lost it: deploy it again";
            step.damaged_once(file, why);
        }
    }
    if !step.is_dry_run() {
        step.pass(storage::check_newest(key, &Before::from(document)))?;
    }
    let name = |file: &File| Name {
        since: file.uploaded_at(),
        ..Name::from(layout::file(&coordinates, &file.name))
    };
    step.prove_names(document, proof, release.files.iter().map(name).collect())
}

fn artifacts(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_folder(VERSIONS, after, KEYS, MOST_DOCUMENTS, |objects| {
        let artifact = objects.first().and_then(|object| layout::version_of_document(&object.key));
        artifact.map_or(Ok(0), |coordinates| write_metadata(step, &coordinates.artifact))
    })
}

/// Adds missing versions to the list and removes those that no longer exist. Returns the bytes of the
/// documents that it read.
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

/// Plugins that have a note and that the metadata of their group has lost. The metadata of an earlier
/// version has plugins without a note: they get one.
fn prefixes_of_plugins(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_folder(PLUGINS, after, KEYS, MOST_DOCUMENTS, |objects| {
        let artifact = objects.first().and_then(|object| layout::artifact_of_plugin(&object.key));
        let Some(group) = artifact.map(|artifact| artifact.group) else { return Ok(0) };
        let Some(known) = step.pass(catalog::read(&group.path()))? else { return Ok(0) };
        let metadata = known.map(|(_, metadata)| metadata).unwrap_or_default();
        let lost = step.pass(catalog::lost_plugins(&group, &metadata))?;
        let Some(lost) = lost.filter(|lost| !lost.is_empty()) else { return Ok(0) };
        if !step.is_dry_run() {
            catalog::edit_at(&group.path(), |metadata, _| {
                let like = |plugin: &&Plugin| {
                    let is_like =
                        |there: &Plugin| there.artifact == plugin.artifact || there.prefix == plugin.prefix;
                    !metadata.plugins.iter().any(is_like)
                };
                let missing: Vec<Plugin> = lost.iter().filter(like).cloned().collect();
                Ok::<_, Error>(metadata.put_plugins(&missing))
            })?;
        }
        step.rebuilt(&layout::metadata(&group.path()));
        Ok(0)
    })
}

/// Writes down the prefixes of plugins that have no note.
fn note_prefixes(step: &Step<'_>, group: &GroupId, metadata: &Metadata) -> Result<(), Error> {
    if step.is_dry_run() || metadata.plugins.is_empty() {
        return Ok(());
    }
    let Some(noted) = step.pass(prefixes::of_group(group))? else { return Ok(()) };
    for plugin in metadata.plugins.iter().filter(|plugin| !noted.contains(plugin)) {
        prefixes::write(group, plugin)?;
    }
    Ok(())
}

/// Removes plugins from the metadata of groups whose artifacts do not exist.
fn plugins(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_document(METADATA, after, KEYS, MOST_DOCUMENTS, |info, document| {
        let path = info.key.strip_prefix(METADATA).and_then(|path| path.strip_suffix(METADATA_FILE));
        let group = path.and_then(|path| Place::of_path(path.trim_end_matches('/')).group);
        let Some(group) = group else { return Ok(()) };
        let metadata = step.pass(document.and_then(|document| catalog::parse(&document)))?;
        if let Some(metadata) = &metadata {
            note_prefixes(step, &group, metadata)?;
        }
        let missing = metadata.map_or(Ok(BTreeSet::new()), |it| catalog::missing_plugins(&group, &it));
        let Some(missing) = step.pass(missing)?.filter(|missing| !missing.is_empty()) else { return Ok(()) };
        if !step.is_dry_run() {
            catalog::remove_plugins(&group, &missing)?;
        }
        step.rebuilt(&info.key);
        Ok(())
    })
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

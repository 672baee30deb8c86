//! The versions of an artifact: its `maven-metadata.xml`, which only the registry writes, by
//! compare-and-swap. The versions in it are derived from their documents. The plugins in it have notes
//! beside it ([`prefixes`]).
//!
//! # Invariants
//! - A version is listed after its document says so, and removed from the list after its document no
//!   longer says so. After the removal the document is read again, because a publish at the same moment
//!   may have found the version still listed.

use std::collections::BTreeSet;

use packhouse_plugin::storage::{self, Change, Document, Update, folders, get_each};
use packhouse_plugin::{Error, clock};

use crate::metadata::{Metadata, Plugin, stamp};
use crate::name::{Artifact, Coordinates, GroupId};
use crate::path::Place;
use crate::{changes, layout, prefixes, stored};

/// Of metadata in the store, where it keeps content types, and of answers.
pub const XML: &str = "application/xml";
/// How often a version is looked at that comes and goes.
const ATTEMPTS: u32 = 5;
/// The most plugins of a group that are found missing at a time.
const MISSING: usize = 1000;

/// What metadata says. `Damaged` if it cannot be read.
pub fn parse(document: &Document) -> Result<Metadata, Error> {
    Metadata::parse(&document.bytes).map_err(|error| document.damaged(error))
}

/// The metadata at a path, and the document that says it.
pub fn read(path: &str) -> Result<Option<(Document, Metadata)>, Error> {
    let Some(document) = storage::get(&layout::metadata(path))? else { return Ok(None) };
    let metadata = parse(&document)?;
    Ok(Some((document, metadata)))
}

/// Lists a version. `is_changed`: it has something new, so the time of the last update is.
pub fn list(coordinates: &Coordinates, is_changed: bool) -> Result<(), Error> {
    let added = [coordinates.version().to_owned()];
    change(&coordinates.artifact, |metadata, has_tried| {
        // The time is written once, also if the answer to that was lost.
        metadata.change_versions(&coordinates.artifact, &added, &[]) || (is_changed && !has_tried)
    })
}

/// Lists and unlists versions as their documents say now.
pub fn follow(artifact: &Artifact, versions: &[String]) -> Result<(), Error> {
    let mut versions: Vec<String> = versions.to_vec();
    for _ in 0..ATTEMPTS {
        let (added, removed) = sorted(artifact, &versions)?;
        change(artifact, |metadata, _| metadata.change_versions(artifact, &added, &removed))?;
        versions = removed;
        if versions.is_empty() {
            return Ok(());
        }
        // What came back meanwhile found itself listed, and did not list itself.
        let (back, _) = sorted(artifact, &versions)?;
        if back.is_empty() {
            return Ok(());
        }
        versions = back;
    }
    Err(Error::Unavailable(format!("the versions of {artifact} change faster than they can be listed")))
}

/// The versions that their documents list, and those that they do not.
fn sorted(artifact: &Artifact, versions: &[String]) -> Result<(Vec<String>, Vec<String>), Error> {
    let (mut listed, mut others) = (Vec::new(), Vec::new());
    for version in versions {
        let is_listed = match Coordinates::parse(artifact.clone(), version) {
            Ok(coordinates) => stored::load(&coordinates)?
                .is_some_and(|loaded| loaded.release.listed && !loaded.release.files.is_empty()),
            Err(_) => false,
        };
        if is_listed { &mut listed } else { &mut others }.push(version.clone());
    }
    Ok((listed, others))
}

/// Changes the metadata of an artifact. `edit` may be called several times, and returns whether it
/// changed anything. Its second argument is whether this change was tried before.
fn change(artifact: &Artifact, mut edit: impl FnMut(&mut Metadata, bool) -> bool) -> Result<(), Error> {
    let place = Place::of_artifact(artifact);
    edit_at(&place.path, |metadata, has_tried| {
        // Versions of a bucket that has files and no metadata.
        let is_found = metadata.versions.is_empty() && {
            let found = walk(artifact)?;
            metadata.change_versions(artifact, &found, &[])
        };
        Ok(edit(metadata, has_tried) || is_found)
    })
}

/// Changes the metadata at a path. The second argument of `edit` says whether this change was tried
/// before.
pub fn edit_at<E: From<Error>>(
    path: &str,
    mut edit: impl FnMut(&mut Metadata, bool) -> Result<bool, E>,
) -> Result<(), E> {
    Update::new(&layout::metadata(path)).content_type(XML).run_telling(|document, has_tried| {
        let mut metadata = document.map(parse).transpose()?.unwrap_or_default();
        if !edit(&mut metadata, has_tried)? {
            return Ok(Change::Keep);
        }
        if metadata.is_empty() {
            return Ok::<_, E>(Change::Remove);
        }
        // The time never goes back, even if the clocks of the hosts differ.
        let now = stamp(clock::now());
        metadata.last_updated =
            Some(metadata.last_updated.take().map_or(now.clone(), |there| there.max(now)));
        Ok(Change::Write(metadata.render().into_bytes()))
    })?;
    Ok(())
}

/// Whether the artifact has a version that is listed, or that a reindex would list.
pub fn exists(artifact: &Artifact) -> Result<bool, Error> {
    let listed = read(&artifact.path())?;
    Ok(listed.is_some_and(|(_, metadata)| !metadata.versions.is_empty()) || !walk(artifact)?.is_empty())
}

/// Whether the metadata of its group lists the artifact as a plugin.
pub fn is_plugin(artifact: &Artifact) -> Result<bool, Error> {
    let group = read(&artifact.group.path())?;
    Ok(group
        .is_some_and(|(_, metadata)| metadata.plugins.iter().any(|plugin| plugin.artifact == artifact.id())))
}

/// Removes these artifacts from the plugins of the group.
pub fn remove_plugins(group: &GroupId, artifacts: &BTreeSet<String>) -> Result<(), Error> {
    for artifact in artifacts {
        prefixes::forget(group, artifact)?;
    }
    edit_at(&group.path(), |metadata, _| {
        let before = metadata.plugins.len();
        metadata.plugins.retain(|plugin| !artifacts.contains(&plugin.artifact));
        Ok::<_, Error>(metadata.plugins.len() != before)
    })
}

/// The plugins that the metadata of the group has lost: they have a note, their artifacts exist, and the
/// metadata names neither them nor their prefixes.
pub fn lost_plugins(group: &GroupId, metadata: &Metadata) -> Result<Vec<Plugin>, Error> {
    let mut lost = Vec::new();
    for plugin in prefixes::of_group(group)? {
        let is_like = |there: &Plugin| there.artifact == plugin.artifact || there.prefix == plugin.prefix;
        if metadata.plugins.iter().any(is_like) {
            continue;
        }
        let artifact = Artifact::parse(group.clone(), &plugin.artifact);
        if artifact.map_or(Ok(false), |artifact| exists(&artifact))? {
            lost.push(plugin);
        }
    }
    Ok(lost)
}

/// The plugins of a group whose artifacts do not exist, up to a limit. An artifact that is being deleted
/// is not meant.
pub fn missing_plugins(group: &GroupId, metadata: &Metadata) -> Result<BTreeSet<String>, Error> {
    let mut missing = BTreeSet::new();
    for plugin in &metadata.plugins {
        if missing.len() >= MISSING {
            break;
        }
        let artifact = Artifact::parse(group.clone(), &plugin.artifact);
        let is_there = |artifact: Artifact| {
            Ok::<_, Error>(exists(&artifact)? || !changes::pending(&artifact)?.is_empty())
        };
        if !artifact.map_or(Ok(false), is_there)? {
            missing.insert(plugin.artifact.clone());
        }
    }
    Ok(missing)
}

/// The versions of an artifact that are to be listed, as the store has them now.
pub fn walk(artifact: &Artifact) -> Result<Vec<String>, Error> {
    let mut versions = BTreeSet::new();
    let mut documents = BTreeSet::new();
    let prefix = layout::documents(artifact);
    let mut keys = Vec::new();
    for info in storage::list(&prefix) {
        keys.push(info?.key);
    }
    for (key, document) in keys.iter().zip(get_each(&keys)) {
        let Some(coordinates) = layout::version_of_document(key) else { continue };
        documents.insert(coordinates.version().to_owned());
        let Some(document) = document? else { continue };
        let release = stored::parse(&coordinates, &document)?;
        if release.listed && !release.files.is_empty() {
            versions.insert(coordinates.version().to_owned());
        }
    }
    for folder in folders(&layout::artifact(artifact)) {
        let folder = folder?;
        if documents.contains(&folder) {
            continue;
        }
        if let Ok(coordinates) = Coordinates::parse(artifact.clone(), &folder)
            && !stored::found(&coordinates)?.files.is_empty()
        {
            versions.insert(folder);
        }
    }
    Ok(versions.into_iter().collect())
}

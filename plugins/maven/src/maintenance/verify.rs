//! Verifies the stored files: reads each document, compares each file with its digests, and compares
//! each metadata document with the documents.

use packhouse_plugin::maintenance::{
    self, Budget, Phase, Place, Reference, Step, each_document, each_folder, each_in_parts,
};
use packhouse_plugin::storage;
use packhouse_plugin::{Error, ObjectInfo};

use super::collect::main_file;
use super::{Stored, stored};
use crate::catalog;
use crate::changes;
use crate::document::{ALGORITHMS, Digests, File, Release};
use crate::layout::{self, ARTIFACTS, METADATA, PLUGINS, VERSIONS};
use crate::metadata::Metadata;
use crate::name::{Coordinates, GroupId, METADATA_FILE};
use crate::path::Place as MetadataPlace;
use crate::stored as versions;

/// Keys of one step.
const KEYS: u32 = 200;
/// Files, and bytes of them, after which a step ends.
const MOST_FILES: u64 = 200;
const MOST_READ: u64 = 1 << 30;

pub const PHASES: &[Phase] = &[
    Phase { name: "versions", step: check_versions },
    Phase { name: "files", step: check_files },
    Phase { name: "metadata", step: check_metadata },
    Phase { name: "artifacts", step: check_artifacts },
    Phase { name: "plugins", step: check_prefixes },
    Phase { name: "lost", step: |step, after| step.report_lost(after) },
];

fn check_versions(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let mut budget = Budget::new(MOST_FILES, MOST_READ);
    each_in_parts(VERSIONS, after, KEYS, |key, done| {
        let Some(coordinates) = layout::version_of_document(key) else {
            step.damaged_once(key, "it is not the key of a version's document");
            return Ok(None);
        };
        let stored = stored(&coordinates)?;
        if done == 0 {
            step.checked(1, stored.size());
        }
        budget.spend(1, stored.size());
        if let Some(why) = stored.damage() {
            step.damaged_once(key, why);
        }
        let Stored::Ours(_, release) = &stored else { return Ok(None) };
        for (at, file) in release.files.iter().enumerate().skip(done) {
            if budget.is_spent() {
                return Ok(Some(Place::at(at, key)));
            }
            check_file(step, &coordinates, release, file)?;
            budget.spend(1, file.size);
        }
        Ok(None)
    })
}

fn check_file(
    step: &Step<'_>,
    coordinates: &Coordinates,
    release: &Release,
    file: &File,
) -> Result<(), Error> {
    let key = layout::file(coordinates, &file.name);
    let info = storage::stat(&key)?;
    let computed = maintenance::digests(&key, &ALGORITHMS)?;
    step.checked(1, info.as_ref().map_or(0, |info| info.size));
    let computed = computed.and_then(|digests| Digests::of(&digests));
    let is_known = |release: &Release| {
        let mut candidates = release.candidates(&file.name);
        candidates.any(|candidate| candidate.digests.is_none() || candidate.digests == computed)
    };
    let why = match (info, &computed) {
        (Some(_), Some(_)) => {
            (!is_known(release)).then_some("it does not match its document: deploy the same file again")
        }
        _ => Some("it is missing, and the document of its version names it"),
    };
    let is_same = |now: &Release| now.file(&file.name) == Some(file);
    let still = || {
        let now = versions::document(coordinates)?;
        Ok(now.is_some_and(|now| is_same(&now.release) && (computed.is_none() || !is_known(&now.release))))
    };
    step.damaged_if(&key, why, still)
}

/// Files that no document names, and folders where files belong.
fn check_files(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    if after.is_none() {
        step.report_files_for_folders(&["artifacts", "metadata", "versions", "names", "changes", "plugins"])?;
    }
    each_folder(ARTIFACTS, after, KEYS, MOST_READ, |objects| {
        let Some((coordinates, _)) = objects.first().and_then(|object| layout::version_of_file(&object.key))
        else {
            return Ok(0);
        };
        let stored = stored(&coordinates)?;
        if let Stored::Ours(_, release) = &stored {
            let is_unnamed = |object: &&ObjectInfo| {
                main_file(&coordinates, &object.key).is_some_and(|file| release.file(&file).is_none())
            };
            let unnamed: Vec<_> =
                objects.iter().filter(is_unnamed).map(|object| (object, Reference::Unnamed)).collect();
            step.report_unnamed(&unnamed, &layout::document(&coordinates))?;
        }
        Ok(stored.size())
    })
}

fn check_metadata(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_document(METADATA, after, KEYS, MOST_READ, |info, document| {
        step.checked(1, info.size);
        let path = info.key.strip_prefix(METADATA).and_then(|path| path.strip_suffix(METADATA_FILE));
        let Some(path) = path.map(|path| path.trim_end_matches('/')) else { return Ok(()) };
        let Some(metadata) = step.pass(document.and_then(|document| catalog::parse(&document)))? else {
            return Ok(());
        };
        let place = MetadataPlace::of_path(path);
        if let Some(group) = place.group.filter(|_| !metadata.plugins.is_empty()) {
            check_plugins(step, &info.key, &group, &metadata)?;
        }
        let Some(artifact) = place.artifact.filter(|_| !metadata.versions.is_empty()) else { return Ok(()) };
        let Some(listed) = step.pass(catalog::walk(&artifact))? else { return Ok(()) };
        let mut gone: Vec<String> =
            metadata.versions.iter().filter(|there| !listed.contains(there)).cloned().collect();
        let is_other =
            |added: &[String], gone: &[String]| metadata.clone().change_versions(&artifact, added, gone);
        let mut is_changed = is_other(&listed, &gone);
        if is_changed {
            // A deployment or a deletion that was cut short is no damage.
            let pending = changes::pending(&artifact)?;
            let (mut added, is_known) = (listed.clone(), |version: &String| !pending.contains(version));
            added.retain(is_known);
            gone.retain(is_known);
            is_changed = is_other(&added, &gone);
        }
        let why = is_changed.then_some("it does not list the existing versions: run `packhouse reindex`");
        let still = || {
            let (now, listed_now) = (catalog::read(path)?, catalog::walk(&artifact)?);
            Ok(listed_now == listed && now.is_some_and(|(_, now)| now == metadata))
        };
        step.damaged_if(&info.key, why, still)
    })
}

/// What a reindex makes of the documents of an artifact, and that is not there: its metadata and its
/// spelling.
fn check_artifacts(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_folder(VERSIONS, after, KEYS, MOST_READ, |objects| {
        let artifact = objects.first().and_then(|object| layout::version_of_document(&object.key));
        let Some(artifact) = artifact.map(|coordinates| coordinates.artifact) else { return Ok(0) };
        // A document is there after the spelling, and removed before it.
        let still = || Ok(storage::list(&layout::documents(&artifact)).next().transpose()?.is_some());
        let (spelling, metadata) = (layout::spelling(&artifact), layout::metadata(&artifact.path()));
        let why = "it is missing: run `packhouse reindex`";
        step.damaged_if(&spelling, storage::stat(&spelling)?.is_none().then_some(why), still)?;
        // The phase before has compared the versions that are listed.
        let is_empty = || {
            let known = step.pass(catalog::read(&artifact.path()))?;
            Ok::<_, Error>(
                known.is_some_and(|known| known.is_none_or(|(_, known)| known.versions.is_empty())),
            )
        };
        if !is_empty()? {
            return Ok(0);
        }
        let walk = || {
            let (mut listed, pending) = (catalog::walk(&artifact)?, changes::pending(&artifact)?);
            listed.retain(|version| !pending.contains(version));
            Ok(listed)
        };
        let listed = step.pass(walk())?.unwrap_or_default();
        let still = || Ok(is_empty()? && walk()? == listed);
        let why = "it does not list the existing versions: run `packhouse reindex`";
        step.damaged_if(&metadata, (!listed.is_empty()).then_some(why), still)?;
        Ok(0)
    })
}

/// Plugins that have a note and that the metadata of their group has lost.
fn check_prefixes(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_folder(PLUGINS, after, KEYS, MOST_READ, |objects| {
        step.checked(objects.len() as u64, 0);
        let artifact = objects.first().and_then(|object| layout::artifact_of_plugin(&object.key));
        let Some(group) = artifact.map(|artifact| artifact.group) else { return Ok(0) };
        let lost = || {
            let metadata = catalog::read(&group.path())?.map(|(_, metadata)| metadata).unwrap_or_default();
            catalog::lost_plugins(&group, &metadata)
        };
        let Some(found) = step.pass(lost())?.filter(|found| !found.is_empty()) else { return Ok(0) };
        let why = "it has lost plugins and their prefixes: run `packhouse reindex`";
        step.damaged_if(&layout::metadata(&group.path()), Some(why), || Ok(lost()? == found))?;
        Ok(0)
    })
}

fn check_plugins(step: &Step<'_>, key: &str, group: &GroupId, metadata: &Metadata) -> Result<(), Error> {
    let Some(missing) = step.pass(catalog::missing_plugins(group, metadata))? else { return Ok(()) };
    let why = "it lists plugins whose artifacts do not exist: run `packhouse reindex`";
    let still = || {
        let now = catalog::read(&group.path())?;
        Ok(now.is_some_and(|(_, now)| now == *metadata))
    };
    step.damaged_if(key, (!missing.is_empty()).then_some(why), still)
}

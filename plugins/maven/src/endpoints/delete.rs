//! `DELETE`: a file, a version, an artifact. The metadata is then made from the remaining versions.

use packhouse_plugin::storage::{self, Precondition, folders};
use packhouse_plugin::{Call, Response, log, settings};

use super::{change, no_file, no_version, path, sidecars};
use crate::access;
use crate::catalog;
use crate::changes;
use crate::document::Release;
use crate::error::{self, Error};
use crate::layout;
use crate::name::{Artifact, Coordinates, GroupId};
use crate::path::{Target, TargetFile, target};
use crate::stored;

/// `DELETE /{path}`.
pub fn delete(call: &Call) -> Result<Response, Error> {
    settings::require_feature("delete")?;
    let path = path(call)?;
    let Ok(Target { file, sidecar }) = target(&path) else { return folder(&path) };
    match file {
        TargetFile::File(coordinates, name) => {
            access::require(&coordinates.artifact, "delete")?;
            let there = stored::file(&coordinates, name.as_str())?;
            if sidecar.is_some() {
                sidecars::forget(&coordinates, name.as_str())?;
                // A file always has its checksums.
                return Ok(Response::new(204));
            }
            there.ok_or_else(|| no_file(&path))?;
            change::remove(&coordinates, |release| {
                release.file(name.as_str()).map(|file| file.name.clone()).into_iter().collect()
            })?;
            tidy(&coordinates.artifact)?;
            log_deleted(&coordinates.artifact, Some(&coordinates), Some(name.as_str()));
            Ok(Response::new(204))
        }
        TargetFile::Snapshot(coordinates) => {
            access::require(&coordinates.artifact, "delete")?;
            Err(made_here())
        }
        TargetFile::Metadata(place) => {
            match (&place.artifact, &place.group) {
                (Some(artifact), _) => access::require(artifact, "delete")?,
                (None, Some(group)) => access::require_in_group(group, "delete")?,
                (None, None) => return Err(Error::new(error::BAD_PATH)),
            }
            Err(made_here())
        }
    }
}

/// `DELETE /{path}/`.
pub fn delete_folder(call: &Call) -> Result<Response, Error> {
    settings::require_feature("delete")?;
    folder(&path(call)?)
}

/// A version if there is such a one, else an artifact.
fn folder(path: &str) -> Result<Response, Error> {
    let segments: Vec<&str> = path.split('/').collect();
    let artifact = |segments: &[&str]| {
        let (id, group) = segments.split_last().filter(|(_, group)| !group.is_empty())?;
        Artifact::parse(GroupId::parse_segments(group).ok()?, id).ok()
    };
    let version =
        segments.split_last().and_then(|(version, above)| Coordinates::parse(artifact(above)?, version).ok());
    let artifact = artifact(&segments);
    if version.is_none() && artifact.is_none() {
        return Err(no_file(path));
    }
    let may_delete = |artifact: &Artifact| access::may(artifact, "delete");
    if let Some(coordinates) = &version
        && (may_delete(&coordinates.artifact) || artifact.as_ref().is_some_and(may_delete))
        && stored::load(coordinates)?.is_some()
    {
        access::require(&coordinates.artifact, "delete")?;
        return delete_version(coordinates);
    }
    let Some(artifact) = artifact else {
        if let Some(coordinates) = &version {
            access::require(&coordinates.artifact, "delete")?;
        }
        return Err(no_file(path));
    };
    if let (Err(denied), Some(coordinates)) = (access::require(&artifact, "delete"), &version) {
        // The path reads as a version first.
        access::require(&coordinates.artifact, "delete")?;
        return if stored::load(coordinates)?.is_some() { Err(denied.into()) } else { Err(no_file(path)) };
    }
    access::require(&artifact, "delete")?;
    delete_artifact(path, &artifact)
}

fn delete_version(coordinates: &Coordinates) -> Result<Response, Error> {
    let all = |release: &Release| release.files.iter().map(|file| file.name.clone()).collect();
    if !change::remove(coordinates, all)? {
        return Err(no_version(coordinates));
    }
    tidy(&coordinates.artifact)?;
    log_deleted(&coordinates.artifact, Some(coordinates), None);
    Ok(Response::new(204))
}

/// Version by version; one that is interrupted is gone on with when it is sent again.
fn delete_artifact(path: &str, artifact: &Artifact) -> Result<Response, Error> {
    let mut versions = Vec::new();
    for info in storage::list(&layout::documents(artifact)) {
        versions.extend(layout::version_of_document(&info?.key));
    }
    for version in folders(&layout::artifact(artifact)) {
        versions.extend(Coordinates::parse(artifact.clone(), &version?));
    }
    versions.sort();
    versions.dedup();
    let (mut is_any, mut noted) = (false, Vec::new());
    for coordinates in &versions {
        let all = |release: &Release| release.files.iter().map(|file| file.name.clone()).collect();
        is_any |= change::remove_noting(coordinates, all, &mut noted)?;
    }
    let names: Vec<String> = versions.iter().map(|coordinates| coordinates.version().to_owned()).collect();
    let listed = catalog::read(&artifact.path())?.map(|(_, metadata)| metadata.versions).unwrap_or_default();
    if !is_any && listed.is_empty() && !catalog::is_plugin(artifact)? {
        return Err(no_file(path));
    }
    catalog::follow(artifact, &[names, listed].concat())?;
    tidy(artifact)?;
    noted.iter().for_each(changes::settle);
    log_deleted(artifact, None, None);
    Ok(Response::new(204))
}

/// An artifact that has no version left gives its spelling and its plugin's prefix back.
fn tidy(artifact: &Artifact) -> Result<(), Error> {
    if catalog::read(&artifact.path())?.is_some_and(|(_, metadata)| !metadata.versions.is_empty())
        || storage::list(&layout::documents(artifact)).next().transpose()?.is_some()
    {
        return Ok(());
    }
    storage::remove(&layout::spelling(artifact), Precondition::Any)?;
    if catalog::is_plugin(artifact)? {
        catalog::remove_plugins(&artifact.group, &[artifact.id().to_owned()].into())?;
    }
    Ok(())
}

fn made_here() -> Error {
    let sentence = "the repository generates this file: delete the version or the artifact instead";
    Error::because(error::METHOD, sentence)
}

fn log_deleted(artifact: &Artifact, version: Option<&Coordinates>, file: Option<&str>) {
    let artifact = artifact.to_string();
    let mut fields = vec![("package.name", artifact.as_str())];
    fields.extend(version.map(|coordinates| ("package.version", coordinates.version())));
    fields.extend(file.map(|file| ("package.file", file)));
    log::info("deleted", &fields);
}

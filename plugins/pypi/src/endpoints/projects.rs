//! The JSON API (`GET /pypi/{project}/json`, `GET /pypi/{project}/{version}/json`), the status of a
//! project (PEP 792), and the deletion of a project.

use packhouse_plugin::{Call, Response, log, settings};
use serde::Deserialize;
use serde_json::json;

use super::{
    Loaded, change, dated, found, moved, no_project, project, read_dated, reason_line, require, spelled,
    version,
};
use crate::document::{Marker, Project, Status};
use crate::error::{self, Error};
use crate::legacy_json::{self, Subject};
use crate::metadata::CoreMetadata;
use crate::name::{ProjectName, Version};
use crate::simple::Links;

/// `GET /pypi/{project}/json`: what is newest.
pub fn read_project(call: &Call) -> Result<Response, Error> {
    read_json(call, None)
}

/// `GET /pypi/{project}/{version}/json`.
pub fn read_version(call: &Call) -> Result<Response, Error> {
    read_json(call, Some(version(call)?))
}

fn read_json(call: &Call, version: Option<Version>) -> Result<Response, Error> {
    let (name, is_normalised) = spelled(call)?;
    require(&name, "read")?;
    if !is_normalised {
        let to = match version {
            Some(_) => format!("../../{name}/{}/json", call.param("version")),
            None => format!("../{name}/json"),
        };
        return Ok(moved(call, &to));
    }
    let Loaded { project, modified, .. } = read_dated(&name)?;
    let is_whole = version.is_none();
    let version = match version {
        Some(version) if project.files_of(&version).next().is_some() => version,
        Some(version) => {
            let sentence = format!("{name} has no version {version}");
            return Err(Error::because(error::NOT_FOUND, sentence));
        }
        None => project.latest().ok_or_else(|| no_project(&name))?,
    };
    let metadata = metadata_of(&name, &project, &version)?;
    let base_url = call.base_url();
    let subject = Subject {
        name: &name,
        project: &project,
        version: &version,
        metadata: &metadata,
        links: Links::Absolute(&base_url),
    };
    Ok(dated(Response::new(200), modified).json(&legacy_json::describe(&subject, is_whole)))
}

/// The metadata of a version: that of the first file that has any.
fn metadata_of(name: &ProjectName, project: &Project, version: &Version) -> Result<CoreMetadata, Error> {
    let mut files: Vec<_> = project.files_of(version).filter(|file| file.metadata_sha256.is_some()).collect();
    files.sort_by_key(|file| !file.is_wheel());
    let Some(file) = files.first() else { return Ok(CoreMetadata::default()) };
    let bytes = match found::beside(name, file)? {
        Some(document) => document.bytes,
        None => found::inside_named(name, file)?,
    };
    Ok(CoreMetadata::parse(&bytes))
}

#[derive(Deserialize)]
struct NewStatus {
    status: String,
    reason: Option<String>,
}

/// `PUT /pypi/{project}/status`: `{"status": "archived", "reason": "…"}`.
pub fn set_status(call: &Call) -> Result<Response, Error> {
    let name = project(call)?;
    require(&name, "write")?;
    let wanted: NewStatus = call.small_json()?;
    let marker = Marker::parse(&wanted.status).ok_or_else(|| Error::new(error::BAD_STATUS))?;
    let reason = wanted.reason.as_deref().map(reason_line).transpose()?;
    let reason = reason.filter(|reason| !reason.is_empty()).map(str::to_owned);
    let status = (marker != Marker::Active || reason.is_some()).then_some(Status { status: marker, reason });
    change::project(&name, |project, _, _| {
        let is_other = project.status != status;
        project.status.clone_from(&status);
        Ok(is_other)
    })?;
    log::info(
        "changed the status of a project",
        &[("package.name", name.as_str()), ("package.status", marker.as_str())],
    );
    Ok(Response::new(200).json(&json!({ "ok": true, "status": marker.as_str() })))
}

/// `DELETE /pypi/{project}`: all of it.
pub fn delete_project(call: &Call) -> Result<Response, Error> {
    settings::require_feature("delete")?;
    let name = project(call)?;
    require(&name, "delete")?;
    if !change::remove_files(&name, |_| true)? {
        return Err(no_project(&name));
    }
    log::info("deleted a project", &[("package.name", name.as_str())]);
    Ok(Response::new(204))
}

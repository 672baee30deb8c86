//! The pages as JSON (PEP 691).

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::{API_VERSION, ProjectPage, RootPage};
use crate::document::{File, Status};

/// The content type of JSON with a version.
pub const CONTENT_TYPE: &str = "application/vnd.pypi.simple.v1+json";

#[derive(Serialize)]
struct Meta {
    #[serde(rename = "api-version")]
    api_version: &'static str,
}

const META: Meta = Meta { api_version: API_VERSION };

#[derive(Serialize)]
struct ProjectDocument<'a> {
    meta: Meta,
    name: &'a str,
    #[serde(rename = "project-status", skip_serializing_if = "Option::is_none")]
    project_status: Option<&'a Status>,
    versions: Vec<String>,
    files: Vec<FileDocument<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct FileDocument<'a> {
    filename: &'a str,
    url: String,
    hashes: Hashes<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requires_python: Option<&'a str>,
    size: u64,
    upload_time: &'a str,
    yanked: Yanked<'a>,
    core_metadata: CoreMetadata<'a>,
    /// The name of PEP 658, which many clients know alone.
    dist_info_metadata: CoreMetadata<'a>,
    provenance: Option<String>,
}

#[derive(Serialize)]
struct Hashes<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
}

/// False, true, or the reason.
struct Yanked<'a>(Option<&'a str>);

impl Serialize for Yanked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_bool(false),
            Some("") => serializer.serialize_bool(true),
            Some(reason) => serializer.serialize_str(reason),
        }
    }
}

/// False, or its hashes.
#[derive(Clone, Copy)]
struct CoreMetadata<'a>(Option<&'a str>);

impl Serialize for CoreMetadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_bool(false),
            sha256 => Hashes { sha256 }.serialize(serializer),
        }
    }
}

#[derive(Serialize)]
struct RootDocument<'a> {
    meta: Meta,
    projects: Vec<Name<'a>>,
}

#[derive(Serialize)]
struct Name<'a> {
    name: &'a str,
}

/// Writes the page of a project.
pub fn write_project(out: &mut impl Write, page: &ProjectPage<'_>) -> io::Result<()> {
    let versions = if page.files().is_empty() { Vec::new() } else { page.project.versions() };
    let document = ProjectDocument {
        meta: META,
        name: page.name.as_str(),
        project_status: page.project.status.as_ref(),
        versions: versions.iter().map(ToString::to_string).collect(),
        files: page.files().iter().map(|file| describe(page, file)).collect(),
    };
    Ok(serde_json::to_writer(out, &document)?)
}

/// Writes the list of all projects.
pub fn write_root(out: &mut impl Write, page: &RootPage<'_>) -> io::Result<()> {
    let projects = page.names.iter().map(|name| Name { name }).collect();
    Ok(serde_json::to_writer(out, &RootDocument { meta: META, projects })?)
}

fn describe<'a>(page: &ProjectPage<'a>, file: &'a File) -> FileDocument<'a> {
    let metadata = CoreMetadata(file.core_metadata());
    FileDocument {
        filename: &file.filename,
        url: page.url(file),
        hashes: Hashes { sha256: file.sha256.as_deref() },
        requires_python: file.requires_python.as_deref(),
        size: file.size,
        upload_time: &file.uploaded,
        yanked: Yanked(file.yanked.as_deref()),
        core_metadata: metadata,
        dist_info_metadata: metadata,
        provenance: page.provenance_url(file),
    }
}

//! Listings of folders: as HTML for people, and as JSON for scripts.

use std::collections::HashSet;
use std::fmt::{self, Write as _};

use packhouse_plugin::auth::{self, Decision};
use packhouse_plugin::markup::Escaped;
use packhouse_plugin::storage::{ListingOptions, list_page};
use packhouse_plugin::{Call, Response, storage};
use serde::Serialize;

use super::{no_file, path};
use crate::access::{self, ARTIFACT};
use crate::catalog;
use crate::document::File;
use crate::error::Error;
use crate::layout::{self, ARTIFACTS};
use crate::name::{Artifact, Coordinates, GroupId, METADATA_FILE};
use crate::path::Place;
use crate::stored;

/// The forms, the first one by default.
const FORMS: [&str; 2] = ["text/html", "application/json"];

/// One page of the content of a folder.
#[derive(Debug, Serialize)]
struct Listing {
    /// Ends with `/`.
    path: String,
    folders: Vec<String>,
    files: Vec<Entry>,
    /// The value of `?after=` for the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uploaded: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

/// `GET /`: what the caller may read. 401 or 403 if that is nothing.
pub fn read_root(call: &Call) -> Result<Response, Error> {
    let listing = list(call, "")?;
    if listing.folders.is_empty() {
        auth::require(ARTIFACT, "*", "read")?;
    }
    Ok(render(call, &listing))
}

/// `GET /{path}/`.
pub fn read(call: &Call) -> Result<Response, Error> {
    let path = path(call)?;
    require(&path)?;
    let listing = list(call, &path)?;
    if listing.folders.is_empty() && listing.files.is_empty() && listing.next.is_none() {
        return Err(no_file(&path));
    }
    Ok(render(call, &listing))
}

/// `GET /{path}` of a folder: to the same with a `/`.
pub fn redirect(call: &Call, path: &str) -> Result<Response, Error> {
    require(path)?;
    let prefix = format!("{ARTIFACTS}{path}/");
    let there = list_page(&ListingOptions { limit: 1, ..ListingOptions::new(&prefix) })?;
    if there.objects.is_empty() {
        return Err(no_file(path));
    }
    let last = call.path().rsplit('/').next().unwrap_or_default();
    Ok(Response::redirect(302, &format!("{last}/")))
}

/// What a folder may be.
struct Folder {
    group: Option<GroupId>,
    artifact: Option<Artifact>,
    version: Option<Coordinates>,
}

impl Folder {
    fn of(path: &str) -> Self {
        let segments: Vec<&str> = path.split('/').collect();
        let place = |segments: &[&str]| {
            let (id, group) = segments.split_last()?;
            Artifact::parse(GroupId::parse_segments(group).ok()?, id).ok()
        };
        let version = segments
            .split_last()
            .and_then(|(version, above)| Coordinates::parse(place(above)?, version).ok());
        Self { group: GroupId::parse_segments(&segments).ok(), artifact: place(&segments), version }
    }

    fn is_nothing(&self) -> bool {
        self.group.is_none() && self.artifact.is_none() && self.version.is_none()
    }

    fn may_read_version(&self) -> Option<bool> {
        self.version.as_ref().map(|version| access::may(&version.artifact, "read"))
    }

    fn may_read_artifact(&self) -> Option<bool> {
        self.artifact.as_ref().map(|artifact| access::may(artifact, "read"))
    }

    fn may_read_group(&self) -> bool {
        self.group.as_ref().is_some_and(|group| access::may_in_group(group, "read"))
    }

    /// Whether the caller may read it. If that depends on what it is, what is stored decides.
    fn may_be_read(&self) -> Result<bool, Error> {
        let (version, artifact) = (self.may_read_version(), self.may_read_artifact());
        let is_any = version == Some(true) || artifact == Some(true) || self.may_read_group();
        if !is_any || version != Some(false) && artifact != Some(false) {
            return Ok(is_any);
        }
        if let (Some(may_read), Some(coordinates)) = (version, &self.version)
            && stored::load(coordinates)?.is_some()
        {
            return Ok(may_read);
        }
        match (artifact, &self.artifact) {
            (Some(may_read), Some(artifact)) if catalog::exists(artifact)? => Ok(may_read),
            _ => Ok(true),
        }
    }
}

/// The folder whose content is listed, to a caller who may not read everything.
struct Parent {
    path: String,
    /// Whether the caller may read it as an artifact.
    may_read: bool,
    /// The versions that it has as an artifact.
    versions: HashSet<String>,
}

impl Parent {
    fn of(path: &str) -> Result<Self, Error> {
        let folder = Folder::of(path);
        let (mut versions, may_read) = (HashSet::new(), folder.may_read_artifact() == Some(true));
        if let Some(artifact) = &folder.artifact {
            let listed = catalog::read(&artifact.path())?.map(|(_, metadata)| metadata.versions);
            versions.extend(listed.unwrap_or_default());
            for document in storage::list(&layout::documents(artifact)) {
                let coordinates = layout::version_of_document(&document?.key);
                versions.extend(coordinates.map(|coordinates| coordinates.version().to_owned()));
            }
        }
        let path = if path.is_empty() { String::new() } else { format!("{path}/") };
        Ok(Self { path, may_read, versions })
    }

    /// Whether the caller may read the folder of this name in it: a version, an artifact or a group.
    fn shows(&self, name: &str) -> Result<bool, Error> {
        if self.versions.contains(name) {
            return Ok(self.may_read);
        }
        let folder = Folder::of(&format!("{}{name}", self.path));
        let exists = || folder.artifact.as_ref().map_or(Ok(false), catalog::exists);
        let may_read = folder.may_read_artifact() == Some(true);
        if !self.versions.is_empty() && !self.may_read {
            return Ok(may_read && exists()?);
        }
        let may_be_version = !self.versions.is_empty();
        Ok(may_read || (may_be_version || folder.may_read_group()) && !exists()?)
    }
}

fn require(path: &str) -> Result<(), Error> {
    let folder = Folder::of(path);
    if folder.is_nothing() {
        return Err(no_file(path));
    }
    if folder.may_be_read()? {
        return Ok(());
    }
    let Folder { group, artifact, version } = folder;
    if let Some(artifact) = artifact {
        access::require(&artifact, "read")?;
    }
    if let Some(group) = group {
        access::require_in_group(&group, "read")?;
    }
    if let Some(version) = version {
        access::require(&version.artifact, "read")?;
    }
    Err(no_file(path))
}

fn list(call: &Call, path: &str) -> Result<Listing, Error> {
    let inside = if path.is_empty() { String::new() } else { format!("{path}/") };
    let prefix = format!("{ARTIFACTS}{inside}");
    let after = call.query("after").map(|after| format!("{prefix}{after}"));
    let options = ListingOptions { folders: true, after: after.as_deref(), ..ListingOptions::new(&prefix) };
    let page = list_page(&options)?;
    let is_all = auth::check(ARTIFACT, "*", "read") == Decision::Granted;
    let name = |key: &str| key.strip_prefix(&prefix).unwrap_or_default().trim_end_matches('/').to_owned();
    let mut folders: Vec<String> = page.folders.iter().map(|key| name(key)).collect();
    if !is_all {
        let parent = Parent::of(path)?;
        let mut shown = Vec::with_capacity(folders.len());
        for name in folders {
            if parent.shows(&name)? {
                shown.push(name);
            }
        }
        folders = shown;
    }
    let mut files = if after.is_none() { metadata(path)? } else { Vec::new() };
    files.extend(version_files(path)?.into_iter().filter(|file| {
        after.is_none() || after.as_ref().is_some_and(|after| format!("{prefix}{}", file.name) > *after)
    }));
    let next = page.next.as_deref().and_then(|next| next.strip_prefix(&prefix)).map(str::to_owned);
    Ok(Listing { path: inside, folders, files, next })
}

/// The metadata of this path, if there is any that the caller may see.
fn metadata(path: &str) -> Result<Vec<Entry>, Error> {
    let segments: Vec<&str> = path.split('/').collect();
    let is_there = match Folder::of(path).version.filter(Coordinates::is_snapshot) {
        Some(coordinates) => {
            access::may(&coordinates.artifact, "read")
                && stored::load(&coordinates)?.is_some_and(|loaded| !loaded.release.files.is_empty())
        }
        None if segments.iter().all(|segment| segment.is_empty()) => false,
        None => {
            storage::stat(&layout::metadata(path))?.is_some()
                && super::metadata::visible(&Place::of_path(path)).is_ok()
        }
    };
    let entry =
        Entry { name: METADATA_FILE.to_owned(), size: None, uploaded: None, sha1: None, sha256: None };
    Ok(is_there.then_some(entry).into_iter().collect())
}

fn version_files(path: &str) -> Result<Vec<Entry>, Error> {
    let Some(coordinates) = Folder::of(path).version else { return Ok(Vec::new()) };
    if !access::may(&coordinates.artifact, "read") {
        return Ok(Vec::new());
    }
    let mut files = stored::load(&coordinates)?.map(|loaded| loaded.release.files).unwrap_or_default();
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files.into_iter().map(entry).collect())
}

fn entry(file: File) -> Entry {
    let File { name, size, uploaded, digests, .. } = file;
    let (sha1, sha256) = digests.map(|digests| (digests.sha1, digests.sha256)).unzip();
    Entry { name, size: Some(size), uploaded: Some(uploaded), sha1, sha256 }
}

fn render(call: &Call, listing: &Listing) -> Response {
    let is_json = call.accepts(&FORMS) == Some(1);
    if is_json { Response::new(200).json(listing) } else { Response::new(200).html(html(listing)) }
}

fn html(listing: &Listing) -> String {
    let title = Escaped(&listing.path);
    let mut text = format!(
        "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"><title>/{title}</title></head>\n<body>\n<h1>/{title}</h1>\n<pre>\n"
    );
    let mut line = |arguments: fmt::Arguments<'_>| {
        // Writing to a text does not fail.
        let _: fmt::Result = text.write_fmt(arguments);
    };
    if !listing.path.is_empty() {
        line(format_args!("<a href=\"../\">../</a>\n"));
    }
    for name in &listing.folders {
        let name = Escaped(name);
        line(format_args!("<a href=\"{name}/\">{name}/</a>\n"));
    }
    for file in &listing.files {
        let name = Escaped(&file.name);
        let details = file.uploaded.as_deref().zip(file.size);
        let details = details.map(|(uploaded, size)| format!("  {uploaded}  {size}")).unwrap_or_default();
        line(format_args!("<a href=\"{name}\">{name}</a>{details}\n"));
    }
    if let Some(next) = &listing.next {
        line(format_args!("<a href=\"?after={}\">more</a>\n", Escaped(next)));
    }
    text.push_str("</pre>\n</body>\n</html>\n");
    text
}

//! Listings of folders: as HTML for people, and as JSON for scripts.

use std::fmt::{self, Write as _};

use packhouse_plugin::auth::{self, Decision};
use packhouse_plugin::markup::Escaped;
use packhouse_plugin::storage::{ListingOptions, list_page};
use packhouse_plugin::{Call, Response, storage};
use serde::Serialize;

use super::{no_file, path};
use crate::access::{self, ARTIFACT};
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

/// `GET /`.
pub fn read_root(call: &Call) -> Result<Response, Error> {
    auth::require(ARTIFACT, "*", "read")?;
    Ok(render(call, &list(call, "")?))
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

    /// Whether the caller may read the folder as a version, as an artifact or as a group.
    fn may_be_read(&self) -> bool {
        self.version.as_ref().is_some_and(|version| access::may(&version.artifact, "read"))
            || self.artifact.as_ref().is_some_and(|artifact| access::may(artifact, "read"))
            || self.group.as_ref().is_some_and(|group| access::may_in_group(group, "read"))
    }
}

fn require(path: &str) -> Result<(), Error> {
    let folder = Folder::of(path);
    if folder.is_nothing() {
        return Err(no_file(path));
    }
    if folder.may_be_read() {
        return Ok(());
    }
    let name =
        folder.artifact.map(|artifact| artifact.to_string()).or(folder.group.map(|group| group.to_string()));
    Ok(auth::require(ARTIFACT, &name.unwrap_or_else(|| path.replace('/', ".")), "read")?)
}

fn list(call: &Call, path: &str) -> Result<Listing, Error> {
    let inside = if path.is_empty() { String::new() } else { format!("{path}/") };
    let prefix = format!("{ARTIFACTS}{inside}");
    let after = call.query("after").map(|after| format!("{prefix}{after}"));
    let options = ListingOptions { folders: true, after: after.as_deref(), ..ListingOptions::new(&prefix) };
    let page = list_page(&options)?;
    let is_all = auth::check(ARTIFACT, "*", "read") == Decision::Granted;
    let name = |key: &str| key.strip_prefix(&prefix).unwrap_or_default().trim_end_matches('/').to_owned();
    let folders = page.folders.iter().map(|key| name(key));
    let folders =
        folders.filter(|name| is_all || Folder::of(&format!("{inside}{name}")).may_be_read()).collect();
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

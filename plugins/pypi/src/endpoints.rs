//! One file for each noun. This file contains what several of them need: the project of a request, its
//! document, and the permissions on it.

use packhouse_plugin::auth;
use packhouse_plugin::storage::Before;
use packhouse_plugin::{Call, Response, clock, time};

use crate::document::Project;
use crate::error::{self, Error};
use crate::layout;
use crate::name::{ProjectName, Version};

pub(crate) mod change;
pub mod files;
pub(crate) mod found;
pub(crate) mod pages;
pub mod projects;
pub mod releases;
pub mod simple;
pub(crate) mod stored;
pub mod upload;

/// The kind of this protocol's scopes.
const PACKAGE: &str = "package";
/// Of documents in the store, where it keeps content types.
pub(crate) const JSON: &str = "application/json";
/// The longest reason that somebody gives, in characters.
const REASON: usize = 1000;

/// Whether what is answered at this path is JSON: then its errors are JSON too. The simple API has
/// two forms, and decides by itself.
pub fn is_json_api(path: &str) -> bool {
    let path = path.trim_matches('/');
    let is_legacy = path == "pypi/legacy";
    let is_below = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    let is_yank = is_below("packages") && path.ends_with("/yank");
    let is_document = path.ends_with("/json") && !is_below("simple") && !is_below("packages");
    (is_below("pypi") && !is_legacy) || is_below("integrity") || is_yank || is_document
}

/// A project, and the stored document that it was read from.
struct Loaded {
    project: Project,
    /// The stored document, if there is one.
    before: Option<Before>,
    /// When it was written, in milliseconds since the Unix epoch.
    modified: Option<u64>,
    /// Whether that document is one of ours; else the files in the bucket speak.
    is_ours: bool,
}

/// How much is looked into files of which no document speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// As far as a read may take.
    Quick,
    /// All files, of any size.
    Full,
}

/// The project, from its document, or from its files if this plugin has written no document. None if
/// there is neither.
fn load(name: &ProjectName, depth: Depth) -> Result<Option<Loaded>, Error> {
    let (document, project) = stored::read(name)?;
    let before = document.as_ref().map(Before::from);
    let modified = document.and_then(|document| document.info.modified);
    if let (Some(_), Some(project)) = (&before, project) {
        return Ok(Some(Loaded { project, before, modified, is_ours: true }));
    }
    let found = found::project(name, depth)?;
    Ok(found.map(|project| Loaded { project, before, modified: None, is_ours: false }))
}

/// The same for a change. `Damaged` if a part of the document cannot be read, because writing it would
/// lose this part.
fn load_whole(name: &ProjectName) -> Result<Option<Loaded>, Error> {
    let loaded = load(name, Depth::Full)?;
    if let Some(loaded) = &loaded {
        let damaged = |why| packhouse_plugin::Error::damaged(layout::document(name), why);
        loaded.project.check().map_err(damaged)?;
    }
    Ok(loaded)
}

/// The project, or 404 if it has no files.
fn read(name: &ProjectName) -> Result<Project, Error> {
    read_dated(name).map(|loaded| loaded.project)
}

/// The same, and when it was last changed.
fn read_dated(name: &ProjectName) -> Result<Loaded, Error> {
    load(name, Depth::Quick)?
        .filter(|loaded| !loaded.project.files.is_empty())
        .ok_or_else(|| no_project(name))
}

/// What is rendered of a project is as old as its document.
fn dated(response: Response, modified: Option<u64>) -> Response {
    match modified.and_then(time::http_date) {
        Some(date) => response.header("last-modified", &date),
        None => response,
    }
}

fn no_project(name: &ProjectName) -> Error {
    Error::because(error::NOT_FOUND, format!("{name} is not in this registry"))
}

fn no_file(name: &ProjectName, file: &str) -> Error {
    Error::because(error::NOT_FOUND, format!("{name} has no file {file}"))
}

/// The project in the path, in any spelling.
fn project(call: &Call) -> Result<ProjectName, Error> {
    Ok(ProjectName::parse(&call.decoded("project")?)?)
}

/// The project in the path, and whether it is spelled as it is normalised.
fn spelled(call: &Call) -> Result<(ProjectName, bool), Error> {
    let written = call.decoded("project")?;
    let name = ProjectName::parse(&written)?;
    let is_normalised = call.param("project") == name.as_str();
    Ok((name, is_normalised))
}

/// The version in the path.
fn version(call: &Call) -> Result<Version, Error> {
    Ok(Version::parse(&call.decoded("version")?)?)
}

/// A redirection that stays, from a path to another below the same folder, its query kept.
fn moved(call: &Call, to: &str) -> Response {
    let query = call.request().query().map(|query| format!("?{query}")).unwrap_or_default();
    Response::redirect(301, &call.relative(&format!("{to}{query}")))
}

/// The caller may do this on the project, or 401 or 403.
fn require(name: &ProjectName, action: &str) -> Result<(), Error> {
    Ok(auth::require(PACKAGE, name.as_str(), action)?)
}

/// A reason as it is shown to people, in terminals too: one line of text.
fn reason_line(text: &str) -> Result<&str, Error> {
    // Marks that turn the direction of text round show something else than there is.
    let is_odd = |character: char| {
        character.is_control()
            || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let text = text.trim();
    if text.chars().count() > REASON || text.chars().any(is_odd) {
        let sentence = format!("a reason is one line of up to {REASON} characters of plain text");
        return Err(Error::because(error::BAD_BODY, sentence));
    }
    Ok(text)
}

/// The time of this request, as documents hold it: `2026-01-01T00:00:00.000Z`.
fn now() -> String {
    time::rfc3339(clock::now())
}

//! The pages that are stored for other programs that read the bucket. They are derived from the
//! documents, have relative links, and are never served by this plugin. If a page cannot be written,
//! the request still succeeds.
//!
//! # Invariants
//! - A project's page is written after its document and removed before it, so a page without a document
//!   shows that the document was lost.
//!
//! A project's page follows each change of its document. The list of all projects is written only when
//! a request reads it, and at most once in [`catalog::INTERVAL`].

use std::cell::Cell;

use packhouse_plugin::storage::{self, Change, Document, Precondition, Reader, Update, unless_conflict};
use packhouse_plugin::{Error as HostError, log};

use super::{Depth, load};
use crate::catalog;
use crate::document::Project;
use crate::error::Error;
use crate::layout;
use crate::name::ProjectName;
use crate::simple::{Links, ProjectPage, RootPage, html};

pub const HTML: &str = "text/html; charset=utf-8";
/// How much of a page is looked at, in bytes.
const BEGIN: u32 = 1024;
/// How often a page is tried against deletions.
const ATTEMPTS: u32 = 10;

/// Writes the page of a project as its document is now.
pub fn write_project(name: &ProjectName) {
    told(name.as_str(), try_write_project(name));
}

/// The page of a project as it should be stored; none if the project should have no page.
pub fn render_project(name: &ProjectName) -> Result<Option<Vec<u8>>, Error> {
    let project = load(name, Depth::Quick)?.map(|loaded| loaded.project);
    let Some(project) = project.filter(|project| !project.files.is_empty()) else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    let page = ProjectPage { name, project: &project, links: Links::Relative };
    html::write_project(&mut bytes, &page).map_err(packhouse_plugin::Error::from)?;
    Ok(Some(bytes))
}

fn try_write_project(name: &ProjectName) -> Result<(), Error> {
    let key = layout::page(name);
    // The document is read after the page. Of two writers, the later one has seen the later document,
    // and the other one gets a conflict.
    for _ in 0..ATTEMPTS {
        let is_new = Cell::new(false);
        let written = Update::new(&key).content_type(HTML).run(|current| {
            is_new.set(current.is_none());
            let Some(bytes) = render_project(name)? else {
                return Ok(if current.is_some() { Change::Remove } else { Change::Keep });
            };
            let is_same = current.is_some_and(|document| document.bytes == bytes);
            Ok::<_, Error>(if is_same { Change::Keep } else { Change::Write(bytes) })
        })?;
        let Some(page) = written.filter(|_| is_new.get()) else { return Ok(()) };
        if names_files(storage::get(&layout::document(name))?) {
            return Ok(());
        }
        // The project was deleted between the two, by somebody who found no page.
        match storage::remove(&key, Precondition::Version(&page.version)) {
            Ok(_) => {}
            Err(HostError::Conflict) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Err(HostError::Unavailable(format!("`{key}` changes faster than it can be written")).into())
}

fn names_files(document: Option<Document>) -> bool {
    let project = document.map(|document| Project::parse(&document.bytes));
    // What is damaged had better keep its page.
    project.is_some_and(|project| !matches!(project, Ok(Some(project)) if project.files.is_empty()))
}

/// The page goes, because its document is about to.
pub fn remove_project(name: &ProjectName) -> Result<(), HostError> {
    storage::remove(&layout::page(name), Precondition::Any)?;
    Ok(())
}

/// The version of the page if this plugin has written it, which shows that there was a document. None
/// if there is no page, or if another system wrote it. `Conflict` when the page is being replaced.
pub fn version_of_ours(name: &ProjectName) -> Result<Option<String>, HostError> {
    let Some(reader) = Reader::open(&layout::page(name))? else { return Ok(None) };
    let begin = reader.read_at(0, BEGIN)?;
    let is_ours = begin.starts_with(html::BEGIN.as_bytes());
    Ok(is_ours.then(|| reader.info().version))
}

/// Writes the list of all projects, if the stored one is old and differs.
pub fn refresh_root(names: &[String]) {
    told("the list of projects", try_refresh_root(names));
}

fn try_refresh_root(names: &[String]) -> Result<(), Error> {
    let stored = storage::stat(layout::ROOT_PAGE)?;
    let age = stored.as_ref().map(storage::age).transpose()?.flatten();
    if age.is_some_and(|age| age < catalog::INTERVAL) {
        return Ok(());
    }
    let bytes = render_root(names)?;
    let precondition =
        stored.as_ref().map_or(Precondition::Absent, |info| Precondition::Version(&info.version));
    if stored.as_ref().is_some_and(|info| info.size == bytes.len() as u64) {
        let current = storage::get(layout::ROOT_PAGE)?;
        if current.is_some_and(|document| document.bytes == bytes) {
            return Ok(());
        }
    }
    // Another request has written it.
    Ok(unless_conflict(storage::put(layout::ROOT_PAGE, &bytes, precondition, Some(HTML))).map(drop)?)
}

/// The list of all projects as it should lie in the bucket.
pub fn render_root(names: &[String]) -> Result<Vec<u8>, HostError> {
    let mut bytes = Vec::new();
    html::write_root(&mut bytes, &RootPage { names, links: Links::Relative })?;
    Ok(bytes)
}

/// Whether this is a whole list of projects, of whatever moment. Only reading the list writes it
/// anew, so one that is behind is as it should be.
pub fn is_root(page: &[u8]) -> bool {
    let text = String::from_utf8_lossy(page);
    let name = |line: &str| Some(line.strip_suffix("</a><br>")?.rsplit_once('>')?.1.to_owned());
    let names: Vec<String> = text.lines().filter_map(name).collect();
    render_root(&names).is_ok_and(|whole| whole == page)
}

fn told(page: &str, written: Result<(), Error>) {
    if let Err(error) = written {
        let fields = [("page", page), ("error", &error.to_string())];
        log::warn("a derived page could not be written", &fields);
    }
}

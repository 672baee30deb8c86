//! Removes files that no document names, which interrupted uploads and deletions leave, and documents
//! that were begun and name no file.
//!
//! # Invariants
//! - A document is read after the files of its project were listed, so it also names what was uploaded
//!   in between.
//! - A file is removed only if the document beside it was written by this plugin and is intact, and all
//!   its files exist. Without such a document, the files are served as they are, and kept.

use packhouse_plugin::maintenance::{Phase, Reference, Step, each_folder, first_missing, forget_claims};
use packhouse_plugin::storage::{self, GRACE, ListingOptions, list_page, unless_conflict};
use packhouse_plugin::{Error, ObjectInfo};

use super::{Stored, go_on, stored};
use crate::document::Project;
use crate::endpoints::change::remove_with_evidence;
use crate::endpoints::pages;
use crate::layout;
use crate::name::{FileName, ProjectName};

/// Keys of one step.
const KEYS: u32 = 500;
/// Bytes of documents after which a step ends.
const MOST_READ: u64 = 16 << 20;

/// What the files leave empty is seen the next time.
pub const PHASES: &[Phase] = &[
    Phase { name: "documents", step: documents },
    Phase { name: "files", step: files },
    // The files of a lost document are served as they are found.
    Phase { name: "lost", step: |step, after| step.collect_lost(after, |_| Ok(true)) },
];

fn documents(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    if after.is_none() {
        forget_claims(step)?;
    }
    each_folder(layout::METADATA, after, KEYS, MOST_READ, |objects| {
        let collected = |object: &ObjectInfo| go_on(step, &object.key, collect_document(step, object));
        objects.iter().map(collected).sum()
    })
}

fn files(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_folder(layout::PACKAGES, after, KEYS, MOST_READ, |objects| {
        let key = objects.first().map_or(layout::PACKAGES, |object| object.key.as_str());
        go_on(step, key, collect_project(step, objects))
    })
}

/// A document without files is that of a first upload that never came to its end. Gives the
/// bytes that were read.
fn collect_document(step: &Step<'_>, object: &ObjectInfo) -> Result<u64, Error> {
    step.checked(1, 0);
    let Some(name) = layout::project_of_document(&object.key) else { return Ok(0) };
    let stored = stored(&name)?;
    step.checked(0, stored.size());
    if let Some(why) = stored.damage() {
        step.damaged_once(&object.key, why);
    }
    // As long as a file exists, the document says that the file is hidden.
    if let Stored::Ours(document, project) = &stored
        && project.files.is_empty()
        && project.status.is_none()
        && document.info.version == object.version
        && list_page(&ListingOptions { limit: 1, ..ListingOptions::new(&layout::folder(&name)) })?
            .objects
            .is_empty()
    {
        let floor = step.started().saturating_sub(GRACE);
        if step.is_recent(object) || object.modified.is_none_or(|modified| modified >= floor) {
            step.kept(1, object.size);
        } else if remove_document(step, &name, object)? {
            step.left_over(&object.key, object.size, "it lists no file");
        }
    }
    Ok(stored.size())
}

/// With its page and its proof, which would tell that the document was lost.
fn remove_document(step: &Step<'_>, name: &ProjectName, object: &ObjectInfo) -> Result<bool, Error> {
    if step.is_dry_run() {
        return Ok(true);
    }
    let removed = unless_conflict(remove_with_evidence(name, &object.version))?;
    if removed.is_none() {
        pages::write_project(name);
    }
    Ok(removed.is_some_and(|removed| removed))
}

/// The files of one project, or some of them. Gives the bytes that were read.
fn collect_project(step: &Step<'_>, objects: &[ObjectInfo]) -> Result<u64, Error> {
    step.checked(objects.len() as u64, 0);
    let Some((name, _)) = objects.first().and_then(|object| layout::project_of_file(&object.key)) else {
        return Ok(0);
    };
    let stored = stored(&name)?;
    step.checked(0, stored.size());
    let key = layout::document(&name);
    if let Some(why) = stored.damage() {
        step.damaged_once(&key, why);
    }
    let Stored::Ours(_, project) = &stored else { return Ok(stored.size()) };
    let parts = objects.iter().filter_map(|object| Some((object, Part::of(&name, &object.key)?)));
    let unnamed: Vec<(&ObjectInfo, Part)> = parts.filter(|(_, part)| !part.is_named(project)).collect();
    let named: Vec<String> = project.files.iter().map(|file| layout::file(&name, &file.filename)).collect();
    if !unnamed.is_empty() && step.report_missing(&key, first_missing(&named)?.as_deref()) {
        return Ok(stored.size());
    }
    for (object, part) in unnamed {
        step.reclaim(object, &key, Reference::Unnamed, || part.reference(&name))?;
    }
    Ok(stored.size())
}

/// A distribution, or a file beside one.
pub struct Part {
    file: String,
    is_beside: bool,
}

impl Part {
    /// None for an object of another program.
    pub fn of(name: &ProjectName, key: &str) -> Option<Self> {
        let (_, file) = layout::project_of_file(key)?;
        let beside = [layout::CORE_METADATA, layout::PROVENANCE];
        let main = beside.iter().find_map(|ending| file.strip_suffix(ending));
        let part = Self { file: main.unwrap_or(file).to_owned(), is_beside: main.is_some() };
        FileName::parse_stored(name, &part.file).map(|_| part)
    }

    pub fn is_named(&self, project: &Project) -> bool {
        project.file(&self.file).is_some()
    }

    /// Whether the document names the file now. A file beside a distribution (e.g. its metadata) is kept
    /// as long as the distribution exists.
    fn reference(&self, name: &ProjectName) -> Result<Reference, Error> {
        Ok(match stored(name)? {
            Stored::Ours(_, project) if self.is_named(&project) => Reference::Named,
            Stored::Ours(..)
                if self.is_beside && storage::stat(&layout::file(name, &self.file))?.is_some() =>
            {
                Reference::Named
            }
            Stored::Ours(..) => Reference::Unnamed,
            Stored::Nothing | Stored::Foreign(_) => Reference::NoDocument,
            Stored::Damaged(..) => Reference::Damaged,
        })
    }
}

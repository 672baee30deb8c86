//! Makes documents from the files: adds files that were copied in, and keeps what the documents already
//! contain. Then it makes the pages from the documents.
//!
//! # Invariants
//! - Damaged and lost documents are reported and never replaced: they may be restored, and only they
//!   know yanks, the status and the uploaders.
//! - Nothing is removed. `verify` reports files that a document names and that are missing.
//! - A file that is younger than [`GRACE`] may belong to an upload that has not ended, so it is
//!   skipped.

use packhouse_plugin::maintenance::{Phase, Step};
use packhouse_plugin::storage::{
    self, Before, GRACE, ListingOptions, Name, Precondition, Proof, list_page, put_anew, unless_conflict,
};
use packhouse_plugin::{Error, ObjectInfo, time};

use super::{Stored, go_on, stored};
use crate::catalog;
use crate::document::{File, Project};
use crate::endpoints::found::{Folder, Look};
use crate::endpoints::{JSON, pages};
use crate::layout;
use crate::name::{FileName, ProjectName};

/// Folders of one listing.
const FOLDERS: u32 = 100;
/// Bytes of files that were read through after which a step ends.
const MOST_READ: u64 = 1 << 30;

/// The files first: their documents are there when their own folders are walked.
pub const PHASES: &[Phase] = &[
    Phase { name: "files", step: files },
    Phase { name: "documents", step: documents },
    Phase { name: "root", step: |step, _| write_root(step).map(|()| None) },
];

fn files(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_project(layout::PACKAGES, after, |name| {
        let read = go_on(step, &layout::document(name), write_document(step, name))?;
        go_on(step, &layout::page(name), write_page(step, name, false))?;
        Ok(read)
    })
}

fn documents(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_project(layout::METADATA, after, |name| {
        go_on(step, &layout::document(name), report_damaged(step, name))?;
        go_on(step, &layout::page(name), write_page(step, name, true))?;
        Ok(0)
    })
}

/// Some projects, by their folders below a prefix, until enough was read: `visit` gives the bytes.
fn each_project(
    prefix: &str,
    after: Option<&str>,
    mut visit: impl FnMut(&ProjectName) -> Result<u64, Error>,
) -> Result<Option<String>, Error> {
    let options = ListingOptions { folders: true, after, limit: FOLDERS, ..ListingOptions::new(prefix) };
    let page = list_page(&options)?;
    let mut read = 0;
    for folder in &page.folders {
        let name = folder.strip_prefix(prefix).map(|name| name.trim_end_matches('/'));
        if let Some(name) = name.and_then(ProjectName::parse_normalised) {
            read += visit(&name)?;
        }
        if read > MOST_READ {
            return Ok(Some(folder.clone()));
        }
    }
    Ok(page.next)
}

/// Gives the bytes that were read through.
fn write_document(step: &Step<'_>, name: &ProjectName) -> Result<u64, Error> {
    let key = layout::document(name);
    let folder = Folder::list(name)?;
    step.checked(folder.files.len() as u64, 0);
    let mut read = 0;
    storage::retry(&key, |_| {
        let proof = Proof::of(&key)?;
        let mut is_older = false;
        let there = stored(name)?;
        let (known, before) = match &there {
            Stored::Ours(document, project) => (Some(project.clone()), Some(Before::from(document))),
            Stored::Foreign(document) => (None, Some(Before::from(document))),
            Stored::Nothing => (None, None),
            Stored::Damaged(Some((document, project)), _)
                if project.check().is_ok() && proof.is_ahead_of(document)? =>
            {
                is_older = true;
                (Some(project.clone()), Some(Before::from(document)))
            }
            // The operator may have it restored: what it said must not be lost.
            Stored::Damaged(_, why) => {
                step.damaged_once(&key, why);
                return Ok(Some(read));
            }
        };
        let missing = missing(step, known.as_ref(), &folder, &proof);
        if missing.is_empty() && !is_older {
            if let Stored::Ours(document, project) = &there {
                step.prove_names(document, proof.saying(project.said()), named(name, project))?;
            }
            return Ok(Some(read));
        }
        read += missing.iter().map(|(_, info)| info.size).sum::<u64>();
        let mut project = with_files(known, name, &folder, &missing, &proof)?;
        if is_older {
            restore(&mut project, name, &proof)?;
            if project.files.is_empty() {
                let why = "it is an older copy, and none of its files is left: restore the newest copy";
                step.damaged_once(&key, why);
                return Ok(Some(read));
            }
        }
        if !step.is_dry_run() {
            let bytes = storage::to_json(&project.stored())?;
            let proof = proof.saying(project.said());
            if unless_conflict(put_anew(proof, before.as_ref(), bytes, Some(JSON)))?.is_none() {
                return Ok(None);
            }
        }
        step.rebuilt(&key);
        Ok::<_, Error>(Some(read))
    })
}

/// A damaged document of a project without files; the others were met with their files.
fn report_damaged(step: &Step<'_>, name: &ProjectName) -> Result<(), Error> {
    let files = list_page(&ListingOptions { limit: 1, ..ListingOptions::new(&layout::folder(name)) })?;
    if files.objects.is_empty()
        && let Some(why) = stored(name)?.damage()
    {
        step.damaged_once(&layout::document(name), why);
    }
    Ok(())
}

/// The files that the document does not name, and may.
fn missing<'a>(
    step: &Step<'_>,
    known: Option<&Project>,
    folder: &'a Folder,
    proof: &Proof,
) -> Vec<&'a (FileName, ObjectInfo)> {
    let floor = step.started().saturating_sub(GRACE);
    let is_settled =
        |info: &ObjectInfo| proof.names(&info.key) || info.modified.is_some_and(|modified| modified < floor);
    let is_missing = |(file, info): &&(FileName, ObjectInfo)| match known {
        Some(project) => project.file(file.as_str()).is_none() && is_settled(info),
        // Nothing speaks of any of them: they are served already as they are found.
        None => true,
    };
    folder.files.iter().filter(is_missing).collect()
}

/// The files that a document names.
fn named(name: &ProjectName, project: &Project) -> Vec<Name> {
    let file = |file: &File| Name {
        since: time::parse_rfc3339(&file.uploaded),
        ..Name::from(layout::file(name, &file.filename))
    };
    project.files.iter().map(file).collect()
}

fn with_files(
    known: Option<Project>,
    name: &ProjectName,
    folder: &Folder,
    missing: &[&(FileName, ObjectInfo)],
    proof: &Proof,
) -> Result<Project, Error> {
    let mut project = known.unwrap_or_else(|| Project::from(name));
    for (file, info) in missing {
        let mut described = folder.describe(file, info, Look::ALL)?;
        if let Some((_, named)) = proof.files().find(|(key, _)| *key == info.key) {
            described.uploaded = time::rfc3339(named);
        }
        project.files.push(described);
    }
    Ok(project)
}

/// What the proof knows of the newest state: yanks, the status, and the files that requests have removed
/// since.
fn restore(project: &mut Project, name: &ProjectName, proof: &Proof) -> Result<(), Error> {
    let Some(said) = proof.said() else { return Ok(()) };
    project.restore(said);
    let files: Vec<String> = project.files.iter().map(|file| layout::file(name, &file.filename)).collect();
    let gone = proof.taken_out(&files)?;
    project.files.retain(|file| !gone.contains(&layout::file(name, &file.filename)));
    Ok(())
}

/// The derived page of a project. `only_missing`: it was written with its files already.
fn write_page(step: &Step<'_>, name: &ProjectName, only_missing: bool) -> Result<(), Error> {
    let key = layout::page(name);
    if only_missing && storage::stat(&key)?.is_some() {
        return Ok(());
    }
    // Damaged documents are told by `verify`, and leave the page as it is.
    let Ok(Some(bytes)) = pages::render_project(name) else { return Ok(()) };
    if storage::get(&key)?.is_some_and(|stored| stored.bytes == bytes) {
        return Ok(());
    }
    step.rebuilt(&key);
    if !step.is_dry_run() {
        pages::write_project(name);
    }
    Ok(())
}

fn write_root(step: &Step<'_>) -> Result<(), Error> {
    let names = catalog::walk()?;
    let bytes = pages::render_root(&names)?;
    let stored = match storage::get(layout::ROOT_PAGE) {
        // It is written anew.
        Err(Error::Damaged { .. }) => None,
        stored => stored?,
    };
    if stored.as_ref().is_some_and(|stored| stored.bytes == bytes) || (stored.is_none() && names.is_empty()) {
        return Ok(());
    }
    if !stored.is_some_and(|stored| pages::is_root(&stored.bytes)) {
        step.rebuilt(layout::ROOT_PAGE);
    }
    if !step.is_dry_run() {
        storage::put(layout::ROOT_PAGE, &bytes, Precondition::Any, Some(pages::HTML))?;
        catalog::changed();
    }
    Ok(())
}

//! `POST /legacy/`: the upload API of twine, uv, poetry and all other clients.
//!
//! # Invariants
//! - Nothing is visible before the document names it. Between giving the file its key and writing the
//!   document, only writing the objects beside the file can fail.
//! - An existing file is never replaced. Uploading the same bytes again succeeds, and repairs the
//!   stored file if it is damaged.

use std::cell::{Cell, RefCell};

use packhouse_plugin::problem::shown;
use packhouse_plugin::storage::{
    self, Before, Document, Entry, Precondition, Publish, Refused, Staged, unless_conflict,
};
use packhouse_plugin::{Call, Response, log, settings};

use super::{JSON, Loaded, found, load_whole, pages, require, stored};
use crate::attestation;
use crate::catalog;
use crate::document::{File, Project, said};
use crate::error::{self, Error};
use crate::layout;
use crate::name::{FileName, ProjectName};
use form::Form;
use verify::Verified;

mod form;
mod verify;

/// Of core metadata in the store, where it keeps content types.
const TEXT: &str = "text/plain; charset=utf-8";
/// Of distributions in the store.
const BINARY: &str = "application/octet-stream";

/// See the module.
pub fn upload(call: &Call) -> Result<Response, Error> {
    settings::require_feature("upload")?;
    let form = Form::receive(call)?;
    match form.require(":action")? {
        "file_upload" => {}
        other => {
            let sentence = format!("the action {} is not known here; only `file_upload` is", shown(other));
            return Err(Error::because(error::BAD_FORM, sentence));
        }
    }
    require(&ProjectName::parse(form.require("name")?)?, "write")?;
    let (verified, staged) = verify::verify(form)?;
    let (name, file) = (&verified.name, &verified.file.filename);
    // Something was removed at this moment. An upload does not need it, so the client can try again.
    let published = publish(&verified, staged)
        .map_err(|error| if error.status() == 404 { Error::new(error::CHANGING) } else { error })?;
    if let Some(published) = published {
        pages::write_project(name);
        if published == Published::First {
            catalog::changed();
        }
        let version = verified.version.to_string();
        let fields = [("package.name", name.as_str()), ("package.version", &version), ("package.file", file)];
        log::info("published a file", &fields);
    }
    Ok(Response::new(200).text("OK\n"))
}

/// What a file is to its project.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Published {
    /// It is the only file of the project.
    First,
    Another,
}

/// None if the same file exists already.
fn publish(verified: &Verified, mut staged: Staged) -> Result<Option<Published>, Error> {
    let document = layout::document(&verified.name);
    let key = layout::file(&verified.name, &verified.file.filename);
    let (is_first, is_adopted, is_claimed) = (Cell::new(false), Cell::new(false), Cell::new(false));
    let is_prepared = Cell::new(false);
    let there = RefCell::default();
    let mut look = |document: Option<&Document>| {
        let ours =
            document.map(|document| stored::project_of(&verified.name, document)).transpose()?.flatten();
        if let (Some(document), Some(ours)) = (document, &ours) {
            ours.check().map_err(|why| document.damaged(why))?;
        }
        is_adopted.set(ours.is_none());
        if ours.is_none() && !is_prepared.get() {
            adopted(verified, false)?;
            return Ok(Entry::Other);
        }
        let project = ours.map_or_else(|| adopted(verified, is_claimed.get()), Ok)?;
        if !is_new(verified, &project)? {
            there.replace(project.file(&verified.file.filename).cloned());
            return Ok(Entry::Same);
        }
        is_first.set(project.files.is_empty());
        with_file(verified, project).map(Entry::New)
    };
    let publish = Publish::new(&document).content_type(JSON).proven().saying(said);
    let mut prepared = publish.prepare(&mut look)?;
    is_prepared.set(true);
    if is_adopted.get() {
        // There is a document by now.
        prepared = publish.prepare(&mut look)?;
    }
    if let Err(Refused::Same) = &prepared {
        // The same bytes again repair a damaged file.
        let is_repaired = staged.repair(&key, Some(BINARY))?;
        if is_repaired && !is_named(verified)? {
            return Err(Error::new(error::CHANGING));
        }
        if let Some(there) = there.take() {
            repair_beside(verified, &there, &key, is_repaired)?;
        }
        return Ok(None);
    }
    let claimed = match prepared {
        Ok(prepared) => prepared.claim(&mut staged, &key, Some(BINARY), &mut look)?,
        Err(refused) => Err(refused),
    };
    let claimed = match claimed {
        Ok(claimed) => claimed,
        Err(refused) => return not_published(refused, &key),
    };
    is_claimed.set(true);
    claimed.beside(&format!("{key}{}", layout::CORE_METADATA), &verified.metadata, Some(TEXT))?;
    if let Some(provenance) = &verified.provenance {
        claimed.beside(&format!("{key}{}", layout::PROVENANCE), provenance, Some(JSON))?;
    }
    match claimed.name(&mut look) {
        Ok(Ok(_)) => Ok(Some(if is_first.get() { Published::First } else { Published::Another })),
        Ok(Err(refused)) => not_published(refused, &key),
        // Another request has written the document from the files, and named this one.
        Err(error) if error.status() == 404 && is_named(verified)? => Ok(Some(Published::First)),
        Err(error) => Err(error),
    }
}

fn is_named(verified: &Verified) -> Result<bool, Error> {
    let loaded = load_whole(&verified.name)?.filter(|loaded| loaded.is_ours);
    let there = loaded.as_ref().and_then(|loaded| loaded.project.file(&verified.file.filename));
    Ok(there.is_some_and(|there| there.sha256 == verified.file.sha256))
}

/// What is kept beside a file that is there, if it is damaged.
fn repair_beside(verified: &Verified, there: &File, key: &str, is_repaired: bool) -> Result<(), Error> {
    let is_sound = match found::beside(&verified.name, there) {
        Ok(metadata) => metadata.is_some() || !is_repaired,
        Err(error) if error.status() == 500 => false,
        Err(error) => return Err(error),
    };
    if !is_sound {
        let key = format!("{key}{}", layout::CORE_METADATA);
        storage::put(&key, &verified.metadata, Precondition::Any, Some(TEXT))?;
    }
    if let (Some(provenance), true) = (&verified.provenance, there.provenance) {
        let key = format!("{key}{}", layout::PROVENANCE);
        if !storage::get(&key)?.is_some_and(|stored| attestation::is_stored(&stored.bytes)) {
            storage::put(&key, provenance, Precondition::Any, Some(JSON))?;
        }
    }
    Ok(())
}

/// The same bytes again are a success.
fn not_published(refused: Refused, key: &str) -> Result<Option<Published>, Error> {
    match refused {
        Refused::Same | Refused::Exists => Ok(None),
        // A deletion took it away.
        Refused::Busy if storage::stat(key)?.is_none() => Err(Error::new(error::CHANGING)),
        Refused::Busy => Err(Error::new(error::BEING_PUBLISHED)),
        Refused::TooLarge => Err(Error::because(
            error::TOO_LARGE,
            "this project has more files than the registry can hold; delete some",
        )),
    }
}

/// The project with its stored document. If there is no document yet, it is made of the files that
/// exist. So from the first upload on, the document alone decides which files exist. If `is_claimed`,
/// the file of this upload has its key already and is not one of them: then the document was removed
/// meanwhile.
fn adopted(verified: &Verified, is_claimed: bool) -> Result<Project, Error> {
    let key = layout::document(&verified.name);
    storage::retry(&key, |_| {
        let mut loaded = load_whole(&verified.name)?.unwrap_or_else(|| Loaded {
            project: Project::new(&verified.display_name),
            before: None,
            modified: None,
            is_ours: false,
        });
        if loaded.is_ours {
            return Ok(Some(loaded.project));
        }
        if is_claimed {
            loaded.project.files.retain(|file| file.filename != verified.file.filename);
        }
        // What is refused anyway stores nothing.
        is_new(verified, &loaded.project)?;
        let bytes = storage::to_json(&loaded.project.stored())?;
        // Its proof is written when it names the file.
        let precondition = loaded.before.as_ref().map_or(Precondition::Absent, Before::precondition);
        let written = storage::put(&key, &bytes, precondition, Some(JSON));
        Ok(unless_conflict(written)?.map(|_| loaded.project))
    })
}

/// May the file be added? False when it is there already.
fn is_new(verified: &Verified, project: &Project) -> Result<bool, Error> {
    let file = &verified.file;
    if let Some(there) = project.file(&file.filename) {
        return if there.sha256 == file.sha256 { Ok(false) } else { Err(exists(&file.filename)) };
    }
    if !project.takes_uploads() {
        let (name, marker) = (&verified.name, project.marker().as_str());
        return Err(Error::because(error::CLOSED, format!("{name} is {marker}, and accepts no uploads")));
    }
    let identity =
        |file: &File| FileName::parse_stored(&verified.name, &file.filename).map(|name| name.identity());
    let ours = identity(file);
    let is_same = |other: &&File| ours.is_some() && identity(other) == ours;
    match project.files_of(&verified.version).find(is_same) {
        Some(other) => Err(Error::because(error::FILE_EXISTS, twin(verified, &other.filename))),
        None => Ok(true),
    }
}

/// Why a file is refused that is another one for clients.
fn twin(verified: &Verified, other: &str) -> String {
    let Verified { name, version, .. } = verified;
    if verified.file.is_wheel() {
        return format!(
            "{name} {version} has this wheel already, called {other}; raise the version, or add a build tag"
        );
    }
    format!("{name} {version} has a source distribution already, called {other}; a version has one")
}

/// The document with the file in it.
fn with_file(verified: &Verified, mut project: Project) -> Result<Vec<u8>, Error> {
    project.name.clone_from(&verified.display_name);
    project.files.push(verified.file.clone());
    Ok(storage::to_json(&project.stored())?)
}

fn exists(filename: &str) -> Error {
    Error::because(
        error::FILE_EXISTS,
        format!(
            "{}: {filename} exists with other bytes; raise the version, or upload the original file",
            error::FILE_EXISTS.message
        ),
    )
}

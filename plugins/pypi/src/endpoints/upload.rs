//! `POST /legacy/`: the upload API that twine, uv, poetry and all others speak.
//!
//! # Invariants
//! - Nothing is visible before the document names it, and nothing that can fail stands between
//!   giving the file its key and writing the document, except writing what is kept beside the
//!   file, and the document.
//! - A file that is there is never replaced; the same bytes again are a success, and repair
//!   the stored file if it is damaged.

use packhouse_plugin::storage::{self, Claim, Precondition};
use packhouse_plugin::{Call, Response, log};

use super::{JSON, Loaded, directory, load_whole, pages, require, require_feature};
use crate::document::{File, Project};
use crate::error::{self, Error, shown};
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
    require_feature("upload")?;
    let form = Form::receive(call)?;
    match form.require(":action")? {
        "file_upload" => {}
        other => {
            let sentence = format!("the action {} is not known here; only `file_upload` is", shown(other));
            return Err(Error::because(error::BAD_FORM, sentence));
        }
    }
    require(&ProjectName::parse(form.require("name")?)?, "write")?;
    let verified = verify::verify(form)?;
    let name = verified.name.clone();
    let (file, version) = (verified.file.filename.clone(), verified.version.to_string());
    if let Some(published) = publish(verified)? {
        pages::write_project(&name);
        if published == Published::First {
            directory::changed();
        }
        let fields =
            [("package.name", name.as_str()), ("package.version", &version), ("package.file", &file)];
        log::info("published a file", &fields);
    }
    Ok(Response::new(200).text("OK\n"))
}

/// What a file is to its project.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Published {
    /// Its only one: nobody could see the project before.
    First,
    Another,
}

/// None when the same file was there already.
fn publish(mut verified: Verified) -> Result<Option<Published>, Error> {
    let key = layout::file(&verified.name, &verified.file.filename);
    let Some(prepared) = Prepared::new(&verified)? else {
        if verified.staged.repair(&key, Some(BINARY))? {
            let key = format!("{key}{}", layout::CORE_METADATA);
            storage::put(&key, &verified.metadata, Precondition::Any, Some(TEXT))?;
        }
        return Ok(None);
    };
    if !claim(&key, &mut verified)? {
        return Ok(None);
    }
    storage::put(
        &format!("{key}{}", layout::CORE_METADATA),
        &verified.metadata,
        Precondition::Any,
        Some(TEXT),
    )?;
    if let Some(provenance) = &verified.provenance {
        let key = format!("{key}{}", layout::PROVENANCE);
        storage::put(&key, provenance, Precondition::Any, Some(JSON))?;
    }
    prepared.write(&verified)
}

/// The document as it will be, against what it was made of.
struct Prepared {
    bytes: Vec<u8>,
    /// None when there is none.
    version: Option<String>,
    published: Published,
}

impl Prepared {
    /// Reads what is there and adds the file. None when it is there already; 403 when the
    /// project takes none, 409 when other bytes have its name, 413 when the document would grow
    /// over what can be read back.
    fn new(verified: &Verified) -> Result<Option<Self>, Error> {
        let loaded = adopted(verified)?;
        if !is_new(verified, &loaded.project)? {
            return Ok(None);
        }
        let is_first = loaded.project.files.is_empty();
        Ok(Some(Self {
            bytes: with_file(verified, loaded.project)?,
            version: loaded.version,
            published: if is_first { Published::First } else { Published::Another },
        }))
    }

    /// Writes it, made anew whenever somebody else was faster.
    fn write(mut self, verified: &Verified) -> Result<Option<Published>, Error> {
        let key = layout::document(&verified.name);
        let mut attempt = 1;
        loop {
            let precondition = self.version.as_deref().map_or(Precondition::Absent, Precondition::Version);
            match storage::put(&key, &self.bytes, precondition, Some(JSON)) {
                Ok(_) => return Ok(Some(self.published)),
                Err(packhouse_plugin::Error::Conflict) => {
                    // Two of them at once may be more than there is room for.
                    self.bytes = Vec::new();
                    storage::wait_turn(&key, attempt)?;
                    match Self::new(verified)? {
                        Some(next) => self = next,
                        None => return Ok(None),
                    }
                    attempt += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The project with a document of ours in the store: made of the files that are there when
/// there is none yet, so that from the first upload on the document alone says what is there.
fn adopted(verified: &Verified) -> Result<Loaded, Error> {
    let key = layout::document(&verified.name);
    let mut attempt = 1;
    loop {
        let loaded = load_whole(&verified.name)?.unwrap_or_else(|| Loaded {
            project: Project::new(&verified.display_name),
            version: None,
            modified: None,
            is_ours: false,
        });
        if loaded.is_ours {
            return Ok(loaded);
        }
        // What is refused anyway stores nothing.
        is_new(verified, &loaded.project)?;
        match storage::put(&key, &storage::to_json(&loaded.project)?, loaded.precondition(), Some(JSON)) {
            Ok(info) => return Ok(Loaded { version: Some(info.version), is_ours: true, ..loaded }),
            Err(packhouse_plugin::Error::Conflict) => storage::wait_turn(&key, attempt)?,
            Err(error) => return Err(error.into()),
        }
        attempt += 1;
    }
}

/// May the file be added? False when it is there already.
fn is_new(verified: &Verified, project: &Project) -> Result<bool, Error> {
    let file = &verified.file;
    if let Some(there) = project.file(&file.filename) {
        return if there.sha256 == file.sha256 { Ok(false) } else { Err(exists(&file.filename)) };
    }
    if !project.takes_uploads() {
        let (name, marker) = (&verified.name, project.marker().as_str());
        return Err(Error::because(error::CLOSED, format!("{name} is {marker}, and takes no uploads")));
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
    let bytes = storage::to_json(&project)?;
    if bytes.len() as u64 > storage::DEFAULT_LIMIT {
        return Err(Error::because(
            error::TOO_LARGE,
            "this project has more files than the registry can hold; delete some",
        ));
    }
    Ok(bytes)
}

fn exists(filename: &str) -> Error {
    Error::because(
        error::FILE_EXISTS,
        format!(
            "{}: {filename} is there with other bytes; raise the version, or upload what was built then",
            error::FILE_EXISTS.message
        ),
    )
}

/// Gives the file its key. False when meanwhile the document names the same bytes.
fn claim(key: &str, verified: &mut Verified) -> Result<bool, Error> {
    let Verified { staged, name, file, .. } = verified;
    let claim = staged.claim(key, Some(BINARY), || {
        let loaded = load_whole(name)?;
        match loaded.as_ref().and_then(|loaded| loaded.project.file(&file.filename)) {
            Some(there) if there.sha256 != file.sha256 => Err(exists(&file.filename)),
            there => Ok(there.is_some()),
        }
    })?;
    match claim {
        Claim::Committed => Ok(true),
        Claim::Named => Ok(false),
        Claim::Busy => Err(Error::new(error::BEING_PUBLISHED)),
    }
}

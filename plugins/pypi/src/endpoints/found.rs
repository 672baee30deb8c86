//! Projects without a document of this plugin: the files of an earlier system, or files that were
//! copied into the bucket. They are served as they are, and reading them writes nothing.

use std::collections::HashMap;
use std::io::BufReader;

use packhouse_plugin::digests::{BLAKE2B256, MD5, SHA256};
use packhouse_plugin::storage::{self, Document, ObjectInfo, Proof, Reader};
use packhouse_plugin::{Error as HostError, digests, find_digest, time};

use super::Depth;
use crate::archive::{sdist, wheel};
use crate::document::{File, Project};
use crate::error::{self, Error};
use crate::layout;
use crate::metadata::{self, CoreMetadata};
use crate::name::{FileName, ProjectName};

/// Where a read asks for no digests: the store would have to read so many bytes.
const QUICK_BYTES: u64 = 64 << 20;
/// What one request may read through to make a document, in bytes: the host limits what it
/// hashes for a request. `reindex` has no such limit.
const ADOPTED_BYTES: u64 = 1 << 30;
/// Into how many files a read looks.
const QUICK_FILES: usize = 100;
/// How much of an archive is fetched from the host at once, in bytes.
const READ: usize = 256 * 1024;

/// The project, made of its files; none if it has no files.
pub fn project(name: &ProjectName, depth: Depth) -> Result<Option<Project>, Error> {
    let folder = Folder::list(name)?;
    if folder.files.is_empty() {
        return Ok(None);
    }
    let total: u64 = folder.files.iter().map(|(_, info)| info.size).sum();
    let is_full = depth == Depth::Full;
    if is_full && total > ADOPTED_BYTES {
        return Err(Error::new(error::NOT_ADOPTED));
    }
    let look = Look {
        digests: is_full || total <= QUICK_BYTES,
        inside: is_full || folder.files.len() <= QUICK_FILES,
        sdists: is_full,
    };
    let mut project = Project::from(name);
    for (file, info) in &folder.files {
        project.files.push(folder.describe(file, info, look)?);
    }
    Ok(Some(project))
}

/// Why a document of ours cannot be trusted that names no file: files lie there that were stored
/// longer ago than an upload takes. None for all others.
pub fn lost_files(name: &ProjectName, project: &Project) -> Result<Option<String>, HostError> {
    if !project.may_have_lost_files() {
        return Ok(None);
    }
    // A version of the plugin that writes proofs also records that a document is empty on purpose.
    if Proof::of(&layout::document(name))?.is_there() {
        return Ok(Some("it lists no file, and no request has removed the last one".to_owned()));
    }
    for (_, info) in Folder::list(name)?.files {
        if storage::age(&info)?.is_some_and(|age| age > storage::GRACE) {
            return Ok(Some("it lists no file, and files are stored".to_owned()));
        }
    }
    Ok(None)
}

/// The core metadata that is kept beside a file; none where an earlier system has stored none.
/// `Damaged` if it is not what the document says.
pub fn beside(name: &ProjectName, file: &File) -> Result<Option<Document>, Error> {
    let key = layout::file(name, &format!("{}{}", file.filename, layout::CORE_METADATA));
    let Some(document) = storage::get(&key)? else { return Ok(None) };
    match &file.metadata_sha256 {
        Some(stated) if !stated.eq_ignore_ascii_case(&sha256(&document.bytes)?) => {
            let why = "its SHA-256 is not what the document says: upload the same file again";
            Err(document.damaged(why).into())
        }
        _ => Ok(Some(document)),
    }
}

/// The core metadata of a file that has none beside it, which is the one inside. `Damaged` if the
/// document names another one.
pub fn inside_named(name: &ProjectName, file: &File) -> Result<Vec<u8>, HostError> {
    let key = layout::file(name, &file.filename);
    let filename = FileName::parse_stored(name, &file.filename);
    let bytes = filename.map(|filename| inside(&filename, &key, true)).transpose()?.flatten();
    let is_stated = |bytes: &[u8]| match &file.metadata_sha256 {
        Some(stated) => Ok::<_, HostError>(stated.eq_ignore_ascii_case(&sha256(bytes)?)),
        None => Ok(true),
    };
    match bytes {
        Some(bytes) if is_stated(&bytes)? => Ok(bytes),
        _ => {
            let why = "it is missing, but the document lists it: upload the same file again";
            Err(HostError::damaged(format!("{key}{}", layout::CORE_METADATA), why))
        }
    }
}

/// What lies in the folder of a project.
pub struct Folder {
    /// The distributions, by version and name.
    pub files: Vec<(FileName, ObjectInfo)>,
    /// All objects, by their names.
    objects: HashMap<String, ObjectInfo>,
}

/// What is looked at.
#[derive(Clone, Copy)]
pub struct Look {
    digests: bool,
    inside: bool,
    sdists: bool,
}

impl Look {
    /// At everything.
    pub const ALL: Self = Self { digests: true, inside: true, sdists: true };
}

impl Folder {
    /// As it is now.
    pub fn list(name: &ProjectName) -> Result<Self, HostError> {
        let folder = layout::folder(name);
        let mut objects = HashMap::new();
        for info in storage::list(&folder) {
            let info = info?;
            if let Some(file) = info.key.strip_prefix(&folder) {
                objects.insert(file.to_owned(), info);
            }
        }
        let mut files: Vec<(FileName, ObjectInfo)> = objects
            .iter()
            .filter_map(|(file, info)| Some((FileName::parse_stored(name, file)?, info.clone())))
            .collect();
        files.sort_by(|(one, _), (other, _)| {
            (&one.version, one.as_str()).cmp(&(&other.version, other.as_str()))
        });
        Ok(Self { files, objects })
    }

    /// What a document says of a file.
    pub fn describe(&self, file: &FileName, info: &ObjectInfo, look: Look) -> Result<File, HostError> {
        let computed = if look.digests {
            storage::digests(&info.key, &[SHA256, MD5, BLAKE2B256])?.unwrap_or_default()
        } else {
            Vec::new()
        };
        let hex = |algorithm| find_digest(&computed, algorithm).map(|digest| digest.hex.clone());
        let beside = |ending: &str| self.objects.get(format!("{file}{ending}").as_str());
        let bytes = match beside(layout::CORE_METADATA).filter(|info| info.size <= metadata::LIMIT) {
            Some(sidecar) => storage::get(&sidecar.key)?.map(|document| document.bytes),
            None if look.inside => inside(file, &info.key, look.sdists)?,
            None => None,
        };
        let metadata = bytes.as_deref().map(CoreMetadata::parse).unwrap_or_default();
        Ok(File {
            filename: file.as_str().to_owned(),
            version: file.version.to_string(),
            size: info.size,
            uploaded: time::rfc3339(info.modified.unwrap_or_default()),
            sha256: hex(SHA256),
            md5: hex(MD5),
            blake2b_256: hex(BLAKE2B256),
            requires_python: metadata.requires_python().map(str::to_owned),
            metadata_sha256: bytes.map(|bytes| sha256(&bytes)).transpose()?,
            provenance: beside(layout::PROVENANCE).is_some(),
            yanked: None,
            uploader: None,
        })
    }
}

/// The core metadata inside a stored file, if it has any.
fn inside(file: &FileName, key: &str, with_sdists: bool) -> Result<Option<Vec<u8>>, HostError> {
    let is_wheel = file.is_wheel();
    if !is_wheel && (!with_sdists || !file.as_str().ends_with(".tar.gz")) {
        return Ok(None);
    }
    let Some(reader) = Reader::open(key)? else {
        return Ok(None);
    };
    Ok(if is_wheel {
        wheel::find_metadata(&|offset, max| reader.read_at(offset, max), reader.size())?
    } else {
        sdist::find_metadata(BufReader::with_capacity(READ, reader))?
    })
}

/// In lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> Result<String, HostError> {
    let computed = digests::of(bytes, &[SHA256])?;
    Ok(find_digest(&computed, SHA256).map(|digest| digest.hex.clone()).unwrap_or_default())
}

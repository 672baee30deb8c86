//! Reads stored versions: from their documents, or from their files if this plugin has written no
//! document (a bucket of an earlier system, or files that were copied in).

use packhouse_plugin::storage::{self, Document, Json, ObjectInfo, Precondition};
use packhouse_plugin::{Error, find_digest};

use crate::document::{ALGORITHMS, Digests, File, Release};
use crate::layout;
use crate::name::{Coordinates, FileName};

/// Of documents in the store, where it keeps content types.
pub const JSON: &str = "application/json";

/// A version, and what it was made of.
pub struct Loaded {
    pub release: Release,
    /// Of the stored document; none if the files speak.
    pub version: Option<String>,
}

impl Loaded {
    /// What must hold for the document to be written.
    pub fn precondition(&self) -> Precondition<'_> {
        self.version.as_deref().map_or(Precondition::Absent, Precondition::Version)
    }
}

/// What a document says. `Damaged` if it is not whole.
pub fn parse(coordinates: &Coordinates, document: &Document) -> Result<Release, Error> {
    let release: Release = document.json()?;
    release.check(coordinates).map_err(|why| document.damaged(why))?;
    Ok(release)
}

/// The version's document, if it exists.
pub fn document(coordinates: &Coordinates) -> Result<Option<Loaded>, Error> {
    let Some(document) = storage::get(&layout::document(coordinates))? else { return Ok(None) };
    let release = parse(coordinates, &document)?;
    Ok(Some(Loaded { release, version: Some(document.info.version) }))
}

/// The version; none if there is neither a document nor a file.
pub fn load(coordinates: &Coordinates) -> Result<Option<Loaded>, Error> {
    if let Some(loaded) = document(coordinates)? {
        return Ok(Some(loaded));
    }
    let release = found(coordinates)?;
    Ok((!release.files.is_empty()).then_some(Loaded { release, version: None }))
}

/// The version as its files say.
pub fn found(coordinates: &Coordinates) -> Result<Release, Error> {
    let mut release = Release::new(coordinates);
    for (name, info) in files(coordinates)? {
        release.files.push(File::found(name.as_str(), &info));
    }
    release.listed = !release.files.is_empty();
    Ok(release)
}

/// The files that lie in the folder of a version, without checksums and what is not ours.
pub fn files(coordinates: &Coordinates) -> Result<Vec<(FileName, ObjectInfo)>, Error> {
    let folder = layout::folder(coordinates);
    let mut files = Vec::new();
    for info in storage::list(&folder) {
        let info = info?;
        let name = info.key.strip_prefix(&folder).filter(|name| !is_sidecar(name));
        if let Some(name) = name.and_then(|name| FileName::parse(coordinates, name).ok()) {
            files.push((name, info));
        }
    }
    Ok(files)
}

/// The checksum of a file, as an earlier system stored it.
pub fn is_sidecar(name: &str) -> bool {
    [".md5", ".sha1", ".sha256", ".sha512"].iter().any(|ending| name.ends_with(ending))
}

/// A file of a version; none if the document does not name it, or if there is no document and no
/// such object.
pub fn file(coordinates: &Coordinates, name: &str) -> Result<Option<File>, Error> {
    if let Some(loaded) = document(coordinates)? {
        return Ok(loaded.release.file(name).cloned());
    }
    Ok(storage::stat(&layout::file(coordinates, name))?.map(|info| File::found(name, &info)))
}

/// The digests of what lies at the file's key now: known ones, or computed ones. None when nothing
/// lies there.
pub fn digests(coordinates: &Coordinates, file: &File) -> Result<Option<Digests>, Error> {
    let key = layout::file(coordinates, &file.name);
    let is_known = match &file.object {
        None => true,
        Some(version) => storage::stat(&key)?.is_some_and(|info| info.version == *version),
    };
    if let (true, Some(digests)) = (is_known, &file.digests) {
        return Ok(Some(digests.clone()));
    }
    Ok(packhouse_plugin::maintenance::digests(&key, &ALGORITHMS)?.and_then(|digests| Digests::of(&digests)))
}

/// One digest of bytes that are made here, in lower-case hexadecimal.
pub fn digest_of(bytes: &[u8], algorithm: &str) -> Result<String, Error> {
    let computed = packhouse_plugin::digests::of(bytes, &[algorithm])?;
    Ok(find_digest(&computed, algorithm).map(|digest| digest.hex.clone()).unwrap_or_default())
}

/// The document as JSON, to be changed by compare-and-swap.
pub fn json(coordinates: &Coordinates) -> Json<Release> {
    Json::at(layout::document(coordinates))
}

//! Reads stored versions: from their documents, or from their files if this plugin has written no
//! document (a bucket of an earlier system, or files that were copied in).

use packhouse_plugin::storage::{self, Before, Document, Json, Reader};
use packhouse_plugin::{Error, ObjectInfo, find_digest};

use crate::document::{ALGORITHMS, Digests, File, Release};
use crate::layout;
use crate::name::{Coordinates, FileName};
use find::{Found, find};

mod find;

/// Of documents in the store, where it keeps content types.
pub const JSON: &str = "application/json";

/// A version, and what it was made of.
pub struct Loaded {
    pub release: Release,
    /// The stored document; none if the version was made of its files.
    pub before: Option<Before>,
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
    Ok(Some(Loaded { release, before: Some(Before::from(&document)) }))
}

/// The version; none if there is neither a document nor a file.
pub fn load(coordinates: &Coordinates) -> Result<Option<Loaded>, Error> {
    if let Some(loaded) = document(coordinates)? {
        return Ok(Some(loaded));
    }
    let release = found(coordinates)?;
    Ok((!release.files.is_empty()).then_some(Loaded { release, before: None }))
}

/// The version as its files say.
pub fn found(coordinates: &Coordinates) -> Result<Release, Error> {
    found_beside(coordinates, None).map(|(release, _)| release)
}

/// The same, and whether something lies below the key of this file, as if it were a folder.
pub fn found_beside(coordinates: &Coordinates, file: Option<&str>) -> Result<(Release, bool), Error> {
    let folder = layout::folder(coordinates);
    let below = file.map(|file| format!("{file}/"));
    let mut release = Release::new(coordinates);
    let mut is_folder = false;
    for info in storage::list(&folder) {
        let info = info?;
        is_folder |= below.as_ref().is_some_and(|below| info.key.starts_with(below));
        // Without checksums and objects of other programs.
        let name = info.key.strip_prefix(&folder).filter(|name| !is_sidecar(name));
        if let Some(name) = name.and_then(|name| FileName::parse(coordinates, name).ok()) {
            release.files.push(File::found(name.as_str(), &info));
        }
    }
    release.listed = !release.files.is_empty();
    Ok((release, is_folder))
}

/// The checksum of a file, as an earlier system stored it.
pub fn is_sidecar(name: &str) -> bool {
    [".md5", ".sha1", ".sha256", ".sha512"].iter().any(|ending| name.ends_with(ending))
}

/// A file of a version; none if the document does not name it, or if there is no document and no
/// such object. `Damaged` if there is no such object and the document was lost.
pub fn file(coordinates: &Coordinates, name: &str) -> Result<Option<File>, Error> {
    match find(coordinates, name)? {
        Some(Found::Ours(file)) => return Ok(file.map(|file| *file)),
        Some(Found::Other) => {
            if let Some(loaded) = document(coordinates)? {
                return Ok(loaded.release.file(name).cloned());
            }
        }
        None => {}
    }
    let found = storage::stat(&layout::file(coordinates, name))?.map(|info| File::found(name, &info));
    if found.is_none() {
        storage::check_absent(&layout::document(coordinates))?;
    }
    Ok(found)
}

/// What lies at the key of a file, where an object was seen: the file itself or, if it may be replaced,
/// what an upload has stored there and not named yet. None if the object was replaced since. `Damaged` if
/// nobody has stored these bytes.
pub fn actual(coordinates: &Coordinates, file: &File, info: &ObjectInfo) -> Result<Option<File>, Error> {
    if file.object.as_ref().is_none_or(|version| *version == info.version) {
        return Ok(Some(file.clone()));
    }
    let Some(reader) = Reader::open(&info.key)?.filter(|reader| reader.info().version == info.version) else {
        return Ok(None);
    };
    let digests = match reader.digest_range(0, info.size, &ALGORITHMS) {
        Err(Error::Conflict) => return Ok(None),
        digests => Digests::of(&digests?),
    };
    // The upload announced it before it stored it, so the document is read afterwards.
    let Some(now) = document(coordinates)? else { return Ok(None) };
    if let Some(actual) = now.release.candidates(&file.name).find(|candidate| candidate.digests == digests) {
        return Ok(Some(actual.clone()));
    }
    if storage::stat(&info.key)?.is_none_or(|there| there.version != info.version) {
        return Ok(None);
    }
    let why = "it does not match the document of its version: deploy the same file again";
    Err(Error::damaged(info.key.clone(), why))
}

/// The digests of a file that clients get now. None if nothing lies at its key.
pub fn served_digests(coordinates: &Coordinates, file: &File) -> Result<Option<Digests>, Error> {
    if file.object.is_none() {
        return digests(coordinates, file);
    }
    let key = layout::file(coordinates, &file.name);
    storage::retry(&key, |_| {
        let Some(info) = storage::stat(&key)? else { return Ok(Some(None)) };
        Ok(actual(coordinates, file, &info)?.map(|actual| actual.digests))
    })
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
    Json::at(layout::document(coordinates)).proven()
}

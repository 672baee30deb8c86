//! `PUT /{path}`: files, their checksums, and metadata.
//!
//! # Invariants
//! - A file of a release or of a build is never replaced. Uploading the same bytes again succeeds, and
//!   repairs the stored file if it is damaged.
//! - The document of a version is written before its first file, and marks the version as invisible.
//! - The document announces the bytes of a file that may be replaced before they are stored, so a reader
//!   can tell them from damage.

use packhouse_plugin::digests::SHA256;
use packhouse_plugin::storage::{
    self, Before, Change, Document, Entry, ListingOptions, Name, Precondition, Proof, Publish, Refused,
    Staged, Update, list_page, unless_conflict,
};
use packhouse_plugin::{Call, ObjectInfo, Response, auth, clock, log, settings};

use super::files::is_replaceable;
use super::{metadata, path, sidecars};
use crate::access;
use crate::catalog;
use crate::changes;
use crate::document::{ALGORITHMS, File, Release};
use crate::error::{self, Error};
use crate::layout;
use crate::name::{Coordinates, FileName, GroupId};
use crate::path::{Target, TargetFile, target};
use crate::pom::{self, Pom};
use crate::retention;
use crate::stored::{self, JSON};

mod spelling;

/// Of files in the store.
const BINARY: &str = "application/octet-stream";
/// The headers in which a client may send the digest of the body, and their algorithms.
const STATED: [(&str, &str); 4] = [
    ("x-checksum-md5", "md5"),
    ("x-checksum-sha1", "sha1"),
    ("x-checksum-sha256", "sha256"),
    ("x-checksum-sha512", "sha512"),
];

/// See the module.
pub fn upload(call: &Call) -> Result<Response, Error> {
    settings::require_feature("upload")?;
    let path = path(call)?;
    let Target { file, sidecar } = target(&path)?;
    check_version(&file)?;
    if let Some(algorithm) = sidecar {
        return sidecars::upload(call, &file, algorithm);
    }
    match file {
        TargetFile::File(coordinates, name) => upload_file(call, &coordinates, &name),
        TargetFile::Snapshot(coordinates) => metadata::upload_snapshot(call, &coordinates),
        TargetFile::Metadata(place) => metadata::upload(call, &place),
    }
}

/// The caller may write the version, its file can have this name and lie there, and settings that a
/// deployment of a snapshot needs can be used.
fn check_version(file: &TargetFile) -> Result<(), Error> {
    let (TargetFile::File(coordinates, _) | TargetFile::Snapshot(coordinates)) = file else { return Ok(()) };
    access::require(&coordinates.artifact, "write")?;
    check_folders(coordinates)?;
    if let TargetFile::File(_, name) = file {
        name.check().map_err(|why| Error::because(error::BAD_PATH, format!("{coordinates}: {why}")))?;
    }
    if coordinates.is_snapshot() {
        retention::kept()?;
    }
    Ok(())
}

fn upload_file(call: &Call, coordinates: &Coordinates, name: &FileName) -> Result<Response, Error> {
    let limit = name.is_pom().then_some(pom::LIMIT);
    let mut staged = call.body().stage(limit, &ALGORITHMS)?;
    for (header, algorithm) in STATED {
        if let Some(stated) = call.header(header) {
            sidecars::check(name.as_str(), algorithm, stated.trim(), &staged.digest(algorithm)?.hex)?;
        }
    }
    if name.is_pom() {
        Pom::parse(&staged.read_all(pom::LIMIT)?)?.check(coordinates, name)?;
    }
    let uploader = auth::caller().map(|account| account.name());
    let file = File::sent(name.as_str(), &staged, clock::now(), uploader);
    let mut change = None;
    let is_new = if is_replaceable(coordinates, name) {
        replace(coordinates, name, file, &mut staged, &mut change)?
    } else {
        publish(coordinates, name, &file, &mut staged, &mut change)?
    };
    if name.is_pom() {
        catalog::list(coordinates, is_new)?;
    }
    change.iter().for_each(changes::settle);
    if !is_new {
        return Ok(Response::new(200));
    }
    let fields = [
        ("package.name", &*coordinates.artifact.to_string()),
        ("package.version", coordinates.version()),
        ("package.file", name.as_str()),
    ];
    log::info("deployed a file", &fields);
    if coordinates.is_snapshot() {
        retention::apply(coordinates, name);
    }
    Ok(Response::new(201))
}

/// Of a POM: says in `change` that the document is about to list the version.
fn announce(
    coordinates: &Coordinates,
    name: &FileName,
    change: &mut Option<ObjectInfo>,
) -> Result<(), Error> {
    if name.is_pom() {
        *change = Some(changes::announce(coordinates)?);
    }
    Ok(())
}

/// False if the same file was there already.
fn publish(
    coordinates: &Coordinates,
    name: &FileName,
    file: &File,
    staged: &mut Staged,
    change: &mut Option<ObjectInfo>,
) -> Result<bool, Error> {
    let document = layout::document(coordinates);
    let key = layout::file(coordinates, name.as_str());
    check_above(coordinates)?;
    let seen =
        with_document(coordinates, Some(&key), |release| may_be_added(coordinates, release, file).map(drop))?;
    let now = storage::now()?;
    let mut look = |document: Option<&Document>| {
        // A deletion took it away at this moment.
        let Some(document) = document else { return Err(Error::new(error::CHANGING)) };
        let mut release = stored::parse(coordinates, document)?;
        if !may_be_added(coordinates, &release, file)? {
            return Ok(Entry::Same);
        }
        check_expected(&release, file, staged_digests(file), now)?;
        release.listed |= name.is_pom();
        release.put(file.clone());
        Ok::<_, Error>(Entry::New(storage::to_json(&release)?))
    };
    let publish = Publish::new(&document).content_type(JSON).proven();
    let prepared = publish.prepare_read(seen.document, seen.proof, &mut look)?;
    let refused = match prepared {
        Ok(prepared) => match prepared.claim(staged, &key, Some(BINARY), &mut look)? {
            Ok(claimed) => {
                announce(coordinates, name, change)?;
                match claimed.name(&mut look)? {
                    Ok(_) => return Ok(true),
                    Err(refused) => refused,
                }
            }
            Err(refused) => refused,
        },
        Err(refused) => refused,
    };
    change.take().iter().for_each(changes::settle);
    match refused {
        Refused::Same => {
            staged.repair(&key, Some(BINARY))?;
            Ok(false)
        }
        Refused::Exists => Err(exists(coordinates, name)),
        Refused::Busy if storage::stat(&key)?.is_none() => Err(Error::new(error::CHANGING)),
        Refused::Busy => Err(Error::new(error::BEING_PUBLISHED)),
        Refused::TooLarge => {
            let sentence = format!(
                "{coordinates} has more files than the repository can hold; delete some, or set `keep_snapshot_builds`"
            );
            Err(Error::because(error::TOO_LARGE, sentence))
        }
    }
}

fn staged_digests(file: &File) -> impl Fn(&str) -> String + '_ {
    |algorithm| {
        let digests = file.digests.as_ref();
        digests.and_then(|digests| digests.get(algorithm)).unwrap_or_default().to_owned()
    }
}

/// The checksums that came before the file are those of the file.
fn check_expected(
    release: &Release,
    file: &File,
    computed: impl Fn(&str) -> String,
    now: u64,
) -> Result<(), Error> {
    for expected in release.expected(&file.name, now) {
        sidecars::check(&file.name, &expected.algorithm, &expected.hex, &computed(&expected.algorithm))?;
    }
    Ok(())
}

/// False if it is there already; an error if other bytes are.
fn may_be_added(coordinates: &Coordinates, release: &Release, file: &File) -> Result<bool, Error> {
    let Some(there) = release.file(&file.name) else {
        return spelling::check_file(release, &file.name).map(|()| true);
    };
    let name = FileName::parse(coordinates, &file.name)?;
    let ours = file.digests.as_ref().map(|digests| digests.sha256.as_str());
    let theirs = stored::digests(coordinates, there)?;
    match theirs.as_ref().and_then(|digests| digests.get(SHA256)) {
        Some(theirs) if Some(theirs) == ours => Ok(false),
        // The document names it and it is gone: only its own bytes may come back, and nobody knows them.
        _ => Err(exists(coordinates, &name)),
    }
}

/// Stores a file of a snapshot, and replaces the existing one. False if it has the same bytes already.
fn replace(
    coordinates: &Coordinates,
    name: &FileName,
    file: File,
    staged: &mut Staged,
    change: &mut Option<ObjectInfo>,
) -> Result<bool, Error> {
    let key = layout::file(coordinates, name.as_str());
    let now = storage::now()?;
    check_above(coordinates)?;
    let Seen { document, proof } = with_document(coordinates, Some(&key), |_| Ok(()))?;
    let release = stored::parse(coordinates, &document)?;
    if release.file(name.as_str()).is_none() {
        spelling::check_file(&release, name.as_str())?;
    }
    if let Err(differs) = check_expected(&release, &file, staged_digests(&file), now) {
        // It may have been about bytes that somebody else has replaced since: the next attempt succeeds.
        sidecars::forget(coordinates, name.as_str())?;
        return Err(differs);
    }
    if let Some(there) = release.file(name.as_str()).filter(|there| there.digests == file.digests)
        && stored::digests(coordinates, there)? == file.digests
    {
        return Ok(false);
    }
    // Nothing is replaced beside an older copy of the document.
    let proof = proof.map_or_else(|| Proof::of(&document.info.key), Ok)?;
    unless_conflict(proof.check(&Before::from(&document)))?;
    let update = Update::new(&document.info.key).content_type(JSON).proven();
    update.known(&proof).run(|document| {
        let Some(document) = document else { return Err(Error::new(error::CHANGING)) };
        let mut release = stored::parse(coordinates, document)?;
        if !release.announce(&file, now) {
            return Err(Error::new(error::BEING_PUBLISHED));
        }
        Ok(Change::json(&release)?)
    })?;
    let info = staged.commit(&key, &[], Precondition::Any, Some(BINARY))?;
    let file = File { object: Some(info.version), ..file };
    announce(coordinates, name, change)?;
    update.naming(&[Name::from(key.clone())]).run(|document| {
        let Some(document) = document else { return Err(Error::new(error::CHANGING)) };
        let mut release = stored::parse(coordinates, document)?;
        // A deletion may have taken it away at the same moment.
        let Some(there) = storage::stat(&key)? else { return Err(Error::new(error::CHANGING)) };
        let is_ours = Some(&there.version) == file.object.as_ref();
        let named = release.file(name.as_str()).and_then(|named| named.object.as_ref());
        if !is_ours && named == Some(&there.version) {
            // Another upload has replaced it since.
            return Ok(Change::Keep);
        }
        release.listed |= name.is_pom();
        release.put(file.clone());
        if is_ours {
            release.settle(&file, now);
        }
        Ok(Change::json(&release)?)
    })?;
    if storage::stat(&key)?.is_none() { Err(Error::new(error::CHANGING)) } else { Ok(true) }
}

/// A document as it was read a moment ago.
pub struct Seen {
    document: Document,
    /// Of a document that was begun.
    proof: Option<Proof>,
}

/// The document of a version. If there is none, it is created, so that from the first upload on the
/// document alone decides which files exist. `check` gets the new content of the document before
/// anything is stored. No folder may be at the key of `file`. `Damaged` if there was a document, and it was lost.
pub fn with_document(
    coordinates: &Coordinates,
    file: Option<&str>,
    mut check: impl FnMut(&Release) -> Result<(), Error>,
) -> Result<Seen, Error> {
    let key = layout::document(coordinates);
    storage::retry(&key, |_| {
        if let Some(document) = storage::get(&key)? {
            file.map_or(Ok(()), |file| check_below(coordinates, file))?;
            if stored::parse(coordinates, &document)?.files.is_empty() {
                spelling::check_begun(coordinates)?;
            }
            return Ok(Some(Seen { document, proof: None }));
        }
        let begun = storage::begin(&key, Some(JSON), || {
            let (found, is_folder) = stored::found_beside(coordinates, file)?;
            if let (Some(file), true) = (file, is_folder) {
                return Err(taken(file));
            }
            check(&found)?;
            spelling::check_new(coordinates)?;
            Ok(storage::to_json(&found)?)
        })?;
        if begun.is_some() {
            spelling::check_begun(coordinates)?;
        }
        Ok(begun.map(|(document, proof)| Seen { document, proof: Some(proof) }))
    })
}

/// A folder of one artifact cannot lie where another artifact may have a file: only the users who may
/// write the other artifact decide about its files.
fn check_folders(coordinates: &Coordinates) -> Result<(), Error> {
    for (_, other, name) in files_above(coordinates) {
        if name.check().is_ok() {
            let sentence = format!(
                "{coordinates} would lie below {name}, a file that {other} may have: choose another version"
            );
            return Err(Error::because(error::BAD_PATH, sentence));
        }
    }
    Ok(())
}

/// The same for a stored file with a name that no client may deploy any more.
fn check_above(coordinates: &Coordinates) -> Result<(), Error> {
    for (key, ..) in files_above(coordinates) {
        if storage::stat(&key)?.is_some() {
            return Err(taken(&key));
        }
    }
    Ok(())
}

/// The keys of the folders of a version that are also those of files of another version.
fn files_above(coordinates: &Coordinates) -> Vec<(String, Coordinates, FileName)> {
    let above = [layout::artifact(&coordinates.artifact), layout::folder(coordinates)];
    let above = above.iter().map(|above| above.trim_end_matches('/'));
    let file = |above: &str| {
        let (other, name) = layout::version_of_file(above)?;
        let name = FileName::parse(&other, name).ok()?;
        Some((above.to_owned(), other, name))
    };
    above.filter_map(file).collect()
}

/// A file cannot lie where another artifact has a folder.
fn check_below(coordinates: &Coordinates, key: &str) -> Result<(), Error> {
    let folder = layout::folder(coordinates);
    let segments: Vec<&str> = folder.trim_end_matches('/').split('/').skip(1).collect();
    let below = format!("{key}/");
    if GroupId::parse_segments(&segments).is_ok()
        && !list_page(&ListingOptions { limit: 1, ..ListingOptions::new(&below) })?.objects.is_empty()
    {
        return Err(taken(key));
    }
    Ok(())
}

fn taken(key: &str) -> Error {
    Error::because(error::TAKEN, format!("{key} is taken by another artifact"))
}

fn exists(coordinates: &Coordinates, name: &FileName) -> Error {
    let what = if name.build().is_some() {
        "deploy again for a new build"
    } else {
        "releases are never replaced: raise the version"
    };
    Error::because(error::EXISTS, format!("{coordinates} has {name} already, with other bytes; {what}"))
}

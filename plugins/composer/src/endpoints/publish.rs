//! `PUT /packages/{vendor}/{package}`: a new version.
//!
//! # Invariants
//! - Nothing is visible before the document names it. Between giving the dist its key and writing the
//!   document, only writing the note beside the dist can fail.
//! - An existing release is never replaced. Uploading the same bytes again repairs the stored file if
//!   it is damaged. A branch is replaced, and the dist that it had stays.
//! - The key of a dist follows from the version and the bytes, so two publishers never write different
//!   bytes to one key. A publish that is refused after it has written its dist removes the dist again.

use std::cell::RefCell;

use packhouse_plugin::Error as HostError;
use packhouse_plugin::digests::{self, SHA1, SHA256};
use packhouse_plugin::maintenance::void_removal;
use packhouse_plugin::storage::{self, Document, Entry, Json, Publish, Refused, Staged};
use packhouse_plugin::{Call, Response, auth, find_digest, log, settings, time};
use serde_json::{Map, Value};

use super::{JSON, done, foreign, package, parse, require, seconds};
use crate::archive;
use crate::catalog;
use crate::document::{self, Dist, Note, Package, Placed, Release};
use crate::error::{self, Error};
use crate::layout;
use crate::name::{PackageName, Version, VersionError};
use crate::upload::{Disagreement, Manifest, ManifestError};

mod lost;
mod refused;

/// The largest document, in bytes: changing one takes three times its size in memory.
const LARGEST: usize = 24 << 20;
/// Of dists in the store.
const ZIP: &str = "application/zip";

/// See the module.
pub fn publish(call: &Call) -> Result<Response, Error> {
    settings::require_feature("upload")?;
    let name = package(call)?;
    require(&name, "write")?;
    let asked = asked_version(call).transpose()?;
    let mut staged = call.body().stage(None, &[SHA1, SHA256])?;
    let manifest = read_manifest(&staged)?;
    manifest.agree(&name)?;
    let version = version_of(&manifest, asked)?;
    let dist = dist_of(&version, &staged)?;
    let note = Note {
        version: version.to_string(),
        time: written(storage::now()?),
        uploader: auth::caller().map(|account| account.name()),
    };
    let manifest = document::Manifest::new(&manifest.0)?;
    let release = Release::new(&version, note, dist, manifest);
    let is_new = make_visible(&name, &release, &mut staged)?;
    if is_new {
        log::info(
            "published a version",
            &[("package.name", name.as_str()), ("package.version", version.as_str())],
        );
    }
    Ok(done(if is_new { 201 } else { 200 }))
}

/// As Composer's repositories write it.
pub fn written(moment: u64) -> String {
    time::rfc3339_seconds(moment).replace('Z', "+00:00")
}

fn read_manifest(staged: &Staged) -> Result<Manifest, Error> {
    let read = |offset, max| staged.read_at(offset, max);
    let unpack = |parts: &[storage::Packed]| staged.unpack(parts);
    let bytes = archive::read_manifest(&read, &unpack, staged.size())?;
    Ok(Manifest::parse(&bytes)?)
}

/// A `+` stands before the build metadata in a version. In a query it is a space to a decoder of forms, and
/// no version has a space.
fn asked_version(call: &Call) -> Option<Result<Version, VersionError>> {
    let version = call.query("version")?;
    let has_space = call.request().query().is_some_and(|query| query.contains("%20"));
    let written = if has_space { version } else { version.trim().replace(' ', "+") };
    Some(Version::parse(&written))
}

/// That of the request, or of `composer.json`; both where they agree.
fn version_of(manifest: &Manifest, asked: Option<Version>) -> Result<Version, Error> {
    match (manifest.version()?, asked) {
        (None, None) => Err(ManifestError::NoVersion.into()),
        (Some(inside), Some(asked)) if inside.normalized() != asked.normalized() => {
            Err(Disagreement::Version { inside, asked }.into())
        }
        (_, Some(version)) | (Some(version), None) => Ok(version),
    }
}

/// The reference follows from the version and the bytes. It has the form of a commit, which Composer
/// shortens where it shows one.
fn dist_of(version: &Version, staged: &Staged) -> Result<Dist, Error> {
    let (sha1, sha256) = (staged.digest(SHA1)?.hex, staged.digest(SHA256)?.hex);
    let reference = reference_of(version.normalized(), &sha256)?;
    Ok(Dist { reference, size: staged.size(), sha1, sha256 })
}

/// The name that a publish gives a dist.
pub fn reference_of(normalized: &str, sha256: &str) -> Result<String, HostError> {
    let computed = digests::of(format!("{normalized}\n{sha256}\n").as_bytes(), &[SHA256])?;
    let hex = find_digest(&computed, SHA256).map(|digest| digest.hex.as_str()).unwrap_or_default();
    Ok(hex.chars().take(40).collect())
}

/// In the order of a publish: prepared, the key, the note, the document. False if the version was
/// there with the same bytes.
fn make_visible(name: &PackageName, release: &Release, staged: &mut Staged) -> Result<bool, Error> {
    let (document, key) = (layout::document(name), layout::dist(name, &release.dist.reference));
    let there: RefCell<Option<Release>> = RefCell::default();
    let mut look = |current: Option<&Document>| {
        let mut package = match current {
            Some(document) => parse(name, document)?.ok_or_else(|| foreign(name))?,
            None => Package::new(name),
        };
        let floor = if current.is_none() { deleted(name)? } else { None };
        if let Some(document) = current {
            lost::check(name, document, &package, release)?;
        }
        Ok::<_, Error>(match package.place(release) {
            Placed::New => {
                package.touch(seconds()?, floor);
                let bytes = storage::to_json(&package)?;
                if bytes.len() > LARGEST {
                    return Err(full(name));
                }
                Entry::New(bytes)
            }
            Placed::Same(release) => {
                there.replace(Some(release));
                Entry::Same
            }
            Placed::Other(release) => {
                there.replace(Some(release));
                Entry::Other
            }
        })
    };
    let refused = |refused| match refused {
        Refused::Same | Refused::Exists => {
            let there = there.borrow();
            let written = there.as_ref().map_or(release.version.as_str(), |there| there.version.as_str());
            exists(name, &release.version, written)
        }
        Refused::Busy => Error::because(
            error::BEING_PUBLISHED,
            format!(
                "{name} {} is being published by somebody else; try again in a few minutes",
                release.version
            ),
        ),
        Refused::TooLarge => full(name),
    };
    let publish = Publish::new(&document).content_type(JSON).proven().saying(document::said);
    let prepared = match publish.prepare(&mut look)? {
        Ok(prepared) => prepared,
        Err(Refused::Same) => {
            let there = there.take().map(|there| there.dist.reference);
            let key = there.map_or(key, |reference| layout::dist(name, &reference));
            staged.repair(&key, Some(ZIP))?;
            return Ok(false);
        }
        Err(other) => return Err(refused(other)),
    };
    let claimed = match prepared.claim(staged, &key, Some(ZIP), &mut look)? {
        Ok(claimed) => claimed,
        // Another request has published the same version at this moment.
        Err(Refused::Same) => return Ok(false),
        Err(other) => return Err(refused(other)),
    };
    let note = storage::to_json(&release.note())?;
    claimed.beside(&layout::note(name, &release.dist.reference), &note, Some(JSON))?;
    void_removal(&document)?;
    let refusal = match claimed.name(&mut look) {
        Ok(Ok(named)) => {
            if named.is_new_document {
                catalog::changed();
            }
            return Ok(true);
        }
        Ok(Err(other)) => refused(other),
        Err(error) => error,
    };
    // After a failure of the store, the document may name the dist.
    if refusal.status() < 500 {
        refused::take_back(name, &release.dist);
    }
    Err(refusal)
}

/// What the clients of a deleted package were told last, in seconds since the Unix epoch.
pub fn deleted(name: &PackageName) -> Result<Option<u64>, HostError> {
    let members: Option<Map<String, Value>> = Json::at(layout::deleted(name)).read()?;
    Ok(members.and_then(|members| members.get("modified").and_then(Value::as_u64)))
}

fn full(name: &PackageName) -> Error {
    let sentence = format!("{name} has more versions than its document can hold: delete some");
    Error::because(error::TOO_LARGE, sentence)
}

fn exists(name: &PackageName, version: &str, there: &str) -> Error {
    let same = if version == there { String::new() } else { format!(" as {there}") };
    let sentence = format!(
        "{name} {version} is already published{same} with other bytes; publish another version, or upload the \
         file that was published then"
    );
    Error::because(error::VERSION_EXISTS, sentence)
}

//! Checksums of files. They are computed from the bytes of the file. A checksum that a client sends is
//! compared with them, whether it arrives before, after or together with its file.

use packhouse_plugin::digests::{MD5, SHA1, SHA256, SHA512};
use packhouse_plugin::{Call, Error as HostError, Response, storage};

use super::files::{is_replaceable, missing};
use super::{metadata, no_file};
use crate::access;
use crate::document::{Expected, Release};
use crate::error::{self, Error};
use crate::layout;
use crate::name::{Coordinates, FileName};
use crate::path::TargetFile;
use crate::stored;

use super::upload::with_document;

/// The largest checksum file, in bytes: some hold the file's name too.
const LIMIT: u64 = 4096;
/// The most checksums that wait for their files, of a version.
const WAITING: usize = 1000;

/// `GET /{path}.sha1`.
pub fn read(path: &str, file: &TargetFile, algorithm: &str) -> Result<Response, Error> {
    let digest = match file {
        TargetFile::File(coordinates, name) => {
            access::require(&coordinates.artifact, "read")?;
            let file = stored::file(coordinates, name.as_str())?.ok_or_else(|| no_file(path))?;
            let digests = stored::served_digests(coordinates, &file)?;
            let damaged = || HostError::damaged(layout::file(coordinates, name.as_str()), missing());
            let digests = digests.ok_or_else(damaged)?;
            digests.get(algorithm).unwrap_or_default().to_owned()
        }
        TargetFile::Snapshot(coordinates) => {
            stored::digest_of(&metadata::snapshot(path, coordinates)?.0, algorithm)?
        }
        TargetFile::Metadata(place) => stored::digest_of(&metadata::visible(place)?.0, algorithm)?,
    };
    Ok(Response::new(200).text(digest).no_compression())
}

/// `PUT /{path}.sha1`. If it is about a version, the caller may write the version.
pub fn upload(call: &Call, file: &TargetFile, algorithm: &'static str) -> Result<Response, Error> {
    let (coordinates, name) = match file {
        TargetFile::File(coordinates, name) => (coordinates, name),
        // Of the document that the client has made, which is not the one that is served.
        TargetFile::Snapshot(_) => return accept(call, algorithm),
        TargetFile::Metadata(place) => {
            metadata::require_listed(place)?;
            return accept(call, algorithm);
        }
    };
    let sent = read_sent(call, algorithm)?;
    expect(coordinates, name, algorithm, &sent)?;
    Ok(Response::new(201))
}

/// Any that is well-formed.
fn accept(call: &Call, algorithm: &str) -> Result<Response, Error> {
    read_sent(call, algorithm)?;
    Ok(Response::new(201))
}

/// In lower case. Files as `sha1sum` writes them are read too.
fn read_sent(call: &Call, algorithm: &str) -> Result<String, Error> {
    let body = call.body().read_all(LIMIT)?;
    let text = String::from_utf8_lossy(&body);
    let word = text.split_ascii_whitespace().next().unwrap_or_default();
    if word.len() == length(algorithm) && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(word.to_ascii_lowercase());
    }
    let sentence =
        format!("this is not a checksum: {algorithm} has {} hexadecimal digits", length(algorithm));
    Err(Error::because(error::BAD_DIGEST, sentence))
}

fn length(algorithm: &str) -> usize {
    match algorithm {
        MD5 => 32,
        SHA1 => 40,
        SHA256 => 64,
        SHA512 => 128,
        _ => 0,
    }
}

/// Compares it with the file, or leaves it for the file that is to come.
fn expect(coordinates: &Coordinates, name: &FileName, algorithm: &str, sent: &str) -> Result<(), Error> {
    // Most come after their files.
    if let Some(loaded) = stored::load(coordinates)?
        && compare(coordinates, &loaded.release, name, algorithm, sent)?
    {
        return confirm(coordinates, &loaded.release, name);
    }
    let now = storage::now()?;
    with_document(coordinates, None, |_| Ok(()))?;
    stored::json(coordinates).update(|release| {
        let Some(mut release) = release else { return Err(Error::new(error::CHANGING)) };
        if compare(coordinates, &release, name, algorithm, sent)? {
            // It came at this moment.
            return Ok(None);
        }
        release.expected.retain(|there| {
            !there.is_over(now) && (there.name != name.as_str() || there.algorithm != algorithm)
        });
        if release.expected.len() >= WAITING {
            let sentence = "too many checksums wait for their files: send the files first";
            return Err(Error::because(error::BAD_DIGEST, sentence));
        }
        release.expected.push(Expected {
            name: name.as_str().to_owned(),
            algorithm: algorithm.to_owned(),
            hex: sent.to_owned(),
            since: now,
        });
        Ok(Some(release))
    })?;
    Ok(())
}

/// True if the checksum is that of the stored file. False if the file is to come: it is not there, or
/// other bytes may take its place.
fn compare(
    coordinates: &Coordinates,
    release: &Release,
    name: &FileName,
    algorithm: &str,
    sent: &str,
) -> Result<bool, Error> {
    let Some(file) = release.file(name.as_str()) else { return Ok(false) };
    let digests = stored::digests(coordinates, file)?;
    let known = digests.as_ref().and_then(|digests| digests.get(algorithm)).unwrap_or_default();
    if is_replaceable(coordinates, name) {
        return Ok(sent == known);
    }
    check(name.as_str(), algorithm, sent, known).map(|()| true)
}

/// The stored file is the one that was meant: no other checksum waits for a file with this name.
fn confirm(coordinates: &Coordinates, release: &Release, name: &FileName) -> Result<(), Error> {
    if release.expected.iter().any(|expected| expected.name == name.as_str()) {
        forget(coordinates, name.as_str())?;
    }
    Ok(())
}

/// Forgets the checksums that wait for a file.
pub fn forget(coordinates: &Coordinates, name: &str) -> Result<(), Error> {
    if stored::document(coordinates)?.is_none_or(|loaded| loaded.release.expected.is_empty()) {
        return Ok(());
    }
    stored::json(coordinates).update(|release| {
        let Some(mut release) = release else { return Ok::<_, Error>(None) };
        release.expected.retain(|expected| expected.name != name);
        Ok(Some(release))
    })?;
    Ok(())
}

/// The two are the same, or a sentence that tells both.
pub fn check(name: &str, algorithm: &str, said: &str, computed: &str) -> Result<(), Error> {
    if said.eq_ignore_ascii_case(computed) {
        return Ok(());
    }
    let sentence = format!(
        "the {algorithm} of {name} should be {said}, and the file has {computed}: it was damaged on its way, or is another build; deploy it again"
    );
    Err(Error::because(error::BAD_DIGEST, sentence))
}

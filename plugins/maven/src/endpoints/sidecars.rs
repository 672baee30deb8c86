//! Checksums of files. They are computed from the bytes of the file. A checksum that a client sends is
//! compared with them, whether it arrives before, after or together with its file.

use packhouse_plugin::digests::{MD5, SHA1, SHA256, SHA512};
use packhouse_plugin::{Call, Response, storage};

use super::{metadata, no_file};
use crate::access;
use crate::document::Expected;
use crate::error::{self, Error};
use crate::name::Coordinates;
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
            let digests = stored::digests(coordinates, &file)?.ok_or_else(|| no_file(path))?;
            digests.get(algorithm).unwrap_or_default().to_owned()
        }
        TargetFile::Snapshot(coordinates) => {
            stored::digest_of(&metadata::snapshot(path, coordinates)?.0, algorithm)?
        }
        TargetFile::Metadata(place) => stored::digest_of(&metadata::visible(place)?.0, algorithm)?,
    };
    Ok(Response::new(200).text(digest).no_compression())
}

/// `PUT /{path}.sha1`.
pub fn upload(call: &Call, file: &TargetFile, algorithm: &'static str) -> Result<Response, Error> {
    let (coordinates, name) = match file {
        TargetFile::File(coordinates, name) => (coordinates, name.as_str()),
        // Of the document that the client has made, which is not the one that is served.
        TargetFile::Snapshot(coordinates) => {
            access::require(&coordinates.artifact, "write")?;
            return accept(call, algorithm);
        }
        TargetFile::Metadata(place) => {
            metadata::require_some(place)?;
            return accept(call, algorithm);
        }
    };
    access::require(&coordinates.artifact, "write")?;
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
fn expect(coordinates: &Coordinates, name: &str, algorithm: &str, sent: &str) -> Result<(), Error> {
    // Most come after their files.
    if let Some(loaded) = stored::load(coordinates)?
        && let Some(file) = loaded.release.file(name)
    {
        let digests = stored::digests(coordinates, file)?;
        let known = digests.as_ref().and_then(|digests| digests.get(algorithm));
        return check(name, algorithm, sent, known.unwrap_or_default());
    }
    let now = storage::now()?;
    with_document(coordinates, None, |_| Ok(()))?;
    stored::json(coordinates).update(|release| {
        let Some(mut release) = release else { return Err(Error::new(error::CHANGING)) };
        if let Some(file) = release.file(name) {
            // It came at this moment.
            let digests = stored::digests(coordinates, file)?;
            let known = digests.as_ref().and_then(|digests| digests.get(algorithm));
            check(name, algorithm, sent, known.unwrap_or_default())?;
            return Ok(None);
        }
        release
            .expected
            .retain(|there| !there.is_over(now) && (there.name != name || there.algorithm != algorithm));
        if release.expected.len() >= WAITING {
            let sentence = "too many checksums wait for their files: send the files first";
            return Err(Error::because(error::BAD_DIGEST, sentence));
        }
        release.expected.push(Expected {
            name: name.to_owned(),
            algorithm: algorithm.to_owned(),
            hex: sent.to_owned(),
            since: now,
        });
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

//! Verifies an upload: name, version, digests and kind must agree between the form, the file's name and
//! the metadata inside the file.

use std::io::BufReader;

use packhouse_plugin::auth;
use packhouse_plugin::digests::{BLAKE2B256, MD5, SHA256};
use packhouse_plugin::problem::shown;
use packhouse_plugin::storage::Staged;

use super::super::{found, now};
use super::form::{Content, Form};
use crate::archive::{sdist, wheel};
use crate::attestation;
use crate::document::File;
use crate::error::{self, Error};
use crate::metadata::CoreMetadata;
use crate::name::{FileName, ProjectName, Version};

/// How much of an archive is fetched from the host at once, in bytes.
const READ: usize = 256 * 1024;

/// An upload in which everything agrees.
pub struct Verified {
    pub name: ProjectName,
    pub version: Version,
    /// The name as its publisher writes it.
    pub display_name: String,
    pub file: File,
    /// The core metadata inside the file.
    pub metadata: Vec<u8>,
    /// The provenance object to be served, if attestations came along.
    pub provenance: Option<Vec<u8>>,
}

/// Refuses with a 400 that says what does not agree.
pub fn verify(form: Form) -> Result<(Verified, Staged), Error> {
    check_kind(&form, "protocol_version", &["1"])?;
    let name = ProjectName::parse(form.require("name")?)?;
    let version = Version::parse(form.require("version")?)?;
    let filetype = form.require("filetype")?.to_owned();
    let sha256 = form.field("sha256_digest").map(str::to_owned);
    let md5 = form.field("md5_digest").map(str::to_owned);
    let blake2b_256 = form.field("blake2_256_digest").map(str::to_owned);
    let Some(Content { filename, staged }) = form.content else {
        return Err(Error::because(error::BAD_FORM, "the upload's form lacks the file `content`"));
    };
    let filename = FileName::parse(&name, &filename)?;
    if filename.version != version {
        return Err(mismatch(format!(
            "the file {filename} is of the version {}, and the upload of {version}",
            filename.version
        )));
    }
    if filename.package_type() != filetype {
        return Err(mismatch(format!(
            "the file {filename} is a {}, and the upload says {}",
            filename.package_type(),
            shown(&filetype)
        )));
    }
    let digest = |algorithm, stated: Option<String>| check_digest(&staged, algorithm, stated);
    let sha256 = digest(SHA256, sha256)?;
    let md5 = digest(MD5, md5)?;
    let blake2b_256 = digest(BLAKE2B256, blake2b_256)?;
    let provenance = form
        .attestations
        .map(|field| attestation::provenance(&field, filename.as_str(), &sha256))
        .transpose()?;
    let size = staged.size();
    let (staged, metadata) = read_inside(staged, &filename, &name, &version)?;
    let inside = CoreMetadata::parse(&metadata);
    inside.check(&name, &version)?;
    let file = File {
        filename: filename.as_str().to_owned(),
        version: version.to_string(),
        size,
        uploaded: now(),
        sha256: Some(sha256),
        md5: Some(md5),
        blake2b_256: Some(blake2b_256),
        requires_python: inside.requires_python().map(str::to_owned),
        metadata_sha256: Some(found::sha256(&metadata)?),
        provenance: provenance.is_some(),
        yanked: None,
        uploader: auth::caller().map(|account| account.name()),
    };
    let display_name = inside.first("Name").unwrap_or(name.as_str()).to_owned();
    Ok((Verified { name, version, display_name, file, metadata, provenance }, staged))
}

fn mismatch(sentence: impl ToString) -> Error {
    Error::because(error::MISMATCH, sentence)
}

/// A field that, where it is given, is one of these.
fn check_kind(form: &Form, field: &str, known: &[&str]) -> Result<(), Error> {
    match form.field(field) {
        Some(value) if !known.contains(&value) => Err(Error::because(
            error::BAD_FORM,
            format!("the upload's `{field}` is {}, and must be {}", shown(value), known.join(" or ")),
        )),
        _ => Ok(()),
    }
}

/// The digest of what came in, when it is the one that was stated.
fn check_digest(staged: &Staged, algorithm: &str, said: Option<String>) -> Result<String, Error> {
    let computed = staged.digest(algorithm)?.hex;
    match said {
        Some(said) if !said.eq_ignore_ascii_case(&computed) => Err(Error::because(
            error::BAD_DIGEST,
            format!(
                "the upload's {algorithm} is {}, and the file has {computed}; upload it again",
                shown(&said)
            ),
        )),
        _ => Ok(computed),
    }
}

/// The metadata inside, once all of the file has been looked at.
fn read_inside(
    mut staged: Staged,
    filename: &FileName,
    name: &ProjectName,
    version: &Version,
) -> Result<(Staged, Vec<u8>), Error> {
    let size = staged.size();
    let metadata = if filename.is_wheel() {
        let read = |offset, max| staged.read_at(offset, max);
        wheel::read_metadata(&read, &|parts| staged.unpack(parts), size, name, version)?
    } else {
        let packed = BufReader::with_capacity(READ, &mut staged);
        sdist::read_metadata(packed, size, name, version)?
    };
    Ok((staged, metadata))
}

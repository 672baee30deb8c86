//! `PUT /api/v1/crates/new`: a new version.
//!
//! # Invariants
//! - Nothing is visible before the index lists it. Between giving the file its key and writing the
//!   index, nothing can fail.
//! - An existing version is never replaced. Publishing the same bytes again repairs the stored file if
//!   it is damaged.
//! - What a publish costs does not depend on how many other crates there are.

use std::io::BufReader;

use packhouse_plugin::auth::{self, Decision};
use packhouse_plugin::digests::SHA256;
use packhouse_plugin::storage::{self, Document, Precondition, Publish, Refused, Staged};
use packhouse_plugin::{Call, Response, clock, log, settings};
use serde_json::json;

use super::{CRATE, JSON, TEXT};
use crate::access::StoredName;
use crate::archive;
use crate::document::{Index, Release, said};
use crate::error::{self, Error};
use crate::layout;
use crate::manifest::Manifest;
use crate::name::{CrateName, Version};
use crate::upload::NewCrate;
use prepared::Seen;

mod name;
mod prepared;
mod received;
mod repair;

/// How much of a crate is fetched from the host at once, in bytes.
const READ: usize = 256 * 1024;
/// Of crates in the store, where it keeps content types.
const GZIP: &str = "application/gzip";
/// The longest line that a version may have in the index, in bytes.
const LINE_LIMIT: usize = 1 << 20;

/// A version that is about to be named by the index.
struct Publication<'a> {
    name: &'a CrateName,
    version: &'a Version,
    /// SHA-256 of the file, in hexadecimal.
    checksum: &'a str,
    line: Vec<u8>,
}

/// See the module.
pub fn publish(call: &Call) -> Result<Response, Error> {
    // Whose crate it is, is known when the request is read; nobody in particular is refused
    // before.
    if auth::caller().is_none() {
        auth::require(CRATE, "*", "write")?;
    }
    settings::require_feature("publish")?;
    let mut body = call.body();
    let (mut new, size) = received::read_request(&mut body)?;
    let (name, version) = (CrateName::parse(&new.name)?, Version::parse(&new.vers)?);
    require_publish(&name, StoredName::find(&name)?.as_ref(), StoredName::decide_owned)?;
    new.check()?;
    // Before the file is taken, so that a mistake costs nobody an upload.
    let seen = prepared::check(&name, &version)?;
    let mut staged = received::stage_file(&mut body, size)?;
    agree(&mut new, &name, &version, &mut staged)?;
    let checksum = staged.digest(SHA256)?.hex;
    let seen = match seen {
        Seen::Free(seen) => seen,
        Seen::Broken(broken) => {
            broken.repair(&name, &version, &mut staged)?;
            return Ok(published());
        }
    };
    let release = Release { new: &new, checksum: &checksum, size: staged.size(), published: clock::now() };
    let line = release.to_line()?;
    if line.len() > LINE_LIMIT {
        return Err(Error::because(
            error::TOO_LARGE,
            format!("dependencies and features would take more than {LINE_LIMIT} bytes in the index"),
        ));
    }
    make_visible(
        &Publication { name: &name, version: &version, checksum: &checksum, line },
        seen,
        &mut staged,
    )?;
    Ok(published())
}

fn published() -> Response {
    Response::new(200).json(&json!({
        "warnings": { "invalid_categories": [], "invalid_badges": [], "other": [] },
    }))
}

/// The file holds what the request says.
fn agree(new: &mut NewCrate, name: &CrateName, version: &Version, staged: &mut Staged) -> Result<(), Error> {
    let manifest = archive::read_manifest(BufReader::with_capacity(READ, staged), name, version)?;
    Manifest::parse(&manifest)?.agree(new)?;
    Ok(new.check_rust_version()?)
}

/// In the order of a publish: prepared, the key, the document.
fn make_visible(
    publication: &Publication<'_>,
    seen: Option<Document>,
    staged: &mut Staged,
) -> Result<(), Error> {
    let Publication { name, version, .. } = publication;
    let (index, file) = (layout::index(name), layout::crate_file(name, version));
    let mut look = |document: Option<&Document>| prepared::look(publication, document);
    let refuse = |refused| match refused {
        Refused::Same | Refused::Exists => version_exists(name, version, version),
        Refused::Busy => Error::because(
            error::BEING_PUBLISHED,
            format!("{name} {version} is being published by somebody else; try again in a few minutes"),
        ),
        Refused::TooLarge => Error::because(
            error::TOO_LARGE,
            "this crate has more versions than its index file can hold; publish under another name",
        ),
    };
    let publish = Publish::new(&index)
        .content_type(TEXT)
        .begun(|index| Index::new(&index.bytes).begun())
        .proven()
        .saying(said);
    let prepared = publish.prepare_from(seen, &mut look)?.map_err(refuse)?;
    if prepared.is_new_document() {
        name::reserve(name)?;
    }
    let claimed = prepared.claim(staged, &file, Some(GZIP), &mut look)?.map_err(refuse)?;
    let named = claimed.name(&mut look)?.map_err(refuse)?;
    log::info(
        "published a version",
        &[("crate.name", name.as_str()), ("crate.version", &version.to_string())],
    );
    if named.is_new_document {
        after_the_first(name);
    }
    Ok(())
}

/// What is nice to have beside a new crate. It is visible already, so a failure is only told.
fn after_the_first(name: &CrateName) {
    let configuration = layout::configuration();
    let written = storage::put(layout::CONFIG, configuration.as_bytes(), Precondition::Absent, Some(JSON));
    let listed = name::list_publisher(name);
    for (what, error) in [
        (
            "config.json",
            written.err().filter(|error| *error != packhouse_plugin::Error::Conflict).map(Error::from),
        ),
        ("the list of owners", listed.err()),
    ] {
        if let Some(error) = error {
            let fields = [("crate.name", name.as_str()), ("what", what), ("error", &error.to_string())];
            log::warn("a crate was published, and something beside it could not be written", &fields);
        }
    }
}

/// 409, in the words of crates.io.
fn version_exists(name: &CrateName, version: &Version, there: &Version) -> Error {
    let sentence = if version == there {
        format!("crate version `{name}@{version}` is already uploaded; publish another version")
    } else {
        format!(
            "crate version `{name}@{there}` is already uploaded, and {version} differs in build metadata only; \
             publish another version"
        )
    };
    Error::because(error::VERSION_EXISTS, sentence)
}

/// The caller may publish this crate, which is to be new unless it is `stored`; or 401 or 403.
/// Owners count only of a crate that is there. 409 when it is there in another spelling.
fn require_publish(
    name: &CrateName,
    stored: Option<&StoredName>,
    decide: fn(&StoredName, &str) -> Result<Decision, Error>,
) -> Result<(), Error> {
    if let Some(stored) = stored.filter(|stored| stored.name() == name) {
        return match decide(stored, "write")? {
            Decision::Granted => Ok(()),
            denied => Err(stored.denied(name, "write", denied)),
        };
    }
    auth::require(CRATE, name.as_str(), "write")?;
    stored.map_or(Ok(()), |stored| Err(name::taken(name, stored.name())))
}

//! One file a noun; here is what several of them need: the crate that a request is about,
//! its documents, and the permissions on it.
//!
//! A grant names a crate in the spelling that it was published in, and requests for the
//! index have the name in lower case: where the one that was asked for is not granted, the
//! other is looked up.

use packhouse_plugin::auth::{self, Decision};
use packhouse_plugin::storage::{self, Document, Reader};
use packhouse_plugin::{Call, Response, settings};
use serde_json::json;

use crate::document::Index;
use crate::error::{self, Error};
use crate::layout;
use crate::name::{CrateName, Version};
use crate::owners::Owners;

pub mod download;
pub mod index;
pub mod login;
pub mod owners;
pub mod publish;
pub mod search;
pub mod yank;

/// The kind of this protocol's scopes.
const CRATE: &str = "crate";
/// Of index files, where the store keeps content types; as crates.io has it.
const TEXT: &str = "text/plain; charset=utf-8";
/// Of our own documents.
const JSON: &str = "application/json";
/// The largest body of a request that is small by nature, in bytes.
const SMALL_BODY: u64 = 64 * 1024;
/// Of an index file, so much is read for the spelling of the name: first less, then more.
const FIRST_LINE: [u32; 2] = [16 << 10, 1 << 20];

/// The crate in the path.
fn crate_name(call: &Call) -> Result<CrateName, Error> {
    Ok(CrateName::parse(&call.decoded("crate")?)?)
}

/// The version in the path.
fn crate_version(call: &Call) -> Result<Version, Error> {
    Ok(Version::parse(&call.decoded("version")?)?)
}

/// The stored index file, or 404.
fn load(name: &CrateName) -> Result<Document, Error> {
    storage::get(&layout::index(name))?.ok_or_else(|| no_crate(name))
}

/// The document of owners; none for a crate of another system.
fn load_owners(name: &CrateName) -> Result<Option<Owners>, Error> {
    let document = storage::get(&layout::owners(name))?;
    document.map(|document| parse_owners(&document)).transpose()
}

/// The owners and the spelling that a stored document lists.
fn parse_owners(document: &Document) -> Result<Owners, Error> {
    let owners: Owners = document.json()?;
    CrateName::parse(&owners.name).map_err(|error| document.damaged(error))?;
    Ok(owners)
}

/// The name as the index has it; none when the crate is not there.
fn spelling(name: &CrateName) -> Result<Option<CrateName>, Error> {
    let Some(reader) = Reader::open(&layout::index(name))? else {
        return Ok(None);
    };
    for length in FIRST_LINE {
        let start = match reader.read_at(0, length) {
            Err(packhouse_plugin::Error::Conflict) => return Ok(Some(name.clone())),
            start => start?,
        };
        // What is cut in the middle of a line is no line.
        let found = Index::new(&start).name();
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn is_granted(name: &CrateName, action: &str) -> bool {
    auth::check(CRATE, name.as_str(), action) == Decision::Granted
}

/// The caller may do this on the crate by a grant, or 401 or 403.
fn require(name: &CrateName, action: &str) -> Result<(), Error> {
    if is_granted(name, action) || auth::rejection().is_none() && is_granted_as_spelled(name, action)? {
        return Ok(());
    }
    Ok(auth::require(CRATE, name.as_str(), action)?)
}

fn is_granted_as_spelled(name: &CrateName, action: &str) -> Result<bool, Error> {
    let spelled = spelling(name)?;
    Ok(spelled.is_some_and(|spelled| spelled != *name && is_granted(&spelled, action)))
}

/// The caller may do this by a grant, or since the crate lists them as an owner; or 401 or
/// 403. The list is read only when there is no grant.
fn require_listed(name: &CrateName, action: &str) -> Result<(), Error> {
    if auth::check(CRATE, name.as_str(), action) == Decision::Forbidden
        && let Some(owners) = load_owners(name)?
        && auth::check_listed(CRATE, &owners.name, action, &owners.owners) == Decision::Granted
    {
        return Ok(());
    }
    require(name, action)
}

/// The feature is on, or 405.
fn require_feature(feature: &str) -> Result<(), Error> {
    if settings::feature(feature) {
        return Ok(());
    }
    Err(Error::because(error::FEATURE_OFF, format!("{feature} is turned off on this registry")))
}

/// 404 for a crate.
fn no_crate(name: &CrateName) -> Error {
    Error::because(error::NOT_FOUND, format!("the crate {name} is not in this registry"))
}

/// 404 for a version.
fn no_version(name: &CrateName, version: &Version) -> Error {
    Error::because(error::NOT_FOUND, format!("the crate {name} has no version {version}"))
}

/// `{"ok": true}`, as several requests are answered.
fn done() -> Response {
    Response::new(200).json(&json!({ "ok": true }))
}

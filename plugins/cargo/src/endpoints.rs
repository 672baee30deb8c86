//! One file a noun; here is what several of them need: the crate that a request is about,
//! its documents, and the permissions on it.
//!
//! A grant names a crate in the spelling that it was published in, and requests may use
//! another: see `stored`.

use packhouse_plugin::storage::{self, Document};
use packhouse_plugin::{Call, Response};
use serde_json::json;

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
pub mod stored;
pub mod yank;

/// The kind of this protocol's scopes.
pub const CRATE: &str = "crate";
/// No crate has this name: only who may read all crates may read it.
const EVERY_CRATE: &str = "*";
/// Of index files, where the store keeps content types; as crates.io has it.
const TEXT: &str = "text/plain; charset=utf-8";
/// Of our own documents.
pub const JSON: &str = "application/json";
/// The largest body of a request that is small by nature, in bytes.
const SMALL_BODY: u64 = 64 * 1024;

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

/// The owners and the spelling that a stored document lists. It may be another spelling of the
/// name, and no other name.
fn parse_owners(document: &Document) -> Result<Owners, Error> {
    let owners: Owners = document.json()?;
    let name = CrateName::parse(&owners.name).map_err(|error| document.damaged(error))?;
    if layout::owners(&name) != document.info.key {
        return Err(document.damaged(format!("it lists the owners of {name}")).into());
    }
    Ok(owners)
}

/// 404 for a crate without an index file; 500 if the index file was lost.
fn no_crate(name: &CrateName) -> Error {
    match storage::check_absent(&layout::index(name)) {
        Ok(()) => Error::because(error::NOT_FOUND, format!("the crate {name} is not in this registry")),
        Err(lost) => lost.into(),
    }
}

/// 404 for a version.
fn no_version(name: &CrateName, version: &Version) -> Error {
    Error::because(error::NOT_FOUND, format!("the crate {name} has no version {version}"))
}

/// `{"ok": true}`, as several requests are answered.
fn done() -> Response {
    Response::new(200).json(&json!({ "ok": true }))
}

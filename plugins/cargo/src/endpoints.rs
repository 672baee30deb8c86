//! One file for each noun. This file contains what several of them need: the crate of a request, its
//! documents, and the permissions on it.
//!
//! A grant names a crate in the spelling that it was published in, and requests may use
//! another: see [`crate::access`].

use packhouse_plugin::storage::{self, Document, Json};
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
pub mod yank;

/// The kind of this protocol's scopes.
pub const CRATE: &str = "crate";
/// No crate has this name: a caller may read it only if they may read all crates.
pub const EVERY_CRATE: &str = "*";
/// Of index files, where the store keeps content types; as crates.io has it.
const TEXT: &str = "text/plain; charset=utf-8";
/// Of our own documents.
pub const JSON: &str = "application/json";

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

/// The document that lists the owners of a crate and the spelling of its name. It may be another
/// spelling of the name, and no other name.
pub fn owners_of(name: &CrateName) -> Json<Owners> {
    Json::at(layout::owners(name)).checked(|key, owners: &Owners| {
        let name = CrateName::parse(&owners.name).map_err(|error| error.to_string())?;
        if layout::owners(&name) == key { Ok(()) } else { Err(format!("it lists the owners of {name}")) }
    })
}

/// 404 for a crate without an index file; 500 if the index file was lost.
pub fn no_crate(name: &CrateName) -> Error {
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

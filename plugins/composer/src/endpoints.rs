//! One file for each noun. This file contains what several of them need: the package of a request, its
//! document, and the permissions on it.

use packhouse_plugin::storage::{self, Document};
use packhouse_plugin::{Call, Error as HostError, Response, auth, time};

use crate::document::Package;
use crate::error::{self, Error};
use crate::layout;
use crate::name::{PackageName, Version};

pub mod advisories;
mod change;
pub mod dists;
pub mod metadata;
pub mod packages;
pub mod publish;
pub mod repository;
pub mod search;

/// The kind of this protocol's scopes.
pub const PACKAGE: &str = "package";
/// Of documents in the store, where it keeps content types.
pub const JSON: &str = "application/json";

/// The package in the path.
fn package(call: &Call) -> Result<PackageName, Error> {
    let (vendor, package) = (call.decoded("vendor")?, call.decoded("package")?);
    Ok(PackageName::parse(&format!("{vendor}/{package}"))?)
}

/// The caller may do this on the package, or 401 or 403.
fn require(name: &PackageName, action: &str) -> Result<(), Error> {
    Ok(auth::require(PACKAGE, name.as_str(), action)?)
}

/// A document of ours that is whole; none if it is another system's. `Damaged` when it is neither.
pub fn parse(name: &PackageName, document: &Document) -> Result<Option<Package>, HostError> {
    let Some(package) = Package::parse(&document.bytes).map_err(|why| document.damaged(why))? else {
        return Ok(None);
    };
    package.check(name).map_err(|why| document.damaged(why))?;
    Ok(Some(package))
}

/// The package as it is, and its document; or 404, or 409 for one of another system.
fn load(name: &PackageName) -> Result<(Document, Package), Error> {
    let document = storage::get(&layout::document(name))?.ok_or_else(|| no_package(name))?;
    let package = parse(name, &document)?.ok_or_else(|| foreign(name))?;
    Ok((document, package))
}

/// 404 for a package without a document; 500 if the document was lost.
fn no_package(name: &PackageName) -> Error {
    match storage::check_absent(&layout::document(name)) {
        Ok(()) => Error::because(error::NOT_FOUND, format!("the package {name} is not in this registry")),
        Err(lost) => lost.into(),
    }
}

/// 404 for a version.
fn no_version(name: &PackageName, version: &Version) -> Error {
    Error::because(error::NOT_FOUND, format!("the package {name} has no version {version}"))
}

/// 409 for a package whose document is another system's.
fn foreign(name: &PackageName) -> Error {
    let sentence = format!("another system wrote the package {name}: run `packhouse reindex` first");
    Error::because(error::FOREIGN, sentence)
}

/// What is rendered of a package is as old as its document says.
fn dated(response: Response, package: &Package) -> Response {
    match time::http_date(package.modified.saturating_mul(time::SECOND)) {
        Some(date) => response.header("last-modified", &date),
        None => response,
    }
}

/// The time by the store's clock, which several hosts have in common, in seconds.
fn seconds() -> Result<u64, HostError> {
    Ok(storage::now()? / time::SECOND)
}

/// `{"status": "success"}`, as several requests are answered.
fn done(status: u16) -> Response {
    Response::new(status).json(&serde_json::json!({ "status": "success" }))
}

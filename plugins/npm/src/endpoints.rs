//! One file for each noun. This file contains what several of them need: the package of a request, and
//! its stored document.

use packhouse_plugin::auth;
use packhouse_plugin::storage::{self, Document};
use packhouse_plugin::{Call, Response, clock, time};

use crate::document::{Packument, Person};
use crate::error::{self, Error};
use crate::layout;
use crate::name::PackageName;

pub mod access;
pub mod audit;
pub mod dist_tags;
pub mod login;
pub mod packument;
pub mod provenance;
pub mod publish;
pub mod registry;
pub mod search;
pub mod tarball;
pub mod tokens;
pub mod unpublish;
pub mod users;

/// The kind of this protocol's scopes.
pub const PACKAGE: &str = "package";
/// Of packuments in the store, where it keeps content types.
const JSON: &str = "application/json";

/// The package in the path.
fn package(call: &Call) -> Result<PackageName, Error> {
    let name = call.decoded_with_slashes("package")?;
    Ok(PackageName::parse(&name)?)
}

/// The stored packument, or 404.
fn load(name: &PackageName) -> Result<Document, Error> {
    storage::get(&layout::index(name))?.ok_or_else(|| no_package(name))
}

/// 404 for a package without a packument; 500 if the packument was lost.
fn no_package(name: &PackageName) -> Error {
    match storage::check_absent(&layout::index(name)) {
        Ok(()) => Error::because(error::NOT_FOUND, format!("{name} is not in this registry")),
        Err(lost) => lost.into(),
    }
}

/// A stored packument, to be read.
pub fn parse<'a>(name: &PackageName, document: &'a Document) -> Result<Packument<'a>, Error> {
    let packument = Packument::parse(&document.bytes).map_err(|error| document.damaged(error))?;
    packument.check_to_read(name).map_err(|why| document.damaged(why))?;
    if !packument.has_versions() && has_tarball(name)? {
        return Err(document.damaged("it has no versions, but tarballs exist").into());
    }
    Ok(packument)
}

/// A stored packument, to be changed: what is written anew must not lose what cannot be read.
fn parse_whole<'a>(name: &PackageName, document: &'a Document) -> Result<Packument<'a>, Error> {
    let packument = parse(name, document)?;
    packument.check(name).map_err(|why| document.damaged(why))?;
    Ok(packument)
}

/// Whether a tarball of the package is stored, named or not.
fn has_tarball(name: &PackageName) -> Result<bool, Error> {
    let folder = format!("{}/", layout::folder(name));
    for object in storage::list(&folder) {
        let object = object?;
        let file = object.key.strip_prefix(&folder);
        if file.is_some_and(|file| layout::version_of_file(name, file, "tgz").is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// 404 for a version or tag.
fn no_version(name: &PackageName, version: &str) -> Error {
    Error::because(error::NOT_FOUND, format!("{name} has no version or tag {version}"))
}

/// The time of this request, as documents hold it: `2026-01-01T00:00:00.000Z`.
pub fn now() -> String {
    time::rfc3339(clock::now())
}

/// The caller, as documents name people.
fn caller() -> Option<Person> {
    auth::caller().map(|account| Person { name: account.name(), email: account.email() })
}

/// An answer that is this caller's alone.
fn private(response: Response) -> Response {
    response.header("cache-control", "no-store")
}

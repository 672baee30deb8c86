//! One file a noun; here is what several of them need: the package that a request is
//! about, its stored document, and the permissions on it.

use packhouse_plugin::auth::{self, Account, Decision};
use packhouse_plugin::storage::{self, Document};
use packhouse_plugin::{Call, Response, clock};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::document::{Packument, Person};
use crate::error::{self, Error};
use crate::layout;
use crate::name::PackageName;

pub mod access;
pub mod audit;
mod directory;
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
/// The largest body of a request that is small by nature, in bytes.
const SMALL_BODY: u64 = 64 * 1024;

/// The package in the path.
fn package(call: &Call) -> Result<PackageName, Error> {
    let name = call.decoded_with_slashes("package")?;
    Ok(PackageName::parse(&name)?)
}

/// The caller may do this on the package, or 401 or 403.
fn require(name: &PackageName, action: &str) -> Result<(), Error> {
    Ok(auth::require(PACKAGE, name.as_str(), action)?)
}

/// The caller may do this by a grant, or since the package lists them as an owner; or 401
/// or 403. The document is read only when there is no grant.
fn require_listed(name: &PackageName, action: &str) -> Result<(), Error> {
    require_any(name, &[action])
}

/// The same for one of these; refused for the first.
fn require_any(name: &PackageName, actions: &[&str]) -> Result<(), Error> {
    let Some(first) = actions.first() else {
        return Ok(());
    };
    let granted = |action: &&str| auth::check(PACKAGE, name.as_str(), action) == Decision::Granted;
    if actions.iter().any(granted) {
        return Ok(());
    }
    if auth::check(PACKAGE, name.as_str(), first) == Decision::SignIn {
        return require(name, first);
    }
    let Some(document) = storage::get(&layout::index(name))? else {
        // Nobody knows whom a packument lists that was lost.
        storage::check_absent(&layout::index(name))?;
        return require(name, first);
    };
    let packument = parse(name, &document)?;
    let listed = |action: &&str| require_in(name, &packument, action).is_ok();
    if actions.iter().any(listed) { Ok(()) } else { require_in(name, &packument, first) }
}

/// The caller may do this on the package that this is the document of, or 401 or 403.
fn require_in(name: &PackageName, packument: &Packument<'_>, action: &str) -> Result<(), Error> {
    Ok(auth::require_owned(PACKAGE, name.as_str(), action, &packument.owners())?)
}

/// Whoever is calling, or 401.
fn require_account() -> Result<Account, Error> {
    auth::caller().ok_or_else(|| match auth::rejection() {
        Some(rejection) => Error::because(error::SIGN_IN, rejection),
        None => Error::new(error::SIGN_IN),
    })
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
fn parse<'a>(name: &PackageName, document: &'a Document) -> Result<Packument<'a>, Error> {
    let packument = Packument::parse(&document.bytes).map_err(|error| document.damaged(error))?;
    packument.check_to_read(name).map_err(|why| document.damaged(why))?;
    if !packument.has_versions() && has_tarball(name)? {
        return Err(document.damaged("it has no versions, and there are tarballs").into());
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
    timestamp(clock::now())
}

/// Milliseconds since the Unix epoch, as npm writes them.
fn timestamp(milliseconds: u64) -> String {
    let whole = i64::try_from(milliseconds / 1000).unwrap_or_default();
    let Some(text) =
        OffsetDateTime::from_unix_timestamp(whole).ok().and_then(|moment| moment.format(&Rfc3339).ok())
    else {
        return String::new();
    };
    let seconds = text.trim_end_matches('Z');
    format!("{seconds}.{:03}Z", milliseconds % 1000)
}

/// The caller, as documents name people.
fn caller() -> Option<Person> {
    auth::caller().map(|account| Person { name: account.name(), email: account.email() })
}

/// An answer that is this caller's alone.
fn private(response: Response) -> Response {
    response.header("cache-control", "no-store")
}

//! `npm access`. The permissions of the registry decide who may read and write. These endpoints show
//! them, and change nothing.

use std::collections::BTreeMap;

use packhouse_plugin::{Call, Response, auth};
use serde::Deserialize;
use serde_json::json;

use super::{PACKAGE, load, package, parse, private};
use crate::access::{require, require_account, require_listed};
use crate::catalog::package_names;
use crate::error::{self, Error};
use crate::name::PackageName;

/// The most packages of which the permissions are shown.
const NAMES: usize = 10_000;
/// The most owners of a package that are looked up.
const SHOWN: usize = 1000;

#[derive(Deserialize)]
struct Access {
    access: Option<String>,
}

/// `GET /-/package/{package}/visibility`. A package is public if a caller without credentials can read
/// it, so only such a caller gets `true`.
pub fn read_visibility(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    Ok(private(Response::new(200).json(&json!({ "public": is_public(&name)? }))))
}

/// `GET /-/package/{package}/access`.
pub fn read_access(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    let access = if is_public(&name)? { "public" } else { "restricted" };
    Ok(private(Response::new(200).json(&json!({
        "access": access,
        "publish_requires_tfa": false,
        "automation_token_overrides_tfa": false,
    }))))
}

/// `POST /-/package/{package}/access`: npm's words for what an administrator grants.
pub fn set_access(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require_listed(&name, "owner")?;
    load(&name)?;
    let wanted: Access = call.small_json()?;
    Err(Error::because(
        error::ACCESS_FIXED,
        match wanted.access {
            Some(access) => format!("{name} cannot be made {access}: {}", error::ACCESS_FIXED.message),
            None => error::ACCESS_FIXED.message.to_owned(),
        },
    ))
}

/// `GET /-/package/{package}/collaborators`: the owners of the package whose accounts exist.
pub fn list_collaborators(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require(&name, "read")?;
    let document = load(&name)?;
    let mut people: BTreeMap<String, &str> = BTreeMap::new();
    for owner in parse(&name, &document)?.owners().into_iter().take(SHOWN) {
        if owner.id.is_none() || auth::account_id(&owner.name)? == owner.id {
            people.insert(owner.name, "write");
        }
    }
    Ok(Response::new(200).json(&people))
}

/// `GET /-/user/{user}/package`: what the caller may read and write. It tells nothing about other users.
pub fn list_packages(call: &Call) -> Result<Response, Error> {
    let account = require_account()?;
    if call.decoded("user")? != account.name() {
        let sentence = "only your own permissions are shown";
        return Err(Error::because(error::FORBIDDEN, sentence));
    }
    let names: Vec<String> = package_names(NAMES)?.iter().map(ToString::to_string).collect();
    let mut permissions: BTreeMap<String, &str> = BTreeMap::new();
    for (action, word) in [("read", "read"), ("write", "write")] {
        for name in auth::filter_allowed(PACKAGE, &names, action) {
            permissions.insert(name, word);
        }
    }
    Ok(private(Response::new(200).json(&permissions)))
}

/// Whether the package can be read without credentials. Known only if the request has none.
fn is_public(name: &PackageName) -> Result<bool, Error> {
    require(name, "read")?;
    load(name)?;
    Ok(auth::caller().is_none())
}

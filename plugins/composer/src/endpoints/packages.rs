//! Deletes packages and versions, and marks packages as abandoned or removes the mark.

use packhouse_plugin::{Call, Response, SMALL_BODY, json, log, settings};
use serde::Deserialize;

use super::{change, done, package, require};
use crate::document::Abandoned;
use crate::error::{self, Error};
use crate::name::{PackageName, Version};

/// `DELETE /packages/{vendor}/{package}`: all of it.
pub fn delete_package(call: &Call) -> Result<Response, Error> {
    settings::require_feature("delete")?;
    let name = package(call)?;
    require(&name, "delete")?;
    change::remove(&name, None)?;
    log::info("deleted a package", &[("package.name", name.as_str())]);
    Ok(done(200))
}

/// `DELETE /packages/{vendor}/{package}/{version}`, where the version may have slashes.
pub fn delete_version(call: &Call) -> Result<Response, Error> {
    settings::require_feature("delete")?;
    let name = package(call)?;
    require(&name, "delete")?;
    let version = Version::parse(&call.decoded_with_slashes("version")?)?;
    change::remove(&name, Some(&version))?;
    let fields = [("package.name", name.as_str()), ("package.version", version.as_str())];
    log::info("deleted a version", &fields);
    Ok(done(200))
}

#[derive(Default, Deserialize)]
struct Successor {
    replacement: Option<String>,
}

/// `PUT /packages/{vendor}/{package}/abandoned`: `{"replacement": "vendor/other"}`, or no body.
pub fn abandon(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require(&name, "write")?;
    let body = call.body().read_all(SMALL_BODY)?;
    let successor: Successor = if body.is_empty() { Successor::default() } else { json::parse(&body)? };
    let abandoned = match successor.replacement {
        None => Abandoned::Plain(true),
        Some(other) => {
            let other = PackageName::parse(&other)?;
            if other == name {
                return Err(Error::because(error::BAD_NAME, "a package cannot replace itself"));
            }
            Abandoned::Replacement(other.to_string())
        }
    };
    set_abandoned(&name, Some(&abandoned))
}

/// `DELETE /packages/{vendor}/{package}/abandoned`.
pub fn take_up(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require(&name, "write")?;
    set_abandoned(&name, None)
}

fn set_abandoned(name: &PackageName, abandoned: Option<&Abandoned>) -> Result<Response, Error> {
    change::package(name, |package| {
        let is_other = package.abandoned.as_ref() != abandoned;
        package.abandoned = abandoned.cloned();
        Ok(is_other)
    })?;
    let what =
        if abandoned.is_some() { "abandoned a package" } else { "removed the abandoned mark of a package" };
    log::info(what, &[("package.name", name.as_str())]);
    Ok(done(200))
}

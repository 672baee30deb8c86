//! One file for each noun. This file contains what several of them need: the gem of a request, and the
//! permissions on it.

use packhouse_plugin::auth::{self, Decision};
use packhouse_plugin::{Call, Error as Host, Response, SMALL_BODY};

use crate::document::{Package, Release};
use crate::error::{self, Error};
use crate::name::{GemName, Slot, readings};
use crate::stored;
use find::find;

pub mod about;
pub mod dependencies;
pub mod files;
mod find;
pub mod index;
pub mod keys;
pub mod owners;
pub mod push;
pub mod search;
pub mod specs;
pub mod yank;

/// The kind of this protocol's scopes.
pub const GEM: &str = "gem";
/// No gem has this name: a caller may read it only if they may read all gems.
pub const EVERY_GEM: &str = "*";

/// The gem in the path.
fn gem_name(call: &Call) -> Result<GemName, Error> {
    Ok(GemName::parse(&call.decoded("gem")?)?)
}

/// The caller may read the gem, or 401 or 403.
fn require_read(name: &GemName) -> Result<(), Error> {
    Ok(auth::require(GEM, name.as_str(), "read")?)
}

/// The gem, if the caller may do this on it by a grant, or since it lists them as an owner; or
/// 401, 403 or 404.
fn require_owned(name: &GemName, action: &str) -> Result<Package, Error> {
    if auth::check(GEM, name.as_str(), action) == Decision::Granted {
        return stored::require(name);
    }
    let package = stored::load(name)?;
    let owners = || Ok::<_, Error>(package.as_ref().map(Package::owners).unwrap_or_default());
    auth::require_owned(GEM, name.as_str(), action, owners)?;
    package.ok_or_else(|| stored::no_gem(name))
}

/// The version that a file of this name is of, if the caller may read it; or 401, 403 or 404.
fn find_release(full_name: &str) -> Result<(GemName, Slot, Release), Error> {
    let none = || Error::because(error::NOT_FOUND, format!("there is no gem {full_name:.200}"));
    let mut denied = None;
    for (name, slot) in readings(full_name) {
        if let Err(error) = require_read(&name) {
            denied.get_or_insert(error);
            continue;
        }
        if let Some(release) = find(&name, &slot)? {
            return Ok((name, slot, release));
        }
    }
    Err(denied.unwrap_or_else(none))
}

/// The fields of a request, from its query and from a form in its body.
fn fields(call: &Call) -> Result<Vec<(String, String)>, Error> {
    let mut fields = call.query_pairs();
    fields.extend(call.form(SMALL_BODY)?);
    Ok(fields)
}

/// The first of these fields that is there and not empty.
fn field<'a>(fields: &'a [(String, String)], names: &[&str]) -> Option<&'a str> {
    let found = fields.iter().find(|(name, value)| names.contains(&name.as_str()) && !value.is_empty());
    found.map(|(_, value)| value.as_str())
}

/// Text for people, as the clients print it.
fn told(sentence: &str) -> Response {
    Response::new(200).text(format!("{sentence}\n"))
}

/// Those of these names that the caller may read: all of them for a caller who may read every gem.
struct Readable {
    is_everything: bool,
    names: std::collections::BTreeSet<String>,
}

impl Readable {
    /// Of all gems: none if the caller may read every gem.
    fn everything() -> Result<Option<Self>, Error> {
        auth::refuse_rejected(GEM, "read")?;
        let is_everything = auth::check(GEM, EVERY_GEM, "read") == Decision::Granted;
        Ok(is_everything.then(|| Self { is_everything, names: std::collections::BTreeSet::new() }))
    }

    /// 401 for a caller who may read none and has not signed in: Bundler sends a password only then.
    fn of(names: impl Iterator<Item = impl AsRef<str>>) -> Result<Self, Error> {
        let names: Vec<String> = names.map(|name| name.as_ref().to_owned()).collect();
        let allowed: std::collections::BTreeSet<String> =
            if names.is_empty() { Vec::new() } else { auth::filter_allowed(GEM, &names, "read") }
                .into_iter()
                .collect();
        if allowed.is_empty() {
            auth::refuse_empty(GEM, "read")?;
        }
        Ok(Self { is_everything: false, names: allowed })
    }

    fn allows(&self, name: &str) -> bool {
        self.is_everything || self.names.contains(name)
    }
}

/// Something that goes wrong in the store while a response is made.
fn failed(error: std::io::Error) -> Error {
    Host::from(error).into()
}

//! Downloading a version's tarball, or the provenance bundle that came with it. What the
//! packument does not name is not there, even when its bytes are.

use packhouse_plugin::{Call, Error as HostError, Response};

use super::{load, package, parse, require};
use crate::document::Manifest;
use crate::error::{self, Error};
use crate::layout;
use crate::name::PackageName;

/// `GET /{package}/-/{file}`, and `/@scope/name/-/@scope/{file}`, which some lock files
/// made against other registries hold.
pub fn read_file(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require(&name, "read")?;
    let file = call.decoded("file")?;
    if !call.param("scope").is_empty() && !is_scope_of(&name, &call.decoded("scope")?) {
        return Err(no_file(&name, &file));
    }
    let key = find(&name, &file)?;
    let response = Response::new(200).content_type("application/octet-stream").object(&key)?;
    // Its digest is not compared: that would read each file twice.
    let missing = || HostError::damaged(&key, "it is missing, and the packument names it: publish it again");
    let response = response.ok_or_else(missing)?;
    // Not immutable: an unpublished version may come back with other bytes.
    Ok(response.no_compression())
}

/// The key of a file that the packument names.
fn find(name: &PackageName, file: &str) -> Result<String, Error> {
    let document = load(name)?;
    let packument = parse(&document)?;
    if let Some(version) = layout::version_of_file(name, file, "tgz") {
        if packument.version(version).is_some() {
            return Ok(layout::file(name, file));
        }
    } else if let Some(version) = layout::version_of_file(name, file, "sigstore") {
        let manifest = packument.version(version).map(Manifest);
        let manifest = manifest.filter(|manifest| manifest.has_attestations());
        if let Some(sha1) = manifest.and_then(Manifest::shasum) {
            return Ok(layout::provenance(name, version, &sha1));
        }
    }
    Err(no_file(name, file))
}

fn is_scope_of(name: &PackageName, segment: &str) -> bool {
    name.scope().is_some() && segment.strip_prefix('@') == name.scope()
}

fn no_file(name: &PackageName, file: &str) -> Error {
    Error::because(error::NOT_FOUND, format!("{name} has no file {file}"))
}

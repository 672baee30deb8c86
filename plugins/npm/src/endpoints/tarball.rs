//! Downloading a version's tarball, or the provenance bundle that came with it. What the
//! packument does not name is not there, even when its bytes are.

use packhouse_plugin::{Call, Response};

use super::{package, require};
use crate::error::{self, Error};
use crate::name::PackageName;
use find::find;

mod find;

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
    let response = Response::new(200)
        .content_type("application/octet-stream")
        .object(&key)?
        .ok_or_else(|| no_file(&name, &file))?;
    // Not immutable: an unpublished version may come back with other bytes.
    Ok(response.no_compression())
}

fn is_scope_of(name: &PackageName, segment: &str) -> bool {
    name.scope().is_some() && segment.strip_prefix('@') == name.scope()
}

fn no_file(name: &PackageName, file: &str) -> Error {
    Error::because(error::NOT_FOUND, format!("{name} has no file {file}"))
}

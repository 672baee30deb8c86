//! Downloading a version's tarball, or the provenance bundle that came with it. What the
//! packument does not name is not there, even when its bytes are.

use packhouse_plugin::{Call, Error as HostError, Response};

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
    let response = Response::new(200).content_type("application/octet-stream").object(&key)?;
    // Its digest is not compared: that would read each file twice.
    let response = response.ok_or_else(|| missing(&name, &file, &key))?;
    // Not immutable: an unpublished version may come back with other bytes.
    Ok(response.no_compression())
}

fn is_scope_of(name: &PackageName, segment: &str) -> bool {
    name.scope().is_some() && segment.strip_prefix('@') == name.scope()
}

/// A tarball that the packument names must be there. A version may have no bundle.
fn missing(name: &PackageName, file: &str, key: &str) -> Error {
    if file.strip_suffix(".tgz").is_none() {
        return no_file(name, file);
    }
    HostError::damaged(key, "it is missing, and the packument names it: publish it again").into()
}

fn no_file(name: &PackageName, file: &str) -> Error {
    Error::because(error::NOT_FOUND, format!("{name} has no file {file}"))
}

//! Downloads a tarball or a provenance bundle. A file that the packument does not name does not exist
//! for clients, even if its bytes are stored.

use packhouse_plugin::digests::{SHA1, SHA256, SHA512};
use packhouse_plugin::{Call, Error as HostError, Response, storage};

use super::{load, package, parse};
use crate::access::require;
use crate::document::Manifest;
use crate::error::{self, Error};
use crate::integrity::{self, Verdict};
use crate::layout;
use crate::name::PackageName;
use find::{Found, find};

mod find;

/// `GET /{package}/-/{file}`, and `/@scope/name/-/@scope/{file}`, which some lock files of other
/// registries contain.
pub fn read_file(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require(&name, "read")?;
    let file = call.decoded("file")?;
    if !call.param("scope").is_empty() && !is_scope_of(&name, &call.decoded("scope")?) {
        return Err(no_file(&name, &file));
    }
    let Found { key, size } = find(&name, &file)?;
    let mut response = Response::new(200).content_type("application/octet-stream");
    let stored = response.write_object(&key)?;
    let stored = stored.ok_or_else(|| missing(&name, &file, &key))?.size;
    // Its digest is not compared, because this would read each file twice. Packuments of an earlier version
    // do not contain the size.
    let why = match size {
        Some(size) if size != stored && !is_named(&name, &file, &key)? => {
            format!("it has {stored} bytes, but the packument says {size}")
        }
        None if stored == 0 => "it is empty".to_owned(),
        // Not immutable: an unpublished version may come back with other bytes.
        _ => return Ok(response.no_compression()),
    };
    Err(HostError::damaged(key, format!("{why}: publish the same again")).into())
}

/// Whether the bytes are those that the packument names. A host of an earlier version does not
/// write the size anew when it publishes a version that was unpublished.
fn is_named(name: &PackageName, file: &str, key: &str) -> Result<bool, Error> {
    let document = load(name)?;
    let packument = parse(name, &document)?;
    let version = layout::version_of_file(name, file, "tgz");
    let manifest = version.and_then(|version| packument.version(version)).map(Manifest);
    let Some(declared) = manifest.and_then(Manifest::integrity) else { return Ok(false) };
    let computed = storage::digests(key, &[SHA1, SHA256, SHA512])?.unwrap_or_default();
    Ok(integrity::compare(&declared, &computed) == Verdict::Agrees)
}

fn is_scope_of(name: &PackageName, segment: &str) -> bool {
    name.scope().is_some() && segment.strip_prefix('@') == name.scope()
}

/// A tarball that the packument names must be there. A version may have no bundle.
fn missing(name: &PackageName, file: &str, key: &str) -> Error {
    if file.strip_suffix(".tgz").is_none() {
        return no_file(name, file);
    }
    HostError::damaged(key, "it is missing, but the packument lists it: publish it again").into()
}

fn no_file(name: &PackageName, file: &str) -> Error {
    Error::because(error::NOT_FOUND, format!("{name} has no file {file}"))
}

//! Reading a package's document, and one version of it.

use packhouse_plugin::{Call, Response};

use super::{JSON, load, no_version, package, parse};
use crate::access::require;
use crate::document::{Links, Rendering};
use crate::error::{self, Error};

const ABBREVIATED: &str = "application/vnd.npm.install-v1+json";

/// `GET /{package}`: the full document, or the abbreviated one if the `Accept` of the client prefers it.
pub fn read_packument(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require(&name, "read")?;
    let document = load(&name)?;
    let packument = parse(&name, &document)?;
    // A client that accepts neither gets the full one: npm's own registry never answers 406.
    let (rendering, content_type) = match call.accepts(&[JSON, ABBREVIATED]) {
        Some(1) => (Rendering::Abbreviated, ABBREVIATED),
        _ => (Rendering::Full, JSON),
    };
    let links = Links { name: &name, base_url: &call.base_url() };
    let mut response = Response::new(200).content_type(content_type);
    packument
        .render(&mut response, &links, &packument.revision(&document.info.version), rendering)
        .map_err(|_| Error::new(error::INTERNAL))?;
    Ok(response)
}

/// `GET /{package}/{version or tag}`: one manifest.
pub fn read_version(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require(&name, "read")?;
    let wanted = call.decoded("version")?;
    let document = load(&name)?;
    let packument = parse(&name, &document)?;
    let version = packument.resolve(&wanted).ok_or_else(|| no_version(&name, &wanted))?;
    let manifest = packument.version(&version).ok_or_else(|| no_version(&name, &wanted))?;
    let links = Links { name: &name, base_url: &call.base_url() };
    let mut response = Response::new(200).content_type(JSON);
    links
        .write_manifest(&mut response, &version, manifest, Rendering::Full)
        .map_err(|_| Error::new(error::INTERNAL))?;
    Ok(response)
}

//! `GET /p2/{vendor}/{package}.json` and `~dev.json`: the versions of a package.

use packhouse_plugin::{Call, Response};

use super::{JSON, dated, load, require};
use crate::document::render;
use crate::error::Error;
use crate::name::PackageName;

/// The suffix of the name of a package when a client requests its branches.
const BRANCHES: &str = "~dev";

/// The releases of a package, or its branches. Both are there for each package, under its exact name:
/// a client takes a missing one for a package that is elsewhere.
pub fn read_metadata(call: &Call) -> Result<Response, Error> {
    let (vendor, package) = (call.decoded("vendor")?, call.decoded("package")?);
    let (package, branches) = match package.strip_suffix(BRANCHES) {
        Some(package) => (package, true),
        None => (package.as_str(), false),
    };
    let name = PackageName::parse(&format!("{vendor}/{package}"))?;
    require(&name, "read")?;
    let (_, package) = load(&name)?;
    let mut response = dated(Response::new(200).content_type(JSON), &package);
    render::write_metadata(&mut response, &package, branches, &call.base_url())
        .map_err(packhouse_plugin::Error::from)?;
    Ok(response)
}

//! Downloading a version's file. What the index does not name is not there, even when its
//! bytes are.

use packhouse_plugin::{Call, Response};

use super::{crate_name, crate_version, load, no_version, require};
use crate::document::Index;
use crate::error::Error;
use crate::layout;
use crate::name::CrateName;

/// `GET /api/v1/crates/{crate}/{version}/download`, also of yanked versions.
pub fn download(call: &Call) -> Result<Response, Error> {
    let name = crate_name(call)?;
    require(&name, "read")?;
    let version = crate_version(call)?;
    let document = load(&name)?;
    let line = Index::new(&document.bytes).find(&version).ok_or_else(|| no_version(&name, &version))?;
    let spelled = CrateName::parse(&line.name)?;
    let mut response = Response::new(200).content_type("application/gzip");
    if response.write_object(&layout::crate_file(&spelled, &version))?.is_none()
        && response.write_object(&layout::lower_crate_file(&spelled, &version))?.is_none()
    {
        return Err(no_version(&name, &version));
    }
    // A version is never replaced, and its bytes are compressed.
    Ok(response.filename(&format!("{spelled}-{version}.crate")).immutable().no_compression())
}

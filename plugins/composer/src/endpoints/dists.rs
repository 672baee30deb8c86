//! Downloads a dist. A dist that the document does not name does not exist for clients, even if its
//! bytes are stored.

use packhouse_plugin::problem::shown;
use packhouse_plugin::{Call, Error as HostError, Response};

use super::{package, require};
use crate::error::{self, Error};
use crate::layout;
use crate::name::PackageName;
use find::find;

mod find;

/// `GET /dists/{vendor}/{package}/{reference}.zip`, also of what a branch had before: lock files name
/// it.
pub fn download(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require(&name, "read")?;
    let reference = call.decoded("reference")?;
    let dist = find(&name, &reference)?.ok_or_else(|| no_dist(&name, &reference))?;
    // It becomes a part of a key.
    if !layout::is_reference(&dist.reference) {
        let why = format!("it lists the dist {:?}, which is not a valid file name", dist.reference);
        return Err(HostError::damaged(layout::document(&name), why).into());
    }
    let key = layout::dist(&name, &dist.reference);
    let mut response = Response::new(200).content_type("application/zip");
    // Its digest is not compared: that would read each file twice.
    let why = match response.write_object(&key)?.map(|info| info.size) {
        None => "it is missing, but the document lists it: upload the same file again".to_owned(),
        Some(found) if found != dist.size => {
            format!("it has {found} bytes, but the document says {}: upload the same file again", dist.size)
        }
        Some(_) => return Ok(response.immutable().no_compression()),
    };
    Err(HostError::damaged(key, why).into())
}

fn no_dist(name: &PackageName, reference: &str) -> Error {
    let sentence = format!("the package {name} has no dist {}", shown(reference));
    Error::because(error::NOT_FOUND, sentence)
}

//! Downloads a gem. A gem that the document does not name does not exist for clients, even if its bytes
//! are stored.

use packhouse_plugin::{Call, Error as Host, Response};

use super::find_release;
use crate::error::{self, Error};
use crate::layout;

/// `GET /gems/{full name}.gem`.
pub fn download(call: &Call) -> Result<Response, Error> {
    let file = call.decoded("file")?;
    let (name, slot, release) = find_release(&file)?;
    if release.yanked.is_some() {
        return Err(Error::because(error::NOT_FOUND, format!("{file}.gem was yanked")));
    }
    let key = layout::gem_file(&name, &slot);
    let mut response = Response::new(200).content_type("application/octet-stream");
    // Its digest is not compared: that would read each file twice.
    let why = match (response.write_object(&key)?.map(|info| info.size), release.size) {
        (None, _) => "it is missing, but the document lists it".to_owned(),
        (Some(there), Some(size)) if there != size => {
            format!("it has {there} bytes, but the document says {size}")
        }
        (Some(0), None) => "it is empty".to_owned(),
        _ => return Ok(response.filename(&format!("{file}.gem")).no_compression()),
    };
    Err(Host::damaged(key, format!("{why}: push the same file again")).into())
}

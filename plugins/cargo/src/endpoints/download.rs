//! Downloading a version's file. What the index does not name is not there, even when its
//! bytes are.

use packhouse_plugin::storage::{self, Reader};
use packhouse_plugin::{Call, Error as Host, Response};

use super::stored::require_read;
use super::{crate_name, crate_version, load, no_crate, no_version};
use crate::document::{Index, find_from_end};
use crate::error::Error;
use crate::layout;
use crate::name::{CrateName, Version};

/// A larger index file is not read as a whole, in bytes.
const SMALL: u64 = 1 << 20;

/// `GET /api/v1/crates/{crate}/{version}/download`, also of yanked versions.
pub fn download(call: &Call) -> Result<Response, Error> {
    let name = crate_name(call)?;
    require_read(&name)?;
    let version = crate_version(call)?;
    let spelled = find(&name, &version)?.ok_or_else(|| no_version(&name, &version))?;
    // A line of another crate than its file's leads to no file.
    let spelled = CrateName::parse(&spelled).ok().filter(|spelled| spelled.lower() == name.lower());
    let spelled = spelled.ok_or_else(|| no_version(&name, &version))?;
    let mut response = Response::new(200).content_type("application/gzip");
    if response.write_object(&layout::crate_file(&spelled, &version))?.is_none()
        && response.write_object(&layout::lower_crate_file(&spelled, &version))?.is_none()
    {
        // Its digest is not compared: that would read each file twice.
        let key = layout::crate_file(&spelled, &version);
        return Err(Host::damaged(key, "it is missing, and the index names it: publish it again").into());
    }
    // A version is never replaced, and its bytes are compressed.
    Ok(response.filename(&format!("{spelled}-{version}.crate")).immutable().no_compression())
}

/// The name in the line of this version, in its spelling.
fn find(name: &CrateName, version: &Version) -> Result<Option<String>, Error> {
    let key = layout::index(name);
    let in_whole = |bytes: &[u8]| Index::new(bytes).find(version).map(|line| line.name.into_owned());
    match storage::get_up_to(&key, SMALL) {
        Err(Host::TooLarge(_)) => {}
        small => return Ok(in_whole(&small?.ok_or_else(|| no_crate(name))?.bytes)),
    }
    let reader = Reader::open(&key)?.ok_or_else(|| no_crate(name))?;
    match find_from_end(reader.size(), version, |offset, length| reader.read_at(offset, length)) {
        // Replaced while it was read.
        Err(Host::Conflict) => Ok(in_whole(&load(name)?.bytes)),
        found => Ok(found?),
    }
}

//! Downloads the file of a version. A version that the index does not list does not exist for clients,
//! even if its file is stored.

use packhouse_plugin::storage::{self, Reader};
use packhouse_plugin::{Call, Error as Host, ObjectInfo, Response};

use super::{crate_name, crate_version, load, no_crate, no_version};
use crate::access::require_read;
use crate::document::{Found, Index, find_from_end};
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
    let found = find(&name, &version)?;
    // A line of another crate than its file's leads to no file.
    let spelled = found.as_ref().and_then(|found| CrateName::parse(&found.name).ok());
    let spelled = spelled.filter(|spelled| spelled.lower() == name.lower());
    let (Some(spelled), Some(Found { size, .. })) = (spelled, found) else {
        return Err(no_version_of_whole(&name, &version));
    };
    let mut response = Response::new(200).content_type("application/gzip");
    let mut stored = response.write_object(&layout::crate_file(&spelled, &version))?;
    if stored.is_none() {
        stored = response.write_object(&layout::lower_crate_file(&spelled, &version))?;
    }
    // Its digest is not compared: that would read each file twice.
    if let Some(why) = trouble(stored.as_ref(), size) {
        let key = stored.map_or_else(|| layout::crate_file(&spelled, &version), |info| info.key);
        return Err(Host::damaged(key, format!("{why}: publish it again")).into());
    }
    // A version is never replaced, and its bytes are compressed.
    Ok(response.filename(&format!("{spelled}-{version}.crate")).immutable().no_compression())
}

/// What is wrong with a file that the index names; none if its size is right. A line of an
/// earlier system or version names no size: then the file must not be empty.
fn trouble(stored: Option<&ObjectInfo>, size: Option<u64>) -> Option<String> {
    match (stored.map(|info| info.size), size) {
        (None, _) => Some("it is missing, but the index lists it".to_owned()),
        (Some(there), Some(size)) if there != size => {
            Some(format!("it has {there} bytes, but the index says {size}"))
        }
        (Some(0), None) => Some("it is empty".to_owned()),
        _ => None,
    }
}

/// 404, or 500 if the line may be one that the index has lost.
fn no_version_of_whole(name: &CrateName, version: &Version) -> Error {
    match load(name) {
        Ok(document) => match Index::new(&document.bytes).check(name) {
            Ok(()) => no_version(name, version),
            Err(why) => document.damaged(why).into(),
        },
        Err(error) => error,
    }
}

/// The line of this version.
fn find(name: &CrateName, version: &Version) -> Result<Option<Found>, Error> {
    let key = layout::index(name);
    let in_whole = |bytes: &[u8]| Found::find(Index::new(bytes), version);
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

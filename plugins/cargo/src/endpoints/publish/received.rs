//! The body of a publish: two lengths, JSON, and the file, which does not pass through the
//! plugin (web API, "Publish").

use packhouse_plugin::digests::SHA256;
use packhouse_plugin::storage::Staged;
use packhouse_plugin::{Body, json};

use crate::error::{self, Error};
use crate::upload::NewCrate;

/// The most bytes of JSON before the file. It contains a readme.
const JSON_LIMIT: u64 = 8 << 20;
/// Of both lengths together, in bytes.
const LENGTHS: u64 = 8;

/// The request, and how large the file after it is to be. Where the whole body's length is
/// declared, the two must add up to it.
pub fn read_request(body: &mut Body<'_>) -> Result<(NewCrate, u64), Error> {
    let total = body.length();
    let json_length = read_length(body)?;
    if json_length > JSON_LIMIT {
        return Err(Error::because(
            error::TOO_LARGE,
            format!(
                "the metadata of a crate may have {JSON_LIMIT} bytes, and these are {json_length}; \
                 shorten the readme"
            ),
        ));
    }
    if total.is_some_and(|total| total < LENGTHS + json_length) {
        return Err(Error::new(error::BAD_LENGTHS));
    }
    let json = body.slice(json_length)?.read_all(JSON_LIMIT)?;
    let new = json::parse(&json)?;
    let file_length = read_length(body)?;
    if total.is_some_and(|total| total != LENGTHS + json_length + file_length) {
        return Err(Error::new(error::BAD_LENGTHS));
    }
    Ok((new, file_length))
}

/// The file, which must be the rest of the body.
pub fn stage_file(body: &mut Body<'_>, length: u64) -> Result<Staged, Error> {
    let staged = body.slice(length)?.stage(None, &[SHA256])?;
    if staged.size() != length || !body.read(1)?.is_empty() {
        return Err(Error::new(error::BAD_LENGTHS));
    }
    Ok(staged)
}

/// 32 bits, the lowest byte first.
fn read_length(body: &mut Body<'_>) -> Result<u64, Error> {
    let bytes: [u8; 4] = body.read(4)?.try_into().map_err(|_| Error::new(error::BAD_LENGTHS))?;
    Ok(u64::from(u32::from_le_bytes(bytes)))
}

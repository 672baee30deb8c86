//! The sparse index: its configuration, and the file of a crate as it is stored.

use packhouse_plugin::auth::{self, Decision};
use packhouse_plugin::storage::{self, Reader};
use packhouse_plugin::{Call, Error as Host, Response};
use serde_json::json;

use super::{CRATE, EVERY_CRATE, TEXT, no_crate};
use crate::access::require_read;
use crate::document::Index;
use crate::error::Error;
use crate::layout;
use crate::name::CrateName;

/// A larger index file is not read as a whole, in bytes.
const SMALL: u64 = 1 << 20;
/// So much of each end of a large one is read: first less, then more.
const ENDS: [u32; 2] = [16 << 10, 1 << 20];

/// `GET /config.json` (registry index, "Index Configuration"). If not everybody may read everything, a
/// 401 makes cargo send its token, and every signed-in user gets the configuration.
pub fn read_config(call: &Call) -> Result<Response, Error> {
    if auth::check(CRATE, EVERY_CRATE, "read") == Decision::SignIn {
        auth::require(CRATE, EVERY_CRATE, "read")?;
    }
    let base_url = call.base_url();
    let downloads = format!("{base_url}/api/v1/crates");
    let config = if auth::is_public(CRATE, EVERY_CRATE, "read") {
        json!({ "dl": downloads, "api": base_url })
    } else {
        // `auth-required` makes cargo send the token with every request.
        json!({ "dl": downloads, "api": base_url, "auth-required": true })
    };
    Ok(Response::new(200).json(&config))
}

/// `GET /{folder}/{name}`: one line a version. An index that lost lines is an error: without it
/// cargo would choose another version, or take the crate from its next registry.
pub fn read_index(call: &Call) -> Result<Response, Error> {
    let name = CrateName::parse(&call.decoded("name")?)?;
    require_read(&name)?;
    let found = if is_path_of(call, &name) { read_checked(&name)? } else { None };
    found.ok_or_else(|| no_crate(&name))
}

/// A small file is read here, which takes no longer than streaming it. Of a large one the plugin
/// reads its two ends, and the host streams it.
fn read_checked(name: &CrateName) -> Result<Option<Response>, Error> {
    let key = layout::index(name);
    let response = Response::new(200).content_type(TEXT);
    match storage::get_up_to(&key, SMALL) {
        Err(Host::TooLarge(_)) => {}
        small => {
            let Some(document) = small? else { return Ok(None) };
            Index::new(&document.bytes).check_to_read(name).map_err(|why| document.damaged(why))?;
            return Ok(Some(response.document(&document)));
        }
    }
    let Some(reader) = Reader::open(&key)? else { return Ok(None) };
    match read_ends(&reader) {
        // Replaced while it was read: by a publish, which has checked it.
        Err(Host::Conflict) => {}
        ends => {
            let checked = ends?.map_or(Ok(()), |ends| Index::new(&ends).check_ends(name));
            checked.map_err(|why| Host::damaged(&key, why))?;
        }
    }
    Ok(response.object(&key)?)
}

/// The first and the last line, with others between them, one of which is cut; none if a line
/// is too long.
fn read_ends(reader: &Reader) -> Result<Option<Vec<u8>>, Host> {
    for length in ENDS {
        let first = reader.read_at(0, length)?;
        let last = reader.read_at(reader.size().saturating_sub(u64::from(length)), length)?;
        if first.contains(&b'\n') && last.trim_ascii_end().contains(&b'\n') {
            return Ok(Some([first, last].concat()));
        }
    }
    Ok(None)
}

/// Each file has one path: in lower case, in the folder that belongs to the name.
fn is_path_of(call: &Call, name: &CrateName) -> bool {
    let path = call.path();
    let path = path.strip_prefix("/index").unwrap_or(path);
    layout::index(name).strip_prefix("index").is_some_and(|key| key == path)
}

//! The sparse index: its configuration, and the file of a crate as it is stored.

use packhouse_plugin::auth::{self, Decision};
use packhouse_plugin::{Call, Response};
use serde_json::json;

use super::stored::require_read;
use super::{CRATE, EVERY_CRATE, TEXT, no_crate};
use crate::error::Error;
use crate::layout;
use crate::name::CrateName;

/// `GET /config.json` (registry index, "Index Configuration"). Where not everybody may read
/// everything, a 401 makes cargo send its token, and whoever is signed in gets it.
pub fn read_config(call: &Call) -> Result<Response, Error> {
    if auth::check(CRATE, EVERY_CRATE, "read") == Decision::SignIn {
        auth::require(CRATE, EVERY_CRATE, "read")?;
    }
    let base_url = call.base_url();
    let downloads = format!("{base_url}/api/v1/crates");
    let config = if auth::is_public(CRATE, EVERY_CRATE, "read") {
        json!({ "dl": downloads, "api": base_url })
    } else {
        // Cargo sends the token with every request when it is told so here.
        json!({ "dl": downloads, "api": base_url, "auth-required": true })
    };
    Ok(Response::new(200).json(&config))
}

/// `GET /{folder}/{name}`: one line a version.
pub fn read_index(call: &Call) -> Result<Response, Error> {
    let name = CrateName::parse(&call.decoded("name")?)?;
    require_read(&name)?;
    let response = Response::new(200).content_type(TEXT);
    let found = if is_path_of(call, &name) { response.object(&layout::index(&name))? } else { None };
    found.ok_or_else(|| no_crate(&name))
}

/// Each file has one path: in lower case, in the folder that belongs to the name.
fn is_path_of(call: &Call, name: &CrateName) -> bool {
    let path = call.path();
    let path = path.strip_prefix("/index").unwrap_or(path);
    layout::index(name).strip_prefix("index").is_some_and(|key| key == path)
}

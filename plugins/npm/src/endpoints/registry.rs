//! Endpoints about the registry itself.

use packhouse_plugin::{Call, Response};
use serde_json::json;

use crate::error::{self, Error};

/// `GET /-/ping`.
#[expect(clippy::unnecessary_wraps, reason = "the shape of an endpoint")]
pub fn ping(_: &Call) -> Result<Response, Error> {
    Ok(Response::new(200).json(&json!({})))
}

/// `GET /-/npm/v1/keys`: always empty, because the registry signs nothing.
#[expect(clippy::unnecessary_wraps, reason = "the shape of an endpoint")]
pub fn list_keys(_: &Call) -> Result<Response, Error> {
    Ok(Response::new(200).json(&json!({ "keys": [] })))
}

/// `GET /-/{anything else}`: no package is called `-`, so that this is no bad name.
pub fn read_unknown(_: &Call) -> Result<Response, Error> {
    Err(Error::new(error::NO_ROUTE))
}

//! `GET /v2/`: whether this is a registry, and whether the credentials are valid.

use packhouse_plugin::auth::{self, Decision};
use packhouse_plugin::{Call, Response};
use serde_json::json;

use crate::access::REPOSITORY;
use crate::error::{self, Error};

/// Without credentials it is a 401 even where reading is public: several clients look for the
/// challenge only here, and could not push otherwise. Where everybody may push there is
/// nothing to challenge for.
pub fn read_root(_: &Call) -> Result<Response, Error> {
    if let Some(rejection) = auth::rejection() {
        return Err(Error::because(error::UNAUTHORIZED, rejection));
    }
    let may_push = || auth::check(REPOSITORY, "*", "push") == Decision::Granted;
    if !auth::has_credentials() && !may_push() {
        return Err(Error::new(error::UNAUTHORIZED));
    }
    Ok(Response::new(200).json(&json!({})))
}

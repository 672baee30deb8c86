//! The errors of this protocol: the descriptors in addition to the defaults of the SDK, and the format that
//! cargo reads (web API: `{"errors": [{"detail": "…"}]}`).
//!
//! Cargo takes every answer with the member `errors` for a failure, so no success has one. The
//! challenge of a 401 needs the address of the request, so the protocol's `handle` adds it.

pub use packhouse_plugin::problem::defaults::{NOT_FOUND, TOO_LARGE};
use packhouse_plugin::problem::{ErrorFormat, Problem};
use packhouse_plugin::{Response, answered_as, descriptors};
use serde_json::json;

use crate::Cargo;
use crate::archive::ArchiveError;
use crate::manifest::Disagreement;
use crate::name::{NameError, VersionError};
use crate::upload::UploadError;

descriptors! {
    BAD_NAME 400 "bad_name" "this is not a valid crate name"
    BAD_VERSION 400 "bad_version" "this is not a valid version"
    BAD_LENGTHS 400 "bad_lengths" "the lengths in the body do not match its parts; publish again"
    BAD_UPLOAD 400 "bad_upload" "the index cannot contain this"
    BAD_CRATE 400 "bad_crate" "the crate is not valid"
    MISMATCH 400 "mismatch" "the crate does not agree with the request"
    VERSION_EXISTS 409 "version_exists" "this version is already uploaded"
    NAME_TAKEN 409 "name_taken" "a crate with a very similar name already exists"
    BEING_PUBLISHED 409 "being_published" "this is being published by somebody else; try again in a few minutes"
    BAD_OWNER 400 "bad_owner" "the list of owners cannot be changed like this"
}

/// The error of every endpoint.
pub type Error = Problem<Cargo>;

impl ErrorFormat for Cargo {
    type Detail = ();

    fn render(problem: &Error) -> Response {
        Response::new(problem.status()).json(&json!({ "errors": [{ "detail": problem.sentence() }] }))
    }

    fn sign_in(permission: &str) -> String {
        format!("sign in first (cargo login): this needs the permission {permission}")
    }
}

answered_as! { Error:
    NameError => BAD_NAME,
    VersionError => BAD_VERSION,
    UploadError => BAD_UPLOAD,
    Disagreement => MISMATCH,
}

/// A failure of the store while a crate is read is not reported as a fault of the crate.
impl From<ArchiveError> for Error {
    fn from(error: ArchiveError) -> Self {
        match &error {
            ArchiveError::Unreadable(cause) => packhouse_plugin::Error::inside(cause),
            _ => None,
        }
        .map_or_else(|| Self::because(BAD_CRATE, error), Self::from)
    }
}

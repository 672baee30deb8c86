//! Everything that this protocol answers when it does not do what was asked: a table of
//! descriptors, and the shape cargo reads (web API: `{"errors": [{"detail": "…"}]}`).
//!
//! Cargo takes any answer with the member `errors` for a failure, so no success has one.
//! A 401 gets its challenge where the request is known: in the protocol's `handle`.

use packhouse_plugin::problem::{ErrorFormat, Problem, Report};
use packhouse_plugin::{Descriptor, Response, answered_as, descriptors};
use serde_json::json;

use crate::Cargo;
use crate::archive::ArchiveError;
use crate::manifest::Disagreement;
use crate::name::{NameError, VersionError};
use crate::upload::UploadError;

descriptors! {
    NOT_FOUND 404 "not_found" "this crate or version is not in this registry"
    NO_ROUTE 404 "no_route" "nothing is served at this path"
    METHOD 405 "method" "this path does not answer this method"
    FEATURE_OFF 405 "feature_off" "this is turned off on this registry"
    BAD_NAME 400 "bad_name" "this is not a valid crate name"
    BAD_VERSION 400 "bad_version" "this is not a valid version"
    BAD_PATH 400 "bad_path" "a part of this path is not allowed"
    BAD_JSON 400 "bad_json" "the body is not the JSON that this needs"
    BAD_BODY 400 "bad_body" "the body cannot be read"
    BAD_LENGTHS 400 "bad_lengths" "the lengths in the body are not those of its parts; publish again"
    BAD_UPLOAD 400 "bad_upload" "an index line cannot say this"
    BAD_CRATE 400 "bad_crate" "the crate does not hold what it should"
    MISMATCH 400 "mismatch" "the crate does not agree with the request"
    TOO_LARGE 413 "too_large" "this is larger than the registry takes"
    SIGN_IN 401 "sign_in" "sign in first: cargo login"
    FORBIDDEN 403 "forbidden" "this account lacks a permission"
    VERSION_EXISTS 409 "version_exists" "this version is already uploaded"
    NAME_TAKEN 409 "name_taken" "a crate with a name too much like this one is there already"
    BEING_PUBLISHED 409 "being_published" "this is being published by somebody else; try again in a few minutes"
    CONFLICT 409 "conflict" "somebody else changed it at the same time; try again"
    BAD_OWNER 400 "bad_owner" "the list of owners cannot be changed like this"
    HOST 500 "internal" "the registry met an internal error"
}

/// What endpoints fail with.
pub type Error = Problem<Cargo>;

impl ErrorFormat for Cargo {
    type Detail = ();

    fn descriptor(report: Report<'_>) -> Descriptor {
        match report {
            Report::NoRoute => NO_ROUTE,
            Report::Method => METHOD,
            Report::FeatureOff => FEATURE_OFF,
            Report::BadPath { .. } => BAD_PATH,
            Report::BadJson => BAD_JSON,
            Report::SignIn => SIGN_IN,
            Report::Forbidden => FORBIDDEN,
            Report::NotFound => NOT_FOUND,
            Report::Conflict => CONFLICT,
            Report::TooLarge => TOO_LARGE,
            Report::DigestMismatch | Report::Truncated | Report::Invalid => BAD_BODY,
            Report::Unavailable | Report::Internal => HOST,
        }
    }

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

/// A store that fails while a crate is read is not the crate's fault.
impl From<ArchiveError> for Error {
    fn from(error: ArchiveError) -> Self {
        match &error {
            ArchiveError::Unreadable(cause) => packhouse_plugin::Error::inside(cause),
            _ => None,
        }
        .map_or_else(|| Self::because(BAD_CRATE, error), Self::from)
    }
}

//! The errors of this protocol: the descriptors in addition to the defaults of the SDK, and the format that
//! npm clients read.
//!
//! npm shows the member `error` of a failure; `reason` contains the stable code. In a 404 the two are
//! exchanged (`"error":"not_found"`), as in CouchDB, because yarn classic expects that.

pub use packhouse_plugin::problem::defaults::{BAD_BODY, FORBIDDEN, INTERNAL, TOO_LARGE};
use packhouse_plugin::problem::{ErrorFormat, Problem, Report};
use packhouse_plugin::{Descriptor, Response, answered_as, descriptors};
use serde_json::json;

use crate::Npm;
use crate::archive::ArchiveError;
use crate::name::{NameError, TagError, VersionError};
use crate::walker::WalkError;

descriptors! {
    NOT_FOUND 404 "not_found" "document not found"
    NO_ROUTE 404 "not_found" "nothing is served at this path"
    BAD_NAME 400 "bad_name" "this is not a valid package name"
    BAD_VERSION 400 "bad_version" "this is not a valid version"
    BAD_TAG 400 "bad_tag" "this is not a valid tag"
    BAD_JSON 400 "bad_json" "the body is not the JSON that this needs"
    BAD_TARBALL 400 "bad_tarball" "the tarball is not valid"
    MISMATCH 400 "mismatch" "the package does not agree with the request"
    BAD_DIGEST 400 "bad_digest" "the tarball does not match its digest; publish again"
    BAD_TOKEN_REQUEST 400 "bad_token_request" "such a token cannot be created"
    SIGN_IN 401 "sign_in" "sign in first: npm login"
    BAD_LOGIN 401 "bad_login" "user name and password do not match an account; an administrator creates accounts"
    TOO_MANY_LOGINS 429 "too_many_logins" "too many wrong passwords were sent; try again later"
    TOO_MANY_STARS 429 "too_many_stars" "this star was changed a moment ago; try again in a few seconds"
    VERSION_EXISTS 403 "version_exists" "You cannot publish over the previously published versions"
    ACCESS_FIXED 403 "access_fixed" "the permissions of the registry decide who may read and write, not npm access"
    STALE 409 "conflict" "the package has changed since it was read; try again"
    BEING_PUBLISHED 409 "being_published" "this version is being published by somebody else; try again in a few minutes"
    STILL_LISTED 409 "still_listed" "this version is still listed; unpublish it first"
    NO_WEB_LOGIN 404 "not_found" "there is no web login here: npm asks for name and password instead"
    NO_AUDIT 404 "not_found" "this registry has no security advisories, so nothing was audited; to ask another one, use npm audit --registry"
}

/// The error of every endpoint.
pub type Error = Problem<Npm>;

impl ErrorFormat for Npm {
    type Detail = ();

    fn descriptor(report: Report<'_>) -> Descriptor {
        match report {
            Report::NoRoute => NO_ROUTE,
            Report::NotFound => NOT_FOUND,
            Report::BadJson => BAD_JSON,
            Report::SignIn => SIGN_IN,
            Report::Conflict => STALE,
            Report::DigestMismatch => BAD_DIGEST,
            other => other.descriptor(),
        }
    }

    fn render(problem: &Error) -> Response {
        let (code, sentence) = (problem.code(), problem.sentence());
        let (error, reason) = if problem.status() == 404 { (code, sentence) } else { (sentence, code) };
        let response = Response::new(problem.status()).json(&json!({ "error": error, "reason": reason }));
        match problem.descriptor() {
            // npm reads the first challenge: `Basic` alone makes it say "Incorrect or
            // missing password", `Bearer` that the token is invalid.
            BAD_LOGIN => response.header("www-authenticate", "Basic realm=\"npm\""),
            SIGN_IN => response
                .header("www-authenticate", "Bearer realm=\"npm\"")
                .add_header("www-authenticate", "Basic realm=\"npm\""),
            _ => response,
        }
    }

    fn sign_in(permission: &str) -> String {
        format!("sign in first (npm login): this needs the permission {permission}")
    }
}

/// 403 with the words that clients look for.
pub fn version_exists(version: &str) -> Error {
    Error::because(VERSION_EXISTS, format!("{}: {version}.", VERSION_EXISTS.message))
}

answered_as! { Error:
    NameError => BAD_NAME,
    VersionError => BAD_VERSION,
    TagError => BAD_TAG,
}

/// A failure of the store while a tarball is read is not reported as a fault of the tarball.
impl From<ArchiveError> for Error {
    fn from(error: ArchiveError) -> Self {
        match &error {
            ArchiveError::Unreadable(cause) => packhouse_plugin::Error::inside(cause),
            _ => None,
        }
        .map_or_else(|| Self::because(BAD_TARBALL, error), Self::from)
    }
}

impl From<WalkError> for Error {
    fn from(error: WalkError) -> Self {
        let descriptor = match error {
            WalkError::TooLarge | WalkError::TooLong => TOO_LARGE,
            WalkError::Truncated | WalkError::NoObject | WalkError::Syntax(_) | WalkError::TooDeep => {
                BAD_JSON
            }
        };
        Self::because(descriptor, error)
    }
}

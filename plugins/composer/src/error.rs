//! Everything that this protocol answers when it does not do what was asked: a table of
//! descriptors, and the shape that Composer reads: JSON whose `warning` it prints, and the sentence as
//! the reason phrase, which it prints too.

use packhouse_plugin::problem::{ErrorFormat, Problem, Report};
use packhouse_plugin::{Descriptor, Response, answered_as, descriptors};
use serde_json::json;

use crate::Composer;
use crate::archive::ArchiveError;
use crate::name::{NameError, VersionError};
use crate::upload::{Disagreement, ManifestError};

descriptors! {
    NOT_FOUND 404 "not_found" "this is not in this registry"
    NO_ROUTE 404 "no_route" "nothing is served at this path"
    METHOD 405 "method_not_allowed" "this path does not answer this method"
    FEATURE_OFF 405 "feature_off" "this is turned off on this registry"
    BAD_NAME 400 "bad_name" "this is not a valid package name"
    BAD_VERSION 400 "bad_version" "this is not a valid version"
    BAD_PATH 400 "bad_path" "this path cannot be"
    BAD_BODY 400 "bad_body" "the body cannot be read"
    BAD_ARCHIVE 400 "bad_archive" "the zip archive does not hold what it should"
    BAD_MANIFEST 400 "bad_manifest" "composer.json does not say what it should"
    BAD_ADVISORY 400 "bad_advisory" "this is not a security advisory"
    MISMATCH 400 "mismatch" "the zip archive does not agree with the request"
    TOO_LARGE 413 "too_large" "this is larger than the registry takes"
    SIGN_IN 401 "sign_in" "sign in first: composer config --auth http-basic.HOST USER TOKEN"
    FORBIDDEN 403 "forbidden" "this account lacks a permission"
    VERSION_EXISTS 409 "version_exists" "this version is already published"
    BEING_PUBLISHED 409 "being_published" "this version is being published by somebody else; try again in a few minutes"
    FOREIGN 409 "foreign" "another system wrote this package: run `packhouse reindex` first"
    CONFLICT 409 "conflict" "somebody else changed the package at the same time; try again"
    HOST 500 "internal" "the registry met an internal error"
}

/// What endpoints fail with.
pub type Error = Problem<Composer>;

impl ErrorFormat for Composer {
    type Detail = ();

    fn descriptor(report: Report<'_>) -> Descriptor {
        match report {
            Report::NoRoute => NO_ROUTE,
            Report::Method => METHOD,
            Report::FeatureOff => FEATURE_OFF,
            Report::BadPath { .. } => BAD_PATH,
            Report::SignIn => SIGN_IN,
            Report::Forbidden => FORBIDDEN,
            Report::NotFound => NOT_FOUND,
            Report::Conflict => CONFLICT,
            Report::TooLarge => TOO_LARGE,
            Report::BadJson | Report::Truncated | Report::Invalid | Report::DigestMismatch => BAD_BODY,
            Report::Unavailable | Report::Internal => HOST,
        }
    }

    fn render(problem: &Error) -> Response {
        let sentence = problem.sentence();
        let mut body = json!({ "status": "error", "code": problem.code(), "message": sentence });
        // Composer asks for many packages that are elsewhere: it prints no warning for these.
        if let (true, Some(body)) = (problem.status() != 404, body.as_object_mut()) {
            body.insert("warning".to_owned(), json!(sentence));
        }
        let response = Response::new(problem.status()).reason(sentence).json(&body);
        match problem.descriptor() {
            SIGN_IN => response.header("www-authenticate", "Basic realm=\"composer\""),
            BEING_PUBLISHED => response.header("retry-after", "60"),
            _ => response,
        }
    }

    fn sign_in(permission: &str) -> String {
        format!("{}. This needs the permission {permission}", SIGN_IN.message)
    }
}

/// What a client has sent, as a sentence says it again: in quotes, and not at any length.
pub fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(100).collect::<String>())
}

answered_as! { Error:
    NameError => BAD_NAME,
    VersionError => BAD_VERSION,
    ManifestError => BAD_MANIFEST,
    Disagreement => MISMATCH,
}

/// A store that fails while an archive is read is not the archive's fault.
impl From<ArchiveError> for Error {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Host(error) => error.into(),
            other => Self::because(BAD_ARCHIVE, other),
        }
    }
}

//! What this protocol answers when a request fails: a table of descriptors, and the shape that
//! clients read (distribution-spec, "Error Codes"). The specification allows its own codes only, so
//! none of the SDK's defaults is used.

use packhouse_plugin::auth::{Denied, Wanted};
use packhouse_plugin::problem::{ErrorFormat, Problem, Report};
use packhouse_plugin::{Descriptor, Response, answered_as, descriptors};
use serde_json::{Value, json};

use crate::digest::DigestError;
use crate::document::ManifestError;
use crate::name::{NameError, ReferenceError, TagError};
use crate::{Oci, access};

descriptors! {
    BLOB_UNKNOWN 404 "BLOB_UNKNOWN" "this repository has no such blob"
    BLOB_NAMED 405 "UNSUPPORTED" "a manifest of this repository still names this blob; delete the manifest first"
    UPLOAD_INVALID 400 "BLOB_UPLOAD_INVALID" "this is not a valid way to upload"
    UPLOAD_RANGE 416 "BLOB_UPLOAD_INVALID" "this is not the next part of the upload; continue where Range ends"
    UPLOAD_UNKNOWN 404 "BLOB_UPLOAD_UNKNOWN" "there is no such upload in this repository: it is finished, cancelled or expired; start again"
    DIGEST_INVALID 400 "DIGEST_INVALID" "the digest does not match the content; send it again"
    MANIFEST_BLOB_UNKNOWN 404 "MANIFEST_BLOB_UNKNOWN" "the manifest names content that this repository does not have; push it first"
    MANIFEST_INVALID 400 "MANIFEST_INVALID" "the registry does not accept this manifest"
    MANIFEST_UNKNOWN 404 "MANIFEST_UNKNOWN" "this repository has no such manifest"
    MANIFEST_TOO_LARGE 413 "MANIFEST_INVALID" "a manifest has at most 8 MiB"
    TAG_INVALID 400 "MANIFEST_INVALID" "this is not a valid tag"
    TOO_MANY_TAGS 414 "MANIFEST_INVALID" "at most 100 tags can be set at once; send the others with another request"
    NAME_INVALID 400 "NAME_INVALID" "this is not a valid repository name"
    NAME_UNKNOWN 404 "NAME_UNKNOWN" "there is no such repository"
    SIZE_INVALID 400 "SIZE_INVALID" "the content does not have the declared length; send it again"
    TOO_LARGE 413 "SIZE_INVALID" "this is larger than the registry takes"
    UNAUTHORIZED 401 "UNAUTHORIZED" "sign in first: docker login"
    TOO_MANY 429 "TOOMANYREQUESTS" "too many wrong passwords were sent; try again later"
    DENIED 403 "DENIED" "this account lacks a permission"
    PAGE_INVALID 400 "UNSUPPORTED" "`n` is not a number"
    REQUEST_INVALID 400 "UNSUPPORTED" "the registry cannot answer this request"
    NO_ROUTE 404 "UNSUPPORTED" "nothing is served at this path"
    METHOD 405 "UNSUPPORTED" "this path does not answer this method"
    FEATURE_OFF 405 "UNSUPPORTED" "this is turned off on this registry"
    NO_REFERRERS 404 "UNSUPPORTED" "the referrers API is turned off on this registry; use the tag scheme"
    BUSY 503 "UNAVAILABLE" "somebody else is changing this at the same time; try again"
    HOST 500 "UNKNOWN" "the registry met an internal error"
}

/// The error of every endpoint.
pub type Error = Problem<Oci>;

/// What else an answer contains.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Detail {
    #[default]
    Nothing,
    /// What the failure is about, for programs.
    About(Value),
    /// What a token must allow, for the challenge of a 401.
    Wanted(Vec<Wanted>),
}

impl ErrorFormat for Oci {
    type Detail = Detail;

    fn descriptor(report: Report<'_>) -> Descriptor {
        match report {
            Report::NoRoute => NO_ROUTE,
            Report::Method => METHOD,
            Report::FeatureOff => FEATURE_OFF,
            Report::BadPath { parameter: "repository" } => NAME_INVALID,
            Report::BadPath { parameter: "digest" } | Report::DigestMismatch => DIGEST_INVALID,
            Report::BadPath { parameter: "reference" } => MANIFEST_INVALID,
            Report::BadPath { .. } | Report::BadJson | Report::Invalid => REQUEST_INVALID,
            Report::SignIn => UNAUTHORIZED,
            Report::Forbidden => DENIED,
            Report::NotFound => UPLOAD_UNKNOWN,
            Report::Conflict | Report::Unavailable => BUSY,
            Report::TooLarge => TOO_LARGE,
            Report::TooMany => TOO_MANY,
            Report::Truncated => SIZE_INVALID,
            Report::Internal => HOST,
        }
    }

    fn render(problem: &Error) -> Response {
        let mut entry = json!({ "code": problem.code(), "message": problem.sentence() });
        if let (Detail::About(about), Some(entry)) = (problem.detail(), entry.as_object_mut()) {
            entry.insert("detail".to_owned(), about.clone());
        }
        let response = Response::new(problem.status()).json(&json!({ "errors": [entry] }));
        if problem.status() != 401 {
            return response;
        }
        let wanted = if let Detail::Wanted(wanted) = problem.detail() { wanted.as_slice() } else { &[] };
        response.header("www-authenticate", &access::challenge(wanted))
    }
}

/// 401 or 403. `wanted` is what a token must allow.
pub fn denied(denied: Denied, wanted: Vec<Wanted>) -> Error {
    Error::from(denied).with_detail(Detail::Wanted(wanted))
}

/// 401 where credentials are exchanged for a token: they can only be Basic.
pub fn credentials(rejection: impl ToString) -> Error {
    Error::because(UNAUTHORIZED, rejection).header("www-authenticate", access::BASIC)
}

/// What a failure is about, for programs.
pub fn about(descriptor: Descriptor, sentence: impl ToString, detail: Value) -> Error {
    Error::because(descriptor, sentence).with_detail(Detail::About(detail))
}

answered_as! { Error:
    NameError => NAME_INVALID,
    DigestError => DIGEST_INVALID,
    TagError => TAG_INVALID,
    ManifestError => MANIFEST_INVALID,
}

impl From<ReferenceError> for Error {
    fn from(error: ReferenceError) -> Self {
        match error {
            ReferenceError::Tag(error) => error.into(),
            ReferenceError::Digest(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_one_that_the_specification_knows_or_a_server_error() {
        let known = [
            "BLOB_UNKNOWN",
            "BLOB_UPLOAD_INVALID",
            "BLOB_UPLOAD_UNKNOWN",
            "DIGEST_INVALID",
            "MANIFEST_BLOB_UNKNOWN",
            "MANIFEST_INVALID",
            "MANIFEST_UNKNOWN",
            "NAME_INVALID",
            "NAME_UNKNOWN",
            "SIZE_INVALID",
            "UNAUTHORIZED",
            "DENIED",
            "UNSUPPORTED",
            "TOOMANYREQUESTS",
        ];
        for line in TABLE {
            assert!(line.status >= 500 || known.contains(&line.code), "{line:?}");
            assert!(!line.message.ends_with('.'), "{line:?}");
        }
    }
}

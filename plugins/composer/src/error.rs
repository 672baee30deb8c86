//! What this protocol answers when a request fails: the lines that it has besides the SDK's
//! defaults, and the shape that Composer reads. Composer prints the member `warning` of the JSON, and
//! the reason phrase.

use packhouse_plugin::problem::defaults::SIGN_IN;
pub use packhouse_plugin::problem::defaults::{NOT_FOUND, TOO_LARGE};
use packhouse_plugin::problem::{ErrorFormat, Problem};
use packhouse_plugin::{Response, answered_as, descriptors};
use serde_json::json;

use crate::Composer;
use crate::archive::ArchiveError;
use crate::name::{NameError, VersionError};
use crate::upload::{Disagreement, ManifestError};

descriptors! {
    BAD_NAME 400 "bad_name" "this is not a valid package name"
    BAD_VERSION 400 "bad_version" "this is not a valid version"
    BAD_ARCHIVE 400 "bad_archive" "the zip archive is not valid"
    BAD_MANIFEST 400 "bad_manifest" "composer.json is not valid"
    BAD_ADVISORY 400 "bad_advisory" "this is not a security advisory"
    MISMATCH 400 "mismatch" "the zip archive does not agree with the request"
    VERSION_EXISTS 409 "version_exists" "this version is already published"
    BEING_PUBLISHED 409 "being_published" "this version is being published by somebody else; try again in a few minutes"
    FOREIGN 409 "foreign" "another system wrote this package: run `packhouse reindex` first"
}

/// The error of every endpoint.
pub type Error = Problem<Composer>;

impl ErrorFormat for Composer {
    type Detail = ();

    fn render(problem: &Error) -> Response {
        let sentence = problem.sentence();
        let mut body = json!({ "status": "error", "code": problem.code(), "message": sentence });
        // Composer also asks for packages of other repositories: it must print no warning for these.
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
        format!(
            "sign in first: composer config --auth http-basic.HOST USER TOKEN. This needs the permission {permission}"
        )
    }
}

answered_as! { Error:
    NameError => BAD_NAME,
    VersionError => BAD_VERSION,
    ManifestError => BAD_MANIFEST,
    Disagreement => MISMATCH,
}

/// A failure of the store while an archive is read is not reported as a fault of the archive.
impl From<ArchiveError> for Error {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Host(error) => error.into(),
            other => Self::because(BAD_ARCHIVE, other),
        }
    }
}

//! What this protocol answers when a request fails: the lines that it has besides the SDK's
//! defaults, and the shape that clients read. The sentence is the reason phrase, which twine shows,
//! and the body, which uv shows: as text, or as `{"message": …}` if a success would be JSON.

use packhouse_plugin::problem::defaults::SIGN_IN;
pub use packhouse_plugin::problem::defaults::{BAD_BODY, METHOD, NO_ROUTE, NOT_FOUND, TOO_LARGE};
use packhouse_plugin::problem::{ErrorFormat, Problem, Report};
use packhouse_plugin::{Descriptor, Response, answered_as, descriptors};
use serde_json::json;

use crate::Pypi;
use crate::archive::sdist::SdistError;
use crate::archive::wheel::WheelError;
use crate::attestation::AttestationError;
use crate::metadata::MetadataError;
use crate::name::{FileNameError, NameError, VersionError};

descriptors! {
    NOT_ACCEPTABLE 406 "not_acceptable" "the simple API is served as text/html and as application/vnd.pypi.simple.v1 +html and +json"
    BAD_NAME 400 "bad_name" "this is not a valid project name"
    BAD_VERSION 400 "bad_version" "this is not a valid version"
    BAD_FILE_NAME 400 "bad_file_name" "this is not a valid name of a distribution"
    BAD_FORM 400 "bad_form" "the upload's form is not valid"
    BAD_FILE 400 "bad_file" "the distribution is not valid"
    BAD_ATTESTATION 400 "bad_attestation" "the attestations do not belong to this file"
    MISMATCH 400 "mismatch" "the distribution does not agree with the upload"
    BAD_DIGEST 400 "bad_digest" "the file does not match its digest; upload it again"
    BAD_STATUS 400 "bad_status" "the status of a project must be active, archived, quarantined or deprecated"
    QUARANTINED 403 "quarantined" "this project is quarantined: its files cannot be downloaded"
    CLOSED 403 "closed" "this project accepts no uploads"
    FILE_EXISTS 409 "file_exists" "File already exists"
    NOT_ADOPTED 409 "not_adopted" "this project's files were written by another system, and they are too large to be read in one request: run `packhouse reindex` first"
    BEING_PUBLISHED 409 "being_published" "this file is being uploaded by somebody else; try again in a few minutes"
    CHANGING 503 "changing" "the project was changed by somebody else at the same moment; upload the file again"
}

/// The error of every endpoint.
pub type Error = Problem<Pypi>;

/// The format of the body of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    #[default]
    Text,
    Json,
}

impl ErrorFormat for Pypi {
    type Detail = Form;

    fn descriptor(report: Report<'_>) -> Descriptor {
        match report {
            Report::DigestMismatch => BAD_DIGEST,
            other => other.descriptor(),
        }
    }

    fn render(problem: &Error) -> Response {
        let response = Response::new(problem.status()).reason(problem.sentence());
        let response = match problem.detail() {
            Form::Json => response.json(&json!({ "message": problem.sentence(), "code": problem.code() })),
            Form::Text => response.text(format!("{problem}\n")),
        };
        match problem.descriptor() {
            SIGN_IN => response.header("www-authenticate", "Basic realm=\"pypi\""),
            BEING_PUBLISHED => response.header("retry-after", "60"),
            Descriptor { status: 503, .. } => response.header("retry-after", "1"),
            _ => response,
        }
    }

    fn sign_in(permission: &str) -> String {
        format!(
            "sign in first: give your client a user name and password, or `__token__` and a token. This needs the \
             permission {permission}"
        )
    }
}

/// The same failure, answered as JSON.
pub fn in_json(error: Error) -> Error {
    error.with_detail(Form::Json)
}

answered_as! { Error:
    NameError => BAD_NAME,
    VersionError => BAD_VERSION,
    FileNameError => BAD_FILE_NAME,
    MetadataError => BAD_FILE,
    AttestationError => BAD_ATTESTATION,
}

/// A failure of the store while an archive is read is not reported as a fault of the archive.
impl From<WheelError> for Error {
    fn from(error: WheelError) -> Self {
        match error {
            WheelError::Host(error) => error.into(),
            other => Self::because(BAD_FILE, other),
        }
    }
}

impl From<SdistError> for Error {
    fn from(error: SdistError) -> Self {
        match error {
            SdistError::Host(error) => error.into(),
            other => Self::because(BAD_FILE, other),
        }
    }
}

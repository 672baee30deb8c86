//! Everything that this protocol answers when it does not do what was asked: a table of
//! descriptors, and the shape that clients read: one sentence as text, which uv shows, and as
//! the reason phrase, which twine shows; and `{"message": …}` where the answer would have been
//! JSON.

use packhouse_plugin::auth::Denied;
use packhouse_plugin::{BadSegment, Descriptor, Response, RouteError};
use serde_json::json;

use crate::attestation::AttestationError;
use crate::metadata::MetadataError;
use crate::name::{FileNameError, NameError, VersionError};
use crate::sdist::SdistError;
use crate::wheel::WheelError;

macro_rules! descriptors {
    ($($name:ident $status:literal $code:literal $message:literal)*) => {
        $(pub const $name: Descriptor = Descriptor { code: $code, status: $status, message: $message };)*
        /// The whole table.
        pub const TABLE: &[Descriptor] = &[$($name),*];
    };
}

descriptors! {
    NOT_FOUND 404 "not_found" "this is not in this registry"
    NO_ROUTE 404 "no_route" "nothing is served at this path"
    METHOD 405 "method_not_allowed" "this path does not answer this method"
    FEATURE_OFF 405 "feature_off" "this is turned off on this registry"
    NOT_ACCEPTABLE 406 "not_acceptable" "the simple API is served as text/html and as application/vnd.pypi.simple.v1 +html and +json"
    BAD_NAME 400 "bad_name" "this is not a valid project name"
    BAD_VERSION 400 "bad_version" "this is not a valid version"
    BAD_FILE_NAME 400 "bad_file_name" "this cannot be the name of a distribution"
    BAD_PATH 400 "bad_path" "this path cannot be"
    BAD_FORM 400 "bad_form" "the upload's form is not what it should be"
    BAD_BODY 400 "bad_body" "the body cannot be read"
    BAD_FILE 400 "bad_file" "the distribution does not hold what it should"
    BAD_ATTESTATION 400 "bad_attestation" "the attestations do not belong to this file"
    MISMATCH 400 "mismatch" "the distribution does not agree with the upload"
    BAD_DIGEST 400 "bad_digest" "the file is not what its digest says; upload it again"
    BAD_STATUS 400 "bad_status" "a project is active, archived, quarantined or deprecated"
    TOO_LARGE 413 "too_large" "this is larger than the registry takes"
    SIGN_IN 401 "sign_in" "sign in first: give your client a user name and password, or `__token__` and a token"
    FORBIDDEN 403 "forbidden" "this account lacks a permission"
    QUARANTINED 403 "quarantined" "this project is quarantined: its files are not offered"
    CLOSED 403 "closed" "this project takes no uploads"
    FILE_EXISTS 409 "file_exists" "File already exists"
    STALE 409 "conflict" "the project has changed since it was read; try again"
    NOT_ADOPTED 409 "not_adopted" "this project's files were written by another system, and they are too large to be read in one request: run `packhouse reindex` first"
    BEING_PUBLISHED 409 "being_published" "this file is being uploaded by somebody else; try again in a few minutes"
    CHANGING 503 "changing" "the project was changed by somebody else at the same moment; upload the file again"
    HOST 500 "internal" "the registry met an internal error"
}

/// A line of the table, and the sentence for this case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    descriptor: Descriptor,
    sentence: String,
    json: bool,
}

impl Error {
    /// The table's own sentence.
    pub fn new(descriptor: Descriptor) -> Self {
        Self::because(descriptor, descriptor.message)
    }

    /// A sentence that says more.
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over what they made")]
    pub fn because(descriptor: Descriptor, sentence: impl ToString) -> Self {
        Self { descriptor, sentence: sentence.to_string(), json: false }
    }

    /// To be answered as JSON.
    #[must_use]
    pub fn in_json(self) -> Self {
        Self { json: true, ..self }
    }

    pub fn status(&self) -> u16 {
        self.descriptor.status
    }

    pub fn code(&self) -> &'static str {
        self.descriptor.code
    }
}

/// What a client has sent, as a sentence says it again: in quotes, and not at any length.
pub fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(100).collect::<String>())
}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.sentence)
    }
}

impl std::error::Error for Error {}

impl From<Error> for Response {
    fn from(error: Error) -> Self {
        let response = Response::new(error.status()).reason(&error.sentence);
        let response = if error.json {
            response.json(&json!({ "message": error.sentence, "code": error.code() }))
        } else {
            response.text(format!("{}\n", error.sentence))
        };
        match error.descriptor {
            SIGN_IN => response.header("www-authenticate", "Basic realm=\"pypi\""),
            BEING_PUBLISHED => response.header("retry-after", "60"),
            Descriptor { status: 503, .. } => response.header("retry-after", "1"),
            _ => response,
        }
    }
}

impl From<RouteError> for Error {
    fn from(error: RouteError) -> Self {
        let descriptor = if error.status() == 405 { METHOD } else { NO_ROUTE };
        Self::because(descriptor, error)
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match (denied.status(), denied.rejection()) {
            (401, Some(rejection)) => Self::because(SIGN_IN, rejection),
            (401, None) => Self::because(
                SIGN_IN,
                format!("{}. This needs the permission {}", SIGN_IN.message, denied.permission()),
            ),
            _ => {
                Self::because(FORBIDDEN, format!("this account lacks the permission {}", denied.permission()))
            }
        }
    }
}

/// What the host says. What is about its inside goes to the log, not to the client.
impl From<packhouse_plugin::Error> for Error {
    fn from(error: packhouse_plugin::Error) -> Self {
        use packhouse_plugin::Error as Host;
        let descriptor = match &error {
            Host::NotFound => NOT_FOUND,
            Host::Conflict => STALE,
            Host::DigestMismatch { .. } => BAD_DIGEST,
            Host::TooLarge(_) => TOO_LARGE,
            Host::Truncated | Host::Invalid(_) => BAD_BODY,
            Host::Denied(_) => FORBIDDEN,
            other => Descriptor { status: other.status(), ..HOST },
        };
        error.log_unless_clients();
        Self::because(descriptor, error.public_message())
    }
}

/// JSON of a client's that cannot be read.
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::because(BAD_BODY, format!("the body is not the JSON that this needs: {error}"))
    }
}

macro_rules! answered_as {
    ($($error:ident $descriptor:ident)*) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::because($descriptor, error)
            }
        })*
    };
}

answered_as! {
    BadSegment BAD_PATH
    NameError BAD_NAME
    VersionError BAD_VERSION
    FileNameError BAD_FILE_NAME
    MetadataError BAD_FILE
    AttestationError BAD_ATTESTATION
}

/// A store that fails while an archive is read is no fault of the archive.
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

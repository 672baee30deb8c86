//! Everything that this protocol answers when it does not do what was asked: a table of
//! descriptors, and the shape cargo reads (web API: `{"errors": [{"detail": "…"}]}`).
//!
//! Cargo takes any answer with the member `errors` for a failure, so no success has one.
//! A 401 gets its challenge where the request is known: in the protocol's `handle`.

use packhouse_plugin::auth::Denied;
use packhouse_plugin::{BadSegment, Descriptor, Response, RouteError};
use serde_json::json;

use crate::archive::ArchiveError;
use crate::manifest::Disagreement;
use crate::name::{NameError, VersionError};
use crate::upload::UploadError;

macro_rules! descriptors {
    ($($name:ident $status:literal $code:literal $message:literal)*) => {
        $(pub const $name: Descriptor = Descriptor { code: $code, status: $status, message: $message };)*
        /// The whole table.
        pub const TABLE: &[Descriptor] = &[$($name),*];
    };
}

descriptors! {
    NOT_FOUND 404 "not_found" "this crate or version is not in this registry"
    NO_ROUTE 404 "no_route" "nothing is served at this path"
    METHOD 405 "method" "this path does not answer this method"
    FEATURE_OFF 405 "feature_off" "this is turned off on this registry"
    BAD_NAME 400 "bad_name" "this is not a valid crate name"
    BAD_VERSION 400 "bad_version" "this is not a valid version"
    BAD_PATH 400 "bad_path" "this path cannot be"
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

/// A line of the table, and the sentence for this case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    descriptor: Descriptor,
    sentence: String,
}

impl Error {
    /// The table's own sentence.
    pub fn new(descriptor: Descriptor) -> Self {
        Self::because(descriptor, descriptor.message)
    }

    /// A sentence that says more.
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over what they made")]
    pub fn because(descriptor: Descriptor, sentence: impl ToString) -> Self {
        Self { descriptor, sentence: sentence.to_string() }
    }

    pub fn status(&self) -> u16 {
        self.descriptor.status
    }

    pub fn code(&self) -> &'static str {
        self.descriptor.code
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.sentence)
    }
}

impl std::error::Error for Error {}

impl From<Error> for Response {
    fn from(error: Error) -> Self {
        Response::new(error.status()).json(&json!({ "errors": [{ "detail": error.sentence }] }))
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
                format!("sign in first (cargo login): this needs the permission {}", denied.permission()),
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
            Host::Conflict => CONFLICT,
            Host::TooLarge(_) => TOO_LARGE,
            Host::DigestMismatch { .. } | Host::Truncated | Host::Invalid(_) => BAD_BODY,
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
        Self::because(BAD_JSON, format!("the body is not the JSON that this needs: {error}"))
    }
}

impl From<BadSegment> for Error {
    fn from(error: BadSegment) -> Self {
        Self::because(BAD_PATH, error)
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Self::because(BAD_NAME, error)
    }
}

impl From<VersionError> for Error {
    fn from(error: VersionError) -> Self {
        Self::because(BAD_VERSION, error)
    }
}

impl From<UploadError> for Error {
    fn from(error: UploadError) -> Self {
        Self::because(BAD_UPLOAD, error)
    }
}

/// Reading it may have failed in the host: then it is not the crate's fault.
impl From<ArchiveError> for Error {
    fn from(error: ArchiveError) -> Self {
        use packhouse_plugin::Error as Host;
        let sentence = error.to_string();
        match error {
            ArchiveError::Unreadable(cause) => match Host::from(cause) {
                Host::Invalid(_) => Self::because(BAD_CRATE, sentence),
                host => host.into(),
            },
            _ => Self::because(BAD_CRATE, sentence),
        }
    }
}

impl From<Disagreement> for Error {
    fn from(error: Disagreement) -> Self {
        Self::because(MISMATCH, error)
    }
}

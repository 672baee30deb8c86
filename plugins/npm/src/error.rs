//! Everything that this protocol answers when it does not do what was asked: a table of
//! descriptors, and the shape npm clients read.
//!
//! npm shows the member `error` of a failure; `reason` holds the stable code. A 404 is the
//! other way round (`"error":"not_found"`), as CouchDB words it and yarn classic expects.

use packhouse_plugin::auth::Denied;
use packhouse_plugin::{BadSegment, Descriptor, Response, RouteError};
use serde_json::json;

use crate::archive::ArchiveError;
use crate::name::{NameError, TagError, VersionError};
use crate::walker::WalkError;

macro_rules! descriptors {
    ($($name:ident $status:literal $code:literal $message:literal)*) => {
        $(pub const $name: Descriptor = Descriptor { code: $code, status: $status, message: $message };)*
        /// The whole table.
        pub const TABLE: &[Descriptor] = &[$($name),*];
    };
}

descriptors! {
    NOT_FOUND 404 "not_found" "document not found"
    NO_ROUTE 404 "not_found" "nothing is served at this path"
    METHOD 405 "method_not_allowed" "this path does not answer this method"
    FEATURE_OFF 405 "feature_off" "this is turned off on this registry"
    BAD_NAME 400 "bad_name" "this is not a valid package name"
    BAD_VERSION 400 "bad_version" "this is not a valid version"
    BAD_TAG 400 "bad_tag" "this is not a valid tag"
    BAD_PATH 400 "bad_path" "this path cannot be"
    BAD_JSON 400 "bad_json" "the body is not the JSON that this needs"
    BAD_BODY 400 "bad_body" "the body cannot be read"
    BAD_TARBALL 400 "bad_tarball" "the tarball does not hold what it should"
    MISMATCH 400 "mismatch" "the package does not agree with the request"
    BAD_DIGEST 400 "bad_digest" "the tarball is not what its digest says; publish again"
    BAD_TOKEN_REQUEST 400 "bad_token_request" "a token like this cannot be made"
    TOO_LARGE 413 "too_large" "this is larger than the registry takes"
    SIGN_IN 401 "sign_in" "sign in first: npm login"
    BAD_LOGIN 401 "bad_login" "user name and password do not match an account; accounts are made by the administrator"
    TOO_MANY_LOGINS 429 "too_many_logins" "too many wrong passwords were sent; try again later"
    TOO_MANY_STARS 429 "too_many_stars" "this star was changed a moment ago; try again in some seconds"
    FORBIDDEN 403 "forbidden" "this account lacks a permission"
    VERSION_EXISTS 403 "version_exists" "You cannot publish over the previously published versions"
    ACCESS_FIXED 403 "access_fixed" "who may read and write is set in the registry's permissions, not by npm access"
    STALE 409 "conflict" "the package has changed since it was read; try again"
    BEING_PUBLISHED 409 "being_published" "this version is being published by somebody else; try again in a few minutes"
    STILL_LISTED 409 "still_listed" "this version is still listed; unpublish it first"
    NO_WEB_LOGIN 404 "not_found" "there is no web login here: npm asks for name and password instead"
    NO_AUDIT 404 "not_found" "this registry has no security advisories, so nothing was audited; to ask another one, use npm audit --registry"
    HOST 500 "internal" "the registry met an internal error"
}

/// A line of the table, and the sentence for this case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    descriptor: Descriptor,
    sentence: String,
    /// Seconds until the client should try again.
    retry_after: Option<u64>,
}

impl Error {
    /// The table's own sentence.
    pub fn new(descriptor: Descriptor) -> Self {
        Self::because(descriptor, descriptor.message)
    }

    /// A sentence that says more.
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over what they made")]
    pub fn because(descriptor: Descriptor, sentence: impl ToString) -> Self {
        Self { descriptor, sentence: sentence.to_string(), retry_after: None }
    }

    /// The client should try again after so many seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// Npm's wording, which clients look for.
    pub fn version_exists(version: &str) -> Self {
        Self::because(VERSION_EXISTS, format!("{}: {version}.", VERSION_EXISTS.message))
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
        let body = if error.status() == 404 {
            json!({ "error": error.code(), "reason": error.sentence })
        } else {
            json!({ "error": error.sentence, "reason": error.code() })
        };
        let mut response = Response::new(error.status()).json(&body);
        if let Some(seconds) = error.retry_after {
            response = response.header("retry-after", &seconds.to_string());
        }
        match error.code() {
            // npm reads the first challenge: `Basic` alone makes it say "Incorrect or
            // missing password", `Bearer` that the token is invalid.
            "bad_login" => response.header("www-authenticate", "Basic realm=\"npm\""),
            "sign_in" => response
                .header("www-authenticate", "Bearer realm=\"npm\"")
                .add_header("www-authenticate", "Basic realm=\"npm\""),
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
                format!("sign in first (npm login): this needs the permission {}", denied.permission()),
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
        Self::because(BAD_JSON, format!("the body is not the JSON that this needs: {error}"))
    }
}

impl From<WalkError> for Error {
    fn from(error: WalkError) -> Self {
        let descriptor = match error {
            WalkError::TooLarge | WalkError::TooLong => TOO_LARGE,
            WalkError::Truncated | WalkError::Syntax(_) | WalkError::TooDeep => BAD_JSON,
        };
        Self::because(descriptor, error)
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

impl From<TagError> for Error {
    fn from(error: TagError) -> Self {
        Self::because(BAD_TAG, error)
    }
}

impl From<ArchiveError> for Error {
    fn from(error: ArchiveError) -> Self {
        Self::because(BAD_TARBALL, error)
    }
}

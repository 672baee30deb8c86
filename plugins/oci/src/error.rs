//! Everything that this protocol answers when it does not do what was asked: a table of
//! descriptors, and the shape that clients read (distribution-spec, "Error Codes").

use packhouse_plugin::auth::{Denied, Wanted};
use packhouse_plugin::{BadSegment, Descriptor, Response, RouteError};
use serde_json::{Value, json};

use crate::access;
use crate::digest::DigestError;
use crate::document::ManifestError;
use crate::name::{NameError, ReferenceError, TagError};

macro_rules! descriptors {
    ($($name:ident $status:literal $code:literal $message:literal)*) => {
        $(pub const $name: Descriptor = Descriptor { code: $code, status: $status, message: $message };)*
        /// The whole table.
        pub const TABLE: &[Descriptor] = &[$($name),*];
    };
}

descriptors! {
    BLOB_UNKNOWN 404 "BLOB_UNKNOWN" "this repository has no such blob"
    BLOB_NAMED 405 "UNSUPPORTED" "a manifest of this repository still names this blob; delete the manifest first"
    UPLOAD_INVALID 400 "BLOB_UPLOAD_INVALID" "this is no way to upload"
    UPLOAD_RANGE 416 "BLOB_UPLOAD_INVALID" "this is not the next part of the upload; go on where Range ends"
    UPLOAD_UNKNOWN 404 "BLOB_UPLOAD_UNKNOWN" "there is no such upload in this repository: it is finished, cancelled or expired; begin again"
    DIGEST_INVALID 400 "DIGEST_INVALID" "the digest does not fit the content; send it again"
    MANIFEST_BLOB_UNKNOWN 404 "MANIFEST_BLOB_UNKNOWN" "the manifest names content that this repository does not have; push it first"
    MANIFEST_INVALID 400 "MANIFEST_INVALID" "this is no manifest that can be taken"
    MANIFEST_UNKNOWN 404 "MANIFEST_UNKNOWN" "this repository has no such manifest"
    MANIFEST_TOO_LARGE 413 "MANIFEST_INVALID" "a manifest has at most 8 MiB"
    TAG_INVALID 400 "MANIFEST_INVALID" "this is no tag"
    TOO_MANY_TAGS 414 "MANIFEST_INVALID" "at most 100 tags can be set at once; send the others with another request"
    NAME_INVALID 400 "NAME_INVALID" "this is no repository's name"
    NAME_UNKNOWN 404 "NAME_UNKNOWN" "there is no such repository"
    SIZE_INVALID 400 "SIZE_INVALID" "the content is not as long as was said; send it again"
    TOO_LARGE 413 "SIZE_INVALID" "this is larger than the registry takes"
    UNAUTHORIZED 401 "UNAUTHORIZED" "sign in first: docker login"
    TOO_MANY 429 "TOOMANYREQUESTS" "too many wrong passwords were sent; try again later"
    DENIED 403 "DENIED" "this account lacks a permission"
    PAGE_INVALID 400 "UNSUPPORTED" "`n` is no number"
    REQUEST_INVALID 400 "UNSUPPORTED" "this cannot be asked"
    NO_ROUTE 404 "UNSUPPORTED" "nothing is served at this path"
    METHOD 405 "UNSUPPORTED" "this path does not answer this method"
    FEATURE_OFF 405 "UNSUPPORTED" "this is turned off on this registry"
    NO_REFERRERS 404 "UNSUPPORTED" "the referrers API is turned off on this registry; use the tag scheme"
    BUSY 503 "UNAVAILABLE" "somebody else is changing this at the same time; try again"
    HOST 500 "UNKNOWN" "the registry met an internal error"
}

/// A line of the table, the sentence for this case, and what else the answer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    descriptor: Descriptor,
    sentence: String,
    detail: Box<Value>,
    headers: Vec<(&'static str, String)>,
    /// What a token would have to allow, for the challenge of a 401.
    wanted: Vec<Wanted>,
}

impl Error {
    /// The table's own sentence.
    pub fn new(descriptor: Descriptor) -> Self {
        Self::because(descriptor, descriptor.message)
    }

    /// A sentence that says more.
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over what they made")]
    pub fn because(descriptor: Descriptor, sentence: impl ToString) -> Self {
        Self {
            descriptor,
            sentence: sentence.to_string(),
            detail: Box::new(Value::Null),
            headers: Vec::new(),
            wanted: Vec::new(),
        }
    }

    /// Nobody may do this without showing who they are, or what they came with does not let
    /// them.
    pub fn denied(denied: &Denied, wanted: Vec<Wanted>) -> Self {
        let permission = denied.permission();
        let error = match (denied.status(), denied.rejection()) {
            (401, Some(rejection)) => Self::because(UNAUTHORIZED, rejection),
            (401, None) => {
                Self::because(UNAUTHORIZED, format!("sign in first: this needs the permission {permission}"))
            }
            _ => Self::because(DENIED, format!("this account lacks the permission {permission}")),
        };
        Self { wanted, ..error }
    }

    /// 401 where credentials are traded for a token: they can only be Basic.
    pub fn credentials(rejection: impl ToString) -> Self {
        Self::because(UNAUTHORIZED, rejection).header("www-authenticate", access::BASIC)
    }

    /// What it is about, for programs.
    #[must_use]
    pub fn detail(self, detail: Value) -> Self {
        Self { detail: Box::new(detail), ..self }
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
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
        let mut entry = json!({ "code": error.code(), "message": error.sentence });
        if let (Some(entry), false) = (entry.as_object_mut(), error.detail.is_null()) {
            entry.insert("detail".to_owned(), *error.detail);
        }
        let mut response = Response::new(error.descriptor.status).json(&json!({ "errors": [entry] }));
        for (name, value) in &error.headers {
            response = response.header(name, value);
        }
        let has_challenge = error.headers.iter().any(|(name, _)| *name == "www-authenticate");
        if error.descriptor.status == 401 && !has_challenge {
            response = response.header("www-authenticate", &access::challenge(&error.wanted));
        }
        response
    }
}

impl From<RouteError> for Error {
    fn from(error: RouteError) -> Self {
        let descriptor = if error.status() == 405 { METHOD } else { NO_ROUTE };
        Self::because(descriptor, error)
    }
}

/// What the host says. What is about its inside goes to the log, not to the client.
impl From<packhouse_plugin::Error> for Error {
    fn from(error: packhouse_plugin::Error) -> Self {
        use packhouse_plugin::Error as Host;
        let descriptor = match &error {
            Host::NotFound => UPLOAD_UNKNOWN,
            Host::Conflict | Host::Unavailable(_) => BUSY,
            Host::DigestMismatch { .. } => DIGEST_INVALID,
            Host::TooLarge(_) => TOO_LARGE,
            Host::Truncated => SIZE_INVALID,
            Host::Invalid(_) => REQUEST_INVALID,
            Host::Denied(_) => DENIED,
            other => Descriptor { status: other.status(), ..HOST },
        };
        error.log_unless_clients();
        Self::because(descriptor, error.public_message())
    }
}

impl From<BadSegment> for Error {
    fn from(error: BadSegment) -> Self {
        let descriptor = match error.parameter.as_str() {
            "repository" => NAME_INVALID,
            "digest" => DIGEST_INVALID,
            "reference" => MANIFEST_INVALID,
            _ => REQUEST_INVALID,
        };
        Self::because(descriptor, error)
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Self::because(NAME_INVALID, error)
    }
}

impl From<DigestError> for Error {
    fn from(error: DigestError) -> Self {
        Self::because(DIGEST_INVALID, error)
    }
}

impl From<TagError> for Error {
    fn from(error: TagError) -> Self {
        Self::because(TAG_INVALID, error)
    }
}

impl From<ReferenceError> for Error {
    fn from(error: ReferenceError) -> Self {
        match error {
            ReferenceError::Tag(error) => error.into(),
            ReferenceError::Digest(error) => error.into(),
        }
    }
}

impl From<ManifestError> for Error {
    fn from(error: ManifestError) -> Self {
        Self::because(MANIFEST_INVALID, error)
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

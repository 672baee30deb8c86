//! Between the contract's types and those of this crate.

use crate::Error;
use crate::bindings::packhouse::plugin::{storage, types};
use crate::storage::Document;
use crate::types::{Digest, ObjectInfo, Precondition};

pub(super) fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

pub(super) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl From<types::Error> for Error {
    fn from(error: types::Error) -> Error {
        match error {
            types::Error::NotFound => Error::NotFound,
            types::Error::Conflict => Error::Conflict,
            types::Error::DigestMismatch(mismatch) => Error::DigestMismatch {
                expected: mismatch.expected.into(),
                computed: mismatch.computed.into(),
            },
            types::Error::TooLarge(limit) => Error::TooLarge(limit),
            types::Error::Truncated => Error::Truncated,
            types::Error::Invalid(message) => Error::Invalid(message),
            types::Error::Denied(message) => Error::Denied(message),
            types::Error::Unavailable(message) => Error::Unavailable(message),
            types::Error::Other(failure) => Error::Other { code: failure.code, message: failure.message },
        }
    }
}

/// The way back, for what an export answers.
impl From<Error> for types::Error {
    fn from(error: Error) -> types::Error {
        match error {
            Error::NotFound => types::Error::NotFound,
            Error::Conflict => types::Error::Conflict,
            Error::DigestMismatch { expected, computed } => types::Error::DigestMismatch(types::Mismatch {
                expected: to_digest(&expected),
                computed: to_digest(&computed),
            }),
            Error::TooLarge(limit) => types::Error::TooLarge(limit),
            Error::Truncated => types::Error::Truncated,
            Error::Invalid(message) => types::Error::Invalid(message),
            Error::BadJson(error) => types::Error::Invalid(error.to_string()),
            Error::Damaged { .. } => failure("damaged", &error),
            Error::Misconfigured(_) => failure("misconfigured", &error),
            Error::Misused(_) => failure("misused", &error),
            Error::TooMany(_) => failure("too-many", &error),
            Error::Denied(message) => types::Error::Denied(message),
            Error::Unavailable(message) => types::Error::Unavailable(message),
            Error::Other { code, message } => types::Error::Other(types::Failure { code, message }),
        }
    }
}

fn failure(code: &str, error: &Error) -> types::Error {
    types::Error::Other(types::Failure { code: code.to_owned(), message: error.to_string() })
}

impl From<types::Digest> for Digest {
    fn from(digest: types::Digest) -> Digest {
        Digest { algorithm: digest.algorithm, hex: digest.hex }
    }
}

pub(super) fn from_digests(digests: Vec<types::Digest>) -> Vec<Digest> {
    digests.into_iter().map(Digest::from).collect()
}

pub(super) fn to_digests(digests: &[Digest]) -> Vec<types::Digest> {
    digests.iter().map(to_digest).collect()
}

fn to_digest(digest: &Digest) -> types::Digest {
    types::Digest { algorithm: digest.algorithm.clone(), hex: digest.hex.clone() }
}

pub(super) fn to_precondition(precondition: Precondition<'_>) -> types::Precondition {
    match precondition {
        Precondition::Any => types::Precondition::Any,
        Precondition::Absent => types::Precondition::Absent,
        Precondition::Version(version) => types::Precondition::Version(version.to_owned()),
    }
}

impl From<types::ObjectInfo> for ObjectInfo {
    fn from(info: types::ObjectInfo) -> ObjectInfo {
        ObjectInfo {
            key: info.key,
            size: info.size,
            version: info.version,
            modified: info.modified,
            content_type: info.content_type,
        }
    }
}

impl From<storage::Document> for Document {
    fn from(document: storage::Document) -> Document {
        Document { info: document.info.into(), bytes: document.bytes }
    }
}

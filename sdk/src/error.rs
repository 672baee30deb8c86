//! What can go wrong in a call to the host, and ready words for answering it. It
//! knows no protocol: each has its own error enum with a table of [`Descriptor`]s.

use std::fmt;
use std::io;

use crate::types::Digest;

/// Why a call to the host did not do what was asked; mirrors `error` of `wit/types.wit`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// What the call works on is not there. Functions that look something up answer
    /// with `None` instead.
    NotFound,
    /// The precondition did not hold: somebody else wrote first.
    Conflict,
    /// A digest that was expected, and did not come out.
    DigestMismatch { expected: Digest, computed: Digest },
    /// The limit in bytes.
    TooLarge(u64),
    /// The client stopped sending, or sent less than it declared.
    Truncated,
    /// A key, range, argument or content that cannot be.
    Invalid(String),
    /// Not granted to this plugin, or not allowed to the account.
    Denied(String),
    /// The store or another service is not answering; trying again may help.
    Unavailable(String),
    /// Everything that is invented later. `code` is a stable word, e.g. `storage-full`.
    Other { code: String, message: String },
}

impl Error {
    /// The HTTP status that says the same, for protocols without an own opinion.
    pub fn status(&self) -> u16 {
        match self {
            Error::NotFound => 404,
            Error::Conflict => 409,
            Error::DigestMismatch { .. } | Error::Truncated | Error::Invalid(_) => 400,
            Error::TooLarge(_) => 413,
            Error::Denied(_) => 403,
            Error::Unavailable(_) => 503,
            Error::Other { code, .. } if code == "storage-full" => 507,
            Error::Other { .. } => 500,
        }
    }

    /// What a client may read: the sentence, except where it would tell about the
    /// inside of the host (those go to the log).
    pub fn public_message(&self) -> String {
        match self {
            Error::Unavailable(_) => "the registry cannot answer now; try again".to_owned(),
            Error::Other { code, .. } if code == "storage-full" => {
                "the registry's storage is full".to_owned()
            }
            Error::Other { .. } => "the registry met an internal error".to_owned(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotFound => formatter.write_str("nothing is there"),
            Error::Conflict => formatter.write_str("somebody else changed it at the same time; try again"),
            Error::DigestMismatch { expected, computed } => {
                write!(formatter, "the digest should be {expected} and is {computed}; send it again")
            }
            Error::TooLarge(limit) => write!(formatter, "it is larger than {limit} bytes"),
            Error::Truncated => formatter.write_str("the request's body ended too early"),
            Error::Invalid(message) | Error::Denied(message) => formatter.write_str(message),
            Error::Unavailable(message) => {
                write!(formatter, "not answering, try again: {message}")
            }
            Error::Other { code, message } => write!(formatter, "{code}: {message}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        let kind = match &error {
            Error::NotFound => io::ErrorKind::NotFound,
            Error::Truncated => io::ErrorKind::UnexpectedEof,
            Error::Invalid(_) => io::ErrorKind::InvalidData,
            Error::Denied(_) => io::ErrorKind::PermissionDenied,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// Gives back the host's error that went through a `Read` or `Write`; what is none of
/// the host's is a parser's opinion about the content: [`Error::Invalid`].
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(Error::NotFound) => Error::NotFound,
            Some(inner) => inner.clone(),
            None => Error::Invalid(error.to_string()),
        }
    }
}

/// JSON that came in and cannot be read; also passes on the host's error beneath it.
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Error {
        if error.is_io() {
            io::Error::from(error).into()
        } else {
            Error::Invalid(format!("this JSON cannot be read: {error}"))
        }
    }
}

/// One line of a protocol's table of errors: the list is also the documentation.
///
/// ```
/// use packhouse_plugin::Descriptor;
///
/// const NAME_UNKNOWN: Descriptor = Descriptor {
///     code: "NAME_UNKNOWN",
///     status: 404,
///     message: "there is no repository of this name",
/// };
/// assert_eq!(NAME_UNKNOWN.status, 404);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// The word that clients branch on.
    pub code: &'static str,
    /// HTTP.
    pub status: u16,
    /// Lower case, no final period, says what to do.
    pub message: &'static str,
}

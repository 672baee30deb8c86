//! The errors of calls to the host, and who caused them. It knows no protocol: see [`crate::problem`]
//! for the answers.

use std::fmt;
use std::io;

use crate::json::{self, BadJson};
use crate::log;
use crate::types::Digest;

/// Why something could not be done; extends `error` of `wit/types.wit`.
///
/// Four parties can cause an error, and each has its own variants, because each needs another message:
/// the client ([`Error::Invalid`], [`Error::BadJson`]), the stored data ([`Error::Damaged`]), the
/// operator ([`Error::Misconfigured`]), and the plugin itself ([`Error::Misused`]). Only the first is a
/// 400.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The object of the call does not exist. Functions that look something up return `None` instead.
    NotFound,
    /// The precondition did not hold: somebody else wrote first.
    Conflict,
    /// The computed digest is not the expected one.
    DigestMismatch { expected: Digest, computed: Digest },
    /// The limit in bytes.
    TooLarge(u64),
    /// The client stopped sending, or sent less than it declared.
    Truncated,
    /// The client sent a name, range or content that cannot be accepted: 400.
    Invalid(String),
    /// The client sent JSON that the endpoint cannot use: 400. The sentence names the member.
    BadJson(BadJson),
    /// A stored object is damaged: 500, and the log names the key.
    Damaged { key: String, why: String },
    /// The operator configured something that cannot be used: 500, and the log says what.
    Misconfigured(String),
    /// The plugin called a function in a way that cannot work. It is a bug: 500.
    Misused(String),
    /// Not granted to this plugin, or not allowed to the account.
    Denied(String),
    /// The client has reached a limit of its own, e.g. of open uploads: 429.
    TooMany(String),
    /// The storage or another service does not answer; trying again may help.
    Unavailable(String),
    /// Errors that later versions of the contract add. `code` is a stable word, e.g. `storage-full`.
    Other { code: String, message: String },
}

impl Error {
    /// The stored object at `key` is damaged.
    pub fn damaged(key: impl Into<String>, why: impl fmt::Display) -> Error {
        Error::Damaged { key: key.into(), why: why.to_string() }
    }

    /// The host's error inside an error that went through a `Read` or `Write`. None if a parser made
    /// the error because of the content. Use it where a failure of the storage must not look like a
    /// fault of the content.
    ///
    /// ```
    /// use std::io;
    /// use packhouse_plugin::Error;
    ///
    /// assert_eq!(Error::inside(&io::Error::from(Error::Truncated)), Some(Error::Truncated));
    /// assert_eq!(Error::inside(&io::Error::other("this is no gzip")), None);
    /// ```
    pub fn inside(error: &io::Error) -> Option<Error> {
        error.get_ref()?.downcast_ref().cloned()
    }

    /// The HTTP status of this error, for protocols that do not choose their own.
    pub fn status(&self) -> u16 {
        match self {
            Error::NotFound => 404,
            Error::Conflict => 409,
            Error::DigestMismatch { .. } | Error::Truncated | Error::Invalid(_) | Error::BadJson(_) => 400,
            Error::TooLarge(_) => 413,
            Error::Denied(_) => 403,
            Error::TooMany(_) => 429,
            Error::Unavailable(_) => 503,
            Error::Other { code, .. } if code == "storage-full" => 507,
            Error::Damaged { .. } | Error::Misconfigured(_) | Error::Misused(_) | Error::Other { .. } => 500,
        }
    }

    /// Logs an error that is not the client's fault (status 500 and above). Every
    /// conversion into an answer calls it once, so that an answer with such a status always
    /// has a log line that says why.
    pub fn log_unless_clients(&self) {
        match self {
            Error::Damaged { key, why } => {
                log::error("a stored object is damaged", &[("key", key), ("why", why)]);
            }
            Error::Misconfigured(why) => log::error("the mount is misconfigured", &[("why", why)]),
            Error::Misused(why) => log::error("the plugin has a bug", &[("why", why)]),
            error if error.status() >= 500 => {
                log::error("a call to the host failed", &[("error", &error.to_string())]);
            }
            _ => {}
        }
    }

    /// What a client may read: the sentence, unless it would reveal something about the inside of the
    /// host (this goes to the log).
    pub fn public_message(&self) -> String {
        match self {
            Error::Unavailable(_) => "the registry cannot answer now; try again".to_owned(),
            Error::Other { code, .. } if code == "storage-full" => {
                "the registry's storage is full".to_owned()
            }
            Error::Damaged { .. } => {
                "what the registry has stored for this is damaged; the registry's log says what to repair"
                    .to_owned()
            }
            Error::Misconfigured(_) => {
                "the registry is misconfigured; its log says which setting to change".to_owned()
            }
            Error::Misused(_) | Error::Other { .. } => "the registry met an internal error".to_owned(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotFound => formatter.write_str("this is not in the registry"),
            Error::Conflict => formatter.write_str("somebody else changed it at the same time; try again"),
            Error::DigestMismatch { expected, computed } => {
                write!(formatter, "the digest should be {expected} and is {computed}; send it again")
            }
            Error::TooLarge(limit) => {
                write!(formatter, "what was sent is larger than the {limit} bytes that are allowed")
            }
            Error::Truncated => formatter.write_str("the request's body ended too early: send it again"),
            Error::Invalid(message)
            | Error::Denied(message)
            | Error::TooMany(message)
            | Error::Misconfigured(message)
            | Error::Misused(message) => formatter.write_str(message),
            Error::BadJson(error) => error.fmt(formatter),
            Error::Damaged { key, why } => write!(formatter, "the stored `{key}` is damaged: {why}"),
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
            Error::Invalid(_) | Error::BadJson(_) | Error::Damaged { .. } => io::ErrorKind::InvalidData,
            Error::Denied(_) => io::ErrorKind::PermissionDenied,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// Unwraps the host's error that went through a `Read` or `Write`. Any other error comes from a parser
/// and is about the content: [`Error::Invalid`].
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::inside(&error).unwrap_or_else(|| Error::Invalid(error.to_string()))
    }
}

/// JSON that a client sent and that cannot be read; also passes on the host's error beneath
/// it. [`json::parse`] names the member as well. For stored JSON use
/// [`Document::json`](crate::storage::Document::json).
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Error {
        if error.is_io() {
            io::Error::from(error).into()
        } else {
            Error::BadJson(json::explain_by_line(&error))
        }
    }
}

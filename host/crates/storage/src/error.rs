//! The errors of a store, and how the errors of the file system and of opendal are mapped to them.
//! It does not know HTTP statuses.

use std::io;

use packhouse_common::descriptors::is_out_of_descriptors;
use rustix::io::Errno;

use super::digest::{Digest, UnknownAlgorithm};

/// A sentence for people, and the error below it for the log.
#[derive(Debug)]
pub struct Reason {
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Reason {
    fn with(message: impl Into<String>, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { message: message.into(), source: Some(Box::new(source)) }
    }
}

impl Reason {
    pub(super) fn about(self, subject: &str) -> Self {
        Self { message: format!("{subject}: {}", self.message), ..self }
    }
}

impl<T: Into<String>> From<T> for Reason {
    fn from(message: T) -> Self {
        Self { message: message.into(), source: None }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Reason {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Callers branch on the kind; the sentences are for people.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// What the call works on is not there.
    #[error("nothing is stored under this key")]
    NotFound,
    /// The precondition did not hold, or the version that was being read is gone.
    #[error("the object was changed by somebody else in between")]
    Conflict,
    /// An expected digest did not come out.
    #[error("expected digest {expected} but the bytes have {computed}")]
    DigestMismatch { expected: Digest, computed: Digest },
    /// More than the limit, in bytes.
    #[error("larger than the limit of {0} bytes")]
    TooLarge(u64),
    /// Less arrived than was declared.
    #[error("fewer bytes arrived than were announced")]
    Truncated,
    /// A key, range or argument that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// The key would have to be an object and a folder at once: something lies where it must not.
    #[error("{0}")]
    Clash(String),
    /// A symbolic link is where an object should be, and none is followed.
    #[error(transparent)]
    Link(Reason),
    /// The store refuses the host: permissions or credentials.
    #[error(transparent)]
    Denied(Reason),
    /// Too much of something is open at once; says what to do.
    #[error("{0}")]
    Busy(String),
    /// The store does not answer; trying again may help.
    #[error(transparent)]
    Unavailable(Reason),
    /// No space or quota left.
    #[error(transparent)]
    Full(Reason),
    /// The named field of the settings does not fit the service.
    #[error("{1}")]
    Setting(&'static str, #[source] Reason),
    /// Everything else.
    #[error(transparent)]
    Other(Reason),
}

pub type Result<T, E = StorageError> = std::result::Result<T, E>;

impl StorageError {
    /// The source of a copy was removed, which is a conflict as if it had been replaced.
    pub(super) fn replaced_source(self) -> Self {
        match self {
            Self::NotFound => Self::Conflict,
            error => error,
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    pub(super) fn other(message: impl Into<Reason>) -> Self {
        Self::Other(message.into())
    }

    pub(super) fn unavailable(message: impl Into<Reason>) -> Self {
        Self::Unavailable(message.into())
    }

    /// `field` of the settings, and what to do about it.
    pub(super) fn setting(
        field: &'static str,
        message: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Setting(field, Reason::with(message, source))
    }

    /// The same, its sentence beginning with what it is about.
    pub(super) fn about(self, subject: &str) -> Self {
        match self {
            Self::NotFound => Self::other(format!("{subject}: a part of its path is missing")),
            Self::Denied(reason) => Self::Denied(reason.about(subject)),
            Self::Unavailable(reason) => Self::Unavailable(reason.about(subject)),
            Self::Full(reason) => Self::Full(reason.about(subject)),
            Self::Link(reason) => Self::Link(reason.about(subject)),
            Self::Setting(field, reason) => Self::Setting(field, reason.about(subject)),
            Self::Other(reason) => Self::Other(reason.about(subject)),
            error => error,
        }
    }

    /// What a listing left out.
    pub fn link(path: &str) -> Self {
        Self::Link(Reason::from(format!("`{path}` is a symbolic link; replace it with its target")))
    }

    /// A key that would have to be an object and a folder at once.
    pub(super) fn clash(key: &str) -> Self {
        Self::Clash(format!(
            "`{key}` cannot be written: it, or a part of it, would be an object and a folder at once; \
             remove the one that is there first"
        ))
    }
}

impl From<io::Error> for StorageError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        if is_out_of_descriptors(&error) {
            return Self::Unavailable(Reason::with(
                "the system allows no more open files; try again, or raise its limit",
                error,
            ));
        }
        if is_link(&error) {
            return Self::Link(Reason::with(
                "the storage folder contains a symbolic link, which the host does not follow; replace it with its target",
                error,
            ));
        }
        match error.kind() {
            Kind::NotFound => Self::NotFound,
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => Self::Full(Reason::with(
                "no space is left in the storage folder; free some or raise the quota",
                error,
            )),
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => Self::Denied(Reason::with(
                "the storage folder refuses access; check its owner and permissions",
                error,
            )),
            Kind::InvalidFilename => Self::invalid("the storage folder cannot hold a name this long"),
            Kind::TimedOut | Kind::WouldBlock | Kind::StaleNetworkFileHandle => {
                Self::Unavailable(Reason::with("the storage folder does not answer; try again", error))
            }
            _ => Self::Other(Reason::with(format!("the storage folder failed: {error}"), error)),
        }
    }
}

/// Whether an error says that there is a symbolic link in the path, where none is followed.
pub(super) fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

impl From<UnknownAlgorithm> for StorageError {
    fn from(error: UnknownAlgorithm) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<opendal::Error> for StorageError {
    fn from(error: opendal::Error) -> Self {
        use opendal::ErrorKind as Kind;
        let retryable = error.is_temporary() || error.is_persistent();
        if is_about_space(&error) {
            return Self::Full(Reason::with("no space or quota is left in the storage service", error));
        }
        if ["NoSuchBucket", "ContainerNotFound"].iter().any(|code| has_code(&error, code)) {
            return Self::Unavailable(Reason::with("the bucket is not there", error));
        }
        match error.kind() {
            Kind::NotFound => Self::NotFound,
            Kind::ConditionNotMatch | Kind::AlreadyExists => Self::Conflict,
            Kind::PermissionDenied => Self::Denied(Reason::with(
                "the storage service refuses the credentials; check the access key, its secret and the bucket's policy",
                error,
            )),
            Kind::RangeNotSatisfied => Self::invalid("the range lies outside the object"),
            Kind::ConfigInvalid => Self::Other(Reason::with(
                format!("the storage settings do not work: {}", error.message()),
                error,
            )),
            Kind::RateLimited | Kind::Conflict => {
                Self::Unavailable(Reason::with("the storage service is busy; try again", error))
            }
            _ if retryable => {
                Self::Unavailable(Reason::with("the storage service does not answer; try again", error))
            }
            _ => Self::Other(Reason::with("the storage service failed", error)),
        }
    }
}

/// Services have codes of their own for it; the code is in the text.
pub(super) fn is_about_space(error: &opendal::Error) -> bool {
    const CODES: [&str; 5] =
        ["QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "InsufficientCapacity", "NoSpaceLeft"];
    error.message().contains("code: \"") && CODES.iter().any(|code| error.message().contains(code))
}

/// The code is in the text.
fn has_code(error: &opendal::Error, code: &str) -> bool {
    error.message().contains(&format!("code: \"{code}\""))
}

impl From<tokio::task::JoinError> for StorageError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Other(Reason::with("a storage task ended early", error))
    }
}

//! What differs between services: settings, signatures, checksums, and errors. All other work is
//! done through opendal, in the same way for all.

use std::time::SystemTime;

use async_trait::async_trait;
use http::StatusCode;
use http::request::Parts;
use opendal::{Buffer, Operator};

use super::transport::Transport;
use crate::error::{Result, StorageError};

/// A service that stores whole objects. The requests of its operator pass through a [`Transport`],
/// which calls `seal`.
#[async_trait]
pub(crate) trait Service: Send + Sync + 'static {
    /// The kind and the address of the store, for errors.
    fn subject(&self) -> String;

    /// The operator, without retries and without signatures.
    fn operator(&self) -> opendal::Result<Operator>;

    /// A name that the service accepts for a field of an object's metadata.
    fn mark(&self) -> &'static str;

    /// Adds the checksum of the body, if there is one, and signs. The signature must cover the
    /// checksum. It waits only for processors.
    async fn seal(&self, parts: &mut Parts, body: &Buffer) -> opendal::Result<()>;

    /// The work that the service does before it answers.
    fn work(&self, parts: &Parts) -> Work;

    /// Why a request that was rejected with this body may succeed later; none for a final
    /// rejection.
    fn passes(&self, status: StatusCode, body: &str) -> Option<&'static str>;

    /// Called before the first write. Finds out which headers the service needs, with small objects
    /// whose paths begin with `path`.
    async fn prepare(&self, transport: &Transport, path: &str) -> Result<()>;

    /// The settings that an error of the service concerns, its meaning, and what to do. None if the
    /// error does not concern settings.
    fn explain(&self, error: &opendal::Error, doing: Doing) -> Option<(&'static str, String)>;

    /// Aborts unfinished writes that began before `before`, and returns their number. Zero for a
    /// service that removes them by itself.
    async fn give_up_unfinished(&self, transport: &Transport, before: SystemTime) -> Result<u64>;
}

/// How long a service may take before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// No time.
    None,
    /// It copies an object, or a part of one.
    Copying,
    /// It joins up to thousands of parts.
    Joining,
}

/// The purpose of the first requests to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Listing,
    Writing,
    Deleting,
}

impl Doing {
    pub fn verb(self) -> &'static str {
        match self {
            Self::Listing => "list",
            Self::Writing => "write",
            Self::Deleting => "delete",
        }
    }
}

/// Whether the error has one of these codes of the service, which are in its text.
pub(super) fn has_code(error: &opendal::Error, codes: &[&str]) -> bool {
    let told = error.to_string();
    codes.iter().any(|code| told.contains(&format!("code: \"{code}\"")))
}

/// A request that cannot be built from the settings.
pub(super) fn impossible(error: impl std::fmt::Display) -> StorageError {
    StorageError::other(format!("a request cannot be made: {error}"))
}

//! What one service does differently from another: its settings, signatures, checksums, and its
//! words for what is wrong. Everything else is done through opendal, the same for all.

use std::time::SystemTime;

use async_trait::async_trait;
use http::StatusCode;
use http::request::Parts;
use opendal::{Buffer, Operator};

use super::transport::Transport;
use crate::error::{Result, StorageError};

/// A service that keeps whole objects. The requests of its operator pass through a [`Transport`],
/// which has the service seal them.
#[async_trait]
pub(crate) trait Service: Send + Sync + 'static {
    /// What and where it is, for errors.
    fn subject(&self) -> String;

    /// Without retries, and without signatures.
    fn operator(&self) -> opendal::Result<Operator>;

    /// A name that the service takes for what is noted beside an object.
    fn mark(&self) -> &'static str;

    /// Adds the checksum of the body, if it carries one, and signs: a checksum is worth something
    /// only when the signature holds it. Waits for nothing but processors.
    async fn seal(&self, parts: &mut Parts, body: &Buffer) -> opendal::Result<()>;

    /// What the service has to do before it answers.
    fn work(&self, parts: &Parts) -> Work;

    /// Why a refusal with this body may be none the next time; none for a refusal that stays.
    fn passes(&self, status: StatusCode, body: &str) -> Option<&'static str>;

    /// Before the first write: finds out what it must be sent, with small objects whose paths begin
    /// with `path`.
    async fn prepare(&self, transport: &Transport, path: &str) -> Result<()>;

    /// What the service's own error means for the settings, for which of them, and what to do. None
    /// where it says nothing about them.
    fn explain(&self, error: &opendal::Error, doing: Doing) -> Option<(&'static str, String)>;

    /// Gives up writes in parts that began before `before` and never ended. Counts them. Zero for a
    /// service that forgets them by itself.
    async fn give_up_unfinished(&self, transport: &Transport, before: SystemTime) -> Result<u64>;
}

/// How long it takes until a service can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// No time.
    None,
    /// It copies an object, or a part of one.
    Copying,
    /// It puts thousands of parts together.
    Joining,
}

/// What the first requests to a service are for.
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

/// Has the error one of these codes of the service? They are in its text.
pub(super) fn has_code(error: &opendal::Error, codes: &[&str]) -> bool {
    let told = error.to_string();
    codes.iter().any(|code| told.contains(&format!("code: \"{code}\"")))
}

/// A request that the settings do not let one make.
pub(super) fn impossible(error: impl std::fmt::Display) -> StorageError {
    StorageError::other(format!("a request cannot be made: {error}"))
}

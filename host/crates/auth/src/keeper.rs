//! The trait of a place where users or tokens outlive the process: besides what it stores, it can be
//! checked, refused and closed, and it remembers which storage the users belong to. It does not know
//! users or tokens.

use async_trait::async_trait;

use super::AuthError;

/// Before the identity of the storage in a new place, until the first start is over.
const NEW: &str = "new ";

/// The storage that the users belong to, as the place of the users remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// The storage with this identity.
    Known(String),
    /// None yet: the users are new. Their storage is to get this identity.
    New(String),
    /// Nothing is remembered: the users were made by an earlier version.
    Unknown,
    /// The users end with the process.
    Fleeting,
}

impl Home {
    /// Reads a remembered value.
    pub(crate) fn parse(value: Option<&str>) -> Self {
        match value.map(|value| (value, value.strip_prefix(NEW))) {
            Some((_, Some(id))) => Self::New(id.to_owned()),
            Some((id, None)) => Self::Known(id.to_owned()),
            None => Self::Unknown,
        }
    }

    /// Of users who do not exist yet.
    pub(crate) fn fresh() -> Self {
        Self::New(uuid::Uuid::new_v4().to_string())
    }

    /// The value that a new place remembers.
    pub(crate) fn fresh_value() -> String {
        format!("{NEW}{}", uuid::Uuid::new_v4())
    }
}

/// A place where users or tokens outlive the process.
#[async_trait]
pub trait Keeper: Send + Sync {
    /// `Gone` unless it is still the place that was opened. It is called before a copy in memory is
    /// used, so it is cheap.
    async fn check(&self) -> Result<(), AuthError>;
    /// For readiness: an error unless the place answers, is complete, and accepts writes.
    async fn probe(&self) -> Result<(), AuthError>;
    /// Every call is `Gone` from now on, for this reason.
    fn refuse(&self, why: &str);
    /// Waits for the calls in progress, and closes every connection.
    async fn close(&self);
    /// Which storage the users belong to.
    async fn home(&self) -> Result<Home, AuthError>;
    /// The users belong to the storage with this identity from now on.
    async fn set_home(&self, id: &str) -> Result<(), AuthError>;
}

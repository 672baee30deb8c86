//! How a capability fails: with an error of the contract, or with a trap.

use crate::bindings::packhouse::plugin::types;
use crate::capabilities::State;
use crate::inputs::Reason;
use packhouse_auth::AuthError;
use packhouse_common::telemetry::with_causes;
use packhouse_http::body::BodyError;
use packhouse_storage::StorageError;

/// Why a call failed.
#[derive(Debug)]
pub enum HostError {
    /// The plugin receives the error and continues.
    Told(types::Error),
    /// The plugin broke a rule of the contract. Its instance ends.
    Trap(wasmtime::Error),
}

impl HostError {
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Told(types::Error::Invalid(message.into()))
    }

    /// Too many files are open for this client, or for all of them.
    pub fn no_files() -> Self {
        tracing::warn!("a request opens no file: too many are open already");
        Self::Told(types::Error::Unavailable("too many files are open, try again".into()))
    }

    pub fn denied(message: impl Into<String>) -> Self {
        Self::Told(types::Error::Denied(message.into()))
    }
}

/// An error that the plugin receives later, when it first uses the resource. A trap is not delayed.
pub fn told<T>(result: Result<T, HostError>) -> wasmtime::Result<Result<T, types::Error>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(HostError::Told(error)) => Ok(Err(error)),
        Err(HostError::Trap(trap)) => Err(trap),
    }
}

/// Every error that a plugin is told passes here.
impl types::Host for State {
    fn convert_error(&mut self, error: HostError) -> wasmtime::Result<types::Error> {
        match error {
            HostError::Told(error) => {
                // A document that is too large for one call stays incomplete among the inputs, until the
                // plugin opens it.
                if !matches!(error, types::Error::TooLarge(_)) {
                    self.forget(Reason::Failed);
                }
                Ok(error)
            }
            HostError::Trap(trap) => Err(trap),
        }
    }
}

/// An error that a plugin returns, as a sentence for people.
pub fn sentence(error: types::Error) -> String {
    match error {
        types::Error::NotFound => "nothing is stored under a key that was needed".into(),
        types::Error::Conflict => "others kept changing the same object".into(),
        types::Error::DigestMismatch(mismatch) => format!(
            "a digest should be {}:{} and is {}:{}",
            mismatch.expected.algorithm,
            mismatch.expected.hex,
            mismatch.computed.algorithm,
            mismatch.computed.hex
        ),
        types::Error::TooLarge(limit) => format!("something is larger than {limit} bytes"),
        types::Error::Truncated => "something ended too early".into(),
        types::Error::Invalid(message) | types::Error::Denied(message) => message,
        types::Error::Unavailable(message) => format!("not answering, try again: {message}"),
        types::Error::Other(failure) => format!("{}: {}", failure.code, failure.message),
    }
}

impl From<wasmtime::Error> for HostError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

impl From<wasmtime::component::ResourceTableError> for HostError {
    fn from(error: wasmtime::component::ResourceTableError) -> Self {
        Self::Trap(error.into())
    }
}

impl From<StorageError> for HostError {
    fn from(error: StorageError) -> Self {
        Self::Told(match error {
            StorageError::NotFound => types::Error::NotFound,
            StorageError::Conflict => types::Error::Conflict,
            StorageError::DigestMismatch { expected, computed } => {
                types::Error::DigestMismatch(types::Mismatch {
                    expected: expected.into(),
                    computed: computed.into(),
                })
            }
            StorageError::TooLarge(limit) => types::Error::TooLarge(limit),
            StorageError::Truncated => types::Error::Truncated,
            StorageError::Invalid(message) => types::Error::Invalid(message),
            StorageError::Busy(message) => types::Error::Unavailable(message),
            StorageError::Full(message) => other("storage-full", message.to_string()),
            StorageError::Link(reason) => {
                tracing::error!("the store holds a symbolic link: {reason}");
                other("storage", "there is a symbolic link in the registry's store".into())
            }
            error @ StorageError::Clash(_) => {
                tracing::error!(error = %error, "the store holds something in the wrong place: {error}");
                other("clash", "something lies in the wrong place in the registry's store".into())
            }
            error @ StorageError::Denied(_) => {
                tracing::error!(error = with_causes(&error), "the store refused the host: {error}");
                types::Error::Unavailable(
                    "the registry's store refused the host's own credentials or permissions".into(),
                )
            }
            error @ StorageError::Unavailable(_) => {
                tracing::warn!(error = with_causes(&error), "the store did not answer: {error}");
                types::Error::Unavailable("the registry's store is not answering, try again".into())
            }
            error => {
                tracing::error!(error = with_causes(&error), "the store failed: {error}");
                other("storage", "the registry's store failed".into())
            }
        })
    }
}

impl From<AuthError> for HostError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Denied(message) => Self::denied(message),
            AuthError::Throttled { .. } => Self::denied(error.to_string()),
            AuthError::Invalid(message) => Self::invalid(message),
            // Without the user database no permission can be decided, so the request ends.
            error => Self::Trap(wasmtime::Error::from(error)),
        }
    }
}

impl From<BodyError> for HostError {
    fn from(error: BodyError) -> Self {
        Self::Told(match error {
            BodyError::TooLarge(limit) => types::Error::TooLarge(limit),
            BodyError::Invalid(message) => types::Error::Invalid(message),
            BodyError::Truncated | BodyError::Slow => types::Error::Truncated,
        })
    }
}

fn other(code: &str, message: String) -> types::Error {
    types::Error::Other(types::Failure { code: code.into(), message })
}

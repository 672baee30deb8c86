//! The failure that a client gets if a step of its request fails, for example if the plugin traps.
//! `Failure` has the statuses.

use std::time::Duration;

use crate::auth::AuthError;
use crate::plugins::CallError;
use crate::respond::{Failure, FailureShape};
use crate::telemetry::with_causes;

/// Why a request fails, and the shape that its plugin gives failures.
pub struct Refusal {
    pub failure: Failure,
    pub shape: Option<FailureShape>,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { failure, shape: None }
    }
}

/// Logs why the caller cannot be identified; what the client is told.
pub fn away(error: &AuthError) -> Failure {
    match error {
        AuthError::Throttled { seconds } => {
            Failure::TooManyAttempts { retry_after: Duration::from_secs(*seconds) }
        }
        AuthError::Busy(_) => {
            tracing::warn!(error = %error, "a sign-in was turned away: {error}");
            Failure::Busy { retry_after: Duration::from_secs(1) }
        }
        AuthError::Rejected(why) => Failure::Unauthorized(why.clone().into()),
        // It has been logged.
        AuthError::Gone(_) => Failure::IdentityUnavailable,
        error => {
            tracing::error!(error = with_causes(error), "the caller cannot be identified: {error}");
            Failure::IdentityUnavailable
        }
    }
}

/// Logs why a call of a plugin failed; what the client is told.
pub fn failure_of(plugin: &str, error: &CallError) -> Failure {
    let failure = match error {
        CallError::Trapped(_) => Failure::Trapped,
        CallError::Answer(_) => Failure::Reply("the plugin gave a reply that HTTP does not allow".into()),
        CallError::Deadline(_) => Failure::Deadline,
        CallError::LimitReached(_) => Failure::OutOfMemory,
        CallError::Busy(_) => Failure::Busy { retry_after: Duration::from_secs(1) },
        CallError::Auth(error) => return away(error),
        CallError::NotMet(_) => return Failure::PreconditionFailed,
        CallError::NoMemory(_) => {
            tracing::debug!(plugin, "plugin {plugin}: {error}");
            return Failure::Busy { retry_after: Duration::from_secs(1) };
        }
    };
    tracing::error!(plugin, error = %error, "plugin {plugin}: {error}");
    failure
}

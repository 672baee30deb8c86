//! A ready error for protocols that have no error format of their own: a status and a
//! sentence, answered as `{"error": "…"}`. Protocols with one write their own enum with
//! the same conversions.

use std::fmt;

use crate::auth::Denied;
use crate::router::RouteError;
use crate::segment::BadSegment;
use crate::{Error, Response};

/// A status and what the client reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub status: u16,
    pub message: String,
}

impl Failure {
    pub fn new(status: u16, message: impl Into<String>) -> Failure {
        Failure { status, message: message.into() }
    }

    /// 404, naming what is not there.
    pub fn not_found(what: impl fmt::Display) -> Failure {
        Failure::new(404, format!("{what} was not found"))
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Failure {
        Failure::new(400, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for Response {
    fn from(failure: Failure) -> Response {
        Response::new(failure.status).json(&serde_json::json!({ "error": failure.message }))
    }
}

impl From<RouteError> for Failure {
    fn from(error: RouteError) -> Failure {
        Failure::new(error.status(), error.to_string())
    }
}

impl From<BadSegment> for Failure {
    fn from(error: BadSegment) -> Failure {
        Failure::bad_request(error.to_string())
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Failure {
        Failure::new(denied.status(), denied.to_string())
    }
}

/// The whole sentence goes to the log when it is not for the client.
impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        error.log_unless_clients();
        Failure::new(error.status(), error.public_message())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Failure {
        Error::from(error).into()
    }
}

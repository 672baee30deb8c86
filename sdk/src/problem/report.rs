//! What the router and the host report. It knows no protocol.

use super::{Descriptor, defaults};
use crate::Error;

/// What the router or the host reports. The list is complete: every failure that is not the
/// protocol's own is one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report<'a> {
    /// No route matches the path. 404.
    NoRoute,
    /// The path exists for other methods. 405; the router adds `Allow`.
    Method,
    /// The operator switched the feature off ([`crate::settings::require_feature`]). 405.
    FeatureOff,
    /// A part of the path cannot be a name. `parameter` is its name in the route's pattern. 400.
    BadPath { parameter: &'a str },
    /// [`Error::BadJson`]. 400.
    BadJson,
    /// The caller must sign in, or the credentials are not valid. 401.
    SignIn,
    /// The account lacks a permission, or the plugin lacks a grant ([`Error::Denied`]). 403.
    Forbidden,
    /// [`Error::NotFound`]. 404.
    NotFound,
    /// [`Error::Conflict`]. 409.
    Conflict,
    /// [`Error::DigestMismatch`]. 400.
    DigestMismatch,
    /// [`Error::TooLarge`]. 413.
    TooLarge,
    /// [`Error::Truncated`]. 400.
    Truncated,
    /// [`Error::Invalid`]. 400.
    Invalid,
    /// [`Error::TooMany`]. 429.
    TooMany,
    /// [`Error::Unavailable`]. 503.
    Unavailable,
    /// Damaged stored data, a wrong setting, a bug of the plugin, or any other error of the host.
    /// 500; the log says why.
    Internal,
}

impl Report<'_> {
    /// The HTTP status of this report, for protocols that do not choose their own.
    pub fn status(self) -> u16 {
        match self {
            Report::Unavailable => 503,
            report => report.descriptor().status,
        }
    }

    /// The line of [`defaults`] that answers this report.
    pub fn descriptor(self) -> Descriptor {
        match self {
            Report::NoRoute => defaults::NO_ROUTE,
            Report::Method => defaults::METHOD,
            Report::FeatureOff => defaults::FEATURE_OFF,
            Report::BadPath { .. } => defaults::BAD_PATH,
            Report::BadJson | Report::DigestMismatch | Report::Truncated | Report::Invalid => {
                defaults::BAD_BODY
            }
            Report::SignIn => defaults::SIGN_IN,
            Report::Forbidden => defaults::FORBIDDEN,
            Report::NotFound => defaults::NOT_FOUND,
            Report::Conflict => defaults::CONFLICT,
            Report::TooLarge => defaults::TOO_LARGE,
            Report::TooMany => defaults::TOO_MANY,
            Report::Unavailable | Report::Internal => defaults::INTERNAL,
        }
    }

    pub(super) fn of(error: &Error) -> Report<'static> {
        match error {
            Error::NotFound => Report::NotFound,
            Error::Conflict => Report::Conflict,
            Error::DigestMismatch { .. } => Report::DigestMismatch,
            Error::TooLarge(_) => Report::TooLarge,
            Error::Truncated => Report::Truncated,
            Error::Invalid(_) => Report::Invalid,
            Error::BadJson(_) => Report::BadJson,
            Error::Denied(_) => Report::Forbidden,
            Error::TooMany(_) => Report::TooMany,
            Error::Unavailable(_) => Report::Unavailable,
            Error::Damaged { .. } | Error::Misconfigured(_) | Error::Misused(_) | Error::Other { .. } => {
                Report::Internal
            }
        }
    }
}

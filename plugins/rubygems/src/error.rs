//! Everything that this protocol answers when it does not do what was asked: a table of
//! descriptors, and how a failure is rendered. The clients print the body of a failure, so it is
//! a line of text.
//!
//! No sentence may begin with `The API key doesn't have access` or `You have enabled
//! multifactor authentication`: gem would ask for a password or a code.

use packhouse_plugin::problem::{ErrorFormat, Problem, Report};
use packhouse_plugin::{Descriptor, Response, answered_as, descriptors};

use crate::RubyGems;
use crate::archive::ArchiveError;
use crate::name::NameError;

descriptors! {
    NOT_FOUND 404 "not_found" "this gem or version is not in this registry"
    NO_ROUTE 404 "no_route" "nothing is served at this path"
    METHOD 405 "method" "this path does not answer this method"
    FEATURE_OFF 405 "feature_off" "this is turned off on this registry"
    BAD_NAME 400 "bad_name" "this is not a valid name"
    BAD_PATH 400 "bad_path" "this path is not valid"
    BAD_BODY 400 "bad_body" "the body cannot be read"
    BAD_GEM 422 "bad_gem" "this is not a gem that RubyGems can install"
    BAD_OWNER 422 "bad_owner" "the list of owners cannot be changed like this"
    BAD_YANK 422 "bad_yank" "this version cannot be yanked or unyanked"
    BAD_KEY 400 "bad_key" "this key cannot be created"
    TOO_LARGE 413 "too_large" "this is larger than the registry takes"
    SIGN_IN 401 "sign_in" "sign in first: gem signin"
    THROTTLED 429 "throttled" "too many wrong passwords were sent; try again later"
    FORBIDDEN 403 "forbidden" "this account lacks a permission"
    VERSION_EXISTS 409 "version_exists" "this version was already pushed"
    NAME_TAKEN 409 "name_taken" "there is a gem whose name differs in case only"
    BEING_PUBLISHED 409 "being_published" "somebody else is pushing this version; try again in a few minutes"
    CONFLICT 409 "conflict" "somebody else changed it at the same time; try again"
    HOST 500 "internal" "the registry met an internal error"
}

/// What endpoints fail with.
pub type Error = Problem<RubyGems>;

impl ErrorFormat for RubyGems {
    type Detail = ();

    fn descriptor(report: Report<'_>) -> Descriptor {
        match report {
            Report::NoRoute => NO_ROUTE,
            Report::Method => METHOD,
            Report::FeatureOff => FEATURE_OFF,
            Report::BadPath { .. } => BAD_PATH,
            Report::SignIn => SIGN_IN,
            Report::Forbidden => FORBIDDEN,
            Report::NotFound => NOT_FOUND,
            Report::Conflict => CONFLICT,
            Report::TooLarge => TOO_LARGE,
            Report::BadJson | Report::DigestMismatch | Report::Truncated | Report::Invalid => BAD_BODY,
            Report::Unavailable | Report::Internal => HOST,
        }
    }

    fn render(problem: &Error) -> Response {
        let response = Response::new(problem.status()).text(format!("{}\n", problem.sentence()));
        match problem.descriptor() {
            SIGN_IN => response.header("www-authenticate", "Basic realm=\"rubygems\""),
            BEING_PUBLISHED => response.header("retry-after", "60"),
            _ => response,
        }
    }

    fn sign_in(permission: &str) -> String {
        format!("sign in first (gem signin): this needs the permission {permission}")
    }
}

answered_as! { Error:
    NameError => BAD_NAME,
}

/// A store that fails while a gem is read is not the gem's fault.
impl From<ArchiveError> for Error {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Host(error) => error.into(),
            other => Self::because(BAD_GEM, other),
        }
    }
}

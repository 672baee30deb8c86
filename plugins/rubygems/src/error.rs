//! What this protocol answers when a request fails: the lines that it has besides the SDK's
//! defaults, and how a failure is rendered. The clients print the body of a failure, so it is one
//! line of text.
//!
//! No sentence may begin with `The API key doesn't have access` or `You have enabled
//! multifactor authentication`: gem would ask the user for a password or a code.

pub use packhouse_plugin::problem::defaults::{BAD_BODY, FORBIDDEN, NOT_FOUND, SIGN_IN, TOO_LARGE};
use packhouse_plugin::problem::{ErrorFormat, Problem};
use packhouse_plugin::{Response, answered_as, descriptors};

use crate::RubyGems;
use crate::archive::ArchiveError;
use crate::name::NameError;

descriptors! {
    BAD_NAME 400 "bad_name" "this is not a valid name"
    BAD_GEM 422 "bad_gem" "this is not a gem that RubyGems can install"
    BAD_OWNER 422 "bad_owner" "the list of owners cannot be changed like this"
    BAD_YANK 422 "bad_yank" "this version cannot be yanked or unyanked"
    BAD_KEY 400 "bad_key" "this key cannot be created"
    THROTTLED 429 "throttled" "too many wrong passwords were sent; try again later"
    VERSION_EXISTS 409 "version_exists" "this version was already pushed"
    NAME_TAKEN 409 "name_taken" "there is a gem whose name differs in case only"
    BEING_PUBLISHED 409 "being_published" "somebody else is pushing this version; try again in a few minutes"
}

/// The error of every endpoint.
pub type Error = Problem<RubyGems>;

impl ErrorFormat for RubyGems {
    type Detail = ();

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

/// A failure of the store while a gem is read is not reported as a fault of the gem.
impl From<ArchiveError> for Error {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Host(error) => error.into(),
            other => Self::because(BAD_GEM, other),
        }
    }
}

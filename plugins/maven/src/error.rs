//! What this protocol answers when a request fails: the lines that it has besides the SDK's
//! defaults, and the shape that clients read. Maven and Gradle show the reason phrase of HTTP/1.1, so
//! each sentence is sent as the reason phrase and in the body.

use packhouse_plugin::problem::defaults::SIGN_IN;
pub use packhouse_plugin::problem::defaults::{METHOD, NOT_FOUND, TOO_LARGE};
use packhouse_plugin::problem::{ErrorFormat, Problem, Report};
use packhouse_plugin::{Descriptor, Response, answered_as, descriptors};

use crate::Maven;
use crate::name::NameError;
use crate::pom::PomError;

descriptors! {
    BAD_PATH 400 "bad_path" "this path cannot be in a Maven repository"
    BAD_NAME 400 "bad_name" "this is not a valid name"
    BAD_POM 400 "bad_pom" "the POM does not agree with the path that it was sent to"
    BAD_METADATA 400 "bad_metadata" "the metadata cannot be read"
    BAD_DIGEST 400 "bad_digest" "the file does not match its checksum; deploy it again"
    EXISTS 409 "exists" "this file already exists with other bytes"
    SPELLING 409 "spelling" "this name already exists in another spelling"
    TAKEN 409 "taken" "this path is taken by another artifact"
    BEING_PUBLISHED 409 "being_published" "this file is being deployed by somebody else; try again in a few minutes"
    CHANGING 503 "changing" "this version was changed by somebody else at the same moment; deploy the file again"
}

/// The error of every endpoint.
pub type Error = Problem<Maven>;

impl ErrorFormat for Maven {
    type Detail = ();

    fn descriptor(report: Report<'_>) -> Descriptor {
        match report {
            Report::BadPath { .. } => BAD_PATH,
            Report::DigestMismatch => BAD_DIGEST,
            other => other.descriptor(),
        }
    }

    fn render(problem: &Error) -> Response {
        let response =
            Response::new(problem.status()).reason(problem.sentence()).text(format!("{problem}\n"));
        match problem.descriptor() {
            SIGN_IN => response.header("www-authenticate", "Basic realm=\"maven\""),
            BEING_PUBLISHED => response.header("retry-after", "60"),
            Descriptor { status: 503, .. } => response.header("retry-after", "1"),
            _ => response,
        }
    }

    fn sign_in(permission: &str) -> String {
        format!(
            "sign in first: add a server with a user name and a password or token to settings.xml. This needs the \
             permission {permission}"
        )
    }
}

answered_as! { Error:
    NameError => BAD_NAME,
    PomError => BAD_POM,
}

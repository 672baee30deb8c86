//! Everything that this protocol answers when it does not do what was asked. Maven and Gradle show
//! the reason phrase of HTTP/1.1, so each sentence is there and in the body.

use packhouse_plugin::problem::{ErrorFormat, Problem, Report};
use packhouse_plugin::{Descriptor, Response, answered_as, descriptors};

use crate::Maven;
use crate::name::NameError;
use crate::pom::PomError;

descriptors! {
    NOT_FOUND 404 "not_found" "this is not in this repository"
    NO_ROUTE 404 "no_route" "nothing is served at this path"
    METHOD 405 "method_not_allowed" "this path does not answer this method"
    FEATURE_OFF 405 "feature_off" "this is turned off on this repository"
    BAD_PATH 400 "bad_path" "this path cannot be in a Maven repository"
    BAD_NAME 400 "bad_name" "this is not a valid name"
    BAD_BODY 400 "bad_body" "the body cannot be read"
    BAD_POM 400 "bad_pom" "the POM does not agree with the path that it was sent to"
    BAD_METADATA 400 "bad_metadata" "the metadata cannot be read"
    BAD_DIGEST 400 "bad_digest" "the file is not what its checksum says; deploy it again"
    TOO_LARGE 413 "too_large" "this is larger than the repository takes"
    SIGN_IN 401 "sign_in" "sign in first: add a server with a user name and a password or token to settings.xml"
    FORBIDDEN 403 "forbidden" "this account lacks a permission"
    EXISTS 409 "exists" "this file is there with other bytes"
    SPELLING 409 "spelling" "this name is there in another spelling"
    TAKEN 409 "taken" "this path is taken by another artifact"
    BEING_PUBLISHED 409 "being_published" "this file is being deployed by somebody else; try again in a few minutes"
    STALE 409 "conflict" "this was changed by somebody else at the same moment; try again"
    CHANGING 503 "changing" "this version was changed by somebody else at the same moment; deploy the file again"
    HOST 500 "internal" "the repository met an internal error"
}

/// What endpoints fail with.
pub type Error = Problem<Maven>;

impl ErrorFormat for Maven {
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
            Report::Conflict => STALE,
            Report::DigestMismatch => BAD_DIGEST,
            Report::TooLarge => TOO_LARGE,
            Report::BadJson | Report::Truncated | Report::Invalid => BAD_BODY,
            Report::Unavailable | Report::Internal => HOST,
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
        format!("{}. This needs the permission {permission}", SIGN_IN.message)
    }
}

answered_as! { Error:
    NameError => BAD_NAME,
    PomError => BAD_POM,
}

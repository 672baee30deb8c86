//! One file for each noun. This file contains what several of them need: the repository of a request,
//! reading stored content, and splitting a list into pages.

use packhouse_plugin::{Call, Error as HostError, Response};

use crate::ROOT;
use crate::access::{Access, is_allowed};
use crate::digest::ContentDigest;
use crate::error::{self, Error};
use crate::name::RepositoryName;

pub mod api;
pub mod blobs;
pub mod catalog;
pub mod manifests;
pub mod referrers;
pub mod tags;
pub mod token;
pub mod uploads;

/// What blobs are served as.
const BYTES: &str = "application/octet-stream";
const CONTENT_DIGEST: &str = "docker-content-digest";

/// The repository in the path.
fn repository(call: &Call) -> Result<RepositoryName, Error> {
    Ok(RepositoryName::parse(&call.decoded("repository")?)?)
}

/// The answer if a stored object is lost or damaged: 500, and the log names the object.
///
/// A client that pushes asks for each part with HEAD first. It sends what is missing (404), and
/// most clients give up after any other failure. So a HEAD by a caller who may push gets a 404,
/// and the push repairs the object.
fn damaged(call: &Call, repository: &RepositoryName, error: HostError, unknown: Error) -> Error {
    if call.is_head() && is_allowed(repository, Access::Push) {
        error.log_unless_clients();
        return unknown;
    }
    error.into()
}

/// The digest in the path.
fn digest(call: &Call) -> Result<ContentDigest, Error> {
    Ok(ContentDigest::parse(&call.decoded("digest")?)?)
}

/// A path below this protocol's own root, at the address that the client uses: `/v2/…` or
/// `/oci/v2/…`. Without a host, which a proxy may have replaced.
fn location(call: &Call, path: &str) -> String {
    if let Some(alias) = call.alias() {
        return format!("{alias}/{path}");
    }
    format!("{}{ROOT}/{path}", call.base_path())
}

fn blob_location(call: &Call, repository: &RepositoryName, digest: &ContentDigest) -> String {
    location(call, &format!("{repository}/blobs/{digest}"))
}

/// `n` of the query, if it is there: how many entries a page has.
fn page_size(call: &Call) -> Result<Option<usize>, Error> {
    let Some(text) = call.query("n") else {
        return Ok(None);
    };
    let number = text.parse().map_err(|_| {
        let sentence =
            format!("`n` must be the number of entries on a page, and {text:.20?} is not a number");
        Error::because(error::PAGE_INVALID, sentence)
    })?;
    Ok(Some(number))
}

/// Tells where the next page is (RFC 8288).
fn link_to_next(response: Response, call: &Call, path: &str, query: &[(&str, &str)]) -> Response {
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    let target = location(call, path);
    response.header("link", &format!("<{target}?{}>; rel=\"next\"", query.join("&")))
}

fn escape(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}

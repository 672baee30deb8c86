//! `GET /v2/_catalog`: the repositories that the caller may pull, and those that `list` was
//! granted on.

use packhouse_plugin::auth::{Denied, Wanted};
use packhouse_plugin::{Call, Response, auth, storage};
use serde_json::json;

use super::{link_to_next, page_size};
use crate::access::{LIST, REPOSITORY};
use crate::error::{self, Error};
use crate::layout;

/// Entries of a page that says no number.
const PAGE: usize = 1000;
/// Entries of the largest page.
const LARGEST_PAGE: usize = 10_000;

/// In the order of their names. All keys of tags are listed each time: their order is another
/// one, as `/` stands between `-` and letters.
pub fn list_repositories(call: &Call) -> Result<Response, Error> {
    let size = page_size(call)?.unwrap_or(PAGE).min(LARGEST_PAGE);
    let last = call.query("last").unwrap_or_default();
    if auth::rejection().is_some() {
        return Err(sign_in());
    }
    let mut names = Vec::new();
    for object in storage::list(layout::TAGS) {
        let repository = layout::repository_of_tags(&object?.key);
        names.extend(repository.map(|repository| repository.to_string()).filter(|name| *name > last));
    }
    names.sort_unstable();
    // One entry more than the page shows whether there is another page.
    let mut names = visible(&names, size + 1);
    if names.is_empty() && last.is_empty() && !auth::has_credentials() {
        return Err(sign_in());
    }
    let is_last_page = size == 0 || names.len() <= size;
    names.truncate(size);
    let response = Response::new(200).json(&json!({ "repositories": names }));
    match (names.last(), is_last_page) {
        (Some(name), false) => {
            let query = [("n", &*size.to_string()), ("last", name.as_str())];
            Ok(link_to_next(response, call, "_catalog", &query))
        }
        _ => Ok(response),
    }
}

/// The first of these repositories that the catalogue shows to the caller. A token for the
/// catalogue contains only `list`. It shows the repositories that its user may pull.
fn visible(names: &[String], most: usize) -> Vec<String> {
    auth::filter_allowed(REPOSITORY, names, LIST).into_iter().take(most).collect()
}

fn sign_in() -> Error {
    let permission = auth::grant(REPOSITORY, "*", "pull");
    let denied = Denied::SignIn { permission, rejection: auth::rejection() };
    error::denied(denied, vec![Wanted::new("registry", "catalog", &["*"])])
}

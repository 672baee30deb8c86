//! `GET /v2/_catalog`: the repositories that the caller may see, by `list` or an action that
//! includes it.

use packhouse_plugin::auth::{Denied, Wanted};
use packhouse_plugin::{Call, Response, auth, storage};
use serde_json::json;

use super::{link_to_next, page_size};
use crate::access::{LIST, REPOSITORY};
use crate::error::Error;
use crate::layout;

/// Entries of a page that says no number.
const PAGE: usize = 1000;

/// In the order of their names. All keys of tags are listed each time: their order is another
/// one, as `/` stands between `-` and letters.
pub fn list_repositories(call: &Call) -> Result<Response, Error> {
    let size = page_size(call)?.unwrap_or(PAGE);
    let last = call.query("last").unwrap_or_default();
    if auth::rejection().is_some() {
        return Err(sign_in());
    }
    let mut names = Vec::new();
    for object in storage::list(layout::TAGS) {
        let repository = layout::repository_of_tags(&object?.key);
        names.extend(repository.map(|repository| repository.to_string()).filter(|name| *name > last));
    }
    let mut names = auth::filter_allowed(REPOSITORY, &names, LIST);
    if names.is_empty() && last.is_empty() && !auth::has_credentials() {
        return Err(sign_in());
    }
    names.sort_unstable();
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

fn sign_in() -> Error {
    let permission = auth::grant(REPOSITORY, "*", "pull");
    let denied = Denied::SignIn { permission, rejection: auth::rejection() };
    Error::denied(&denied, vec![Wanted::new("registry", "catalog", &["*"])])
}

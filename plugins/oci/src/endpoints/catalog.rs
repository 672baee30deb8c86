//! `GET /v2/_catalog`: the repositories that the caller may pull, and those that `list` was
//! granted on.

use std::collections::HashSet;

use packhouse_plugin::auth::{Decision, Denied, Wanted};
use packhouse_plugin::{Call, Response, auth, storage};
use serde_json::json;

use super::{link_to_next, page_size};
use crate::access::{Access, LIST, REPOSITORY};
use crate::error::{self, Error};
use crate::layout;

/// Reading, in the words of the host's other protocols.
const READ: &str = "read";
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
    // One more than the page tells whether there is another page.
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

/// The first of these repositories that the catalogue shows to the caller.
///
/// `list` comes with `pull`, and also with the host's `read`, which is no action of this
/// protocol: it pulls nothing, so it shows nothing. A token for the catalogue holds `list` alone,
/// and stands for what its user may pull.
fn visible(names: &[String], most: usize) -> Vec<String> {
    let listed = auth::filter_allowed(REPOSITORY, names, LIST);
    let pulled: HashSet<String> =
        auth::filter_allowed(REPOSITORY, &listed, Access::Pull.action()).into_iter().collect();
    let is_visible = |name: &String| pulled.contains(name) || is_listed_without_pull(name);
    listed.into_iter().filter(is_visible).take(most).collect()
}

/// Whether the caller, who may list this repository and may not pull it with what they came
/// with, could pull it with another token, or has `list` for another reason than `read`.
fn is_listed_without_pull(name: &str) -> bool {
    let is_refused_for_good = |action: &str| match auth::check(REPOSITORY, name, action) {
        Decision::Granted => false,
        Decision::Forbidden => true,
        Decision::SignIn => auth::caller().is_none(),
    };
    !is_refused_for_good(Access::Pull.action()) || is_refused_for_good(READ)
}

fn sign_in() -> Error {
    let permission = auth::grant(REPOSITORY, "*", "pull");
    let denied = Denied::SignIn { permission, rejection: auth::rejection() };
    error::denied(denied, vec![Wanted::new("registry", "catalog", &["*"])])
}

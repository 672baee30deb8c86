//! `GET /v2/{repository}/tags/list`, page by page with `n` and `last`.

use packhouse_plugin::storage::{self, ListingOptions};
use packhouse_plugin::{Call, Response};
use serde_json::json;

use super::{link_to_next, page_size, repository};
use crate::access::{Access, require};
use crate::document::Tags;
use crate::error::{self, Error};
use crate::name::RepositoryName;
use crate::{layout, tag_map};

/// In the order of their bytes. A repository without tags has an empty list.
pub fn list_tags(call: &Call) -> Result<Response, Error> {
    let repository = repository(call)?;
    require(&repository, Access::Pull)?;
    let size = page_size(call)?;
    let last = call.query("last").unwrap_or_default();
    let tags = load(&repository)?;
    let mut names: Vec<&str> = tags.names_after(&last).collect();
    let is_last_page = size.is_none_or(|size| size == 0 || names.len() <= size);
    names.truncate(size.unwrap_or(usize::MAX));
    let response = Response::new(200).json(&json!({ "name": repository.as_str(), "tags": names }));
    match (names.last(), is_last_page) {
        (Some(name), false) => {
            let size = names.len().to_string();
            let query = [("n", size.as_str()), ("last", name)];
            Ok(link_to_next(response, call, &format!("{repository}/tags/list"), &query))
        }
        _ => Ok(response),
    }
}

fn load(repository: &RepositoryName) -> Result<Tags, Error> {
    if let Some(tags) = tag_map::load(repository)? {
        return Ok(tags);
    }
    // An earlier system leaves no tags where nothing was ever tagged.
    let prefix = layout::manifests(repository);
    let options = ListingOptions { folders: true, limit: 100, ..ListingOptions::new(&prefix) };
    if storage::list_page(&options)?.objects.is_empty() {
        let sentence = format!("there is no repository {repository}");
        return Err(Error::because(error::NAME_UNKNOWN, sentence));
    }
    Ok(Tags::default())
}

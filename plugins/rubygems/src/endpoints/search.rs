//! `GET /api/v1/search.json`: searches searches searches searches searches searches searches searches
//! searches searches searches searches searches searches searches searches searches searches searches
//! searches searches gems by a part of their name.

use std::collections::BTreeSet;

use packhouse_plugin::{Call, Error as Host, Response, storage};
use serde_json::Value;

use super::{Readable, about};
use crate::catalog;
use crate::catalog::listing::Listing;
use crate::error::Error;
use crate::layout;
use crate::name::GemName;
use crate::stored;

/// Gems of a page.
const PAGE: usize = 30;

/// The page of `page` of those that contain `query`: the gem of that very name first, then those
/// that begin with it, then the others.
pub fn search(call: &Call) -> Result<Response, Error> {
    let everything = Readable::everything()?;
    let query = call.query("query").or_else(|| call.query("q")).unwrap_or_default().to_lowercase();
    let page: usize =
        call.query("page").and_then(|page| page.parse().ok()).filter(|page| *page > 0).unwrap_or(1);
    let list = catalog::text()?;
    let gems = Listing::new(&list).gems(|name| name.to_lowercase().contains(query.trim()));
    let names: BTreeSet<&str> =
        gems.iter().filter(|(_, versions)| !versions.is_empty()).map(|(name, _)| *name).collect();
    let readable = match everything {
        Some(everything) => everything,
        None => Readable::of(names.iter())?,
    };
    let mut names: Vec<&str> = names.into_iter().filter(|name| readable.allows(name)).collect();
    names.sort_by_key(|name| {
        let lower = name.to_lowercase();
        (lower != query, !lower.starts_with(&query))
    });
    let names: Vec<GemName> = names
        .into_iter()
        .skip((page - 1).saturating_mul(PAGE))
        .take(PAGE)
        .filter_map(|name| GemName::parse(name).ok())
        .collect();
    Ok(Response::new(200).json(&describe(&names, &call.base_url())?))
}

/// Those whose documents can be read.
fn describe(names: &[GemName], base_url: &str) -> Result<Vec<Value>, Error> {
    let keys: Vec<String> = names.iter().map(layout::document).collect();
    let mut gems = Vec::new();
    for (name, document) in names.iter().zip(storage::get_each(&keys)) {
        let package = match document.and_then(|document| stored::of_document(name, document.as_ref())) {
            Err(Host::Damaged { .. }) => None,
            package => package?,
        };
        let package = package.filter(|package| package.name == name.as_str());
        gems.extend(package.and_then(|package| about::gem(name, &package, base_url)));
    }
    Ok(gems)
}

//! `GET /-/v1/search` and the older `/-/all`, over what the caller may read.
//!
//! There is no index: names come from a listing, and then packuments are read, those whose names match
//! first, until [`DOCUMENTS`] or [`BYTES`] are reached. A registry with a few thousand packages is
//! searched completely. In a larger one, every package is still found by its name, but by its
//! description only if its packument was read.

use packhouse_plugin::storage;
use packhouse_plugin::{Call, Response, auth, log, settings};
use serde_json::{Map, Value, json};

use super::PACKAGE;
use crate::catalog::package_names;
use crate::document::{Packument, Person};
use crate::error::Error;
use crate::json::Object;
use crate::layout;
use crate::name::PackageName;
use query::Query;

mod query;

/// The most packuments that are read for one search.
const DOCUMENTS: usize = 2000;
/// The most bytes of packuments that are read for one search.
const BYTES: u64 = 64 << 20;
/// The most names that one search compares.
const NAMES: usize = 100_000;
/// The longest text that is shown and searched, in characters.
const TEXT: usize = 1000;
/// The most keywords and maintainers of one package.
const LIST: usize = 100;
/// The most results of one search, and the default.
const SIZE: (usize, usize) = (250, 20);

/// `text`, `size`, `from`; npm's weights (`quality`, `popularity`, `maintenance`) are
/// accepted and count for nothing: there are no such figures here.
pub fn search(call: &Call) -> Result<Response, Error> {
    settings::require_feature("search")?;
    auth::refuse_rejected(PACKAGE, "read")?;
    let number = |name: &str| call.query(name).and_then(|text| text.parse::<usize>().ok());
    let query = Query::parse(&call.query("text").unwrap_or_default());
    let size = number("size").unwrap_or(SIZE.1).min(SIZE.0);
    let from = number("from").unwrap_or(0);
    let mut found: Vec<(u32, Summary)> = read_summaries(&query)?
        .into_iter()
        .filter_map(|summary| Some((query.score(&summary)?, summary)))
        .collect();
    // The sort is stable: equals stay in the order of their names.
    found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    let objects: Vec<Value> =
        found.iter().skip(from).take(size).map(|(score, summary)| summary.to_result(*score)).collect();
    Ok(Response::new(200).json(&json!({ "objects": objects, "total": found.len() })))
}

/// All packages by name, for npm before version 4.
pub fn list_all(call: &Call) -> Result<Response, Error> {
    settings::require_feature("search")?;
    auth::refuse_rejected(PACKAGE, "read")?;
    let _ = call;
    let mut all = Map::new();
    // Clients take it for the time to ask for changes from.
    all.insert("_updated".to_owned(), json!(0));
    for summary in read_summaries(&Query::default())? {
        all.insert(summary.name.as_str().to_owned(), summary.to_entry());
    }
    Ok(Response::new(200).json(&Value::Object(all)))
}

/// A package as a search shows it.
pub struct Summary {
    pub name: PackageName,
    pub version: String,
    pub description: String,
    pub keywords: Vec<String>,
    pub maintainers: Vec<Person>,
    pub publisher: Option<Person>,
    date: Option<String>,
    license: Option<String>,
    links: Map<String, Value>,
}

/// Reads what the caller may read, the likeliest first, until a bound is reached.
fn read_summaries(query: &Query) -> Result<Vec<Summary>, Error> {
    let names: Vec<String> = package_names(NAMES)?.iter().map(ToString::to_string).collect();
    let mut names = auth::filter_allowed(PACKAGE, &names, "read");
    if names.is_empty() {
        auth::refuse_empty(PACKAGE, "read")?;
    }
    names.sort_by_key(|name| !query.names(name));
    names.truncate(DOCUMENTS);
    let names: Vec<PackageName> = names.iter().filter_map(|name| PackageName::parse(name).ok()).collect();
    let mut summaries = Vec::new();
    let mut bytes = 0;
    let keys: Vec<String> = names.iter().map(layout::index).collect();
    // One at a time: only the summary of each packument is kept.
    for (name, document) in names.iter().zip(storage::get_each(&keys)) {
        let document = match document {
            Ok(Some(document)) => document,
            Ok(None) => continue,
            Err(packhouse_plugin::Error::Damaged { .. }) => {
                log::warn("a package is too large to be searched", &[("package.name", name.as_str())]);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        bytes += document.bytes.len() as u64;
        summaries.extend(Summary::read(name, &document.bytes));
        if bytes > BYTES {
            break;
        }
    }
    summaries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(summaries)
}

impl Summary {
    /// From the version of `latest`, else from the last one.
    fn read(name: &PackageName, bytes: &[u8]) -> Option<Self> {
        let packument = Packument::parse(bytes).ok()?;
        let version =
            packument.resolve("latest").or_else(|| Some(packument.versions().last()?.0.to_owned()))?;
        let manifest = Object::parse(packument.version(&version)?).ok()?;
        let mut links = Map::new();
        if let Some(homepage) = manifest.text("homepage") {
            links.insert("homepage".to_owned(), shorten(homepage).into());
        }
        for link in ["repository", "bugs"] {
            let object = Object::parse_lenient(manifest.get_source(link));
            if let Some(url) = object.text("url").or_else(|| manifest.text(link)) {
                links.insert(link.to_owned(), shorten(url).into());
            }
        }
        Some(Self {
            name: name.clone(),
            description: shorten(manifest.text("description").unwrap_or_default()),
            keywords: shorten_list(manifest.value("keywords").unwrap_or_default()),
            maintainers: packument.maintainers().into_iter().take(LIST).collect(),
            publisher: manifest.value("_npmUser"),
            date: packument.time(&version),
            license: manifest.text("license").map(shorten),
            version,
            links,
        })
    }

    fn to_result(&self, score: u32) -> Value {
        let package = json!({
            "name": self.name.as_str(),
            "scope": self.name.scope().unwrap_or("unscoped"),
            "version": self.version,
            "description": self.description,
            "keywords": self.keywords,
            "date": self.date,
            "license": self.license,
            "links": self.links,
            "publisher": self.publisher.as_ref().map(search_person),
            "maintainers": self.maintainers.iter().map(search_person).collect::<Vec<_>>(),
        });
        let part = f64::from(score) / f64::from(query::BEST);
        json!({
            "package": package,
            "score": {
                "final": part,
                "detail": { "quality": 0, "popularity": 0, "maintenance": 0 },
            },
            "searchScore": score,
            "flags": { "unstable": self.version.starts_with("0.") },
        })
    }

    fn to_entry(&self) -> Value {
        let maintainers: Vec<Value> = self
            .maintainers
            .iter()
            .map(|person| json!({ "name": person.name, "email": person.email }))
            .collect();
        json!({
            "name": self.name.as_str(),
            "description": self.description,
            "keywords": self.keywords,
            "dist-tags": { "latest": self.version },
            "versions": { self.version.as_str(): "latest" },
            "maintainers": maintainers,
            "time": { "modified": self.date },
            "license": self.license,
        })
    }
}

/// A manifest may have megabytes. A summary must be small, because all summaries are kept in memory.
fn shorten(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(TEXT) {
        text.truncate(end);
        text.shrink_to_fit();
    }
    text
}

fn shorten_list(texts: Vec<String>) -> Vec<String> {
    texts.into_iter().take(LIST).map(shorten).collect()
}

/// Search says `username` where documents say `name`.
fn search_person(person: &Person) -> Value {
    json!({ "username": person.name, "email": person.email })
}

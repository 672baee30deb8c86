//! Searching: `GET /search.json?q=&type=&page=&per_page=`, and the packages that provide or replace
//! another one: `GET /providers/{vendor}/{package}.json`. Both show only packages that the caller may
//! read.

use packhouse_plugin::{Call, Response};
use serde_json::{Map, Value, json};

use super::{package, repository};
use crate::catalog::{Catalog, Entry};
use crate::document::Abandoned;
use crate::error::Error;

/// Results on a page: unless asked, and at most.
const PER_PAGE: (usize, usize) = (15, 100);

/// `GET /search.json`. The total is exact; `next` is the address of the next page.
pub fn search(call: &Call) -> Result<Response, Error> {
    let mut names = repository::readable()?;
    let asked = |name: &str| call.query(name).unwrap_or_default();
    let number = |name: &str| asked(name).parse::<usize>().ok();
    let per_page = number("per_page").unwrap_or(PER_PAGE.0).clamp(1, PER_PAGE.1);
    let page = number("page").unwrap_or(1).max(1);
    let (text, kind) = (asked("q").trim().to_lowercase(), asked("type").trim().to_lowercase());
    let words: Vec<&str> = text.split_whitespace().collect();
    // Where there is more to read than one request reads, names that are meant come first.
    names.sort_by_key(|name| !words.iter().any(|word| name.contains(word)));
    let mut catalog = Catalog::load()?;
    catalog.refresh(&names)?;
    let mut found: Vec<(u32, &String, Entry)> = names
        .iter()
        .filter_map(|name| {
            let entry = catalog.entry(name);
            let is_kind = kind.is_empty() || entry.kind == kind;
            let score = score(&words, &text, name, &entry).filter(|_| is_kind)?;
            Some((score, name, entry))
        })
        .collect();
    found.sort_by(|(score, one, _), (other, next, _)| other.cmp(score).then_with(|| one.cmp(next)));
    let total = found.len();
    let results: Vec<Value> = found
        .iter()
        .skip((page - 1).saturating_mul(per_page))
        .take(per_page)
        .map(|(_, name, entry)| result(name, entry, &call.base_url()))
        .collect();
    let mut answer = json!({ "results": results, "total": total });
    if let (true, Some(answer)) = (page.saturating_mul(per_page) < total, answer.as_object_mut()) {
        let next = next_page(call, page + 1);
        answer.insert("next".to_owned(), json!(next));
    }
    Ok(Response::new(200).json(&answer))
}

fn result(name: &str, entry: &Entry, base_url: &str) -> Value {
    let url = if entry.url.is_empty() { format!("{base_url}/p2/{name}.json") } else { entry.url.clone() };
    let mut result = Map::new();
    for (member, value) in [
        ("name", json!(name)),
        ("description", json!(entry.description)),
        ("url", json!(url)),
        ("repository", json!("")),
        ("type", json!(entry.kind)),
        ("downloads", json!(0)),
        ("favers", json!(0)),
    ] {
        result.insert(member.to_owned(), value);
    }
    let abandoned = match &entry.abandoned {
        Some(Abandoned::Plain(is_abandoned)) => Some(json!(is_abandoned)),
        Some(Abandoned::Replacement(other)) => Some(json!(other)),
        None => None,
    };
    result.extend(abandoned.map(|abandoned| ("abandoned".to_owned(), abandoned)));
    Value::Object(result)
}

/// The same query with another page.
fn next_page(call: &Call, page: usize) -> String {
    let query = call.request().query().unwrap_or_default();
    let kept: Vec<&str> =
        query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("page=")).collect();
    let separator = if kept.is_empty() { "" } else { "&" };
    format!("{}/search.json?{}{separator}page={page}", call.base_url(), kept.join("&"))
}

/// None when a word is missing; more is better.
fn score(words: &[&str], text: &str, name: &str, entry: &Entry) -> Option<u32> {
    let package = name.split('/').nth(1).unwrap_or_default();
    let description = entry.description.to_lowercase();
    let mut score = u32::from(name == text) * 1000;
    for word in words {
        score += if package == *word {
            200
        } else if name.contains(word) {
            100
        } else if entry.keywords.iter().any(|keyword| keyword.to_lowercase() == *word) {
            20
        } else if description.contains(word) {
            10
        } else {
            return None;
        };
    }
    Some(score)
}

/// `GET /providers/{vendor}/{package}.json`.
pub fn read_providers(call: &Call) -> Result<Response, Error> {
    let wanted = package(call)?;
    let names = repository::readable()?;
    let mut catalog = Catalog::load()?;
    catalog.refresh(&names)?;
    let providers: Vec<Value> = names
        .iter()
        .map(|name| (name, catalog.entry(name)))
        .filter(|(_, entry)| entry.provides.iter().any(|provided| wanted.is_named(provided)))
        .map(|(name, entry)| json!({ "name": name, "description": entry.description, "type": entry.kind }))
        .collect();
    Ok(Response::new(200).json(&json!({ "providers": providers })))
}

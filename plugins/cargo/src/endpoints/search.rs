//! `GET /api/v1/crates`: over what the caller may read, by name, keyword and description.

use std::collections::HashSet;

use packhouse_plugin::{Call, Response, auth, log};
use serde_json::{Value, json};

use super::{CRATE, require_feature};
use crate::catalog::{self, Catalog, Entry, Present};
use crate::error::Error;

/// Results on a page: unless asked, and at most.
const PER_PAGE: (usize, usize) = (10, 100);

/// `q`, `per_page`, `page`. The total is exact: every crate is found by its name, and by
/// what it says of itself as soon as that was read (see [`crate::catalog`]).
pub fn search(call: &Call) -> Result<Response, Error> {
    require_feature("search")?;
    let number = |name: &str| call.query(name).and_then(|text| text.parse::<usize>().ok());
    let per_page = number("per_page").unwrap_or(PER_PAGE.0).clamp(1, PER_PAGE.1);
    let skipped = number("page").unwrap_or(1).saturating_sub(1).saturating_mul(per_page);
    let query = Query::parse(&call.query("q").unwrap_or_default());

    let mut catalog = Catalog::load()?;
    let present = catalog::list()?;
    let granted = granted(present.iter().map(|present| present.name.as_str()));
    let learned = learn_spellings(&mut catalog, &present, &granted)?;
    let mut visible = allowed(&catalog, &present, &granted);
    visible.sort_by_key(|present| !query.names(present.name.as_str()));
    let read = learned + catalog.refresh(visible.iter().copied())?;
    let mut found: Vec<(u32, &Present)> = visible
        .into_iter()
        .filter_map(|present| Some((query.score(&catalog.entry(&present.name))?, present)))
        .collect();
    found.sort_by(|(score, one), (other, next)| other.cmp(score).then_with(|| one.name.cmp(&next.name)));
    let page: Vec<&Present> =
        found.iter().skip(skipped).take(per_page).map(|(_, present)| *present).collect();
    // Where there is more to read than one request reads, at least what is shown was read.
    let read = read + catalog.refresh(page.iter().copied())?;
    if let Err(error) = catalog.save(&present, read) {
        log::warn(
            "the catalog could not be written; the next search reads again",
            &[("error", &error.to_string())],
        );
    }
    let crates: Vec<Value> = page
        .iter()
        .map(|present| catalog.entry(&present.name))
        .map(|entry| {
            json!({
                "name": entry.name,
                "max_version": entry.newest,
                "description": (!entry.description.is_empty()).then_some(&entry.description),
            })
        })
        .collect();
    Ok(Response::new(200).json(&json!({ "crates": crates, "meta": { "total": found.len() } })))
}

/// Those of the names that the caller may read.
fn granted<'a>(names: impl Iterator<Item = &'a str>) -> HashSet<String> {
    auth::filter_allowed(CRATE, &names.collect::<Vec<_>>(), "read").into_iter().collect()
}

/// A grant may name a crate as it was published, and its key does not tell: reads what was never
/// read, for those whose grants could be such. How many were read.
fn learn_spellings(
    catalog: &mut Catalog,
    present: &[Present],
    granted: &HashSet<String>,
) -> Result<usize, Error> {
    if auth::caller().is_none() {
        return Ok(0);
    }
    let is_unknown = |present: &&Present| {
        !granted.contains(present.name.as_str()) && catalog.spelling(&present.name).is_none()
    };
    let unknown: Vec<&Present> = present.iter().filter(is_unknown).collect();
    Ok(catalog.refresh(unknown.into_iter())?)
}

/// Those that the caller may read, under either spelling of their names.
fn allowed<'a>(catalog: &Catalog, present: &'a [Present], lower: &HashSet<String>) -> Vec<&'a Present> {
    let spelled = |present: &Present| {
        catalog.spelling(&present.name).filter(|name| *name != present.name.as_str()).map(str::to_owned)
    };
    let is_lower = |present: &Present| lower.contains(present.name.as_str());
    let others: Vec<String> =
        present.iter().filter(|present| !is_lower(present)).filter_map(spelled).collect();
    let also = granted(others.iter().map(String::as_str));
    let is_also = |present: &Present| spelled(present).is_some_and(|name| also.contains(&name));
    present.iter().filter(|present| is_lower(present) || is_also(present)).collect()
}

/// Words that must all be found, in lower case and with `-` for `_`.
struct Query {
    words: Vec<String>,
    whole: String,
}

impl Query {
    fn parse(text: &str) -> Self {
        let text = simplify(text.trim());
        Self { words: text.split_whitespace().map(str::to_owned).collect(), whole: text }
    }

    /// Could this name be meant?
    fn names(&self, name: &str) -> bool {
        let name = simplify(name);
        self.words.iter().any(|word| name.contains(word))
    }

    /// None when a word is missing; more is better.
    fn score(&self, entry: &Entry) -> Option<u32> {
        let (name, description) = (simplify(&entry.name), simplify(&entry.description));
        let mut score = u32::from(name == self.whole) * 1000;
        for word in &self.words {
            score += if name.starts_with(word) {
                100
            } else if name.contains(word) {
                50
            } else if entry.keywords.iter().any(|keyword| simplify(keyword) == *word) {
                20
            } else if description.contains(word) {
                10
            } else {
                return None;
            };
        }
        Some(score)
    }
}

fn simplify(text: &str) -> String {
    text.to_lowercase().replace('_', "-")
}

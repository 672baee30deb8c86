//! `GET /api/v1/crates`: searches the crates that the caller may read, by name, keyword and
//! description.

use std::collections::HashSet;

use packhouse_plugin::auth::{self, Decision};
use packhouse_plugin::{Call, Response, log, settings};
use serde_json::{Value, json};

use super::{CRATE, EVERY_CRATE};
use crate::catalog::{self, Catalog, Entry, Present};
use crate::error::Error;

/// Results on a page: unless asked, and at most.
const PER_PAGE: (usize, usize) = (10, 100);

/// `q`, `per_page`, `page`. The total is exact: every crate is found by its name, and by
/// what it says of itself as soon as that was read (see [`crate::catalog`]).
pub fn search(call: &Call) -> Result<Response, Error> {
    settings::require_feature("search")?;
    auth::refuse_rejected(CRATE, "read")?;
    let number = |name: &str| call.query(name).and_then(|text| text.parse::<usize>().ok());
    let per_page = number("per_page").unwrap_or(PER_PAGE.0).clamp(1, PER_PAGE.1);
    let skipped = number("page").unwrap_or(1).saturating_sub(1).saturating_mul(per_page);
    let query = Query::parse(&call.query("q").unwrap_or_default());

    let mut catalog = Catalog::load()?;
    let present = catalog::list()?;
    let learned = learn_spellings(&mut catalog, &present)?;
    let mut visible = allowed(&catalog, present.iter());
    if visible.is_empty() {
        auth::refuse_empty(CRATE, "read")?;
    }
    visible.sort_by_key(|present| !query.names(present.name.as_str()));
    let read = learned + catalog.refresh(visible.iter().copied())?.read;
    // Asked again of what was only known by its key.
    let visible = allowed(&catalog, visible.into_iter());
    let mut found: Vec<(u32, &Present)> = visible
        .into_iter()
        .filter_map(|present| Some((query.score(&catalog.entry(&present.name))?, present)))
        .collect();
    found.sort_by(|(score, one), (other, next)| other.cmp(score).then_with(|| one.name.cmp(&next.name)));
    let page: Vec<&Present> =
        found.iter().skip(skipped).take(per_page).map(|(_, present)| *present).collect();
    // Where there is more to read than one request reads, at least what is shown was read.
    let read = read + catalog.refresh(page.iter().copied())?.read;
    let page = allowed(&catalog, page.into_iter());
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

/// A grant names a crate as it was published, and its key does not tell how that is: reads
/// what was never read, where the caller may not read every crate. How many were read.
fn learn_spellings(catalog: &mut Catalog, present: &[Present]) -> Result<usize, Error> {
    if auth::caller().is_none() || auth::check(CRATE, EVERY_CRATE, "read") == Decision::Granted {
        return Ok(0);
    }
    let unknown: Vec<&Present> =
        present.iter().filter(|present| catalog.spelling(&present.name).is_none()).collect();
    Ok(catalog.refresh(unknown.into_iter())?.read)
}

/// Those that the caller may read, under the spelling of their names; where that is not known
/// yet, under their keys'.
fn allowed<'a>(catalog: &Catalog, present: impl Iterator<Item = &'a Present>) -> Vec<&'a Present> {
    let present: Vec<&Present> = present.collect();
    let spelled = |present: &Present| {
        catalog.spelling(&present.name).unwrap_or_else(|| present.name.as_str()).to_owned()
    };
    let names: Vec<String> = present.iter().map(|present| spelled(present)).collect();
    let granted: HashSet<String> = auth::filter_allowed(CRATE, &names, "read").into_iter().collect();
    present.into_iter().zip(names).filter(|(_, name)| granted.contains(name)).map(|(one, _)| one).collect()
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

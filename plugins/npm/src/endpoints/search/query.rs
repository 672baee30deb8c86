//! A query: words that must all be found, and the qualifiers `keywords:`, `maintainer:`, `author:` and
//! `scope:`.

use super::Summary;

/// The best score a word can have.
pub const BEST: u32 = 1000;

/// A search, in lower case.
#[derive(Debug, Default)]
pub struct Query {
    words: Vec<String>,
    keywords: Vec<String>,
    people: Vec<String>,
    scopes: Vec<String>,
}

impl Query {
    pub fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for word in text.to_lowercase().split_whitespace() {
            match word.split_once(':') {
                Some(("keywords", value)) => {
                    query.keywords.extend(value.split(',').map(str::to_owned));
                }
                Some(("maintainer" | "author", value)) => query.people.push(value.to_owned()),
                Some(("scope", value)) => {
                    query.scopes.push(value.trim_start_matches('@').to_owned());
                }
                _ => query.words.push(word.to_owned()),
            }
        }
        query
    }

    /// Is any word part of this name? Such packages are read first.
    pub fn names(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.words.iter().any(|word| name.contains(word.as_str()))
    }

    /// How well a package fits, up to [`BEST`]; none when it does not.
    pub fn score(&self, summary: &Summary) -> Option<u32> {
        let keywords: Vec<String> = summary.keywords.iter().map(|word| word.to_lowercase()).collect();
        let people = || summary.maintainers.iter().chain(&summary.publisher);
        let fits = self.keywords.iter().all(|word| keywords.contains(word))
            && self.people.iter().all(|name| people().any(|person| person.name.to_lowercase() == *name))
            && self.scopes.iter().all(|scope| summary.name.scope() == Some(scope.as_str()));
        if !fits {
            return None;
        }
        let mut total = 0;
        for word in &self.words {
            total += score_word(word, summary, &keywords)?;
        }
        let count = u32::try_from(self.words.len()).unwrap_or(u32::MAX).max(1);
        Some(if self.words.is_empty() { BEST / 2 } else { total / count })
    }
}

fn score_word(word: &str, summary: &Summary, keywords: &[String]) -> Option<u32> {
    let name = summary.name.as_str().to_lowercase();
    let description = summary.description.to_lowercase();
    if name == word || summary.name.base().to_lowercase() == word {
        Some(BEST)
    } else if name.starts_with(word) || summary.name.base().to_lowercase().starts_with(word) {
        Some(800)
    } else if name.contains(word) {
        Some(600)
    } else if keywords.iter().any(|keyword| keyword == word) {
        Some(500)
    } else if description.contains(word) {
        Some(300)
    } else if keywords.iter().any(|keyword| keyword.contains(word)) {
        Some(200)
    } else {
        None
    }
}

//! What actions imply for a plugin that does not say it: the contract 0.1.0 had no word for it,
//! and every host of it went by one list. The list belongs to that contract, and stands there.

use packhouse_scope::Rules;

/// One action a line, and what it implies behind a colon.
const LIST: &str = include_str!("../../../../../wit/released/0.1.0/implied.txt");
/// The line of what a read-only token may do.
const READ_ONLY: &str = "(read-only)";

pub fn rules() -> Rules {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    let words = |words: &str| words.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let mut rules = Rules::default();
    for (action, implied) in lines.filter_map(|line| line.split_once(':')) {
        if action == READ_ONLY {
            rules.reading = words(implied);
        } else {
            rules.implied.insert(action.to_owned(), words(implied));
        }
    }
    rules
}

#[cfg(test)]
mod tests;

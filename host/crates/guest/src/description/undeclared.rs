//! What actions imply for a plugin that does not declare it. Contract 0.1.0 has no function for that:
//! its hosts used one fixed list, which is stored beside the released contract.

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

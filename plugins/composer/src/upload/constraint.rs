//! Whether Composer can read a constraint on a version (`Composer\Semver\VersionParser`): a constraint
//! that it cannot read prevents clients from reading the package, and all packages that they requested
//! with it.

use crate::name::version::normalize;

const OPERATORS: [&str; 9] = ["<>", "!=", ">=", "<=", "==", ">", "<", "=", ""];
const STABILITIES: [&str; 5] = ["stable", "rc", "beta", "alpha", "dev"];

/// Whether it is one or more alternatives, each of one or more constraints.
pub fn is_valid(constraint: &str) -> bool {
    if constraint == "self.version" {
        return true;
    }
    let one_bar = constraint.replace("||", "|");
    one_bar.split('|').all(|alternative| is_conjunction(alternative.trim()))
}

/// Constraints between commas and spaces, where an operator may stand apart from its version.
fn is_conjunction(text: &str) -> bool {
    if text.contains(',') && text.split(',').any(|part| part.trim().is_empty()) {
        return false;
    }
    let mut words = text.split([',', ' ', '\t', '\n', '\r']).filter(|word| !word.is_empty());
    let mut is_empty = true;
    while let Some(word) = words.next() {
        let is_right = match word {
            // An alias, or the end of a range.
            "as" => !is_empty && words.next().is_some(),
            "-" => !is_empty && words.next().is_some_and(is_number_like),
            _ if !word.is_empty() && OPERATORS.contains(&word) => words.next().is_some_and(is_version),
            _ => is_constraint(word),
        };
        if !is_right {
            return false;
        }
        is_empty = false;
    }
    !is_empty
}

fn is_constraint(word: &str) -> bool {
    let word = strip_reference(strip_stability(word));
    if is_any(word.strip_prefix(['v', 'V']).unwrap_or(word)) {
        return true;
    }
    if let Some(version) = word.strip_prefix(['^', '~']) {
        return is_number_like(version);
    }
    if is_range_of_x(word) {
        return true;
    }
    let operator =
        OPERATORS.iter().find(|operator| word.starts_with(**operator)).copied().unwrap_or_default();
    is_version(word.strip_prefix(operator).unwrap_or(word))
}

fn is_version(text: &str) -> bool {
    let text = strip_reference(strip_stability(text));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-./".contains(&byte);
    // Composer takes `name-dev` for `dev-name`.
    let is_branch = text.len() > 4 && text.ends_with("-dev") && text.bytes().all(is_plain);
    normalize(text).is_some() || is_branch
}

/// A version that begins with a number.
fn is_number_like(text: &str) -> bool {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    text.starts_with(|first: char| first.is_ascii_digit()) && is_version(text)
}

/// `*`, `x`, `x.x`.
fn is_any(text: &str) -> bool {
    text.split('.').all(|part| matches!(part, "x" | "X" | "*"))
}

/// `1.*`, `1.2.x`.
fn is_range_of_x(text: &str) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    let parts: Vec<&str> = text.split('.').collect();
    let is_number = |part: &&&str| part.bytes().all(|byte| byte.is_ascii_digit()) && !part.is_empty();
    let numbers = parts.iter().take_while(is_number).count();
    let rest = parts.get(numbers..).unwrap_or_default();
    (1..=3).contains(&numbers) && !rest.is_empty() && rest.iter().all(|part| matches!(*part, "x" | "X" | "*"))
}

fn strip_stability(word: &str) -> &str {
    match word.rsplit_once('@') {
        Some((version, stability)) if STABILITIES.contains(&stability.to_ascii_lowercase().as_str()) => {
            if version.is_empty() {
                "*"
            } else {
                version
            }
        }
        _ => word,
    }
}

/// `dev-main#commit` is `dev-main`.
fn strip_reference(word: &str) -> &str {
    match word.split_once('#') {
        Some((version, _)) if version.starts_with("dev-") || version.ends_with(".x-dev") => version,
        _ => word,
    }
}

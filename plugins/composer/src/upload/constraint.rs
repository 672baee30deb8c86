//! Whether Composer can read a constraint on a version (`Composer\Semver\VersionParser`): a constraint
//! that it cannot read prevents clients from reading the package, and all packages that they requested
//! with it.

use crate::name::version::{normalize, split_digits, strip_alias, trim, with_modifiers};

const OPERATORS: [&str; 8] = ["<>", "!=", ">=", "<=", "==", ">", "<", "="];
const STABILITIES: [&str; 5] = ["stable", "rc", "beta", "alpha", "dev"];
/// White space of PHP's regular expressions.
const BLANKS: [char; 6] = [' ', '\t', '\n', '\r', '\x0b', '\x0c'];

/// Whether it is one or more alternatives, each of one or more constraints.
pub fn is_valid(constraint: &str) -> bool {
    if constraint == "self.version" {
        return true;
    }
    let one_bar = trim(constraint).replace("||", "|");
    one_bar
        .split('|')
        .all(|alternative| conjunction(alternative.trim_matches(BLANKS)).into_iter().all(is_constraint))
}

/// The constraints of an alternative, between commas and spaces.
fn conjunction(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut at) = (Vec::new(), 0, 0);
    while at < text.len() {
        if let Some(end) = separator_at(text.as_bytes(), at) {
            parts.push(text.get(start..at).unwrap_or_default());
            (start, at) = (end, end);
        } else {
            at += 1;
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// The end of the separator that begins here. There is no separator beside an operator, `as`, or the
/// `-` of a range.
fn separator_at(text: &[u8], start: usize) -> Option<usize> {
    let before = text.get(..start)?;
    let last = before.last()?;
    if b"=>< ,".contains(last) || before.ends_with(b"as") {
        return None;
    }
    let spaces_at =
        |at: usize| text.get(at..).unwrap_or_default().iter().take_while(|byte| **byte == b' ').count();
    (0..=spaces_at(start)).rev().find_map(|spaces| {
        let at = start + spaces;
        let is_separator = text.get(at).is_some_and(|byte| b", ".contains(byte));
        if !is_separator || text.get(at.checked_sub(1)?) == Some(&b'-') || text.get(at + 1) == Some(&b'-') {
            return None;
        }
        (0..=spaces_at(at + 1)).rev().map(|spaces| at + 1 + spaces).find(|end| {
            let rest = text.get(*end..).unwrap_or_default();
            !rest.is_empty() && rest != b"\n" && !rest.starts_with(b",") && !rest.starts_with(b"as")
        })
    })
}

fn is_constraint(text: &str) -> bool {
    let text = strip_reference(strip_stability(strip_alias(text)));
    if is_any(text.strip_prefix(['v', 'V']).unwrap_or(text)) || is_range_of_x(text) {
        return true;
    }
    if let Some(version) = text.strip_prefix(['^', '~']) {
        return is_number_like(version);
    }
    if let Some((from, to)) = split_range(text) {
        return normalize(from).is_some() && normalize(to).is_some();
    }
    let operator =
        OPERATORS.iter().find(|operator| text.starts_with(**operator)).copied().unwrap_or_default();
    let version = text.strip_prefix(operator).unwrap_or(text).trim_start_matches(BLANKS);
    is_version(version.split('\n').next().unwrap_or_default())
}

fn is_version(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-./".contains(&byte);
    // Composer takes `name-dev` for `dev-name`.
    normalize(text).is_some() || (text.ends_with("-dev") && text.bytes().all(is_plain))
}

/// One to four numbers, with what may stand behind them.
fn is_number_like(text: &str) -> bool {
    has_numbers(text) && normalize(text).is_some()
}

fn has_numbers(text: &str) -> bool {
    let (version, build) = text.split_once('+').map_or((text, "-"), |(version, build)| (version, build));
    let text = version.strip_prefix(['v', 'V']).unwrap_or(version);
    let (first, mut rest) = split_digits(text);
    for _ in 0..3 {
        let (number, after) = rest.strip_prefix('.').map(split_digits).unwrap_or_default();
        if !number.is_empty() {
            rest = after;
        }
    }
    let of_branch = rest.strip_prefix('.').and_then(|rest| rest.strip_prefix(['x', 'X', '*']));
    let is_branch =
        of_branch.is_some_and(|end| end.strip_prefix(['.', '-']).unwrap_or(end).eq_ignore_ascii_case("dev"));
    !first.is_empty()
        && !build.is_empty()
        && !build.contains(BLANKS)
        && (is_branch || with_modifiers(String::new(), rest).is_some())
}

/// `1.0 - 2.0`, with one or more spaces.
fn split_range(text: &str) -> Option<(&str, &str)> {
    text.match_indices(" - ").find_map(|(at, _)| {
        let (from, to) = (text.get(..at)?.trim_end_matches(' '), text.get(at + 3..)?.trim_start_matches(' '));
        (has_numbers(from) && has_numbers(to)).then_some((from, to))
    })
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
        Some((version, stability))
            if STABILITIES.contains(&stability.to_ascii_lowercase().as_str())
                && !version.contains(BLANKS)
                && !version.contains(',') =>
        {
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
fn strip_reference(text: &str) -> &str {
    let is_branch = |version: &str| {
        let lower = version.to_ascii_lowercase();
        let is_named = lower.len() > 4 && lower.starts_with("dev-");
        let is_numbered = lower.len() > 6 && lower.ends_with(".x-dev");
        (is_named || is_numbered) && !version.contains(BLANKS) && !version.contains([',', '@'])
    };
    let found = text.match_indices('#').filter_map(|(at, _)| Some((text.get(..at)?, text.get(at + 1..)?)));
    let mut found = found.filter(|(version, commit)| is_branch(version) && !commit.is_empty());
    found.next().map_or(text, |(version, _)| version)
}

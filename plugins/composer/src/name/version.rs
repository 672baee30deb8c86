//! Versions, normalised like in Composer's parser (`Composer\Semver\VersionParser`): two spellings of a
//! version have the same normal form, and clients compare only normal forms.

use std::cmp::Ordering;
use std::fmt;

/// The longest version, in bytes.
const LONGEST: usize = 200;
/// The number that replaces an `x` of a branch.
const ANY: &str = "9999999";

/// A version as its publisher writes it, and its normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    written: String,
    normalized: String,
}

/// Why a text is not a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionError {
    written: String,
}

impl fmt::Display for VersionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.written.chars().take(100).collect();
        write!(
            formatter,
            "{shown:?} is not a version: use one like 1.2.3, 1.2.3-beta1, dev-main or 1.x-dev, of up to {LONGEST} \
             bytes without spaces, commas and `#`"
        )
    }
}

impl std::error::Error for VersionError {}

impl Version {
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let written = text.trim();
        let is_odd =
            |character: char| character.is_whitespace() || character.is_control() || ",#".contains(character);
        let fits = written.len() <= LONGEST && !written.contains(is_odd);
        // A branch without a name, or with a folder that no path can hold.
        let is_path = |name: &str| !name.split('/').any(|part| matches!(part, "" | "." | ".."));
        let normalized = normalize(written).filter(|normalized| fits && is_path(normalized));
        match normalized.filter(|normalized| normalized != "dev-") {
            Some(normalized) => Ok(Self { written: written.to_owned(), normalized }),
            None => Err(VersionError { written: written.to_owned() }),
        }
    }

    /// As its publisher writes it.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    pub fn normalized(&self) -> &str {
        &self.normalized
    }

    /// Whether it is a branch, which may change.
    pub fn is_dev(&self) -> bool {
        is_dev(&self.normalized)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written)
    }
}

/// Whether a normal form is that of a branch, which may change.
pub fn is_dev(normalized: &str) -> bool {
    normalized.starts_with("dev-") || normalized.ends_with("-dev")
}

/// Whether a normal form is that of a release: neither a branch nor a pre-release.
pub fn is_stable(normalized: &str) -> bool {
    !is_dev(normalized) && !["-alpha", "-beta", "-RC"].iter().any(|word| normalized.contains(word))
}

/// Without what PHP's `trim` takes away.
pub fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r', '\0', '\x0b'])
}

/// None if Composer does not take it for a version.
pub fn normalize(text: &str) -> Option<String> {
    let text = strip_stability(strip_alias(trim(text)));
    if matches!(text, "master" | "trunk" | "default") {
        return Some(format!("dev-{text}"));
    }
    if let Some(branch) = strip_dev(text) {
        return Some(format!("dev-{branch}"));
    }
    let text = strip_build(text);
    if let Some(normalized) = classical(text).or_else(|| dated(text)) {
        return Some(normalized);
    }
    let branch = text.len().checked_sub(3).and_then(|at| text.split_at_checked(at));
    let branch = branch.filter(|(_, end)| end.eq_ignore_ascii_case("dev")).map(|(branch, _)| branch)?;
    normalize_branch(branch.strip_suffix(['.', '-']).unwrap_or(branch))
}

/// `1.0 as 2.0` is `1.0`.
pub fn strip_alias(text: &str) -> &str {
    if text.starts_with(' ') || text.ends_with(' ') {
        return text;
    }

    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        [version, "as", alias] if !version.contains(is_separator) && !alias.contains(is_separator) => version,
        _ => text,
    }
}

fn is_separator(character: char) -> bool {
    character == ',' || character.is_ascii_whitespace()
}

fn strip_stability(text: &str) -> &str {
    let stabilities = ["stable", "rc", "beta", "alpha", "dev"];
    match text.rsplit_once('@') {
        Some((version, word)) if stabilities.contains(&word.to_ascii_lowercase().as_str()) => version,
        _ => text,
    }
}

fn strip_dev(text: &str) -> Option<&str> {
    let (start, branch) = text.split_at_checked(4)?;
    start.eq_ignore_ascii_case("dev-").then_some(branch)
}

/// `1.0+build` is `1.0`.
fn strip_build(text: &str) -> &str {
    match text.split_once('+') {
        Some((version, build))
            if !version.is_empty()
                && !version.contains(is_separator)
                && !build.is_empty()
                && !build.contains(|character: char| character.is_ascii_whitespace()) =>
        {
            version
        }
        _ => text,
    }
}

fn strip_v(text: &str) -> &str {
    text.strip_prefix(['v', 'V']).unwrap_or(text)
}

/// One to four numbers, the first of up to five digits.
fn classical(text: &str) -> Option<String> {
    let text = strip_v(text);
    let (first, mut rest) = split_digits(text);
    if !(1..=5).contains(&first.len()) {
        return None;
    }
    let mut normalized = first.to_owned();
    for _ in 0..3 {
        let (number, after) = rest.strip_prefix('.').map(split_digits).unwrap_or_default();
        if number.is_empty() {
            normalized.push_str(".0");
        } else {
            normalized.push('.');
            normalized.push_str(number);
            rest = after;
        }
    }
    with_modifiers(normalized, rest)
}

/// A date, and a time: a year, one to six times two digits, and up to three more.
fn dated(text: &str) -> Option<String> {
    let text = strip_v(text);
    let (year, rest) = text.split_at_checked(4)?;
    if !is_number(year) {
        return None;
    }
    let mut ends = vec![rest];
    while let Some(after) = ends.last().and_then(|rest| strip_digits(rest, 2)).filter(|_| ends.len() < 7) {
        ends.push(after);
    }
    ends.iter().skip(1).rev().find_map(|rest| {
        let tails = [3, 2, 1].into_iter().filter_map(|count| strip_digits(rest, count));
        tails.chain([*rest]).find_map(|rest| {
            let date = text.get(..text.len() - rest.len())?;
            let dotted =
                date.chars().map(|character| if character.is_ascii_digit() { character } else { '.' });
            with_modifiers(dotted.collect(), rest)
        })
    })
}

/// What is behind so many digits, which may have a separator before them.
fn strip_digits(text: &str, count: usize) -> Option<&str> {
    let text = text.strip_prefix(['.', ':', '-']).unwrap_or(text);
    let (digits, rest) = text.split_at_checked(count)?;
    is_number(digits).then_some(rest)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The digits at the start, and the rest.
pub fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The numbers with what stands behind them: a stability with its number, and `-dev`.
pub fn with_modifiers(numbers: String, rest: &str) -> Option<String> {
    const STABILITIES: [&str; 9] = ["stable", "beta", "b", "rc", "alpha", "a", "patch", "pl", "p"];
    let rest = rest.strip_prefix(['.', '_', '-']).unwrap_or(rest);
    let starts = STABILITIES.iter().filter_map(|word| Some((*word, rest.get(..word.len())?)));
    let found = starts.into_iter().find(|(word, start)| start.eq_ignore_ascii_case(word));
    let Some((_, stability)) = found else {
        return ends_with_dev(rest).map(|is_dev| if is_dev { numbers + "-dev" } else { numbers });
    };
    let behind = rest.get(stability.len()..).unwrap_or_default();
    let mut after = behind;
    loop {
        let (digits, left) = split_digits(after.strip_prefix(['.', '-']).unwrap_or(after));
        if digits.is_empty() {
            break;
        }
        after = left;
    }
    let number = behind.get(..behind.len() - after.len()).unwrap_or_default();
    let is_dev = ends_with_dev(after)?;
    if stability == "stable" {
        return Some(numbers);
    }
    let lower = stability.to_ascii_lowercase();
    let expanded = match lower.as_str() {
        "a" => "alpha",
        "b" => "beta",
        "p" | "pl" => "patch",
        "rc" => "RC",
        other => other,
    };
    let end = if is_dev { "-dev" } else { "" };
    Some(format!("{numbers}-{expanded}{}{end}", number.trim_start_matches(['.', '-'])))
}

/// Whether the rest is `dev`; none if it is neither that nor empty.
fn ends_with_dev(rest: &str) -> Option<bool> {
    if rest.is_empty() {
        return Some(false);
    }
    rest.strip_prefix(['.', '-']).unwrap_or(rest).eq_ignore_ascii_case("dev").then_some(true)
}

/// A branch of numbers, as `1.x`; none for any other.
fn normalize_branch(branch: &str) -> Option<String> {
    let (first, mut rest) = split_digits(strip_v(branch.trim()));
    if first.is_empty() {
        return None;
    }
    let mut normalized = first.to_owned();
    for _ in 0..3 {
        normalized.push('.');
        let Some(part) = rest.strip_prefix('.') else {
            normalized.push_str(ANY);
            continue;
        };
        let (number, after) = split_digits(part);
        if number.is_empty() {
            rest = part.strip_prefix(['x', 'X', '*'])?;
            normalized.push_str(ANY);
        } else {
            rest = after;
            normalized.push_str(number);
        }
    }
    rest.is_empty().then(|| normalized + "-dev")
}

/// The order of normal forms, as PHP's `version_compare` has it; branches come first.
pub fn compare(one: &str, other: &str) -> Ordering {
    let (branch, other_branch) = (one.starts_with("dev-"), other.starts_with("dev-"));
    if branch || other_branch {
        return other_branch.cmp(&branch).then_with(|| one.cmp(other));
    }
    let (left, right) = (parts(one), parts(other));
    for index in 0..left.len().max(right.len()) {
        let order = match (left.get(index), right.get(index)) {
            (Some(one), Some(other)) => compare_parts(one, other),
            // What goes on with a number or a patch is later, what goes on with a stability earlier.
            (Some(part), None) => rank(part).cmp(&NUMBER).then(Ordering::Greater),
            (None, Some(part)) => NUMBER.cmp(&rank(part)).then(Ordering::Less),
            (None, None) => Ordering::Equal,
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// The rank of a number among the words.
const NUMBER: u8 = 5;

fn rank(part: &str) -> u8 {
    match part {
        "dev" => 1,
        "alpha" | "a" => 2,
        "beta" | "b" => 3,
        "RC" | "rc" => 4,
        "patch" | "pl" | "p" => 6,
        part if is_number(part) => NUMBER,
        _ => 0,
    }
}

fn compare_parts(one: &str, other: &str) -> Ordering {
    if is_number(one) && is_number(other) {
        let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
        return one.len().cmp(&other.len()).then_with(|| one.cmp(other));
    }
    rank(one).cmp(&rank(other))
}

/// Runs of digits and of letters.
fn parts(version: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for piece in version.split(['.', '-', '_', '+']) {
        let mut rest = piece;
        while let Some(first) = rest.chars().next() {
            let is_digit = first.is_ascii_digit();
            let end = rest.find(|character: char| character.is_ascii_digit() != is_digit);
            let (part, after) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
            parts.push(part);
            rest = after;
        }
    }
    parts
}

//! The number of a version, and how RubyGems orders them (`Gem::Version`).

use std::cmp::Ordering;
use std::fmt;

use super::{LONGEST, NameError, shown};

/// Kept as it was written: `1.10` and `1.100` are two versions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Number(String);

impl Number {
    /// RubyGems reads `1.0-rc1` as `1.0.pre.rc1`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let error = || NameError::Version(shown(text));
        let number = text.trim_matches([' ', '\t']).replace('-', ".pre.");
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let first = number.split('.').next().unwrap_or_default();
        let begins_with_number = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
        if number.len() > LONGEST || !begins_with_number || !number.split('.').all(is_part) {
            return Err(error());
        }
        Ok(Self(number))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A version with a letter is a pre-release.
    pub fn is_prerelease(&self) -> bool {
        self.0.bytes().any(|byte| byte.is_ascii_alphabetic())
    }

    /// Whether RubyGems takes both for one version: `1.0` and `1.0.0`.
    pub fn is_same_as(&self, other: &Number) -> bool {
        compare(&self.0, &other.0) == Ordering::Equal
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0).then_with(|| self.0.cmp(&other.0))
    }
}

/// A run of digits without leading zeros, or a run of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segment<'a> {
    Number(&'a str),
    Text(&'a str),
}

const ZERO: Segment<'static> = Segment::Number("");

/// As `Gem::Version` orders: a text comes before every number, and what is missing is 0.
pub fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (segments(one), segments(other));
    for index in 0..one.len().max(other.len()) {
        let one = one.get(index).copied().unwrap_or(ZERO);
        let other = other.get(index).copied().unwrap_or(ZERO);
        let order = match (one, other) {
            (Segment::Number(one), Segment::Number(other)) => {
                one.len().cmp(&other.len()).then(one.cmp(other))
            }
            (Segment::Text(one), Segment::Text(other)) => one.cmp(other),
            (Segment::Text(_), Segment::Number(_)) => Ordering::Less,
            (Segment::Number(_), Segment::Text(_)) => Ordering::Greater,
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// `1.0.0.a.0` has the segments `1 a`: zeros before the first text and at the end do not count.
fn segments(text: &str) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    for part in text.split('.') {
        let mut rest = part;
        while let Some(first) = rest.bytes().next() {
            let is_number = first.is_ascii_digit();
            let end = rest.bytes().position(|byte| byte.is_ascii_digit() != is_number).unwrap_or(rest.len());
            let (run, behind) = rest.split_at(end);
            segments.push(if is_number {
                Segment::Number(run.trim_start_matches('0'))
            } else {
                Segment::Text(run)
            });
            rest = behind;
        }
    }
    let first_text = segments.iter().position(|segment| matches!(segment, Segment::Text(_)));
    let mut texts = segments.split_off(first_text.unwrap_or(segments.len()));
    for part in [&mut segments, &mut texts] {
        while part.last() == Some(&ZERO) {
            part.pop();
        }
    }
    segments.append(&mut texts);
    segments
}

//! Names of packages. A name is parsed when a request arrives, and is then safe as a part of a key.

use std::fmt;

pub use version::{Version, VersionError};

#[cfg(test)]
mod tests;
pub mod version;

/// The longest vendor or package, in bytes.
const LONGEST: usize = 100;
/// Names that some file systems cannot hold.
const RESERVED: [&str; 4] = ["nul", "con", "prn", "aux"];

/// `vendor/package` in lower case, as Composer allows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageName(String);

/// Why a text is not the name of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameError {
    /// What it would be in lower case.
    UpperCase(String),
    Malformed(String),
    Reserved(String),
}

impl fmt::Display for NameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UpperCase(lower) => {
                write!(formatter, "a package's name is written in lower case: use {lower}")
            }
            Self::Malformed(name) => {
                let shown: String = name.chars().take(100).collect();
                write!(
                    formatter,
                    "{shown:?} is not a package's name: a vendor, a slash and a package, each of up to {LONGEST} \
                     letters and digits, with single `-`, `.` or `_` between them"
                )
            }
            Self::Reserved(name) => {
                write!(formatter, "{name:?} is a reserved name: Composer refuses it; choose another one")
            }
        }
    }
}

impl std::error::Error for NameError {}

impl PackageName {
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let malformed = || NameError::Malformed(text.to_owned());
        let lower = text.to_ascii_lowercase();
        let (vendor, package) = lower.split_once('/').ok_or_else(malformed)?;
        if !is_word(vendor, 1) || !is_word(package, 2) {
            return Err(malformed());
        }
        if [vendor, package].into_iter().any(is_reserved) || package.strip_suffix(".json").is_some() {
            return Err(NameError::Reserved(lower));
        }
        if lower != text {
            return Err(NameError::UpperCase(lower));
        }
        Ok(Self(lower))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn vendor(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// Whether the text names this package: Composer compares without regard to case.
    pub fn is_named(&self, text: &str) -> bool {
        self.0.eq_ignore_ascii_case(text)
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Letters and digits in lower case with one `-`, `.` or `_` between them, or up to so many `-`.
fn is_word(text: &str, dashes: usize) -> bool {
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    let is_separator = |run: &str| matches!(run, "" | "_" | "." | "-") || (dashes == 2 && run == "--");
    text.len() <= LONGEST
        && ends.iter().all(|end| end.is_some_and(|byte| is_alphanumeric(*byte)))
        && text
            .split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit())
            .all(is_separator)
}

fn is_reserved(word: &str) -> bool {
    let numbered = |prefix| {
        let number = word.strip_prefix(prefix).map(str::as_bytes);
        matches!(number, Some([b'1'..=b'9']))
    };
    RESERVED.contains(&word) || numbered("com") || numbered("lpt")
}

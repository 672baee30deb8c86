//! The names of projects and versions. A name is parsed once, when a request arrives. Only its
//! normalised form is kept, so that two spellings have the same key. Knows no storage and no HTTP.
//!
//! # Invariants
//! - A [`ProjectName`] holds `a-z`, `0-9` and single `-` between them: one segment of a key
//!   and of a URL, as it is.

use std::fmt;
use std::str::FromStr;

pub use filename::{FileKind, FileName, FileNameError, Form, is_sdist_folder};

mod filename;

/// The longest name, in bytes: what leaves room for a version and tags in a file's name.
const LENGTH: usize = 128;
/// The longest version, in bytes.
const VERSION_LENGTH: usize = 128;

/// A project's name, normalised (PEP 503).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProjectName(String);

/// Why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError(String);

impl fmt::Display for NameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(LENGTH).collect();
        write!(
            formatter,
            "{shown:?} is not a valid project name: it has up to {LENGTH} letters, digits, `-`, `_` and \
             `.`, and begins and ends with a letter or digit"
        )
    }
}

impl std::error::Error for NameError {}

impl ProjectName {
    /// A name in any spelling (the grammar of the core metadata's `Name`).
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = name.as_bytes();
        let is_valid = name.len() <= LENGTH
            && is_edge(bytes.first())
            && is_edge(bytes.last())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte));
        if is_valid { Ok(Self(normalise(name))) } else { Err(NameError(name.to_owned())) }
    }

    /// A name that is normalised already; none otherwise.
    pub fn parse_normalised(name: &str) -> Option<Self> {
        Self::parse(name).ok().filter(|parsed| parsed.0 == name)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Runs of `-`, `_` and `.` become one `-`, letters lower case.
fn normalise(name: &str) -> String {
    let mut normalised = String::with_capacity(name.len());
    for character in name.chars() {
        if !matches!(character, '-' | '_' | '.') {
            normalised.push(character.to_ascii_lowercase());
        } else if !normalised.ends_with('-') {
            normalised.push('-');
        }
    }
    normalised
}

/// A version (PEP 440). Compared as versions are: `1.0` is `1.0.0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pep440_rs::Version);

/// Why a text is not a valid version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionError(String);

impl fmt::Display for VersionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(VERSION_LENGTH).collect();
        write!(formatter, "{shown:?} is not a valid version (PEP 440) such as 1.0.0 or 2.0rc1")
    }
}

impl std::error::Error for VersionError {}

impl Version {
    /// In any spelling; shown normalised.
    pub fn parse(version: &str) -> Result<Self, VersionError> {
        let parsed = Some(version)
            .filter(|version| version.len() <= VERSION_LENGTH)
            .and_then(|version| pep440_rs::Version::from_str(version).ok());
        parsed.map(Self).ok_or_else(|| VersionError(version.to_owned()))
    }

    /// Written in one way: without zeros at the end of the release, which do not count.
    pub fn canonical(&self) -> String {
        let release = self.0.release();
        let length = release.iter().rposition(|number| *number != 0).map_or(1, |last| last + 1);
        self.0.clone().with_release(release.iter().take(length)).to_string()
    }

    /// A pre-release or a development release.
    pub fn is_pre(&self) -> bool {
        self.0.any_prerelease()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Whether clients can read this as a `Requires-Python`. Like the reference implementation
/// (`SpecifierSet` of `packaging`), it ignores empty parts between commas: `>=3.6,` is valid.
pub fn is_specifier(text: &str) -> bool {
    let is_clause = |part: &str| pep440_rs::VersionSpecifier::from_str(part).is_ok();
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).all(is_clause)
}

#[cfg(test)]
mod tests;

//! The names of crates and versions. A name is parsed once, when a request arrives. It cannot contain a
//! `/`, `..`, a NUL or the key of another crate. It knows no storage and no HTTP.
//!
//! # Invariants
//! - A [`CrateName`] is made of ASCII letters, digits, `-` and `_`, so it needs no escape
//!   in a URL or a key.
//! - The registry has at most one crate of each [`CrateName::canonical`] form (crates.io's rule; cargo
//!   itself takes them for two).

use std::fmt;

pub use version::{Version, VersionError};

mod version;

/// What crates.io allows for a new crate.
const NEW_NAME_LENGTH: usize = 64;
/// What can be read: buckets of other systems may hold longer ones.
const READABLE_LENGTH: usize = 100;
/// Of the names that differ in `-` and `_` alone, so many are looked up. All of them for
/// names with up to eight separators.
const MOST_VARIANTS: usize = 256;

/// Files of these names cannot be made on Windows, where an index may be unpacked.
const WINDOWS_NAMES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9",
    "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// The name of a crate, in the spelling of the request or of the stored document.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CrateName(String);

/// Why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    name: String,
    reason: &'static str,
}

impl fmt::Display for NameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.name.chars().take(NEW_NAME_LENGTH).collect();
        write!(formatter, "{shown:?} is not a valid crate name: {}", self.reason)
    }
}

impl std::error::Error for NameError {}

impl CrateName {
    /// A name that may be in an index.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let refuse = |reason| Err(NameError { name: name.to_owned(), reason });
        if name.is_empty() {
            return refuse("it is empty");
        }
        if name.len() > READABLE_LENGTH {
            return refuse("it is too long");
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return refuse("it may contain ASCII letters, digits, `-` and `_`");
        }
        Ok(Self(name.to_owned()))
    }

    /// Whether a new crate may have this name, by the rules of crates.io.
    pub fn check_new(&self) -> Result<(), NameError> {
        let refuse = |reason| Err(NameError { name: self.0.clone(), reason });
        if self.0.len() > NEW_NAME_LENGTH {
            return refuse("it has more than 64 characters");
        }
        if !self.0.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return refuse("it must begin with a letter");
        }
        if WINDOWS_NAMES.contains(&self.lower().as_str()) {
            return refuse("it is a reserved name on Windows");
        }
        Ok(())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In lower case, as index files are named.
    pub fn lower(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The form that all spellings share: lower case, with `-` instead of `_`.
    pub fn canonical(&self) -> String {
        self.lower().replace('_', "-")
    }

    /// The folder of its index file: `1`, `2`, `3/{first}` or `{first two}/{next two}`,
    /// in lower case (registry index, "Index files").
    pub fn index_folder(&self) -> String {
        let lower = self.lower();
        let part = |from, to| lower.get(from..to).unwrap_or_default();
        match lower.len() {
            1 => "1".to_owned(),
            2 => "2".to_owned(),
            3 => format!("3/{}", part(0, 1)),
            _ => format!("{}/{}", part(0, 2), part(2, 4)),
        }
    }

    /// Other names in lower case with the same canonical form: each separator as `-` and
    /// as `_`. Of names with many separators only some.
    pub fn variants(&self) -> Vec<CrateName> {
        let own = self.lower();
        let mut spellings = vec![String::new()];
        let separators = own.bytes().filter(|byte| matches!(byte, b'-' | b'_')).count();
        let mut all_different = 1_usize.checked_shl(u32::try_from(separators).unwrap_or(u32::MAX));
        all_different = all_different.filter(|count| *count <= MOST_VARIANTS);
        for letter in own.chars() {
            let is_separator = matches!(letter, '-' | '_');
            if is_separator && (all_different.is_some() || spellings.len() == 1) {
                let with = |end| spellings.iter().map(move |start| format!("{start}{end}"));
                spellings = with('-').chain(with('_')).collect();
            } else if is_separator {
                // Too many: the first separator's choice holds for all of them.
                for spelling in &mut spellings {
                    let same = if spelling.contains('_') { '_' } else { '-' };
                    spelling.push(same);
                }
            } else {
                for spelling in &mut spellings {
                    spelling.push(letter);
                }
            }
        }
        spellings.retain(|spelling| *spelling != own);
        spellings.into_iter().map(CrateName).collect()
    }
}

impl fmt::Display for CrateName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;

//! A version as npm means it: strict semantic versioning 2.0.0, at most 256 characters.

use std::fmt;

/// The longest that node-semver reads.
const LENGTH: usize = 256;

/// One version, e.g. `1.2.3-beta.1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    parsed: semver::Version,
}

/// A version that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionError(String);

impl fmt::Display for VersionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(LENGTH).collect();
        write!(formatter, "{shown:?} is not a valid version; it is written like 1.2.3 or 1.2.3-beta.1")
    }
}

impl std::error::Error for VersionError {}

impl Version {
    /// The whole text must be a version, without `v` and spaces around it.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let parsed = (text.len() <= LENGTH)
            .then(|| semver::Version::parse(text).ok())
            .flatten()
            .ok_or_else(|| VersionError(text.to_owned()))?;
        Ok(Self { parsed })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parsed.fmt(formatter)
    }
}

/// Do both name the same release? Clients clean `v1.2.3` and ` =1.2.3` up and leave
/// build metadata out before they publish; the file inside the tarball is as it was.
pub fn same_release(one: &str, other: &str) -> bool {
    fn clean(text: &str) -> &str {
        let text = text.trim().trim_start_matches(['=', 'v']).trim_start();
        text.split_once('+').map_or(text, |(release, _)| release)
    }
    clean(one) == clean(other)
}

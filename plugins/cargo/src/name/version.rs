//! Versions: semantic versioning 2.0.0, as cargo has it.

use std::fmt;

/// Name and version together are a segment of a key.
const LENGTH: usize = 128;

/// A version as it is written. Equal only with the same build metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(semver::Version);

/// Why a text is not a valid version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionError {
    version: String,
    reason: String,
}

impl fmt::Display for VersionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.version.chars().take(LENGTH).collect();
        write!(formatter, "{shown:?} is not a valid version: {}", self.reason)
    }
}

impl std::error::Error for VersionError {}

impl Version {
    pub fn parse(version: &str) -> Result<Self, VersionError> {
        let refuse = |reason: String| VersionError { version: version.to_owned(), reason };
        if version.len() > LENGTH {
            return Err(refuse(format!("it has more than {LENGTH} characters")));
        }
        semver::Version::parse(version).map(Self).map_err(|error| refuse(error.to_string()))
    }

    /// Whether they differ only in their build metadata. Cargo takes such two for one version.
    pub fn is_same_release(&self, other: &Self) -> bool {
        let parts = |version: &semver::Version| (version.major, version.minor, version.patch);
        parts(&self.0) == parts(&other.0) && self.0.pre == other.0.pre
    }

    /// As text, without its build metadata.
    pub fn without_build(&self) -> String {
        semver::Version { build: semver::BuildMetadata::EMPTY, ..self.0.clone() }.to_string()
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

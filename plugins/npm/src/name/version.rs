//! A version: strict semantic versioning 2.0.0, at most 256 characters.

use std::fmt;

/// The longest that node-semver reads.
const LENGTH: usize = 256;

/// One version, e.g. `1.2.3-beta.1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    parsed: semver::Version,
}

/// Why a text is not a valid version.
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

impl Version {
    /// Clients leave build metadata out when they ask for a version, so that nobody could
    /// install `1.0.0+x`, and beside `1.0.0` it would be the same version twice.
    pub fn has_build_metadata(&self) -> bool {
        !self.parsed.build.is_empty()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parsed.fmt(formatter)
    }
}

/// Do both name the same release? Before npm publishes, it cleans up the version in
/// `package.json` (`semver.clean` in its loose form): `v1.2.3`, ` =1.2.3`, `01.02.03` and
/// `1.2.3beta` become valid, and build metadata is left out. The file in the tarball stays as
/// it was.
pub fn same_release(one: &str, other: &str) -> bool {
    match (clean(one), clean(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// `major.minor.patch[-pre]` of a version in the loose grammar of node-semver (`LOOSEPLAIN` in
/// its `internal/re.js`); none for anything else.
fn clean(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches(['=', 'v', ' ', '\t']);
    let (release, build) = text.split_once('+').unwrap_or((text, "0"));
    let (major, rest) = take_number(release)?;
    let (minor, rest) = take_number(rest.strip_prefix('.')?)?;
    let (patch, rest) = take_number(rest.strip_prefix('.')?)?;
    if !build.split('.').all(is_identifier) {
        return None;
    }
    let release = format!("{major}.{minor}.{patch}");
    if rest.is_empty() {
        return Some(release);
    }
    let pre = rest.strip_prefix('-').unwrap_or(rest);
    let identifiers: Vec<&str> = pre.split('.').collect();
    if !identifiers.iter().all(|identifier| is_identifier(identifier)) {
        return None;
    }
    let identifiers: Vec<&str> = identifiers.into_iter().map(without_zeros).collect();
    Some(format!("{release}-{}", identifiers.join(".")))
}

/// The number at the start, without leading zeros, and what follows it.
fn take_number(text: &str) -> Option<(&str, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    (digits > 0).then(|| (without_zeros(number), rest))
}

/// A number loses its leading zeros; any other identifier stays as it is.
fn without_zeros(identifier: &str) -> &str {
    if identifier.is_empty() || !identifier.bytes().all(|byte| byte.is_ascii_digit()) {
        return identifier;
    }
    match identifier.trim_start_matches('0') {
        "" => "0",
        number => number,
    }
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

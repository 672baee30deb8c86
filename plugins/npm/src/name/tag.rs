//! A dist-tag: a name for a version, which must not look like a version itself.

use std::fmt;

const LENGTH: usize = 214;

/// One dist-tag, e.g. `latest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(String);

/// Why a text is not a valid tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagError {
    /// `1.2`, `v3`, `*`: `npm install name@1.2` could mean either.
    Range(String),
    /// It has characters that need an escape in a URL, or it is empty or too long.
    Characters(String),
}

impl fmt::Display for TagError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(tag) => {
                write!(formatter, "Tag name must not be a valid SemVer range: {tag}")
            }
            Self::Characters(tag) => {
                let shown: String = tag.chars().take(LENGTH).collect();
                write!(formatter, "{shown:?} is not a valid tag: use letters, digits and -_.!~*'() only")
            }
        }
    }
}

impl std::error::Error for TagError {}

impl Tag {
    /// Refuses what npm would read as a range of versions.
    pub fn parse(text: &str) -> Result<Self, TagError> {
        if text.is_empty() || text.len() > LENGTH || !text.bytes().all(super::is_url_friendly) {
            return Err(TagError::Characters(text.to_owned()));
        }
        if is_range(text) {
            return Err(TagError::Range(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Whether node-semver would read the tag as a range: `1`, `v1.x`, `~1.2.3-beta`, `*`.
fn is_range(text: &str) -> bool {
    let plain = text.trim_start_matches(['~', 'v']);
    let mut parts = plain.splitn(3, '.');
    let major = parts.next().unwrap_or_default();
    let minor = parts.next();
    let patch = parts.next();
    let is_part = |part: &str| {
        matches!(part, "x" | "X" | "*")
            || (!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let is_last = |part: &str| is_part(part.split_once('-').map_or(part, |(number, _)| number));
    is_part(major) && minor.is_none_or(is_part) && patch.is_none_or(is_last)
}

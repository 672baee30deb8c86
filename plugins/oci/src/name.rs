//! The names of repositories and tags. A name is parsed once, when a request arrives. It cannot contain
//! `..`, a NUL or the key of another repository. It knows no storage and no HTTP.
//!
//! # Invariants
//! - A [`RepositoryName`] holds only characters that need no escape in a URL or a key, no
//!   `+`, and no segment `tags.json`.
//! - A [`Tag`] holds no `:`, so it is never a digest.

use std::fmt;

use crate::digest::{ContentDigest, DigestError};

/// What clients take, and what one segment of a key holds on every backend, in bytes.
const NAME_LENGTH: usize = 255;
const TAG_LENGTH: usize = 128;
/// The file of a repository's tags: no repository's segment may be called so, since a key
/// cannot be an object and a folder.
const RESERVED: &str = "tags.json";

/// `team/image`, of any depth (distribution-spec, "Pulling manifests").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(String);

/// Why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    name: String,
    reason: &'static str,
}

impl fmt::Display for NameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.name.chars().take(NAME_LENGTH).collect();
        write!(formatter, "{shown:?} {}", self.reason)
    }
}

impl std::error::Error for NameError {}

impl RepositoryName {
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let refuse = |reason| Err(NameError { name: name.to_owned(), reason });
        if name.len() > NAME_LENGTH {
            return refuse("is longer than 255 bytes: shorten the repository's name");
        }
        if !name.split('/').all(is_component) {
            return refuse(
                "is not a valid repository name: write lower-case letters and digits, with `.`, `_`, `__`, \
                 `-` or `/` between them",
            );
        }
        if name.split('/').any(|part| part == RESERVED) {
            return refuse("has a part `tags.json`, which belongs to the registry: choose another name");
        }
        Ok(Self(name.to_owned()))
    }

    /// The same as one segment of a key: `team+image`.
    pub fn segment(&self) -> String {
        self.0.replace('/', "+")
    }

    /// What [`RepositoryName::segment`] came from.
    pub fn from_segment(segment: &str) -> Result<Self, NameError> {
        if segment.contains('/') {
            return Err(NameError { name: segment.to_owned(), reason: "is more than one segment" });
        }
        Self::parse(&segment.replace('+', "/"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut rest = part.as_bytes();
    loop {
        let letters = rest.iter().take_while(|byte| plain(**byte)).count();
        let Some(after) = rest.get(letters..).filter(|_| letters > 0) else {
            return false;
        };
        let separator = after.iter().take_while(|byte| !plain(**byte)).count();
        match after.get(..separator) {
            Some([]) => return true,
            Some(b"." | b"_" | b"__") => {}
            Some(dashes) if dashes.iter().all(|byte| *byte == b'-') => {}
            _ => return false,
        }
        rest = after.get(separator..).unwrap_or_default();
    }
}

/// `latest`: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

/// Why a text is not a valid tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagError(String);

impl fmt::Display for TagError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(TAG_LENGTH).collect();
        write!(
            formatter,
            "{shown:?} is not a valid tag: write at most 128 letters, digits, `_`, `.` and `-`, and do not begin with `.` or `-`"
        )
    }
}

impl std::error::Error for TagError {}

impl Tag {
    pub fn parse(tag: &str) -> Result<Self, TagError> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let starts = tag.bytes().next().is_some_and(word);
        let inner = tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-');
        if starts && inner && tag.len() <= TAG_LENGTH {
            Ok(Self(tag.to_owned()))
        } else {
            Err(TagError(tag.to_owned()))
        }
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

/// What follows `manifests/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    Tag(Tag),
    Digest(ContentDigest),
}

/// Something that is neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceError {
    Tag(TagError),
    Digest(DigestError),
}

impl Reference {
    /// With a `:` it is a digest, which no tag can hold.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.contains(':') {
            ContentDigest::parse(text).map(Self::Digest).map_err(ReferenceError::Digest)
        } else {
            Tag::parse(text).map(Self::Tag).map_err(ReferenceError::Tag)
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(formatter),
            Self::Digest(digest) => digest.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn repositories_are_called_as_the_specification_says() {
        for name in ["a", "a/b/c/d/e", "a.b", "a_b", "a__b", "a---b", "0/1", "a-b.c_d/e"] {
            assert_eq!(RepositoryName::parse(name).unwrap().as_str(), name);
        }
        let long = ["a"; 128].join("/");
        assert!(RepositoryName::parse(&long).is_ok());
        for name in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "A",
            "a..b",
            "a___b",
            "a._b",
            "-a",
            "a-",
            ".a",
            "a.",
            "a/../b",
            "a/./b",
            "..",
            "a b",
            "a\0",
            "a+b",
            "a:b",
            "a%2fb",
            "ä",
            "tags.json",
            "a/tags.json",
            "tags.json/a",
        ] {
            assert!(RepositoryName::parse(name).is_err(), "{name:?}");
        }
        assert!(RepositoryName::parse(&"a".repeat(256)).is_err());
    }

    #[test]
    fn a_name_is_one_segment_and_back() {
        let name = RepositoryName::parse("a/b.c/d").unwrap();
        assert_eq!(name.segment(), "a+b.c+d");
        assert_eq!(RepositoryName::from_segment("a+b.c+d"), Ok(name));
        assert!(RepositoryName::from_segment("a/b").is_err());
    }

    #[test]
    fn tags_and_digests_are_told_apart() {
        for tag in ["latest", "_x", "V1.0-rc_1", "0"] {
            assert_eq!(Tag::parse(tag).unwrap().as_str(), tag);
        }
        for tag in ["", ".a", "-a", "a b", "a/b", "a\n", "ü", "a+b"] {
            assert!(Tag::parse(tag).is_err(), "{tag:?}");
        }
        assert!(Tag::parse(&"a".repeat(128)).is_ok() && Tag::parse(&"a".repeat(129)).is_err());
        assert!(matches!(Reference::parse("v1"), Ok(Reference::Tag(_))));
        assert!(matches!(Reference::parse("sha256:bad"), Err(ReferenceError::Digest(_))));
        assert!(matches!(Reference::parse("a b"), Err(ReferenceError::Tag(_))));
        let digest = format!("sha256:{}", "0".repeat(64));
        assert_eq!(Reference::parse(&digest).unwrap().to_string(), digest);
    }
}

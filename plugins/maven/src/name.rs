//! The names of groups, artifacts and versions. A name is parsed once, when a request arrives. Knows no
//! storage and no HTTP.
//!
//! # Invariants
//! - A [`GroupId`] has segments without a dot, so the segments of its path differ from artifacts,
//!   versions and files that contain one.
//! - Nothing here begins with a dot, holds a `/`, or is called `maven-metadata.xml`.

use std::fmt;

pub use file::{Build, FileName, Kind, SNAPSHOT};
pub use order::{compare, sort};

mod file;
mod order;

/// The name of Maven's own documents, which lie among the others.
pub const METADATA_FILE: &str = "maven-metadata.xml";
/// The longest group id, in bytes: one segment of a key.
const GROUP_LENGTH: usize = 200;
/// The longest artifact id or version, in bytes: together they fit into a file's name.
const LENGTH: usize = 100;

/// A group id, e.g. `com.example`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(String);

/// An artifact: `com.example:lib`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Artifact {
    pub group: GroupId,
    id: String,
}

/// A version of an artifact. A snapshot is one version, whatever builds it has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Coordinates {
    pub artifact: Artifact,
    version: String,
}

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    what: &'static str,
    text: String,
}

impl fmt::Display for NameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.text.chars().take(GROUP_LENGTH).collect();
        let rule = match self.what {
            "group id" => "it may contain letters, digits, `-` and `_`, in segments with dots between them",
            "artifact id" => {
                "it may contain up to 100 letters, digits, `-`, `_` and `.`, and does not begin with a dot"
            }
            _ => "it may contain up to 100 letters, digits and `.-_+~!`, and does not begin with a dot",
        };
        write!(formatter, "{shown:?} is not a valid {}: {rule}", self.what)
    }
}

impl std::error::Error for NameError {}

impl GroupId {
    /// As a POM writes it: with dots.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let is_segment = |segment: &str| {
            !segment.is_empty()
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if text.len() <= GROUP_LENGTH && text.split('.').all(is_segment) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError { what: "group id", text: text.to_owned() })
        }
    }

    /// As a path writes it.
    pub fn parse_segments(segments: &[&str]) -> Result<Self, NameError> {
        let text = segments.join(".");
        if segments.iter().any(|segment| segment.contains('.')) {
            return Err(NameError { what: "group id", text: segments.join("/") });
        }
        Self::parse(&text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// With `/` between the segments.
    pub fn path(&self) -> String {
        self.0.replace('.', "/")
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Artifact {
    pub fn parse(group: GroupId, id: &str) -> Result<Self, NameError> {
        let is_valid = is_plain(id, b"-_.");
        let error = || NameError { what: "artifact id", text: id.to_owned() };
        if is_valid { Ok(Self { group, id: id.to_owned() }) } else { Err(error()) }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name of an sbt plugin, `sbt-a` of `sbt-a_2.12_1.0`: the artifact id without the binary
    /// versions of Scala and sbt. In its legacy Maven style, sbt names the files after it, and so does the
    /// `<artifactId>` of their POM. Only the folder has the versions.
    pub fn sbt_plugin(&self) -> Option<&str> {
        let (rest, sbt) = self.id.rsplit_once('_')?;
        let (name, scala) = rest.rsplit_once('_')?;
        (is_binary_version(sbt) && is_binary_version(scala) && !name.is_empty()).then_some(name)
    }

    /// `com/example/lib`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.group.path(), self.id)
    }
}

impl fmt::Display for Artifact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.group, self.id)
    }
}

impl Coordinates {
    pub fn parse(artifact: Artifact, version: &str) -> Result<Self, NameError> {
        if is_version(version) {
            Ok(Self { artifact, version: version.to_owned() })
        } else {
            Err(NameError { what: "version", text: version.to_owned() })
        }
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    pub fn is_snapshot(&self) -> bool {
        is_snapshot(&self.version)
    }
}

impl fmt::Display for Coordinates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.artifact, self.version)
    }
}

/// Of Scala or sbt: `2.12`, `3`, `0.13`; of a milestone `2.0.0-M2`.
fn is_binary_version(text: &str) -> bool {
    let (numbers, milestone) =
        text.split_once('-').map_or((text, None), |(numbers, rest)| (numbers, Some(rest)));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_alphabetic())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
    };
    numbers.split('.').all(is_number) && milestone.is_none_or(is_word)
}

/// Maven recognises a snapshot by its version.
pub fn is_snapshot(version: &str) -> bool {
    version.ends_with(SNAPSHOT)
}

/// Whether it can be a version.
pub fn is_version(text: &str) -> bool {
    is_plain(text, b".-_+~!")
}

/// One segment of a path and of a key, as it is.
fn is_plain(text: &str, others: &[u8]) -> bool {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
    (1..=LENGTH).contains(&text.len())
        && text.bytes().all(is_valid)
        && !text.starts_with('.')
        && !text.starts_with(METADATA_FILE)
}

#[cfg(test)]
mod tests;

//! The name of a file of a version: `{artifact}-{version}[-{classifier}].{extension}`, where a
//! snapshot's version may be that of one build. The files of an sbt plugin may lack the versions of Scala
//! and sbt, see [`Artifact::sbt_plugin`](super::Artifact::sbt_plugin).

use std::fmt;

use packhouse_plugin::time;

use super::{Coordinates, NameError};

/// The end of a snapshot's version.
pub const SNAPSHOT: &str = "SNAPSHOT";
/// The longest file name, in bytes: one segment of a key.
const LENGTH: usize = 250;
/// Endings that stand behind the ending of the file that they are about.
const BESIDE: [&str; 4] = ["asc", "sigstore", "sigstore.json", "sig"];
/// Endings that are one only together with the one before: `tar.gz`.
const PACKED: [&str; 6] = ["gz", "bz2", "xz", "zst", "lzma", "Z"];

/// The name of a file in the folder of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    name: String,
    /// How many bytes of it are the artifact id.
    artifact: usize,
    /// One build of a snapshot.
    build: Option<Build>,
    kind: Kind,
}

/// What a file is to its version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    pub classifier: String,
    pub extension: String,
}

/// One build of a snapshot: `20260101.120000-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Build {
    /// `20260101.120000`: in the order of time, as text.
    pub timestamp: String,
    pub number: u64,
}

impl fmt::Display for Build {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.timestamp, self.number)
    }
}

impl FileName {
    /// In the folder of this version.
    pub fn parse(coordinates: &Coordinates, name: &str) -> Result<Self, NameError> {
        Self::split(coordinates, name).ok_or_else(|| NameError { what: "file name", text: name.to_owned() })
    }

    fn split(coordinates: &Coordinates, name: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+~!@".contains(&byte);
        if name.len() > LENGTH || !name.bytes().all(is_plain) {
            return None;
        }
        let id = coordinates.artifact.id();
        let (artifact, rest) = [Some(id), coordinates.artifact.sbt_plugin()]
            .into_iter()
            .flatten()
            .find_map(|id| Some((id.len(), name.strip_prefix(id)?.strip_prefix('-')?)))?;
        let version = coordinates.version();
        let (build, tail) = match rest.strip_prefix(version) {
            Some(tail) => (None, tail),
            None if coordinates.is_snapshot() => {
                let rest = rest.strip_prefix(version.strip_suffix(SNAPSHOT)?)?;
                let (build, tail) = Build::take(rest)?;
                (Some(build), tail)
            }
            None => return None,
        };
        Some(Self { name: name.to_owned(), artifact, build, kind: Kind::of(tail)? })
    }

    /// Why no client may deploy a file with this name. Stored files may have it, because earlier
    /// versions accepted more names.
    pub fn check(&self) -> Result<(), String> {
        let name = &self.name;
        if let Some(build) = self.build.as_ref().filter(|build| !build.is_moment()) {
            return Err(format!(
                "{name} has the timestamp {}, which is not a date and a time of day",
                build.timestamp
            ));
        }
        let Kind { classifier, extension } = &self.kind;
        if !is_extension(extension) {
            return Err(format!(
                "{name} has the extension {extension:?}, which is not valid: an extension begins with a letter and has no empty part"
            ));
        }
        let is_valid = classifier.is_empty()
            || (!classifier.starts_with('-') && classifier.split('.').all(|part| !part.is_empty()));
        if !is_valid {
            return Err(format!("{name} has the classifier {classifier:?}, which is not valid"));
        }
        Ok(())
    }

    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The artifact id with which it begins, which is also that of its POM.
    pub fn artifact(&self) -> &str {
        self.name.get(..self.artifact).unwrap_or_default()
    }

    pub fn build(&self) -> Option<&Build> {
        self.build.as_ref()
    }

    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The POM itself.
    pub fn is_pom(&self) -> bool {
        self.kind.is_pom()
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

impl Kind {
    /// From what follows the version.
    fn of(tail: &str) -> Option<Self> {
        if let Some(extension) = tail.strip_prefix('.') {
            return (!extension.is_empty())
                .then(|| Self { classifier: String::new(), extension: extension.to_owned() });
        }
        let rest = tail.strip_prefix('-')?;
        let at = extension_at(rest)?;
        let (classifier, extension) = (rest.get(..at)?, rest.get(at + 1..)?);
        let is_whole = !classifier.is_empty() && !extension.is_empty();
        is_whole.then(|| Self { classifier: classifier.to_owned(), extension: extension.to_owned() })
    }

    pub fn is_pom(&self) -> bool {
        self.classifier.is_empty() && self.extension == "pom"
    }

    /// A signature, which is nothing without its file.
    pub fn is_beside(&self) -> bool {
        BESIDE
            .iter()
            .any(|ending| self.extension.strip_suffix(ending).is_some_and(|rest| rest.ends_with('.')))
    }
}

/// A digit at the start belongs to another version: `lib-1.0.1.jar` is not a file of 1.0.
fn is_extension(text: &str) -> bool {
    let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let is_part = |part: &str| is_end(part.as_bytes().first()) && is_end(part.as_bytes().last());
    let first = text.split('.').next().unwrap_or_default();
    let begins = first == "7z" || first.starts_with(|first: char| first.is_ascii_alphabetic());
    begins && text.split('.').all(is_part)
}

/// The place of the dot before the extension: a classifier may also contain dots.
fn extension_at(text: &str) -> Option<usize> {
    let at = text.rfind('.')?;
    let (before, last) = (text.get(..at)?, text.get(at + 1..)?);
    let is_double = BESIDE.contains(&last)
        || (last == "json" && before.ends_with(".sigstore"))
        || (PACKED.contains(&last) && before.rsplit_once('.').is_some_and(|(_, ending)| ending == "tar"));
    if is_double { extension_at(before).or(Some(at)) } else { Some(at) }
}

impl Build {
    /// Whether its timestamp is a date and a time of day.
    fn is_moment(&self) -> bool {
        let part = |from, to| self.timestamp.get(from..to).unwrap_or_default();
        let date = [part(0, 4), part(4, 6), part(6, 8)].join("-");
        let time = [part(9, 11), part(11, 13), part(13, 15)].join(":");
        time::parse_rfc3339(&format!("{date}T{time}Z")).is_some()
    }

    /// From the start of a text, and what is left of it.
    fn take(text: &str) -> Option<(Self, &str)> {
        let (timestamp, rest) = text.split_at_checked(15)?;
        let is_time = timestamp
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 8 { byte == b'.' } else { byte.is_ascii_digit() });
        let rest = rest.strip_prefix('-').filter(|_| is_time)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = rest.split_at_checked(digits)?;
        let build = Self { timestamp: timestamp.to_owned(), number: number.parse().ok()? };
        (number.len() <= 9 && (number == "0" || !number.starts_with('0'))).then_some((build, rest))
    }
}

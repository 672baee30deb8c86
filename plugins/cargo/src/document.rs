//! An index file: what the registry knows of a crate, one line of JSON a version (registry
//! index, "Index files"). It knows no storage and no HTTP.
//!
//! # Invariants
//! - Lines that are not meant stay as they are, byte for byte, also those that cannot be
//!   read: buckets of other systems are served as found.
//! - Of several lines of one version the last counts, as for cargo.

use std::borrow::Cow;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub use features::Features;
pub use from_end::find_from_end;
pub use line::{Release, format_time};

use crate::name::{CrateName, Version};

mod features;
mod from_end;
mod line;

/// The bytes of an index file.
#[derive(Debug, Clone, Copy)]
pub struct Index<'a> {
    bytes: &'a [u8],
}

/// What a line says that the registry itself needs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Line<'a> {
    /// In the spelling that it was published in.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(borrow)]
    pub vers: Cow<'a, str>,
    /// SHA-256 of the file, in hexadecimal.
    #[serde(borrow)]
    pub cksum: Cow<'a, str>,
    #[serde(default)]
    yanked: Option<bool>,
    /// RFC 3339; none in the line of an earlier system.
    #[serde(borrow, default)]
    pubtime: Option<Cow<'a, str>>,
}

impl Line<'_> {
    pub fn is_yanked(&self) -> bool {
        self.yanked.unwrap_or(false)
    }

    /// The crate, as it is spelled, and the version that the line is about; none for a line
    /// that does not belong into the file of this crate.
    pub fn release(&self, name: &CrateName) -> Option<(CrateName, Version)> {
        let spelled = CrateName::parse(&self.name).ok()?;
        let version = Version::parse(&self.vers).ok()?;
        (spelled.lower() == name.lower()).then_some((spelled, version))
    }
}

/// Why a line is no line of an index. Lines are counted from 1.
pub fn bad_line(number: usize) -> String {
    format!("its line {} is none of an index", number + 1)
}

/// Why a version makes the file doubtful.
pub fn listed_twice(version: &str) -> String {
    format!("it lists the version {version} twice")
}

impl<'a> Index<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The lines that can be read, in order.
    pub fn lines(self) -> impl Iterator<Item = Line<'a>> {
        self.raw_lines().filter_map(parse)
    }

    /// All lines, in order; none for one that cannot be read.
    pub fn all_lines(self) -> impl Iterator<Item = Option<Line<'a>>> {
        self.raw_lines().map(parse)
    }

    /// The spelling of the name; none when no line can be read.
    pub fn name(self) -> Option<CrateName> {
        self.lines().find_map(|line| CrateName::parse(&line.name).ok())
    }

    /// The line of a version.
    pub fn find(self, version: &Version) -> Option<Line<'a>> {
        let version = version.to_string();
        self.lines_with(&format!("\"{version}\"")).filter(|line| line.vers == version).last()
    }

    /// When the first of the versions was published, in milliseconds since the Unix epoch; none
    /// unless every line says when.
    pub fn begun(self) -> Option<u64> {
        let published = self.lines().map(|line| {
            let moment = OffsetDateTime::parse(line.pubtime.as_deref()?, &Rfc3339).ok()?;
            u64::try_from(moment.unix_timestamp()).ok()?.checked_mul(1000)
        });
        published.collect::<Option<Vec<u64>>>()?.into_iter().min()
    }

    /// A version that is there and differs in build metadata at most.
    pub fn find_same_release(self, version: &Version) -> Option<Version> {
        self.lines_with(&format!("\"{}", version.without_build()))
            .filter_map(|line| Version::parse(&line.vers).ok())
            .find(|there| there.is_same_release(version))
    }

    /// The highest version that is not yanked; the highest of all when all are.
    pub fn newest(self) -> Option<(Version, Line<'a>)> {
        self.lines().filter_map(|line| Some((Version::parse(&line.vers).ok()?, line))).max_by(
            |(one, line), (other, next)| next.is_yanked().cmp(&line.is_yanked()).then_with(|| one.cmp(other)),
        )
    }

    /// Checks that the file is whole, or says why it cannot be built on. A whole file has a
    /// line at least, every line can be read and is about a version of this crate, and no
    /// version has two lines.
    pub fn check(self, name: &CrateName) -> Result<(), String> {
        let mut versions = Vec::new();
        for (number, line) in self.all_lines().enumerate() {
            let line = line.filter(|line| line.release(name).is_some()).ok_or_else(|| bad_line(number))?;
            versions.push(line.vers);
        }
        if versions.is_empty() {
            return Err("it is empty".to_owned());
        }
        versions.sort_unstable();
        let twice = versions.iter().zip(versions.iter().skip(1)).find(|(one, next)| one == next);
        twice.map_or(Ok(()), |(version, _)| Err(listed_twice(version)))
    }

    /// The file with one more line.
    pub fn with_line(self, line: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes.len() + line.len() + 2);
        bytes.extend_from_slice(self.bytes);
        if !matches!(bytes.last(), None | Some(b'\n')) {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
        bytes
    }

    /// The file with this version yanked or not; none when it is so already. The caller has
    /// seen that the version is there.
    pub fn with_yanked(self, version: &Version, yanked: bool) -> Option<Vec<u8>> {
        let version = version.to_string();
        let quoted = format!("\"{version}\"");
        let finder = Finder::new(&quoted);
        let mut changed = false;
        let mut bytes = Vec::with_capacity(self.bytes.len() + 16);
        for line in self.bytes.split_inclusive(|byte| *byte == b'\n') {
            let changed_line = may_hold(line, &finder).then(|| changed_line(line, &version, yanked));
            match changed_line.flatten() {
                Some(new) => {
                    changed = true;
                    bytes.extend_from_slice(&new);
                    bytes.push(b'\n');
                }
                None => bytes.extend_from_slice(line),
            }
        }
        changed.then_some(bytes)
    }

    /// The lines in which this may stand, which must be of version numbers and quotes.
    /// Tells most lines apart without parsing them: of ten thousand one is meant.
    fn lines_with(self, text: &str) -> impl Iterator<Item = Line<'a>> {
        let finder = Finder::new(text).into_owned();
        self.raw_lines().filter(move |line| may_hold(line, &finder)).filter_map(parse)
    }

    fn raw_lines(self) -> impl Iterator<Item = &'a [u8]> {
        self.bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
    }
}

fn parse(line: &[u8]) -> Option<Line<'_>> {
    serde_json::from_slice(line).ok()
}

/// What holds an escape may say anything.
fn may_hold(line: &[u8], finder: &Finder<'_>) -> bool {
    finder.find(line).is_some() || memchr::memchr(b'\\', line).is_some()
}

/// The line with `yanked` set to this; none when it is another version's or is so already.
/// Members that are not known here stay.
fn changed_line(line: &[u8], version: &str, yanked: bool) -> Option<Vec<u8>> {
    let there = parse(line)?;
    if there.vers != version || there.is_yanked() == yanked {
        return None;
    }
    let mut object: Map<String, Value> = serde_json::from_slice(line).ok()?;
    object.insert("yanked".to_owned(), Value::Bool(yanked));
    serde_json::to_vec(&object).ok()
}

#[cfg(test)]
mod tests;

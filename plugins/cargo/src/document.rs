//! An index file: the versions of a crate, one line of JSON for each (registry index, "Index files").
//! It knows no storage and no HTTP.
//!
//! # Invariants
//! - A change keeps every byte of the other lines, including lines that cannot be read, because buckets
//!   of other systems are served without conversion. Only the count in the first line changes with
//!   every change of the file.
//! - If a version has several lines, the last one is used, as in cargo.
//! - **The first line shows whether an index file has lost lines**: it contains the number of lines
//!   (`index_lines`, a member that cargo ignores). The count is written together with the lines. An
//!   index file of another system, or of an earlier version, has no count until its next change.

use std::borrow::Cow;

use packhouse_plugin::storage::Said;
use packhouse_plugin::time::parse_rfc3339;
use serde::Deserialize;
use serde_json::{Map, Value};

use candidates::Candidates;
pub use features::Features;
pub use from_end::{Found, find_from_end};
pub use line::Release;

use crate::name::{CrateName, Version};

mod candidates;
mod count;
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
    /// Bytes of the file; none in the line of an earlier system or version.
    #[serde(default)]
    pub crate_size: Option<u64>,
    /// In the first line: how many lines the file has.
    #[serde(default)]
    index_lines: Option<u64>,
}

impl Line<'_> {
    pub fn is_yanked(&self) -> bool {
        self.yanked.unwrap_or(false)
    }

    /// When it was published, in milliseconds since the Unix epoch.
    pub fn published(&self) -> Option<u64> {
        parse_rfc3339(self.pubtime.as_deref()?)
    }

    /// The crate, as it is spelled, and the version that the line is about; none for a line
    /// that does not belong into the file of this crate.
    pub fn release(&self, name: &CrateName) -> Option<(CrateName, Version)> {
        let spelled = CrateName::parse(&self.name).ok()?;
        let version = Version::parse(&self.vers).ok()?;
        (spelled.lower() == name.lower()).then_some((spelled, version))
    }
}

/// What a stored index file says of yanks.
pub fn said(bytes: &[u8]) -> Said {
    Index::new(bytes).said()
}

/// False for a line that is not yanked, without parsing it.
fn may_be_yanked(line: &[u8]) -> bool {
    const NAME: &[u8] = b"\"yanked\"";
    // An escape can spell any character.
    let has_escape = memchr::memmem::find(line, b"\\u").is_some();
    has_escape
        || memchr::memmem::find_iter(line, NAME).any(|at| {
            let value = line.get(at + NAME.len()..).unwrap_or_default().trim_ascii_start();
            value.strip_prefix(b":").is_some_and(|value| value.trim_ascii_start().starts_with(b"t"))
        })
}

/// Why a line is not a line of an index. Lines are counted from 1.
pub fn bad_line(number: usize) -> String {
    format!("its line {} is not a line of an index", number + 1)
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

    /// What the file says of yanks. Only the lines that may be yanked are parsed.
    pub fn said(self) -> Said {
        let lines = self.raw_lines().filter(|line| may_be_yanked(line)).filter_map(parse);
        let yanked = lines.filter(Line::is_yanked).map(|line| (line.vers.into_owned(), String::new()));
        Said { withdrawn: yanked.collect(), ..Said::default() }
    }

    /// The file with the yanks that a newer state of it had; none if they are the same.
    pub fn with_yanks(self, said: &Said) -> Option<Vec<u8>> {
        let mut changed: Option<Vec<u8>> = None;
        for line in self.lines() {
            let yanked = said.withdrawn.contains_key(&*line.vers);
            if let (true, Ok(version)) = (line.is_yanked() != yanked, Version::parse(&line.vers)) {
                let bytes = changed.as_deref().unwrap_or(self.bytes);
                changed = Index::new(bytes).with_yanked(&version, yanked).or(changed);
            }
        }
        changed
    }

    /// The line of a version.
    pub fn find(self, version: &Version) -> Option<Line<'a>> {
        let version = version.to_string();
        let lines = Candidates::new(self.bytes, &format!("\"{version}\"")).filter_map(parse);
        lines.filter(|line| line.vers == version).last()
    }

    /// When the first of the versions was published, in milliseconds since the Unix epoch; none
    /// unless every line says when.
    pub fn begun(self) -> Option<u64> {
        let published = self.lines().map(|line| parse_rfc3339(line.pubtime.as_deref()?));
        published.collect::<Option<Vec<u64>>>()?.into_iter().min()
    }

    /// The version itself if it is there, else one that differs in build metadata only. Says why
    /// it cannot tell if a line that may be about the version cannot be read.
    pub fn find_same_release(self, version: &Version) -> Result<Option<Version>, String> {
        let mut found = None;
        for line in Candidates::new(self.bytes, &format!("\"{}", version.without_build())) {
            let line = parse(line).ok_or_else(|| format!("a line with {version} cannot be read"))?;
            let there = Version::parse(&line.vers).ok().filter(|there| there.is_same_release(version));
            if there.as_ref() == Some(version) {
                return Ok(there);
            }
            found = found.or(there);
        }
        Ok(found)
    }

    /// The highest version that is not yanked; the highest of all when all are.
    pub fn newest(self) -> Option<(Version, Line<'a>)> {
        self.lines().filter_map(|line| Some((Version::parse(&line.vers).ok()?, line))).max_by(
            |(one, line), (other, next)| next.is_yanked().cmp(&line.is_yanked()).then_with(|| one.cmp(other)),
        )
    }

    /// Checks that the file is whole, or says why it cannot be built on. A whole file has at
    /// least one line and no fewer than its count. Every line can be read and is about a version of
    /// this crate. No version has two lines.
    ///
    /// More lines than the count are accepted: a host of an earlier version, which does not know
    /// the count, adds lines too, and no damage adds lines that pass the other checks.
    pub fn check(self, name: &CrateName) -> Result<(), String> {
        self.check_count()?;
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

    /// The same before a change. Parses the first and the last line only if the count of lines
    /// is right, and all of them otherwise: ten thousand lines take longer to parse than all else
    /// that a publish does.
    pub fn check_to_change(self, name: &CrateName) -> Result<(), String> {
        match self.check_count()? {
            Count::Right => self.check_ends(name),
            Count::None | Count::Low => self.check(name),
        }
    }

    /// The same before it is served: the count of lines, and the first and the last line. Not the
    /// others: they are for `verify` to check.
    pub fn check_to_read(self, name: &CrateName) -> Result<(), String> {
        self.check_count()?;
        self.check_ends(name)
    }

    /// The first and the last line.
    pub fn check_ends(self, name: &CrateName) -> Result<(), String> {
        let is_ours = |line: &[u8]| parse(line).is_some_and(|line| line.release(name).is_some());
        let text = self.bytes.trim_ascii_end();
        let last = memchr::memrchr(b'\n', text).and_then(|end| text.get(end + 1..)).unwrap_or(text);
        match self.raw_lines().next() {
            None => Err("it is empty".to_owned()),
            Some(first) if !is_ours(first) => Err(bad_line(0)),
            Some(_) if !is_ours(last) => Err("its last line is not a line of an index".to_owned()),
            Some(_) => Ok(()),
        }
    }

    /// The file with one more line.
    pub fn with_line(self, line: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes.len() + line.len() + count::ROOM);
        bytes.extend_from_slice(self.bytes);
        if !matches!(bytes.last(), None | Some(b'\n')) {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
        count::write(bytes)
    }

    /// The file with this version yanked or not; none when it is so already. The caller has
    /// seen that the version is there.
    pub fn with_yanked(self, version: &Version, yanked: bool) -> Option<Vec<u8>> {
        let version = version.to_string();
        let mut bytes = Vec::with_capacity(self.bytes.len() + count::ROOM);
        let mut copied = 0;
        for line in Candidates::new(self.bytes, &format!("\"{version}\"")) {
            let Some(new) = changed_line(line, &version, yanked) else { continue };
            let start = (line.as_ptr() as usize).saturating_sub(self.bytes.as_ptr() as usize);
            bytes.extend_from_slice(self.bytes.get(copied..start).unwrap_or_default());
            bytes.extend_from_slice(&new);
            copied = start + line.len();
        }
        if copied == 0 {
            return None;
        }
        bytes.extend_from_slice(self.bytes.get(copied..).unwrap_or_default());
        Some(count::write(bytes))
    }

    /// Fewer lines than the first line says are an error.
    fn check_count(self) -> Result<Count, String> {
        let first = self.raw_lines().next().and_then(parse);
        let Some(said) = first.and_then(|line| line.index_lines) else { return Ok(Count::None) };
        match count::lines(self.bytes) {
            there if there < said => {
                Err(format!("it has {there} lines, but its first line says that it has {said}"))
            }
            there if there > said => Ok(Count::Low),
            _ => Ok(Count::Right),
        }
    }

    fn raw_lines(self) -> impl Iterator<Item = &'a [u8]> {
        self.bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
    }
}

/// What the first line says of the number of lines.
enum Count {
    /// Nothing: it was written by another system, or by an earlier version.
    None,
    Right,
    /// There are more.
    Low,
}

fn parse(line: &[u8]) -> Option<Line<'_>> {
    serde_json::from_slice(line).ok()
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

//! Reads the text of `versions`: the lines of each gem, and the lines that are missing.

use std::collections::{BTreeMap, BTreeSet};

use packhouse_plugin::storage::{self, Document};
use packhouse_plugin::{Error, digests, log};

use crate::document::{self, Package};
use crate::layout;
use crate::name::{GemName, Slot};
use crate::stored;

/// Borrowed from the text.
pub struct Listing<'a> {
    text: &'a str,
}

/// What the list says of a gem.
#[derive(Debug, Default)]
struct Said<'a> {
    versions: Vec<&'a str>,
    md5: &'a str,
}

impl<'a> Listing<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// Names, versions and sums, a line a change.
    fn entries(&self) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
        document::lines(self.text).filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            Some((words.next()?, words.next()?, words.next().unwrap_or_default()))
        })
    }

    /// Versions of each gem that the filter lets through, without the yanked ones.
    pub fn gems(&self, is_wanted: impl Fn(&str) -> bool) -> BTreeMap<&'a str, Vec<&'a str>> {
        let mut gems: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, versions, _) in self.entries().filter(|(name, ..)| is_wanted(name)) {
            apply(gems.entry(name).or_default(), versions);
        }
        gems
    }

    /// Names of gems that the list knows, also when all versions are yanked.
    pub fn names(&self) -> BTreeSet<&'a str> {
        self.entries().map(|(name, ..)| name).collect()
    }

    /// The same text without the gems that the filter does not let through.
    pub fn filtered(&self, is_wanted: impl Fn(&str) -> bool) -> String {
        let (header, _) = document::split_header(self.text);
        let mut text = if header.is_empty() { document::HEADER } else { header }.to_owned();
        for line in document::lines(self.text) {
            if line.split(' ').next().is_some_and(&is_wanted) {
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }

    /// The lines of these gems that are missing.
    pub fn lines_for(&self, names: &[&GemName]) -> Result<String, Error> {
        let wanted: BTreeSet<String> = names.iter().map(|name| name.lower()).collect();
        let mut said: BTreeMap<String, BTreeMap<&str, Said<'_>>> = BTreeMap::new();
        for (name, versions, md5) in self.entries() {
            let lower = name.to_ascii_lowercase();
            if wanted.contains(&lower) {
                let said = said.entry(lower).or_default().entry(name).or_default();
                apply(&mut said.versions, versions);
                said.md5 = md5;
            }
        }
        let keys: Vec<String> = names.iter().map(|name| layout::document(name)).collect();
        let mut lines = String::new();
        for (name, document) in names.iter().zip(storage::get_each(&keys)) {
            let spellings = said.get(&name.lower());
            match read(name, document) {
                Ok(Some(package)) => {
                    let said = spellings.and_then(|spellings| spellings.get(package.name.as_str()));
                    lines.extend(line(&package, said)?);
                }
                // Nothing is left of the gem.
                Ok(None) => {
                    for (name, said) in spellings.into_iter().flatten() {
                        let Ok(name) = GemName::parse(name) else { continue };
                        lines.extend(line(&Package::new(&name), Some(said))?);
                    }
                }
                // The others are listed all the same.
                Err(Error::Damaged { key, why }) => {
                    log::error("a damaged document is not listed", &[("key", &key), ("error", &why)]);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(lines)
    }
}

/// The gem, as its document says, or as an earlier system's page does.
fn read(name: &GemName, document: Result<Option<Document>, Error>) -> Result<Option<Package>, Error> {
    match document? {
        Some(document) => stored::parse(&document).map(Some),
        None => stored::found(name),
    }
}

/// A version that begins with `-` is taken away.
fn apply<'a>(there: &mut Vec<&'a str>, versions: &'a str) {
    for version in versions.split(',') {
        match version.strip_prefix('-') {
            Some(gone) => there.retain(|version| *version != gone),
            None if there.contains(&version) => {}
            None => there.push(version),
        }
    }
}

/// The line that makes the list right, or none if it is.
fn line(package: &Package, said: Option<&Said<'_>>) -> Result<Option<String>, Error> {
    let page = package.info();
    let md5 = digests::of(page.as_bytes(), &[digests::MD5])?;
    let md5 = md5.first().map(|digest| digest.hex.as_str()).unwrap_or_default();
    let live: Vec<&str> = package.live().map(|release| release.slot.as_str()).collect();
    let nothing = Said::default();
    let said_before = said.unwrap_or(&nothing);
    let gone = said_before
        .versions
        .iter()
        .filter(|version| !live.contains(version))
        .map(|version| format!("-{version}"));
    let new = live
        .iter()
        .filter(|version| !said_before.versions.contains(version))
        .map(|version| (*version).to_owned());
    let mut versions: Vec<String> = gone.chain(new).collect();
    if versions.is_empty() {
        // Without a version there is no line: the last one is taken away and comes back.
        match live.last().filter(|_| said_before.md5 != md5) {
            Some(last) => versions = vec![format!("-{last}"), (*last).to_owned()],
            None => return Ok(None),
        }
    }
    Ok(Some(format!("{} {} {md5}\n", package.name, versions.join(","))))
}

/// The versions of a gem as they stand in the list.
pub fn slots<'a>(versions: &'a [&'a str]) -> impl Iterator<Item = Slot> {
    versions.iter().filter_map(|version| Slot::parse(version).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    const TEXT: &str = "created_at: 2026-01-01T00:00:00Z\n---\na 1.0,1.1 x\nb 1.0-java y\na -1.0 z\nB 2 w\n";

    #[test]
    fn the_last_line_counts_and_what_is_yanked_is_gone() {
        let listing = Listing::new(TEXT);
        let gems = listing.gems(|_| true);
        assert_eq!(gems.get("a").unwrap(), &["1.1"]);
        assert_eq!(gems.get("b").unwrap(), &["1.0-java"]);
        assert_eq!(listing.names().into_iter().collect::<Vec<_>>(), ["B", "a", "b"]);
    }

    #[test]
    fn a_filtered_list_keeps_its_header() {
        let told = Listing::new(TEXT).filtered(|name| name == "a");
        assert_eq!(told, "created_at: 2026-01-01T00:00:00Z\n---\na 1.0,1.1 x\na -1.0 z\n");
    }

    #[test]
    fn a_line_says_what_is_new_and_what_is_gone() {
        let name = GemName::parse("a").unwrap();
        let package = Package::of_info(&name, "---\n1.1 |\n1.2 |\n").unwrap();
        let md5 = digests::of(package.info().as_bytes(), &["md5"]).unwrap().first().unwrap().hex.clone();
        let said = |versions: &[&'static str], md5: &'static str| Said { versions: versions.to_vec(), md5 };
        let told = |said: &Said<'_>| line(&package, Some(said)).unwrap();
        assert_eq!(told(&said(&["1.0", "1.1"], "old")), Some(format!("a -1.0,1.2 {md5}\n")));
        assert_eq!(told(&said(&["1.1", "1.2"], "old")), Some(format!("a -1.2,1.2 {md5}\n")));
        assert_eq!(line(&package, None).unwrap(), Some(format!("a 1.1,1.2 {md5}\n")));
        assert_eq!(told(&Said { versions: vec!["1.1", "1.2"], md5: &md5 }), None);
    }
}

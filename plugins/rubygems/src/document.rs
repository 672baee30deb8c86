//! The content of stored documents: a gem's document, which alone decides which versions exist, and a
//! gem's page of the compact index, which is derived from it. It knows no storage and no HTTP.
//!
//! # Invariants
//! - A pushed version stays in the document, so the number of a yanked version is never used again.
//! - A line of the compact index is made at the push and never changes. So its time stays the same, and
//!   a page only grows at its end.

use packhouse_plugin::auth::Owner;
use packhouse_plugin::ownership::Holder;
use packhouse_plugin::storage::Said;
use packhouse_plugin::time;
use serde::{Deserialize, Serialize};

use crate::gemspec::Gemspec;
use crate::name::{GemName, NameError, Slot};

/// The first line of every file of the compact index.
pub const HEADER: &str = "---\n";
/// The longest text about a version, in characters.
const TEXT: usize = 500;

/// A gem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    pub name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Listed>,
    /// In the order in which they were pushed.
    pub versions: Vec<Release>,
}

/// An owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// A version for a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// `1.0`, or `1.0-java`.
    pub slot: String,
    /// Of the compact index, without the line feed.
    pub line: String,
    /// Of the file, in hexadecimal; none if an earlier system's line has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Bytes of the file; none for a version of an earlier system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// When it was pushed; none if an earlier system's line does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// When it was yanked; none if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<String>,
    #[serde(default)]
    pub about: About,
}

/// What people read about a version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<(String, String)>,
    /// Names and requirements of what is needed to develop it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub development: Vec<(String, String)>,
    /// When it was built, as the gemspec says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
}

impl Package {
    pub fn new(name: &GemName) -> Self {
        Self { name: name.to_string(), owners: Vec::new(), versions: Vec::new() }
    }

    /// The gem whose page an earlier system has written.
    pub fn of_info(name: &GemName, page: &str) -> Result<Self, String> {
        let mut package = Self::new(name);
        for line in lines(page) {
            package
                .versions
                .push(Release::of_line(line).map_err(|error| format!("the line {line:?}: {error}"))?);
        }
        Ok(package)
    }

    /// Whether the document can be one of this plugin's.
    pub fn check(&self) -> Result<(), String> {
        GemName::parse(&self.name).map_err(|error| error.to_string())?;
        let mut seen = std::collections::BTreeSet::new();
        for release in &self.versions {
            release.check()?;
            if !seen.insert(&release.slot) {
                return Err(format!("it has {} twice", release.slot));
            }
        }
        Ok(())
    }

    pub fn find(&self, slot: &Slot) -> Option<&Release> {
        let slot = slot.to_string();
        self.versions.iter().find(|release| release.slot == slot)
    }

    /// The version that RubyGems takes for the same: `1.0` is `1.0.0`.
    pub fn find_same(&self, slot: &Slot) -> Option<&Release> {
        self.versions.iter().find(|release| {
            release
                .parsed()
                .is_ok_and(|there| there.platform == slot.platform && there.number.is_same_as(&slot.number))
        })
    }

    /// Those that are not yanked, in the order in which they were pushed.
    pub fn live(&self) -> impl Iterator<Item = &Release> {
        self.versions.iter().filter(|release| release.yanked.is_none())
    }

    /// The gem's page of the compact index.
    pub fn info(&self) -> String {
        let mut page = HEADER.to_owned();
        for release in self.live() {
            page.push_str(&release.line);
            page.push('\n');
        }
        page
    }

    /// The highest version that is not yanked: one that is no pre-release if there is one, and one
    /// for every platform if there is one.
    pub fn newest(&self) -> Option<(Slot, &Release)> {
        let parsed = self.live().filter_map(|release| Some((release.parsed().ok()?, release)));
        parsed.max_by_key(|(slot, _)| (!slot.number.is_prerelease(), slot.number.clone(), slot.is_ruby()))
    }

    /// When the first version was pushed, in milliseconds since the Unix epoch.
    pub fn begun(&self) -> Option<u64> {
        time::parse_rfc3339(self.versions.first()?.created.as_deref()?)
    }

    pub fn owners(&self) -> Vec<Owner> {
        self.owners.iter().map(|owner| Owner { name: owner.name.clone(), id: owner.id.clone() }).collect()
    }

    /// What the document says of access and of yanks.
    pub fn said(&self) -> Said {
        let yanked = |release: &Release| Some((release.slot.clone(), release.yanked.clone()?));
        Said { owners: self.owners(), withdrawn: self.versions.iter().filter_map(yanked).collect() }
    }

    /// Owners and yanks become what a newer state of the document said. If nobody knows what it said,
    /// the gem has no owners: those of an older copy may have been removed since.
    pub fn restore(&mut self, said: Option<&Said>) {
        let owners = said.map(|said| said.owners.as_slice()).unwrap_or_default();
        self.owners =
            owners.iter().map(|owner| Listed { name: owner.name.clone(), id: owner.id.clone() }).collect();
        let Some(said) = said else { return };
        for release in &mut self.versions {
            release.yanked = said.withdrawn.get(&release.slot).cloned();
        }
    }

    /// False when the owner is listed already.
    pub fn add_owner(&mut self, owner: Owner) -> bool {
        if self
            .owners
            .iter()
            .any(|listed| listed.name == owner.name && (owner.id.is_none() || listed.id == owner.id))
        {
            return false;
        }
        self.owners.retain(|listed| listed.name != owner.name);
        self.owners.push(Listed { name: owner.name, id: owner.id });
        true
    }

    /// False when the user is not listed.
    pub fn remove_owner(&mut self, user: &str) -> bool {
        let before = self.owners.len();
        self.owners.retain(|listed| listed.name != user);
        self.owners.len() != before
    }

    /// Takes an account off the list. False when it is not listed.
    pub fn disown(&mut self, holder: &Holder) -> bool {
        let before = self.owners.len();
        self.owners.retain(|listed| !holder.is(&Owner { name: listed.name.clone(), id: listed.id.clone() }));
        self.owners.len() != before
    }
}

impl Release {
    /// One that is pushed now.
    pub fn new(spec: &Gemspec, sha256: &str, size: u64, now: u64) -> Self {
        let created = time::rfc3339_seconds(now);
        Self {
            slot: spec.slot.to_string(),
            line: line(spec, sha256, &created),
            sha256: Some(sha256.to_owned()),
            size: Some(size),
            created: Some(created),
            yanked: None,
            about: About::of(spec),
        }
    }

    fn of_line(line: &str) -> Result<Self, NameError> {
        let slot = line.split(' ').next().unwrap_or_default();
        Slot::parse(slot)?;
        let value =
            |name: &str| requirements(line).find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
        Ok(Self {
            slot: slot.to_owned(),
            line: line.to_owned(),
            sha256: value("checksum").filter(|text| !text.is_empty()),
            size: None,
            created: value("created_at"),
            yanked: None,
            about: About::default(),
        })
    }

    /// Whether it can be an entry of one of this plugin's documents.
    pub fn check(&self) -> Result<(), String> {
        self.parsed().map_err(|error| error.to_string())?;
        if self.line.contains(['\n', '\r']) || self.line.split(' ').next() != Some(self.slot.as_str()) {
            return Err(format!("the line of {} is about something else", self.slot));
        }
        Ok(())
    }

    pub fn parsed(&self) -> Result<Slot, NameError> {
        Slot::parse(&self.slot)
    }

    /// Names and requirements of the gems that it needs, as its line has them: `>= 1.0, < 2`.
    pub fn dependencies(&self) -> impl Iterator<Item = (&str, String)> {
        let rest = self.line.split_once(' ').map_or("", |(_, rest)| rest);
        let list = rest.split_once('|').map_or(rest, |(list, _)| list);
        list.split(',')
            .filter_map(|one| one.split_once(':'))
            .map(|(name, bounds)| (name, bounds.replace('&', ", ")))
    }

    /// What follows the dependencies under this name, e.g. `ruby`.
    pub fn requirement(&self, name: &str) -> Option<String> {
        requirements(&self.line).find(|(key, _)| *key == name).map(|(_, value)| value.replace('&', ", "))
    }
}

impl About {
    fn of(spec: &Gemspec) -> Self {
        let development = spec.dependencies.iter().filter(|dependency| dependency.is_development);
        Self {
            summary: spec.summary.as_deref().map(shorten),
            description: spec.description.as_deref().map(shorten),
            homepage: spec.homepage.as_deref().map(shorten),
            authors: spec.authors.iter().map(|author| shorten(author)).collect(),
            licenses: spec.licenses.iter().map(|license| shorten(license)).collect(),
            metadata: spec.metadata.iter().map(|(key, value)| (shorten(key), shorten(value))).collect(),
            development: development.map(|one| (one.name.clone(), one.requirement.to_string())).collect(),
            date: spec.date.clone(),
        }
    }
}

/// A file of the compact index: its header, which may be missing, and the lines behind it.
pub fn split_header(file: &str) -> (&str, &str) {
    let behind = file.strip_prefix(HEADER).or_else(|| file.split_once("\n---\n").map(|(_, behind)| behind));
    file.split_at(file.len() - behind.unwrap_or(file).len())
}

/// The lines of a file of the compact index, behind its header.
pub fn lines(file: &str) -> impl Iterator<Item = &str> {
    split_header(file).1.lines().filter(|line| !line.is_empty())
}

/// `{version} {dependencies}|{requirements}`
fn line(spec: &Gemspec, sha256: &str, created: &str) -> String {
    let mut dependencies: Vec<String> = spec
        .dependencies
        .iter()
        .filter(|dependency| !dependency.is_development)
        .map(|dependency| format!("{}:{}", dependency.name, dependency.requirement.joined("&")))
        .collect();
    dependencies.sort_unstable();
    let mut line = format!("{} {}|checksum:{sha256}", spec.slot, dependencies.join(","));
    for (name, requirement) in [("ruby", &spec.required_ruby), ("rubygems", &spec.required_rubygems)] {
        if !requirement.is_any() {
            line.extend([",", name, ":", &requirement.joined("&")]);
        }
    }
    line.extend([",created_at:", created]);
    line
}

/// What follows the dependencies of a line.
fn requirements(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let rest = line.split_once('|').map_or("", |(_, rest)| rest);
    rest.split(',').filter_map(|one| one.split_once(':'))
}

fn shorten(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    const PAGE: &str = "---\n1.0 |checksum:aa\n1.1-java rack:>= 1.0&< 2,rake:>= 0|checksum:bb,ruby:>= 2.0,created_at:2026-01-01T00:00:00Z\n";

    fn name() -> GemName {
        GemName::parse("demo").unwrap()
    }

    #[test]
    fn the_page_of_another_system_is_kept_as_it_is() {
        let package = Package::of_info(&name(), PAGE).unwrap();
        assert_eq!(package.info(), PAGE);
        assert_eq!(package.check(), Ok(()));
        let second = package.versions.get(1).unwrap();
        assert_eq!(second.sha256.as_deref(), Some("bb"));
        assert_eq!(second.created.as_deref(), Some("2026-01-01T00:00:00Z"));
        assert_eq!(second.requirement("ruby").as_deref(), Some(">= 2.0"));
        let dependencies: Vec<_> = second.dependencies().collect();
        assert_eq!(dependencies, [("rack", ">= 1.0, < 2".to_owned()), ("rake", ">= 0".to_owned())]);
        assert!(Package::of_info(&name(), "---\nnot a version\n").is_err());
    }

    #[test]
    fn a_yanked_version_leaves_the_page_and_keeps_its_number() {
        let mut package = Package::of_info(&name(), PAGE).unwrap();
        package.versions.first_mut().unwrap().yanked = Some("2026-01-02T00:00:00Z".to_owned());
        assert_eq!(package.info().lines().count(), 2);
        assert!(package.find(&Slot::parse("1.0").unwrap()).is_some());
        assert!(package.find_same(&Slot::parse("1.0.0").unwrap()).is_some());
        assert!(
            package.find_same(&Slot::parse("1.1").unwrap()).is_none(),
            "a version for java is another one"
        );
        assert_eq!(package.newest().unwrap().0.to_string(), "1.1-java");
    }

    #[test]
    fn the_newest_is_no_prerelease_if_there_is_another() {
        let package = Package::of_info(&name(), "---\n2.0.rc1 |\n1.10 |\n1.9 |\n1.10-java |\n").unwrap();
        assert_eq!(package.newest().unwrap().0.to_string(), "1.10");
        let package = Package::of_info(&name(), "---\n2.0.rc1 |\n2.0.rc2 |\n").unwrap();
        assert_eq!(package.newest().unwrap().0.to_string(), "2.0.rc2");
    }

    #[test]
    fn a_document_that_would_break_the_index_is_damaged() {
        let whole = Package::of_info(&name(), PAGE).unwrap();
        let broken = |change: fn(&mut Package)| {
            let mut package = whole.clone();
            change(&mut package);
            assert!(package.check().is_err(), "{package:?}");
        };
        broken(|package| package.name = "../x".to_owned());
        broken(|package| package.versions.first_mut().unwrap().line.push_str("\n9.9 |"));
        broken(|package| package.versions.first_mut().unwrap().slot = "1.2".to_owned());
        broken(|package| package.versions.push(package.versions.first().unwrap().clone()));
    }
}

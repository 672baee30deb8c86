//! The list of packages, and the data for searches: derived documents, which no publish writes.
//!
//! The list of names is made by walking over the folders in the store. Only the first request after a
//! package was added or removed does that ([`Derived`]). A search looks up the documents of the
//! packages that it may show, and reads only those that have changed since the catalog was written.

use std::collections::{BTreeMap, BTreeSet};

use packhouse_plugin::storage::{self, Derived, PROOFS, Precondition, folders};
use packhouse_plugin::time::HOUR;
use packhouse_plugin::{Error as HostError, log};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::{Abandoned, Package, Release};
use crate::layout::{self, CATALOG, LIST, MARK, PACKAGES};
use crate::name::PackageName;
use crate::name::version::{compare, is_dev, is_stable};

/// The most documents, and the most bytes of them, that one request reads.
const READS: usize = 300;
const BYTES: u64 = 64 << 20;
/// Reading this many again costs less than writing the catalog.
const WORTH_WRITING: usize = 16;
/// The longest text that is shown and searched, in characters.
const TEXT: usize = 500;
/// The most keywords of a package, and the most packages that it provides.
const WORDS: usize = 50;

/// All packages. What is copied into the bucket is on it after an hour, or after a `reindex`.
const NAMES: Derived<'_> = Derived { key: LIST, marker: MARK, lifetime: HOUR };

#[derive(Serialize, Deserialize)]
struct List {
    packages: Vec<String>,
}

/// All of them, in the order of their bytes.
pub fn names() -> Result<Vec<String>, HostError> {
    Ok(NAMES.read(|| walk().map(|packages| List { packages }))?.packages)
}

/// The stored catalog; none if there is none or it cannot be read.
pub fn stored() -> Result<Option<Vec<String>>, HostError> {
    match storage::get(LIST) {
        Ok(document) => Ok(document.and_then(|document| Some(document.json::<List>().ok()?.packages))),
        Err(HostError::Damaged { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What requests for the list get; none if the next one walks over the folders.
pub fn listed() -> Result<Option<Vec<String>>, HostError> {
    Ok(NAMES.peek::<List>()?.map(|list| list.packages))
}

/// A package was added or removed: the next request for the list walks over the folders.
pub fn changed() {
    NAMES.changed();
}

/// As they are stored now. A folder without a document is not a package, unless the document was lost: a
/// client that does not find a name on the list takes the package from another repository.
pub fn walk() -> Result<Vec<String>, HostError> {
    let mut names = BTreeSet::new();
    // If a package has lost all its files, its proof is left.
    for root in [PACKAGES.to_owned(), format!("{PROOFS}{PACKAGES}")] {
        for vendor in folders(&root) {
            let vendor = vendor?;
            for package in folders(&format!("{root}{vendor}/")) {
                names.extend(PackageName::parse(&format!("{vendor}/{}", package?)).ok());
            }
        }
    }
    let documents: Vec<String> = names.iter().map(layout::document).collect();
    let found = storage::stat_many(&documents)?;
    let mut listed = Vec::new();
    for ((name, document), found) in names.iter().zip(&documents).zip(found) {
        if found.is_some() || is_lost(document)? {
            listed.push(name.to_string());
        }
    }
    Ok(listed)
}

/// Of a document that was not found.
fn is_lost(document: &str) -> Result<bool, HostError> {
    match storage::check_absent(document) {
        Err(HostError::Damaged { .. }) => Ok(true),
        checked => checked.map(|()| false),
    }
}

/// By name.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Catalog {
    packages: BTreeMap<String, Entry>,
}

/// What is known of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Of the document that this was read from; the store's word.
    seen: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub url: String,
    #[serde(default)]
    pub kind: String,
    #[serde(default)]
    pub keywords: Vec<String>,
    /// Packages that it provides or replaces.
    #[serde(default)]
    pub provides: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abandoned: Option<Abandoned>,
}

impl Catalog {
    /// What was written last; empty when nothing was, or it cannot be read.
    pub fn load() -> Result<Self, HostError> {
        match storage::get(CATALOG) {
            Ok(Some(document)) => Ok(document.json().unwrap_or_default()),
            Ok(None) | Err(HostError::Damaged { .. }) => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// What is known of a package, or nothing.
    pub fn entry(&self, name: &str) -> Entry {
        self.packages.get(name).cloned().unwrap_or_default()
    }

    /// Reads what has changed of these packages, in order, until a bound is reached. What was known of a
    /// package stays if its document is damaged or lost.
    pub fn refresh(&mut self, names: &[String]) -> Result<(), HostError> {
        let names: Vec<PackageName> = names.iter().filter_map(|name| PackageName::parse(name).ok()).collect();
        let keys: Vec<String> = names.iter().map(layout::document).collect();
        let found = storage::stat_many(&keys)?;
        let mut stale = Vec::new();
        for ((name, key), found) in names.iter().zip(&keys).zip(found) {
            let seen = self.packages.get(name.as_str()).map(|entry| entry.seen.as_str());
            match found {
                Some(info) if seen != Some(&info.version) => stale.push((name, key)),
                Some(_) | None => {}
            }
        }
        stale.truncate(READS);
        let keys: Vec<&String> = stale.iter().map(|(_, key)| *key).collect();
        let (mut bytes, mut read) = (0, 0);
        for ((name, _), document) in stale.iter().zip(storage::get_each(&keys)) {
            let document = match document {
                Ok(Some(document)) => document,
                Ok(None) | Err(HostError::Damaged { .. }) => continue,
                Err(error) => return Err(error),
            };
            bytes += document.bytes.len() as u64;
            if let Ok(Some(package)) = Package::parse(&document.bytes) {
                self.packages.insert(name.to_string(), Entry::of(&package, document.info.version));
                read += 1;
            }
            if bytes > BYTES {
                break;
            }
        }
        if read >= WORTH_WRITING {
            self.write();
        }
        Ok(())
    }

    /// Losing it costs reading and nothing else.
    fn write(&self) {
        let bytes = storage::to_json(self);
        let written = bytes
            .and_then(|bytes| storage::put(CATALOG, &bytes, Precondition::Any, Some("application/json")));
        if let Err(error) = written {
            log::warn(
                "the catalog could not be written; the next search reads again",
                &[("error", &error.to_string())],
            );
        }
    }
}

impl Entry {
    fn of(package: &Package, seen: String) -> Self {
        let abandoned = package.abandoned.clone();
        let Some(release) = newest(package) else { return Self { seen, abandoned, ..Self::default() } };
        let manifest = release.composer.members();
        let text = |member: &str| {
            let text = manifest.value(member);
            let text = text.as_ref().and_then(Value::as_str).unwrap_or_default();
            text.chars().take(TEXT).collect::<String>()
        };
        let words = manifest.value("keywords");
        let words = words.iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str);
        let links = ["provide", "replace"].map(|member| manifest.value(member));
        let links = links.iter().flatten().filter_map(Value::as_object);
        let kind = text("type").to_lowercase();
        Self {
            seen,
            description: text("description"),
            url: text("homepage"),
            kind: if kind.is_empty() { "library".to_owned() } else { kind },
            keywords: words.take(WORDS).map(|word| word.chars().take(TEXT).collect()).collect(),
            provides: links.flat_map(|links| links.keys().cloned()).take(WORDS).collect(),
            abandoned,
        }
    }
}

/// What a package is shown by: the newest release, else the newest pre-release, else a branch.
pub fn newest(package: &Package) -> Option<&Release> {
    let rank = |release: &Release| (is_stable(&release.normalized), !is_dev(&release.normalized));
    package.versions.iter().max_by(|one, other| {
        rank(one).cmp(&rank(other)).then_with(|| compare(&one.normalized, &other.normalized))
    })
}

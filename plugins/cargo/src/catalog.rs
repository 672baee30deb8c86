//! The data for searches over all crates: a derived document, which no publish writes.
//!
//! Each search lists the index (one page of keys per 1000 crates), and reads only the index files whose
//! stored version differs from the one in the catalog. So it finds every version right after its
//! publish, on every host, and reads little. The catalog is written back when enough has changed. If it
//! is lost, or a race for it is lost, later searches only read more.

use std::collections::{BTreeMap, HashSet};
use std::io::BufReader;

use packhouse_plugin::storage::{self, Document, Precondition, Reader};
use packhouse_plugin::{Error, log};
use serde::{Deserialize, Serialize};

use crate::archive;
use crate::document::Index;
use crate::layout;
use crate::manifest;
use crate::name::{CrateName, Version};

/// The most crates that are looked at.
const CRATES: usize = 100_000;
/// The most index files, and the most bytes of them, that one request reads.
const READS: usize = 300;
const BYTES: u64 = 64 << 20;
/// Reading this many again costs less than writing the catalog.
const WORTH_WRITING: usize = 16;
/// How much of a crate is fetched at once to look for its description, in bytes.
const GLANCE: usize = 64 << 10;
/// The longest text that is shown and searched, in characters.
const TEXT: usize = 500;
/// The most keywords of a crate.
const KEYWORDS: usize = 20;

/// What [`Catalog::refresh`] has done.
#[derive(Debug, Default)]
pub struct Refreshed {
    /// The first so many of the index files that have changed were looked at.
    pub tried: usize,
    pub read: usize,
    /// The keys of damaged index files, and why they are.
    pub damaged: Vec<(String, String)>,
}

/// By the name in lower case.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Catalog {
    crates: BTreeMap<String, Entry>,
}

/// What is known of a crate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Of the index file that this was read from; the store's word.
    seen: String,
    /// In the spelling of the index.
    pub name: String,
    /// The highest version that is not yanked; empty when it was not read yet.
    pub newest: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
}

/// What lies at the catalog's key.
pub enum Stored {
    Nothing,
    Unreadable,
    Catalog(Catalog),
}

impl Stored {
    /// Empty if there is no readable catalog.
    pub fn into_catalog(self) -> Catalog {
        match self {
            Stored::Nothing | Stored::Unreadable => Catalog::default(),
            Stored::Catalog(catalog) => catalog,
        }
    }
}

/// A crate that has an index file at this moment.
#[derive(Debug, Clone)]
pub struct Present {
    /// In lower case.
    pub name: CrateName,
    seen: String,
}

/// All crates that there are, in the order of their keys.
pub fn list() -> Result<Vec<Present>, Error> {
    let mut found = Vec::new();
    for info in storage::list(layout::INDEX) {
        let info = info?;
        if let Some(name) = layout::crate_of_index(&info.key) {
            found.push(Present { name, seen: info.version });
        }
        if found.len() >= CRATES {
            log::warn("there are more crates than a search reads", &[]);
            break;
        }
    }
    Ok(found)
}

impl Catalog {
    /// What was written last; empty when nothing was, or it cannot be read.
    pub fn load() -> Result<Self, Error> {
        Ok(Self::stored()?.into_catalog())
    }

    /// The same, and whether it can be read.
    pub fn stored() -> Result<Stored, Error> {
        Ok(match storage::get(layout::CATALOG) {
            Ok(None) => Stored::Nothing,
            Ok(Some(document)) => document.json().map_or(Stored::Unreadable, Stored::Catalog),
            Err(Error::Damaged { .. }) => Stored::Unreadable,
            Err(error) => return Err(error),
        })
    }

    /// The spelling of a name, where it is known.
    pub fn spelling(&self, name: &CrateName) -> Option<&str> {
        self.crates.get(name.as_str()).map(|entry| entry.name.as_str())
    }

    /// What is known of a crate; its name at least.
    pub fn entry(&self, name: &CrateName) -> Entry {
        self.crates
            .get(name.as_str())
            .cloned()
            .unwrap_or_else(|| Entry { name: name.to_string(), ..Entry::default() })
    }

    /// Reads what has changed of these, in order, until a bound is reached. What is known of a
    /// crate stays if its index file is damaged.
    pub fn refresh<'a>(&mut self, crates: impl Iterator<Item = &'a Present>) -> Result<Refreshed, Error> {
        let stale: Vec<&Present> = crates.filter(|present| self.is_stale(present)).take(READS).collect();
        let keys: Vec<String> = stale.iter().map(|present| layout::index(&present.name)).collect();
        let (mut bytes, mut refreshed) = (0, Refreshed::default());
        for (present, document) in stale.iter().zip(storage::get_each(&keys)) {
            refreshed.tried += 1;
            let document = match document {
                Ok(Some(document)) => document,
                Ok(None) => continue,
                Err(Error::Damaged { key, why }) => {
                    refreshed.damaged.push((key, why));
                    continue;
                }
                Err(error) => return Err(error),
            };
            bytes += document.bytes.len() as u64;
            match Index::new(&document.bytes).check_to_read(&present.name) {
                Ok(()) => {
                    self.crates.insert(present.name.to_string(), Entry::read(&present.name, &document)?);
                    refreshed.read += 1;
                }
                Err(why) => refreshed.damaged.push((document.info.key, why)),
            }
            if bytes > BYTES {
                break;
            }
        }
        Ok(refreshed)
    }

    /// How many crates are gone.
    pub fn gone(&self, present: &[Present]) -> usize {
        let known = present.iter().filter(|present| self.crates.contains_key(present.name.as_str())).count();
        self.crates.len() - known
    }

    /// Whether the crate is missing or has changed.
    pub fn is_stale(&self, present: &Present) -> bool {
        self.crates.get(present.name.as_str()).is_none_or(|entry| entry.seen != present.seen)
    }

    /// Writes it back when `read` makes it worth it.
    pub fn save(&mut self, present: &[Present], read: usize) -> Result<(), Error> {
        if read < WORTH_WRITING { Ok(()) } else { self.write(present) }
    }

    /// Writes it back without those that are gone.
    pub fn write(&mut self, present: &[Present]) -> Result<(), Error> {
        let there: HashSet<&str> = present.iter().map(|present| present.name.as_str()).collect();
        self.crates.retain(|name, _| there.contains(name.as_str()));
        let bytes = storage::to_json(self)?;
        storage::put(layout::CATALOG, &bytes, Precondition::Any, Some("application/json")).map(|_| ())
    }
}

impl Entry {
    /// From the index file, and the `Cargo.toml` of the newest version.
    fn read(name: &CrateName, document: &Document) -> Result<Self, Error> {
        let mut entry =
            Self { seen: document.info.version.clone(), name: name.to_string(), ..Self::default() };
        let index = Index::new(&document.bytes);
        // As permissions have it.
        if let Some(stored) = index.name() {
            entry.name = stored.to_string();
        }
        if let Some((version, line)) = index.newest() {
            let spelled = CrateName::parse(&line.name).unwrap_or_else(|_| name.clone());
            let about = read_about(&spelled, &version)?;
            entry.newest = version.to_string();
            entry.description = shorten(about.description.unwrap_or_default());
            entry.keywords = about.keywords.into_iter().take(KEYWORDS).map(shorten).collect();
        }
        Ok(entry)
    }
}

fn read_about(name: &CrateName, version: &Version) -> Result<manifest::About, Error> {
    let mut reader = Reader::open(&layout::crate_file(name, version))?;
    if reader.is_none() {
        reader = Reader::open(&layout::lower_crate_file(name, version))?;
    }
    let Some(reader) = reader else { return Ok(manifest::About::default()) };
    let bytes = archive::glance_at_manifest(BufReader::with_capacity(GLANCE, reader));
    Ok(bytes.map(|bytes| manifest::about(&bytes)).unwrap_or_default())
}

fn shorten(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(TEXT) {
        text.truncate(end);
    }
    text
}

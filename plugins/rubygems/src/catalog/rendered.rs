//! Derived from the list: the names of all gems, and the three indexes in Marshal format. They are
//! stored, so that one request makes them for later ones, and written at most once in
//! [`INTERVAL`](super::INTERVAL). A request never reads an old one: it derives it again if the list has
//! changed.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use packhouse_plugin::storage::{self, Json, Precondition, unless_conflict};
use packhouse_plugin::{Error, ObjectInfo, log};
use serde::{Deserialize, Serialize};

use super::listing::{Listing, slots};
use super::{Current, INTERVAL, Sums};
use crate::document::HEADER;
use crate::layout::{LATEST_SPECS, NAMES, PRERELEASE_SPECS, RENDERED, SPECS};
use crate::marshal;
use crate::name::Slot;

/// How well the indexes are packed: their readers unpack them once.
const LEVEL: Compression = Compression::new(6);

/// One of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Names,
    Specs,
    Latest,
    Prereleases,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Names, Kind::Specs, Kind::Latest, Kind::Prereleases];

    pub fn key(self) -> &'static str {
        match self {
            Kind::Names => NAMES,
            Kind::Specs => SPECS,
            Kind::Latest => LATEST_SPECS,
            Kind::Prereleases => PRERELEASE_SPECS,
        }
    }

    pub fn content_type(self) -> &'static str {
        if self == Kind::Names { "text/plain; charset=utf-8" } else { "application/gzip" }
    }
}

/// By the key of a file: what it was made of.
type Origins = BTreeMap<String, Origin>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    /// The MD5 of the list.
    of: String,
    /// The version of the file in the store.
    version: String,
    #[serde(flatten)]
    sums: Sums,
}

/// One of the files, as it is now.
pub enum Rendered {
    /// It lies at its key, in this version.
    Stored(Sums, String),
    Fresh(Vec<u8>),
}

/// One of the files, made of the list as it is now.
pub fn read(kind: Kind, current: &Current) -> Result<Rendered, Error> {
    let origins = Json::<Origins>::at(RENDERED);
    let known = match origins.read() {
        Err(Error::Damaged { .. }) => None,
        known => known?,
    };
    let known = known.unwrap_or_default();
    let there = storage::stat(kind.key())?;
    if let (Some(origin), Some(info)) = (known.get(kind.key()), &there)
        && origin.of == current.sums.md5
        && origin.version == info.version
    {
        return Ok(Rendered::Stored(origin.sums.clone(), info.version.clone()));
    }
    let bytes = render(kind, &current.text()?, |_| true)?;
    match store(kind, &bytes, current, there.as_ref()) {
        Ok(Some(origin)) => return Ok(Rendered::Stored(origin.sums, origin.version)),
        Ok(None) => {}
        Err(error) => {
            let fields = [("key", kind.key()), ("error", &error.to_string())];
            log::warn("an index could not be written; the next request makes it again", &fields);
        }
    }
    Ok(Rendered::Fresh(bytes))
}

/// Writes the file, unless it was written a moment ago. Somebody else who was faster is as good.
fn store(
    kind: Kind,
    bytes: &[u8],
    current: &Current,
    there: Option<&ObjectInfo>,
) -> Result<Option<Origin>, Error> {
    let age = there.map(storage::age).transpose()?.flatten();
    if age.is_some_and(|age| age < INTERVAL) {
        return Ok(None);
    }
    try_write(kind, bytes, current, there)
}

/// Writes the file. False if somebody else was faster.
pub fn write(kind: Kind, bytes: &[u8], current: &Current, there: Option<&ObjectInfo>) -> Result<bool, Error> {
    Ok(try_write(kind, bytes, current, there)?.is_some())
}

fn try_write(
    kind: Kind,
    bytes: &[u8],
    current: &Current,
    there: Option<&ObjectInfo>,
) -> Result<Option<Origin>, Error> {
    let precondition = there.map_or(Precondition::Absent, |info| Precondition::Version(&info.version));
    let written = storage::put(kind.key(), bytes, precondition, Some(kind.content_type()));
    let Some(written) = unless_conflict(written)? else { return Ok(None) };
    let sums = Sums::of(bytes)?;
    let origin = Origin { of: current.sums.md5.clone(), version: written.version, sums };
    Json::<Origins>::at(RENDERED).update(|origins| {
        let mut origins = origins.unwrap_or_default();
        origins.insert(kind.key().to_owned(), origin.clone());
        Ok::<_, Error>(Some(origins))
    })?;
    Ok(Some(origin))
}

/// The file, made of this list without the gems that the filter does not let through.
pub fn render(kind: Kind, list: &str, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<u8>, Error> {
    let listing = Listing::new(list);
    if kind == Kind::Names {
        let mut names = HEADER.to_owned();
        for (name, versions) in listing.gems(is_wanted) {
            if !versions.is_empty() {
                names.push_str(name);
                names.push('\n');
            }
        }
        return Ok(names.into_bytes());
    }
    let gems = listing.gems(is_wanted);
    let mut specs: Vec<(&str, Slot)> = Vec::new();
    for (name, versions) in &gems {
        let wanted =
            slots(versions).filter(|slot| (kind == Kind::Prereleases) == slot.number.is_prerelease());
        if kind == Kind::Latest {
            specs.extend(highest(wanted).into_values().map(|slot| (*name, slot)));
        } else {
            specs.extend(wanted.map(|slot| (*name, slot)));
        }
    }
    pack(&specs).map_err(Error::from)
}

/// The highest version for each platform.
fn highest(slots: impl Iterator<Item = Slot>) -> BTreeMap<String, Slot> {
    let mut highest: BTreeMap<String, Slot> = BTreeMap::new();
    for slot in slots {
        match highest.get(&slot.platform) {
            Some(there) if there.number >= slot.number => {}
            _ => drop(highest.insert(slot.platform.clone(), slot)),
        }
    }
    highest
}

fn pack(specs: &[(&str, Slot)]) -> std::io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), LEVEL);
    let mut buffered = std::io::BufWriter::new(&mut packed);
    marshal::write_index(&mut buffered, specs.len(), specs.iter().map(|(name, slot)| (*name, slot)))?;
    buffered.flush()?;
    drop(buffered);
    packed.finish()
}

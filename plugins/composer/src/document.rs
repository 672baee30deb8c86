//! A package's document. It alone decides which versions exist: a file that it does not name is
//! invisible. It must not know HTTP or storage, because embedders also read stored documents with it.
//! The README shows its format.
//!
//! # Invariants
//! - Each change increases `modified` by at least a second, because clients ask whether something
//!   changed after the time that they got.
//! - Digests, sizes and times are those of the publish; URLs are never stored.

use packhouse_plugin::storage::Said;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::layout;
use crate::members::Members;
use crate::name::version::is_dev;
use crate::name::{PackageName, Version};

pub mod foreign;
pub mod render;

/// What a document says of itself.
const FORMAT: &str = "packhouse-composer-1";
/// What the formats of this system begin with.
const FORMATS: &str = "packhouse-composer-";

/// All of a package.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Package {
    format: String,
    pub name: String,
    /// When this was last changed, in seconds since the Unix epoch: what clients are told as
    /// `Last-Modified`.
    pub modified: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abandoned: Option<Abandoned>,
    /// In the order of their publishing.
    pub versions: Vec<Release>,
    /// Dists that a branch had before; lock files name them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Earlier>,
    /// What a later version of this plugin adds.
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// A version and its dist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// As its publisher writes it.
    pub version: String,
    pub normalized: String,
    /// When it was published, as clients are told.
    pub time: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploader: Option<String>,
    #[serde(flatten)]
    pub dist: Dist,
    /// Its `composer.json`.
    pub composer: Manifest,
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// A `composer.json`, as text: a document may hold thousands, and who reads it looks at one after the
/// other.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Manifest(Box<RawValue>);

impl Manifest {
    pub fn new(members: &Members) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(members).map(Self)
    }

    /// Its members; none if it is not an object.
    pub fn members(&self) -> Members {
        Members::read(self.0.get()).unwrap_or_default()
    }

    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Manifest {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// A zip archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dist {
    /// Its name in the store.
    pub reference: String,
    pub size: u64,
    pub sha1: String,
    pub sha256: String,
}

/// The dist of a version that was published again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    pub normalized: String,
    #[serde(flatten)]
    pub dist: Dist,
}

/// Nobody looks after the package any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Abandoned {
    /// `true`; never `false`.
    Plain(bool),
    /// The package to use instead.
    Replacement(String),
}

/// What lies beside a dist, so that the document can be made again of both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub version: String,
    pub time: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploader: Option<String>,
}

/// What a stored document says of the package being abandoned.
pub fn said(bytes: &[u8]) -> Said {
    Package::parse(bytes).ok().flatten().map(|package| package.said()).unwrap_or_default()
}

/// What became of a version that was to be added.
#[derive(Debug, Clone, PartialEq)]
pub enum Placed {
    /// It is in the document now.
    New,
    /// It was there, with the same bytes.
    Same(Release),
    /// It was there, with other bytes.
    Other(Release),
}

impl Package {
    /// Reads a stored document; none when it is another system's. An error when it is one of ours
    /// that is damaged or newer.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, String> {
        match serde_json::from_slice::<Self>(bytes) {
            Ok(package) if package.format == FORMAT => Ok(Some(package)),
            Ok(package) => Err(format!("its format {:?} is not supported", package.format)),
            Err(_) if is_foreign(bytes) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The document of a package without versions.
    pub fn new(name: &PackageName) -> Self {
        Self {
            format: FORMAT.to_owned(),
            name: name.to_string(),
            modified: 0,
            abandoned: None,
            versions: Vec::new(),
            earlier: Vec::new(),
            other: Map::new(),
        }
    }

    /// Whether this JSON is the format of our documents.
    pub fn is_format(json: &[u8]) -> bool {
        serde_json::from_slice::<String>(json).is_ok_and(|format| format == FORMAT)
    }

    /// Checks that this is the whole document of the package, or says why not.
    pub fn check(&self, name: &PackageName) -> Result<(), String> {
        if self.name != name.as_str() {
            return Err(format!("it is the document of the package {:?}", self.name));
        }
        if self.versions.is_empty() {
            return Err("it lists no version".to_owned());
        }
        let odd = self.dists().find(|dist| !layout::is_reference(&dist.reference));
        if let Some(dist) = odd {
            return Err(format!("it lists the dist {:?}, which is not a valid file name", dist.reference));
        }
        let spelled = |release: &&Release| {
            !Version::parse(&release.version).is_ok_and(|version| version.normalized() == release.normalized)
        };
        if let Some(release) = self.versions.iter().find(spelled) {
            return Err(format!("it lists the version {:?} as {:?}", release.version, release.normalized));
        }
        let mut normalized: Vec<&str> =
            self.versions.iter().map(|release| release.normalized.as_str()).collect();
        normalized.sort_unstable();
        let twice = normalized.windows(2).find(|pair| matches!(pair, [one, next] if one == next));
        twice.and_then(|pair| pair.first()).map_or(Ok(()), |version| Err(format!("it lists {version} twice")))
    }

    /// What the document says of the package being abandoned.
    pub fn said(&self) -> Said {
        let abandoned = self.abandoned.as_ref().and_then(|abandoned| serde_json::to_string(abandoned).ok());
        Said {
            withdrawn: abandoned.map(|abandoned| (String::new(), abandoned)).into_iter().collect(),
            ..Said::default()
        }
    }

    /// The package is abandoned if a newer state of the document said so.
    pub fn restore(&mut self, said: &Said) {
        let abandoned = said.withdrawn.get("");
        self.abandoned = abandoned.and_then(|abandoned| serde_json::from_str(abandoned).ok());
    }

    pub fn find(&self, version: &Version) -> Option<&Release> {
        self.versions.iter().find(|release| release.normalized == version.normalized())
    }

    /// All dists that can be downloaded.
    pub fn dists(&self) -> impl Iterator<Item = &Dist> {
        self.files().map(|(_, dist)| dist)
    }

    /// The same, each with its normalized version.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Dist)> {
        let versions = self.versions.iter().map(|release| (release.normalized.as_str(), &release.dist));
        versions.chain(self.earlier.iter().map(|earlier| (earlier.normalized.as_str(), &earlier.dist)))
    }

    /// Adds a version. One that is there stays, unless it is a branch, which may change.
    pub fn place(&mut self, release: &Release) -> Placed {
        let there = self.versions.iter().position(|there| there.normalized == release.normalized);
        let Some((index, before)) = there.and_then(|index| Some((index, self.versions.get(index)?))) else {
            self.versions.push(release.clone());
            return Placed::New;
        };
        if before.dist.sha256 == release.dist.sha256 {
            return Placed::Same(before.clone());
        }
        if !is_dev(&release.normalized) {
            return Placed::Other(before.clone());
        }
        let Release { normalized, dist, .. } = self.versions.remove(index);
        self.earlier.retain(|earlier| earlier.dist.reference != release.dist.reference);
        self.earlier.push(Earlier { normalized, dist });
        self.versions.push(release.clone());
        Placed::New
    }

    /// Adds a dist that a branch had before the one that it has now. False for any other release.
    pub fn place_older(&mut self, release: &Release) -> bool {
        let newer = |there: &&Release| {
            there.normalized == release.normalized && there.time > release.time && there.dist != release.dist
        };
        let is_older = is_dev(&release.normalized) && self.versions.iter().any(|there| newer(&there));
        if is_older && self.dists().all(|dist| dist.reference != release.dist.reference) {
            let (normalized, dist) = (release.normalized.clone(), release.dist.clone());
            self.earlier.push(Earlier { normalized, dist });
        }
        is_older
    }

    /// Takes a version out, and gives the dists that are no longer named.
    pub fn take(&mut self, version: &Version) -> Vec<Dist> {
        let normalized = version.normalized();
        let is_meant = |release: &Release| release.normalized == normalized;
        let (taken, kept): (Vec<Release>, Vec<Release>) = self.versions.drain(..).partition(is_meant);
        let is_earlier = |earlier: &Earlier| earlier.normalized == normalized;
        let (earlier, others): (Vec<Earlier>, Vec<Earlier>) = self.earlier.drain(..).partition(is_earlier);
        (self.versions, self.earlier) = (kept, others);
        let taken = taken.into_iter().map(|release| release.dist);
        let mut gone: Vec<Dist> = taken.chain(earlier.into_iter().map(|earlier| earlier.dist)).collect();
        gone.retain(|dist| self.dists().all(|kept| kept.reference != dist.reference));
        gone
    }

    /// Tells the clients of a change that is made at this moment, in seconds: later than all that
    /// they were told before, `floor` included.
    pub fn touch(&mut self, now: u64, floor: Option<u64>) {
        let after = |moment: u64| moment.saturating_add(1);
        self.modified = now.max(after(self.modified)).max(floor.map_or(0, after));
    }
}

impl Release {
    pub fn new(version: &Version, note: Note, dist: Dist, composer: Manifest) -> Self {
        let Note { time, uploader, .. } = note;
        let (version, normalized) = (version.as_str().to_owned(), version.normalized().to_owned());
        Self { version, normalized, time, uploader, dist, composer, other: Map::new() }
    }

    /// What lies beside the dist.
    pub fn note(&self) -> Note {
        Note { version: self.version.clone(), time: self.time.clone(), uploader: self.uploader.clone() }
    }
}

/// A document of another system is a JSON object with members, and nothing in it looks as if it
/// came from here.
fn is_foreign(bytes: &[u8]) -> bool {
    let members: Members = serde_json::from_slice(bytes).unwrap_or_default();
    let has_our_format = || bytes.windows(FORMATS.len()).any(|text| text == FORMATS.as_bytes());
    !members.is_empty() && members.get("format").is_none() && !has_our_format()
}

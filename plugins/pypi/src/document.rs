//! A project's document. It alone decides which files exist: a file that it does not name is invisible.
//! It must not know HTTP or storage, because embedders also read stored documents with it. The README
//! shows its format.
//!
//! # Invariants
//! - Digests and times are those of the upload; URLs are never stored.
//! - The member `format` distinguishes the document from those of other systems, so none is misread.
//!   Only a JSON object can be a document of another system: everything else at this key is damage.
//! - A document that names no file on purpose has `empty`: without it, the document has lost its files.
//!
//! # Examples
//! ```
//! let stored = br#"{"format":"packhouse-pypi-1","name":"Demo","files":[]}"#;
//! let project = packhouse_pypi::document::Project::parse(stored)?;
//! assert_eq!(project.map(|project| project.name).as_deref(), Some("Demo"));
//! assert!(packhouse_pypi::document::Project::parse(br#"{"name":"demo","releases":{}}"#)?.is_none());
//! assert!(packhouse_pypi::document::Project::parse(b"{}").is_err());
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::collections::BTreeMap;

use packhouse_plugin::storage::Said;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::name::{ProjectName, Version};

/// What is written into each document; another number is another form.
const FORMAT: &str = "packhouse-pypi-1";
/// What the formats of this protocol begin with.
const FORMATS: &str = "packhouse-pypi-";

/// A project's document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    format: Format,
    /// As the publisher writes it.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// In the order of their uploads.
    pub files: Vec<File>,
    /// Whether it was written without files. It is written by [`Project::stored`].
    #[serde(default, skip_serializing)]
    empty: bool,
}

/// A document as it is stored.
#[derive(Serialize)]
struct Stored<'a> {
    #[serde(flatten)]
    project: &'a Project,
    #[serde(skip_serializing_if = "is_false")]
    empty: bool,
}

/// What becomes of a project (PEP 792).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub status: Marker,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The status markers of PEP 792.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Marker {
    Active,
    /// Takes no uploads.
    Archived,
    /// Takes no uploads, and offers no files.
    Quarantined,
    /// Like active, with a warning.
    Deprecated,
}

/// One distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub filename: String,
    /// Normalised (PEP 440).
    pub version: String,
    /// Bytes.
    pub size: u64,
    /// RFC 3339, in UTC.
    pub uploaded: String,
    /// Lower-case hexadecimal; none only where a large bucket was not read through yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake2b_256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires_python: Option<String>,
    /// The SHA-256 of the core metadata inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_sha256: Option<String>,
    /// Whether attestations are kept beside it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub provenance: bool,
    /// Why it should no longer be used; an empty text when no reason was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<String>,
    /// Who uploaded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploader: Option<String>,
}

/// What a stored document says of yanks and of the status.
pub fn said(bytes: &[u8]) -> Said {
    Project::parse(bytes).ok().flatten().map(|project| project.said()).unwrap_or_default()
}

/// Reads as [`FORMAT`] and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Format {
    #[serde(rename = "packhouse-pypi-1")]
    One,
}

impl Project {
    /// Reads a stored document; none when it is another system's. An error when it is one of
    /// ours that is damaged or newer, or that of no system.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, serde_json::Error> {
        match serde_json::from_slice(bytes) {
            Ok(project) => Ok(Some(project)),
            Err(_) if is_foreign(bytes) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether this JSON text is the `format` of a document that [`Project::parse`] reads.
    pub fn is_format(json: &[u8]) -> bool {
        serde_json::from_slice::<Format>(json).is_ok()
    }

    /// The document of a project without files.
    pub fn new(name: &str) -> Self {
        debug_assert_eq!(serde_json::to_string(&Format::One).ok(), Some(format!("\"{FORMAT}\"")));
        Self { format: Format::One, name: name.to_owned(), status: None, files: Vec::new(), empty: true }
    }

    /// What is stored of it, as JSON.
    pub fn stored(&self) -> impl Serialize {
        Stored { project: self, empty: self.files.is_empty() }
    }

    /// As it is stored.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&self.stored())
    }

    /// Whether it lists no file and does not say that it is meant to. An earlier version wrote
    /// such documents for a moment, in a first upload and in the deletion of a project.
    pub fn may_have_lost_files(&self) -> bool {
        self.files.is_empty() && !self.empty
    }

    /// What the document says of yanks and of the status.
    pub fn said(&self) -> Said {
        let yanked = |file: &File| Some((file.filename.clone(), file.yanked.clone()?));
        let mut withdrawn: BTreeMap<String, String> = self.files.iter().filter_map(yanked).collect();
        let status = self.status.as_ref().and_then(|status| serde_json::to_string(status).ok());
        withdrawn.extend(status.map(|status| (String::new(), status)));
        Said { withdrawn, ..Said::default() }
    }

    /// Yanks and status become what a newer state of the document said.
    pub fn restore(&mut self, said: &Said) {
        for file in &mut self.files {
            file.yanked = said.withdrawn.get(&file.filename).cloned();
        }
        self.status = said.withdrawn.get("").and_then(|status| serde_json::from_str(status).ok());
    }

    pub fn file(&self, filename: &str) -> Option<&File> {
        self.files.iter().find(|file| file.filename == filename)
    }

    /// Checks that this is the document of the project, or says why not: it names another one,
    /// or a file that can be none of a project's.
    pub fn check_identity(&self, name: &ProjectName) -> Result<(), String> {
        if !ProjectName::parse(&self.name).is_ok_and(|own| own == *name) {
            return Err(format!("it is the document of the project {:?}", self.name));
        }
        match self.files.iter().find(|file| !is_segment(&file.filename)) {
            Some(file) => {
                Err(format!("it lists the file {:?}, which is not a valid file name", file.filename))
            }
            None => Ok(()),
        }
    }

    /// Checks that the document is whole, or says why it cannot be built on: it lists a file
    /// twice, so the entry of another file may be lost.
    pub fn check(&self) -> Result<(), String> {
        let mut names: Vec<&str> = self.files.iter().map(|file| file.filename.as_str()).collect();
        names.sort_unstable();
        match names.iter().zip(names.iter().skip(1)).find(|(one, next)| one == next) {
            Some((name, _)) => Err(format!("it lists the file {name} twice")),
            None => Ok(()),
        }
    }

    /// Files of a version, however it is written.
    pub fn files_of<'a>(&'a self, version: &'a Version) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| file.is_of(version))
    }

    /// All versions that have files, the oldest first.
    pub fn versions(&self) -> Vec<Version> {
        let mut written: Vec<&str> = self.files.iter().map(|file| file.version.as_str()).collect();
        written.sort_unstable();
        written.dedup();
        let mut versions: Vec<Version> =
            written.into_iter().filter_map(|version| Version::parse(version).ok()).collect();
        versions.sort();
        versions.dedup();
        versions
    }

    /// What people mean who name no version: the newest that is neither yanked nor a
    /// pre-release, else the newest that is not yanked, else the newest.
    pub fn latest(&self) -> Option<Version> {
        let versions = self.versions();
        let is_yanked = |version: &Version| self.files_of(version).all(|file| file.yanked.is_some());
        let offered = |version: &&Version| !is_yanked(version);
        let stable = |version: &&Version| !version.is_pre() && !is_yanked(version);
        let newest = versions.iter().rfind(stable).or_else(|| versions.iter().rfind(offered));
        newest.or(versions.last()).cloned()
    }

    pub fn marker(&self) -> Marker {
        self.status.as_ref().map_or(Marker::Active, |status| status.status)
    }

    /// Whether new files are taken.
    pub fn takes_uploads(&self) -> bool {
        !matches!(self.marker(), Marker::Archived | Marker::Quarantined)
    }

    /// Whether files may be downloaded.
    pub fn offers_files(&self) -> bool {
        self.marker() != Marker::Quarantined
    }
}

impl File {
    pub fn is_of(&self, version: &Version) -> bool {
        Version::parse(&self.version).is_ok_and(|own| own == *version)
    }

    pub fn is_wheel(&self) -> bool {
        self.filename.strip_suffix(".whl").is_some()
    }

    /// The SHA-256 of the core metadata, where clients may rely on it: of wheels. What a
    /// source distribution says of itself, building it may change.
    pub fn core_metadata(&self) -> Option<&str> {
        self.metadata_sha256.as_deref().filter(|_| self.is_wheel())
    }
}

impl Marker {
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "active" => Some(Self::Active),
            "archived" => Some(Self::Archived),
            "quarantined" => Some(Self::Quarantined),
            "deprecated" => Some(Self::Deprecated),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Archived => "archived",
            Self::Quarantined => "quarantined",
            Self::Deprecated => "deprecated",
        }
    }
}

/// The documents of other systems have no standard form. One is a JSON object with members, and
/// nothing in it looks as if it came from here: neither a member `format`, nor a text that our
/// formats begin with, also where the member's name was damaged.
fn is_foreign(bytes: &[u8]) -> bool {
    let members: Map<String, Value> = serde_json::from_slice(bytes).unwrap_or_default();
    let has_our_format = || bytes.windows(FORMATS.len()).any(|text| text == FORMATS.as_bytes());
    !members.is_empty() && !members.contains_key("format") && !has_our_format()
}

/// Whether it is one segment of a key.
fn is_segment(filename: &str) -> bool {
    !matches!(filename, "" | "." | "..")
        && !filename.contains(|character: char| matches!(character, '/' | '\\') || character.is_control())
}

/// For the display name of a project that no document names.
impl From<&ProjectName> for Project {
    fn from(name: &ProjectName) -> Self {
        Self::new(name.as_str())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(value: &bool) -> bool {
    !value
}

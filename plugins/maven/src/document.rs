//! The document of a version: its files and their digests. Knows no storage and no HTTP.

use std::collections::BTreeSet;

use packhouse_plugin::digests::{MD5, SHA1, SHA256, SHA512};
use packhouse_plugin::storage::{GRACE, ObjectInfo, Staged};
use packhouse_plugin::{Digest, find_digest, time};
use serde::{Deserialize, Serialize};

use crate::name::{Coordinates, FileName};

/// The most uploads that may be replacing files of a version at a time.
const MOST_COMING: usize = 100;
/// What a document of ours begins with.
const FORMAT: &str = "packhouse-maven-1";
/// The digests that are kept and served.
pub const ALGORITHMS: [&str; 4] = [MD5, SHA1, SHA256, SHA512];

/// A version as its document describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    format: String,
    group: String,
    artifact: String,
    version: String,
    /// The artifact's metadata names it: its POM is there, or a client said so.
    #[serde(default)]
    pub listed: bool,
    pub files: Vec<File>,
    /// Checksums that came before their files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<Expected>,
    /// What uploads are about to give the keys of files that may be replaced. If such an upload is cut
    /// short, its bytes lie there, and `files` does not know them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coming: Vec<Coming>,
}

/// A file that an upload is about to store in place of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coming {
    pub file: File,
    /// Milliseconds since the Unix epoch.
    since: u64,
}

/// A file of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub name: String,
    pub size: u64,
    /// RFC 3339.
    pub uploaded: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploader: Option<String>,
    /// None for a file that was copied into the bucket and not read yet.
    #[serde(flatten)]
    pub digests: Option<Digests>,
    /// The version of the object, of a file that may be replaced: the digests are those of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
}

/// In lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    pub md5: String,
    pub sha1: String,
    pub sha256: String,
    pub sha512: String,
}

/// A checksum whose file was not uploaded yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    pub name: String,
    pub algorithm: String,
    pub hex: String,
    /// Milliseconds since the Unix epoch.
    pub since: u64,
}

impl Release {
    pub fn new(coordinates: &Coordinates) -> Self {
        Self {
            format: FORMAT.to_owned(),
            group: coordinates.artifact.group.to_string(),
            artifact: coordinates.artifact.id().to_owned(),
            version: coordinates.version().to_owned(),
            listed: false,
            files: Vec::new(),
            expected: Vec::new(),
            coming: Vec::new(),
        }
    }

    /// Whether a document of ours says this of itself.
    pub fn is_format(format: &str) -> bool {
        format == FORMAT
    }

    /// Why it is damaged although it can be read.
    pub fn check(&self, coordinates: &Coordinates) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!(
                "its format is {:?}, which this version of the plugin does not know",
                self.format
            ));
        }
        let identity = (self.group.as_str(), self.artifact.as_str(), self.version.as_str());
        let artifact = &coordinates.artifact;
        if identity != (artifact.group.as_str(), artifact.id(), coordinates.version()) {
            return Err(format!("it is about {}:{} {}", self.group, self.artifact, self.version));
        }
        let mut names = BTreeSet::new();
        for file in &self.files {
            FileName::parse(coordinates, &file.name).map_err(|error| error.to_string())?;
            if !names.insert(&file.name) {
                return Err(format!("it lists {} twice", file.name));
            }
        }
        for coming in &self.coming {
            FileName::parse(coordinates, &coming.file.name).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    pub fn file(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|file| file.name == name)
    }

    /// The bytes that may lie at the key of a file.
    pub fn candidates(&self, name: &str) -> impl Iterator<Item = &File> {
        let coming = self.coming.iter().map(|coming| &coming.file);
        self.files.iter().chain(coming).filter(move |file| file.name == name)
    }

    /// Says that an upload is about to store this file. False if too many uploads are under way.
    pub fn announce(&mut self, file: &File, now: u64) -> bool {
        if self.coming.len() >= MOST_COMING {
            self.coming.retain(|coming| !is_over(coming.since, now));
        }
        let is_possible = self.coming.len() < MOST_COMING;
        if is_possible {
            self.coming.push(Coming { file: file.clone(), since: now });
        }
        is_possible
    }

    /// Forgets what was said of this file, which lies at its key now, and of those whose uploads have
    /// ended.
    pub fn settle(&mut self, file: &File, now: u64) {
        self.coming.retain(|coming| {
            let is_other = coming.file.name != file.name;
            is_other || (coming.file.digests != file.digests && !is_over(coming.since, now))
        });
    }

    /// Adds a file, or replaces it.
    pub fn put(&mut self, file: File) {
        self.expected.retain(|expected| expected.name != file.name);
        match self.files.iter_mut().find(|there| there.name == file.name) {
            Some(there) => *there = file,
            None => self.files.push(file),
        }
    }

    /// The checksums of a file that came before it, unless it should have come long ago.
    pub fn expected(&self, name: &str, now: u64) -> impl Iterator<Item = &Expected> {
        let name = name.to_owned();
        self.expected.iter().filter(move |expected| expected.name == name && !expected.is_over(now))
    }
}

impl Expected {
    /// The upload that it belonged to has ended without its file.
    pub fn is_over(&self, now: u64) -> bool {
        is_over(self.since, now)
    }
}

fn is_over(since: u64, now: u64) -> bool {
    now.saturating_sub(since) > GRACE
}

impl File {
    /// One that was sent.
    pub fn sent(name: &str, staged: &Staged, moment: u64, uploader: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            size: staged.size(),
            uploaded: time::rfc3339(moment),
            uploader,
            digests: Digests::of(&staged.digests()),
            object: None,
        }
    }

    /// One that lies in the store.
    pub fn found(name: &str, info: &ObjectInfo) -> Self {
        Self {
            name: name.to_owned(),
            size: info.size,
            uploaded: time::rfc3339(info.modified.unwrap_or_default()),
            uploader: None,
            digests: None,
            object: None,
        }
    }

    pub fn uploaded_at(&self) -> Option<u64> {
        time::parse_rfc3339(&self.uploaded)
    }
}

impl Digests {
    /// None if one is missing.
    pub fn of(digests: &[Digest]) -> Option<Self> {
        let hex = |algorithm| find_digest(digests, algorithm).map(|digest| digest.hex.clone());
        Some(Self { md5: hex(MD5)?, sha1: hex(SHA1)?, sha256: hex(SHA256)?, sha512: hex(SHA512)? })
    }

    pub fn get(&self, algorithm: &str) -> Option<&str> {
        match algorithm {
            MD5 => Some(&self.md5),
            SHA1 => Some(&self.sha1),
            SHA256 => Some(&self.sha256),
            SHA512 => Some(&self.sha512),
            _ => None,
        }
    }
}

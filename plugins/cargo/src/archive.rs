//! Checks a `.crate`, a gzipped tar archive, and reads the `Cargo.toml` in it. An upload may be
//! hostile: nothing is unpacked to the storage, and memory and work are bounded. It knows no storage
//! and no HTTP.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, Read};

use packhouse_plugin::gzip::{Decoder, Members};
use packhouse_plugin::tar::{self, Entry, Kind};

use crate::name::{CrateName, Version};

/// The most bytes that a crate may unpack to: cargo itself unpacks no more of a crate below
/// 26 MiB.
pub const UNPACK_LIMIT: u64 = 512 << 20;
/// The largest `Cargo.toml` that is read.
pub const MANIFEST_LIMIT: u64 = 1 << 20;
/// What is unpacked of a crate in search of its description: cargo writes `Cargo.toml`
/// among the first.
const GLANCE_LIMIT: u64 = 8 << 20;

const MANIFEST: &str = "Cargo.toml";
/// What cargo writes beside an unpacked crate.
const RESERVED: &str = ".cargo-ok";

/// Why a file is not a valid crate.
#[derive(Debug)]
pub enum ArchiveError {
    /// No gzip, damaged, cut, or followed by something else.
    Unreadable(io::Error),
    /// No tar inside, or damaged.
    NotTar,
    /// Something follows the end of the tar archive.
    Trailing,
    /// It unpacks to more than [`UNPACK_LIMIT`] bytes.
    TooLarge,
    /// A path, and what it should begin with.
    Outside(String, String),
    /// A path that is a link or a device.
    NoFile(String),
    /// A path that would be another one on some system.
    BadPath(String),
    /// A path of two files.
    Twice(String),
    /// All of it was seen.
    NoManifest,
    /// A second `Cargo.toml`, or one in other letters.
    ManyManifests,
    /// It has more than [`MANIFEST_LIMIT`] bytes.
    ManifestTooLarge,
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(formatter, "the crate is not a readable gzip file: {error}"),
            Self::NotTar => formatter.write_str("the crate contains no readable tar archive"),
            Self::Trailing => {
                formatter.write_str("more bytes follow the end of the tar archive in the crate")
            }
            Self::TooLarge => write!(
                formatter,
                "the crate unpacks to more than {} MiB, more than cargo would unpack",
                UNPACK_LIMIT >> 20
            ),
            Self::Outside(path, folder) => {
                write!(formatter, "the crate contains {path:?}, which is not below {folder}/")
            }
            Self::NoFile(path) => write!(
                formatter,
                "the crate contains {path:?}, which is a link or a device; a crate is made of plain files"
            ),
            Self::BadPath(path) => {
                write!(
                    formatter,
                    "the crate contains {path:?}, which is not a valid path on every operating system"
                )
            }
            Self::Twice(path) => write!(formatter, "the crate contains {path:?} twice"),
            Self::NoManifest => formatter.write_str("the crate contains no Cargo.toml; publish with cargo"),
            Self::ManyManifests => formatter.write_str("the crate contains several Cargo.toml; leave one"),
            Self::ManifestTooLarge => {
                write!(formatter, "the Cargo.toml in the crate is larger than {MANIFEST_LIMIT} bytes")
            }
        }
    }
}

impl std::error::Error for ArchiveError {}

impl From<tar::Error> for ArchiveError {
    fn from(error: tar::Error) -> Self {
        match error {
            tar::Error::Unreadable(error) => Self::Unreadable(error),
            tar::Error::NotTar => Self::NotTar,
            tar::Error::Trailing => Self::Trailing,
        }
    }
}

/// The bytes of the one `Cargo.toml` of this version, when all else in the file is as it
/// should be too.
pub fn read_manifest(
    file: impl BufRead,
    name: &CrateName,
    version: &Version,
) -> Result<Vec<u8>, ArchiveError> {
    read_within(file, &format!("{name}-{version}"), UNPACK_LIMIT)
}

fn read_within(file: impl BufRead, folder: &str, limit: u64) -> Result<Vec<u8>, ArchiveError> {
    // Cargo reads the first gzip member only; a second one would be seen by others.
    let mut archive = Decoder::new(file, Members::One).take(limit);
    let manifest = look_through(&mut archive, folder).and_then(|manifest| {
        tar::finish(&mut archive)?;
        Ok(manifest)
    });
    if archive.limit() == 0 {
        return Err(ArchiveError::TooLarge);
    }
    manifest?.ok_or(ArchiveError::NoManifest)
}

fn look_through(archive: &mut impl Read, folder: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
    let mut manifest = None;
    let mut files = Paths::default();
    while let Some(entry) = Entry::read(archive)? {
        let path = check_entry(&entry, folder)?;
        if !path.eq_ignore_ascii_case(MANIFEST) {
            if entry.kind == Kind::File && !files.is_new(path) {
                return Err(ArchiveError::Twice(shown(&entry)));
            }
            tar::skip(archive, entry.padded_size())?;
            continue;
        }
        if manifest.is_some() || path != MANIFEST || entry.kind != Kind::File {
            return Err(ArchiveError::ManyManifests);
        }
        if entry.size > MANIFEST_LIMIT {
            return Err(ArchiveError::ManifestTooLarge);
        }
        manifest = Some(tar::read_content(archive, &entry)?);
    }
    Ok(manifest)
}

/// The paths that were seen, as numbers: there may be a million of them.
#[derive(Default)]
struct Paths {
    hasher: RandomState,
    seen: HashSet<u64>,
}

impl Paths {
    fn is_new(&mut self, path: &str) -> bool {
        self.seen.insert(self.hasher.hash_one(path))
    }
}

fn shown(entry: &Entry) -> String {
    String::from_utf8_lossy(&entry.path).chars().take(200).collect()
}

/// The entry's path below the folder, when it is a file or folder there.
fn check_entry<'a>(entry: &'a Entry, folder: &str) -> Result<&'a str, ArchiveError> {
    let path = std::str::from_utf8(&entry.path).map_err(|_| ArchiveError::BadPath(shown(entry)))?;
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    if first != folder {
        return Err(ArchiveError::Outside(shown(entry), folder.to_owned()));
    }
    match entry.kind {
        Kind::File | Kind::Folder => {}
        Kind::SymbolicLink | Kind::HardLink | Kind::GlobalHeader | Kind::Other => {
            return Err(ArchiveError::NoFile(shown(entry)));
        }
    }
    let rest = if entry.kind == Kind::Folder { rest.strip_suffix('/').unwrap_or(rest) } else { rest };
    let is_folder_itself = rest.is_empty() && entry.kind == Kind::Folder;
    let is_reserved = rest.split('/').next().is_some_and(|first| first.eq_ignore_ascii_case(RESERVED));
    if is_folder_itself || (!is_reserved && rest.split('/').all(is_plain)) {
        return Ok(rest);
    }
    Err(ArchiveError::BadPath(shown(entry)))
}

/// A name that is one file name on every system: Windows leaves out a dot or space at the end.
fn is_plain(name: &str) -> bool {
    let special = |letter: char| {
        letter.is_control() || matches!(letter, '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*')
    };
    !name.is_empty() && !name.ends_with(['.', ' ']) && !name.contains(special)
}

/// The first `Cargo.toml` of a crate that is in the registry already, for its own metadata. None if
/// there is none near the start.
pub fn glance_at_manifest(file: impl BufRead) -> Option<Vec<u8>> {
    let mut archive = Decoder::new(file, Members::One).take(GLANCE_LIMIT);
    while let Some(entry) = Entry::read(&mut archive).ok()? {
        let path = String::from_utf8_lossy(&entry.path);
        let is_manifest = path.split_once('/').is_some_and(|(_, file)| file == MANIFEST);
        if is_manifest && entry.size <= MANIFEST_LIMIT {
            return tar::read_content(&mut archive, &entry).ok();
        }
        tar::skip(&mut archive, entry.padded_size()).ok()?;
    }
    None
}

#[cfg(test)]
mod tests;

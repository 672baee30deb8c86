//! A source distribution is a gzipped tar archive. It is read once, in bounded memory, because it may
//! be hostile. Only its `PKG-INFO` is kept.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, Read, Take};

use packhouse_plugin::Error as HostError;
use packhouse_plugin::gzip::{Decoder, Members};
use packhouse_plugin::tar::{self, Entry, Kind};
use packhouse_plugin::zip::{RATIO, SMALL};

use crate::metadata;
use crate::name::{ProjectName, Version, is_sdist_folder};

/// The most bytes that an archive may unpack to; all of them are looked at.
pub const UNPACK_LIMIT: u64 = 512 << 20;

/// The most symbolic links that an archive may have: all of them are remembered.
const LINKS: usize = 10_000;

/// Why a file is not a valid source distribution.
#[derive(Debug)]
pub enum SdistError {
    /// The bytes could not be read.
    Host(HostError),
    /// No gzip or no tar, or damaged.
    Unreadable(String),
    /// Something in it must not be.
    Refused(String),
}

impl fmt::Display for SdistError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => error.fmt(formatter),
            Self::Unreadable(reason) => {
                write!(formatter, "the source distribution is not a readable .tar.gz archive: {reason}")
            }
            Self::Refused(reason) => {
                write!(formatter, "the source distribution is rejected: {reason}")
            }
        }
    }
}

impl std::error::Error for SdistError {}

impl From<io::Error> for SdistError {
    fn from(error: io::Error) -> Self {
        HostError::inside(&error).map_or_else(|| Self::Unreadable(error.to_string()), Self::Host)
    }
}

impl From<tar::Error> for SdistError {
    fn from(error: tar::Error) -> Self {
        match error {
            tar::Error::Unreadable(error) => error.into(),
            tar::Error::NotTar | tar::Error::Trailing => Self::Unreadable(error.to_string()),
        }
    }
}

fn refused(reason: impl Into<String>) -> SdistError {
    SdistError::Refused(reason.into())
}

/// The `PKG-INFO` of a source distribution of this version of this project, `size` bytes
/// packed. All of the archive is read.
pub fn read_metadata(
    packed: impl BufRead,
    size: u64,
    project: &ProjectName,
    version: &Version,
) -> Result<Vec<u8>, SdistError> {
    let limit = size.saturating_mul(RATIO).clamp(SMALL, UNPACK_LIMIT);
    read_within(packed, limit, project, version)
}

fn read_within(
    packed: impl BufRead,
    limit: u64,
    project: &ProjectName,
    version: &Version,
) -> Result<Vec<u8>, SdistError> {
    // uv reads the first gzip member only, and pip reads all of them.
    let mut archive = Decoder::new(packed, Members::One).take(limit + 1);
    let found = look_through(&mut archive, |folder| is_sdist_folder(project, version, folder));
    if archive.limit() == 0 {
        return Err(refused(format!("it unpacks to more than {limit} bytes")));
    }
    found?.ok_or_else(|| refused("it has no PKG-INFO in its folder"))
}

/// The `PKG-INFO` of an archive that is stored already: it is only looked up, since it is
/// served whatever it is.
pub fn find_metadata(packed: impl BufRead) -> Result<Option<Vec<u8>>, HostError> {
    let mut archive = Decoder::new(packed, Members::Many).take(SMALL);
    match look_up(&mut archive) {
        Err(SdistError::Host(error)) => Err(error),
        Err(_) => Ok(None),
        Ok(found) => Ok(found),
    }
}

fn look_up(archive: &mut impl Read) -> Result<Option<Vec<u8>>, SdistError> {
    while let Some(entry) = Entry::read(archive)? {
        let path = String::from_utf8_lossy(&entry.path);
        let is_ours = path.split_once('/').is_some_and(|(_, file)| file == "PKG-INFO");
        if is_ours && entry.kind == Kind::File && entry.size <= metadata::LIMIT {
            return Ok(Some(tar::read_content(archive, &entry)?));
        }
        tar::skip(archive, entry.padded_size())?;
    }
    Ok(None)
}

/// Reads all of it. `belongs` says whether a folder is that of the distribution.
fn look_through(
    archive: &mut Take<impl Read>,
    belongs: impl Fn(&str) -> bool,
) -> Result<Option<Vec<u8>>, SdistError> {
    let mut folder: Option<String> = None;
    let mut found = None;
    let mut links = Links::default();
    while let Some(entry) = next(archive)? {
        if entry.kind == Kind::GlobalHeader {
            check_global_header(archive, &entry)?;
            continue;
        }
        let path = clean_path(&entry.path)?;
        if entry.path.split(|byte| *byte == b'/').next() == Some(b".".as_slice()) {
            let shown: String = String::from_utf8_lossy(&entry.path).chars().take(200).collect();
            return Err(refused(format!(
                "it contains the path {shown:?}: pip takes `.` for the folder of the distribution and finds no \
                 project in it; pack it without `./`"
            )));
        }
        let (first, rest) = path.split_once('/').unwrap_or((&path, ""));
        match &folder {
            Some(folder) if folder == first => {}
            Some(folder) => return Err(refused(format!("it has the folders {folder:?} and {first:?}"))),
            None if belongs(first) => folder = Some(first.to_owned()),
            None => {
                let shown: String = first.chars().take(200).collect();
                return Err(refused(format!("its folder {shown:?} is not called {{name}}-{{version}}")));
            }
        }
        links.check(&entry, &path)?;
        if rest != "PKG-INFO" {
            tar::skip(archive, entry.padded_size())?;
            continue;
        }
        if entry.kind != Kind::File || entry.size > metadata::LIMIT || found.is_some() {
            let limit = metadata::LIMIT;
            return Err(refused(format!("it must have one PKG-INFO, a file of up to {limit} bytes")));
        }
        found = Some(tar::read_content(archive, &entry)?);
    }
    // The end of the file, and with it its checksum.
    tar::finish(archive)?;
    Ok(found)
}

/// The next entry. At the end of the archive there must be an end marker: without it pip installs
/// the distribution, and uv does not.
fn next(archive: &mut Take<impl Read>) -> Result<Option<Entry>, SdistError> {
    let before = archive.limit();
    let entry = Entry::read(archive)?;
    let read = before.saturating_sub(archive.limit());
    if entry.is_none() && read < tar::END_MARKER {
        return Err(refused("it does not end with two blocks of zeros; build it again"));
    }
    Ok(entry)
}

/// Settings for all entries after it: none that clients would take for their names.
fn check_global_header(archive: &mut impl Read, entry: &Entry) -> Result<(), SdistError> {
    tar::read_global_header(archive, entry).map_err(|error| match error {
        tar::Error::Unreadable(error) => error.into(),
        tar::Error::NotTar | tar::Error::Trailing => refused("its global header changes what is in it"),
    })
}

/// The path as programs unpack it, without `.`, repeated and last slashes.
/// Refused when it leads out of the folder that the archive is unpacked to. A path that is not
/// UTF-8 is read as Latin-1: old archives have them, and their bytes are unpacked as they are.
fn clean_path(path: &[u8]) -> Result<String, SdistError> {
    let text = std::str::from_utf8(path)
        .map_or_else(|_| path.iter().map(|byte| char::from(*byte)).collect(), str::to_owned);
    let is_fine = !text.is_empty()
        && !text.starts_with('/')
        && !text.chars().any(|character| character.is_ascii_control() || character == '\\')
        && text.split('/').all(|part| part != "..");
    if is_fine {
        let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        return Ok(parts.join("/"));
    }
    let shown: String = text.chars().take(200).collect();
    Err(refused(format!("it contains the path {shown:?}, which may lead out of the archive")))
}

/// The symbolic links so far, by the hashes of their paths. Nothing leads through one of them:
/// then a path is as deep as it looks.
#[derive(Default)]
struct Links {
    hasher: RandomState,
    paths: HashSet<u64>,
}

impl Links {
    /// A link must stay within the distribution's folder, and a device has no place in it.
    fn check(&mut self, entry: &Entry, path: &str) -> Result<(), SdistError> {
        if self.leads_through(path) {
            return Err(refused(format!("{path:?} lies below a symbolic link")));
        }
        if entry.kind == Kind::Other {
            return Err(refused(format!("{path:?} is not a file, folder or link")));
        }
        if entry.kind != Kind::File && entry.size != 0 {
            // Some programs go over its content, others take it for the next header.
            return Err(refused(format!("{path:?} is not a file, but has content")));
        }
        let is_fine = match entry.kind {
            Kind::SymbolicLink => {
                self.paths.insert(self.hasher.hash_one(path));
                stays_within(path.split('/').count().saturating_sub(1), &entry.target)
            }
            Kind::HardLink => clean_path(&entry.target).is_ok_and(|target| {
                target.split('/').next() == path.split('/').next() && !self.leads_through(&target)
            }),
            _ => true,
        };
        if self.paths.len() > LINKS {
            return Err(refused(format!("it holds more than {LINKS} symbolic links")));
        }
        if is_fine { Ok(()) } else { Err(refused(format!("the link {path:?} leads out of its folder"))) }
    }

    /// Is it one of them, or below one?
    fn leads_through(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        !self.paths.is_empty()
            && ends
                .filter_map(|end| path.get(..end))
                .any(|above| self.paths.contains(&self.hasher.hash_one(above)))
    }
}

/// Follows a symbolic link from so many folders deep: up first, and never above the first
/// folder; from there only down, where other links may be that stay within as well.
fn stays_within(depth: usize, target: &[u8]) -> bool {
    let target = String::from_utf8_lossy(target);
    if target.is_empty() || target.starts_with('/') || target.contains(['\\', '\0']) {
        return false;
    }
    let parts = || target.split('/').filter(|part| !matches!(*part, "" | "."));
    let up = parts().take_while(|part| *part == "..").count();
    up < depth && parts().skip(up).all(|part| part != "..")
}

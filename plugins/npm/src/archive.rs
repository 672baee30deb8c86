//! Reads `package.json` out of a tarball, and never unpacks more than a bound: what comes
//! in is hostile until shown otherwise. It knows nothing of npm but that file's name.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use packhouse_plugin::tar::{self, Entry, Kind};

/// The most bytes that are unpacked in search of the file: a package that has none before
/// it is refused, and what comes after it is not looked at.
pub const UNPACK_LIMIT: u64 = 256 << 20;
/// The largest `package.json` that is read.
pub const FILE_LIMIT: u64 = 4 << 20;

/// Why there is no `package.json` to be had.
#[derive(Debug)]
pub enum ArchiveError {
    /// No gzip, or damaged.
    Unreadable(io::Error),
    /// No tar inside, or damaged.
    NotTar,
    /// All of it was seen.
    Missing,
    /// It has more than [`FILE_LIMIT`] bytes.
    FileTooLarge,
    /// More than [`UNPACK_LIMIT`] bytes come before it.
    TooDeep,
    /// There are several, and clients may take another one.
    Ambiguous,
}

impl std::fmt::Display for ArchiveError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(error) => {
                write!(formatter, "the tarball is not a readable gzip file: {error}")
            }
            Self::NotTar => formatter.write_str("the tarball holds no readable tar archive"),
            Self::Missing => formatter.write_str("the tarball holds no package.json"),
            Self::FileTooLarge => {
                write!(formatter, "the package.json in the tarball is larger than {FILE_LIMIT} bytes")
            }
            Self::TooDeep => write!(
                formatter,
                "the tarball has no package.json within its first {UNPACK_LIMIT} unpacked bytes"
            ),
            Self::Ambiguous => {
                formatter.write_str("the tarball holds several package.json that differ; leave one")
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
        }
    }
}

/// The bytes of `{folder}/package.json` in a gzipped tar archive. Of several the last one
/// would overwrite the others when unpacked, so all must be the same.
pub fn package_json(tarball: impl Read) -> Result<Vec<u8>, ArchiveError> {
    read_within(tarball, UNPACK_LIMIT)
}

fn read_within(tarball: impl Read, limit: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut archive = MultiGzDecoder::new(tarball).take(limit);
    let mut found = None;
    let end = find(&mut archive, &mut found);
    let is_cut = archive.limit() == 0;
    match (end, found) {
        (Err(ArchiveError::NotTar) | Ok(()), None) if is_cut => Err(ArchiveError::TooDeep),
        (Err(ArchiveError::NotTar), Some(file)) if is_cut => Ok(file),
        (Err(error), _) => Err(error),
        (Ok(()), Some(file)) => Ok(file),
        (Ok(()), None) => Err(ArchiveError::Missing),
    }
}

/// Looks through all of the archive.
fn find(archive: &mut impl Read, found: &mut Option<Vec<u8>>) -> Result<(), ArchiveError> {
    while let Some(entry) = Entry::read(archive)? {
        if entry.kind != Kind::File || !is_package_json(&entry.path) {
            tar::skip(archive, entry.padded_size())?;
            continue;
        }
        if entry.size > FILE_LIMIT {
            return Err(ArchiveError::FileTooLarge);
        }
        let file = tar::read_content(archive, &entry)?;
        if found.as_ref().is_some_and(|other| *other != file) {
            return Err(ArchiveError::Ambiguous);
        }
        *found = Some(file);
    }
    Ok(())
}

/// Clients strip the first folder, whatever it is called; a path that begins with `/` or
/// `./` may have lost it with that.
fn is_package_json(path: &[u8]) -> bool {
    let mut parts = path.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    let (first, second, third) = (parts.next(), parts.next(), parts.next());
    match (first, second, third) {
        (Some(b"package.json"), None, None) => path.contains(&b'/'),
        (Some(_), Some(b"package.json"), None) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;

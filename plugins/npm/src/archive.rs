//! Reads `package.json` out of a tarball while unpacking no more than needed, and never
//! more than a bound: what comes in is hostile until shown otherwise. It knows gzip and
//! tar (POSIX ustar, pax and GNU long names), and nothing of npm but that file's name.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

pub use header::Entry;

mod header;

/// The most bytes that are unpacked in search of the file: beyond it a package is refused.
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
        }
    }
}

impl std::error::Error for ArchiveError {}

/// The bytes of `{folder}/package.json` in a gzipped tar archive.
pub fn package_json(tarball: impl Read) -> Result<Vec<u8>, ArchiveError> {
    let mut archive = MultiGzDecoder::new(tarball).take(UNPACK_LIMIT);
    let result = find(&mut archive);
    match result {
        Err(ArchiveError::NotTar | ArchiveError::Missing) if archive.limit() == 0 => {
            Err(ArchiveError::TooDeep)
        }
        other => other,
    }
}

fn find(archive: &mut impl Read) -> Result<Vec<u8>, ArchiveError> {
    while let Some(entry) = Entry::read(archive)? {
        if entry.is_file && is_package_json(&entry.path) {
            if entry.size > FILE_LIMIT {
                return Err(ArchiveError::FileTooLarge);
            }
            return read_exactly(archive, entry.size);
        }
        skip(archive, entry.padded_size())?;
    }
    Err(ArchiveError::Missing)
}

/// Clients strip the first folder, whatever it is called.
fn is_package_json(path: &[u8]) -> bool {
    let path = path.strip_prefix(b"./").unwrap_or(path);
    let mut parts = path.split(|byte| *byte == b'/');
    let folder = parts.next().is_some_and(|folder| !folder.is_empty());
    folder && parts.next() == Some(b"package.json") && parts.next().is_none()
}

fn read_exactly(archive: &mut impl Read, size: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    archive.take(size).read_to_end(&mut bytes).map_err(ArchiveError::Unreadable)?;
    if bytes.len() as u64 == size { Ok(bytes) } else { Err(ArchiveError::NotTar) }
}

fn skip(archive: &mut impl Read, size: u64) -> Result<(), ArchiveError> {
    let skipped = io::copy(&mut archive.take(size), &mut io::sink()).map_err(ArchiveError::Unreadable)?;
    if skipped == size { Ok(()) } else { Err(ArchiveError::NotTar) }
}

#[cfg(test)]
mod tests;

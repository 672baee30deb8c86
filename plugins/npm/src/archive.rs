//! Reads `package.json` out of a tarball, and verifies the tarball to the end of the file. An upload
//! may be hostile, so it never unpacks more than a limit. It knows nothing about npm except the name of
//! that file.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use packhouse_plugin::gzip::{Decoder, Members};
use packhouse_plugin::tar::{self, Entry, Kind};

mod entry;

/// The most bytes that a tarball may unpack to. All of them are unpacked, since the checksum that
/// every client verifies is behind the last one.
pub const UNPACK_LIMIT: u64 = 1 << 30;
/// The largest `package.json` that is read.
pub const FILE_LIMIT: u64 = 4 << 20;
/// What is shown of a path in an error, in characters.
const SHOWN: usize = 200;

/// Why `package.json` cannot be read.
#[derive(Debug)]
pub enum ArchiveError {
    /// No gzip, damaged, cut, or followed by something else.
    Unreadable(io::Error),
    /// No tar inside, or damaged.
    NotTar,
    /// Something follows the end of the tar archive.
    Trailing,
    /// The path of an entry that some clients cannot unpack, and why.
    Entry(String, &'static str),
    /// All of it was seen.
    Missing,
    /// It lies one folder too deep, at this path that begins with `./`.
    TooDeep(String),
    /// It has more than [`FILE_LIMIT`] bytes.
    FileTooLarge,
    /// It unpacks to more than [`UNPACK_LIMIT`] bytes.
    TooLarge,
    /// There are several, and clients may take another one.
    Ambiguous,
}

impl std::fmt::Display for ArchiveError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(error) => {
                write!(formatter, "the tarball is not a readable gzip file: {error}")
            }
            Self::NotTar => formatter.write_str("the tarball contains no readable tar archive"),
            Self::Trailing => {
                formatter.write_str("more bytes follow the end of the tar archive in the tarball")
            }
            Self::Entry(path, why) => {
                write!(formatter, "the tarball contains {path:?}, which not every client can unpack: {why}")
            }
            Self::Missing => formatter.write_str("the tarball contains no package.json"),
            Self::TooDeep(path) => write!(
                formatter,
                "the tarball contains {path:?}, and clients find no package.json: they remove the first folder \
                 of each path, which is `.` here; pack the tarball without the `./` before the folder"
            ),
            Self::FileTooLarge => {
                write!(formatter, "the package.json in the tarball is larger than {FILE_LIMIT} bytes")
            }
            Self::TooLarge => write!(
                formatter,
                "the tarball unpacks to more than {} MiB; publish a smaller package",
                UNPACK_LIMIT >> 20
            ),
            Self::Ambiguous => {
                formatter.write_str("the tarball contains several package.json that differ; leave one")
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

/// How closely a tarball is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Every client must read the same files from it.
    Published,
    /// It is served as it is.
    Stored,
}

/// The bytes of `{folder}/package.json` in a gzipped tar archive that is published. Of several the
/// last one would overwrite the others when unpacked, so all must be the same. What clients would
/// read differently is an error.
pub fn package_json(tarball: impl BufRead) -> Result<Vec<u8>, ArchiveError> {
    read_within(tarball, UNPACK_LIMIT, Look::Published)
}

/// The same of a tarball that is in the registry already: an earlier version may have taken what is
/// rejected today.
pub fn stored_package_json(tarball: impl BufRead) -> Result<Vec<u8>, ArchiveError> {
    read_within(tarball, UNPACK_LIMIT, Look::Stored)
}

fn read_within(tarball: impl BufRead, limit: u64, look: Look) -> Result<Vec<u8>, ArchiveError> {
    // pnpm reads the first gzip member only, and npm reads all of them.
    let members = if look == Look::Published { Members::One } else { Members::Many };
    let mut archive = Decoder::new(tarball, members).take(limit + 1);
    let found = find(&mut archive, look);
    if archive.limit() == 0 {
        return Err(ArchiveError::TooLarge);
    }
    found?.ok_or(ArchiveError::Missing)
}

/// Looks through all of the archive, and then reads on to the end of the file.
fn find(archive: &mut impl Read, look: Look) -> Result<Option<Vec<u8>>, ArchiveError> {
    let mut found: Option<Vec<u8>> = None;
    let (mut is_seen, mut too_deep) = (false, None);
    while let Some(entry) = Entry::read(archive)? {
        if look == Look::Published {
            if entry.kind == Kind::GlobalHeader {
                tar::read_global_header(archive, &entry)?;
                continue;
            }
            entry::check(&entry)?;
        }
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
        found = Some(file);
        if is_too_deep(&entry.path) {
            too_deep = Some(String::from_utf8_lossy(&entry.path).chars().take(SHOWN).collect());
        } else {
            is_seen = true;
        }
    }
    match look {
        Look::Published => {
            tar::finish(archive)?;
            if let Some(path) = too_deep.filter(|_| !is_seen) {
                return Err(ArchiveError::TooDeep(path));
            }
        }
        Look::Stored => io::copy(archive, &mut io::sink()).map(drop).map_err(ArchiveError::Unreadable)?,
    }
    Ok(found)
}

/// The text of a `package.json`. npm replaces what is not UTF-8 and goes on, and so does this.
pub fn text(package_json: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(package_json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(package_json))
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

/// Of the path of a `package.json`: clients strip `.` as its first folder, so another one is left.
fn is_too_deep(path: &[u8]) -> bool {
    let rest = path.strip_prefix(b"./").unwrap_or_default();
    rest.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")).count() > 1
}

#[cfg(test)]
mod tests;

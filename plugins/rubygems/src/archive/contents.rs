//! The files of a gem, `data.tar.gz`. It is unpacked to its end, and each path is checked against the
//! folder into which `gem install` unpacks it.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, Read};

use packhouse_plugin::gzip::{Decoder, Members};
use packhouse_plugin::tar::{self, Entry, Kind};

use super::{ArchiveError, DATA, UNPACK_LIMIT, failed};

/// The longest path that is looked at, in bytes.
const LONGEST: usize = 4096;

pub fn check(packed: impl BufRead) -> Result<(), ArchiveError> {
    let mut archive = Decoder::new(packed, Members::One).take(UNPACK_LIMIT);
    let checked = look_through(&mut archive)
        .and_then(|()| tar::finish(&mut archive).map_err(|error| unreadable(&error)));
    if archive.limit() == 0 { Err(ArchiveError::TooLarge(DATA, UNPACK_LIMIT)) } else { checked }
}

fn look_through(archive: &mut impl Read) -> Result<(), ArchiveError> {
    let mut files = Files::default();
    while let Some(entry) = Entry::read(archive).map_err(|error| unreadable(&error))? {
        check_entry(&entry, &mut files)?;
        tar::skip(archive, entry.padded_size()).map_err(|error| unreadable(&error))?;
    }
    Ok(())
}

fn unreadable(error: &tar::Error) -> ArchiveError {
    match error {
        tar::Error::Unreadable(error) => failed(error, DATA),
        tar::Error::NotTar => {
            ArchiveError::Part(DATA.to_owned(), "it contains no readable tar archive".to_owned())
        }
        tar::Error::Trailing => ArchiveError::Part(DATA.to_owned(), error.to_string()),
    }
}

fn check_entry(entry: &Entry, files: &mut Files) -> Result<(), ArchiveError> {
    let shown = || String::from_utf8_lossy(&entry.path).chars().take(200).collect();
    let outside = || ArchiveError::Outside(shown());
    if !entry.is_plain {
        return Err(ArchiveError::Header(shown()));
    }
    let path = inside(&[], &entry.path).ok_or_else(outside)?;
    let mut is_folder = path.is_empty();
    if entry.kind == Kind::SymbolicLink {
        is_folder |= inside(folder_of(&entry.path), &entry.target).ok_or_else(outside)?.is_empty();
        if entry.target.is_empty() {
            return Err(ArchiveError::NoTarget(shown()));
        }
    }
    if is_folder {
        return Err(ArchiveError::Folder(shown()));
    }
    if files.add(&path, entry.kind) { Ok(()) } else { Err(ArchiveError::BelowFile(shown())) }
}

/// The files of a gem so far, as hashes of their paths: an archive can hold millions.
#[derive(Default)]
struct Files(HashSet<u64>);

impl Files {
    /// False if a folder of this path is a file.
    fn add(&mut self, path: &[&[u8]], kind: Kind) -> bool {
        let mut hasher = DefaultHasher::new();
        for (index, part) in path.iter().enumerate() {
            part.hash(&mut hasher);
            let hash = hasher.finish();
            if index + 1 < path.len() {
                if self.0.contains(&hash) {
                    return false;
                }
            } else if kind == Kind::File {
                self.0.insert(hash);
            } else if kind == Kind::SymbolicLink {
                // It takes the place of a file.
                self.0.remove(&hash);
            }
        }
        true
    }
}

fn folder_of(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').and_then(|slash| path.get(..slash)).unwrap_or_default()
}

/// The names from the gem's folder to this path, which begins in `folder`, taken literally. None if it
/// leads out of the gem's folder.
fn inside<'a>(folder: &'a [u8], path: &'a [u8]) -> Option<Vec<&'a [u8]>> {
    if path.starts_with(b"/") || path.len() > LONGEST || path.contains(&0) {
        return None;
    }
    let mut names = Vec::new();
    for part in folder.split(|byte| *byte == b'/').chain(path.split(|byte| *byte == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => drop(names.pop()?),
            name => names.push(name),
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_in_the_gem_or_does_not() {
        for path in ["lib/a.rb", "./lib/a.rb", "a/../b", "a/b/../../c", ".", "a//b"] {
            assert!(inside(b"", path.as_bytes()).is_some(), "{path}");
        }
        for path in ["/etc/passwd", "../a", "a/../../b", "a/b/../../../c"] {
            assert!(inside(b"", path.as_bytes()).is_none(), "{path}");
        }
        assert_eq!(inside(b"a/b", b"../c"), Some(vec![b"a".as_slice(), b"c"]));
        assert!(inside(b"a", b"../../c").is_none());
    }
}

//! The files of a gem, `data.tar.gz`. It is unpacked to its end, and each path is checked against the
//! folder into which `gem install` unpacks it.

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
    while let Some(entry) = Entry::read(archive).map_err(|error| unreadable(&error))? {
        let outside =
            || ArchiveError::Outside(String::from_utf8_lossy(&entry.path).chars().take(200).collect());
        if !stays_inside(&[], &entry.path) {
            return Err(outside());
        }
        if entry.kind == Kind::SymbolicLink && !stays_inside(folder_of(&entry.path), &entry.target) {
            return Err(outside());
        }
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

fn folder_of(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').and_then(|slash| path.get(..slash)).unwrap_or_default()
}

/// Whether a path that begins in this folder stays in the gem's folder, taken literally.
fn stays_inside(folder: &[u8], path: &[u8]) -> bool {
    if path.starts_with(b"/") || path.len() > LONGEST || path.contains(&0) {
        return false;
    }
    let mut depth = 0usize;
    let parts = folder.split(|byte| *byte == b'/').chain(path.split(|byte| *byte == b'/'));
    for part in parts {
        match part {
            b"" | b"." => {}
            b".." => match depth.checked_sub(1) {
                Some(above) => depth = above,
                None => return false,
            },
            _ => depth += 1,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_in_the_gem_or_does_not() {
        for path in ["lib/a.rb", "./lib/a.rb", "a/../b", "a/b/../../c", ".", "a//b"] {
            assert!(stays_inside(b"", path.as_bytes()), "{path}");
        }
        for path in ["/etc/passwd", "../a", "a/../../b", "a/b/../../../c"] {
            assert!(!stays_inside(b"", path.as_bytes()), "{path}");
        }
        assert!(stays_inside(b"a/b", b"../c"));
        assert!(!stays_inside(b"a", b"../../c"));
    }
}

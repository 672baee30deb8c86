//! Which entries of a tarball every client can unpack. npm leaves out those that it cannot unpack;
//! others fail, or write them.

use packhouse_plugin::tar::{Entry, Kind};

use super::{ArchiveError, SHOWN};

/// The longest file name of common file systems, in bytes.
const LONGEST: usize = 255;

/// Not for a global header, whose path has no meaning.
pub fn check(entry: &Entry) -> Result<(), ArchiveError> {
    match fault(entry) {
        Some(why) => {
            let path = String::from_utf8_lossy(&entry.path).chars().take(SHOWN).collect();
            Err(ArchiveError::Entry(path, why))
        }
        None => Ok(()),
    }
}

fn fault(entry: &Entry) -> Option<&'static str> {
    let path = entry.path.as_slice();
    if path.is_empty() {
        return Some("it has no name");
    }
    if matches!(entry.kind, Kind::GlobalHeader | Kind::Other) {
        return Some("it is no file, folder or link");
    }
    // Some programs skip the content, others take it for the next entry.
    if entry.kind != Kind::File && entry.size != 0 {
        return Some("it is no file, and has content");
    }
    // On Windows, clients treat a `\` as a `/`.
    let mut parts = path.split(|byte| matches!(byte, b'/' | b'\\'));
    if path.starts_with(b"/") || path.contains(&0) || parts.any(|part| part == b"..") {
        return Some("its path may lead out of the package");
    }
    if path.split(|byte| *byte == b'/').any(|name| name.len() > LONGEST) {
        return Some("its name has more than 255 bytes");
    }
    None
}

//! Keys, parsed once where they enter the host. The rules are those of `wit/storage.wit` and of all
//! backends together, so they do not depend on the backend.

use super::error::{Result, StorageError};

/// The most bytes of a whole path. This is the limit of S3.
pub const MAX_PATH_BYTES: usize = 1024;
/// The most bytes of one segment. This is the limit of file systems.
pub const MAX_SEGMENT_BYTES: usize = 255;
/// The folder at the root that only the host uses.
pub const PRIVATE: &str = ".packhouse";

/// A relative path of UTF-8 segments. It is compared by its bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Box<str>);

impl Key {
    /// `Invalid` with a sentence for `.`, `..`, empty segments, control
    /// characters, a `/` at either end, a first segment `.packhouse`, a segment
    /// over 255 bytes, and more than 1024 bytes in all.
    pub fn parse(text: &str) -> Result<Self> {
        check_path(text)?;
        if text.split('/').next() == Some(PRIVATE) {
            return Err(StorageError::invalid(format!("`{PRIVATE}` belongs to the host")));
        }
        Ok(Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The rules for every path, also those of the host.
pub(super) fn check_path(text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(StorageError::invalid("a key cannot be empty"));
    }
    check_length(text)?;
    if text.chars().any(char::is_control) {
        return Err(StorageError::invalid("a key cannot hold control characters"));
    }
    text.split('/').try_for_each(check_segment)
}

pub(super) fn check_length(path: &str) -> Result<()> {
    if path.len() > MAX_PATH_BYTES {
        return Err(StorageError::invalid(format!(
            "a key of {} bytes is longer than {MAX_PATH_BYTES}, the mount's prefix included",
            path.len()
        )));
    }
    Ok(())
}

fn check_segment(segment: &str) -> Result<()> {
    match segment {
        "" => Err(StorageError::invalid("a key cannot have an empty segment, nor begin or end with `/`")),
        "." | ".." => Err(StorageError::invalid("a key cannot hold the segment `.` or `..`")),
        _ if segment.len() > MAX_SEGMENT_BYTES => Err(StorageError::invalid(format!(
            "a key's segment of {} bytes is longer than {MAX_SEGMENT_BYTES}",
            segment.len()
        ))),
        _ => Ok(()),
    }
}

/// The folders above a path, outermost first: `a/b/c` gives `a`, `a/b`.
pub(super) fn folders_above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(at, _)| path.get(..at))
}

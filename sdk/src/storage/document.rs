//! Whole objects in memory, of any size up to a limit. It does not know their format.

use std::collections::VecDeque;

use super::clash;
use crate::storage::{Reader, Writer, retry, unless_conflict};
use crate::types::{ObjectInfo, Precondition};
use crate::{Error, PIECE, sys};

/// The most bytes that [`get`] reads: 48 MiB, which leaves enough of the default memory limit to
/// change the document.
pub const DEFAULT_LIMIT: u64 = 48 << 20;

/// The most keys of one call to the host.
const GET_MANY: usize = 100;

/// An object and its version, read in one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub info: ObjectInfo,
    pub bytes: Vec<u8>,
}

impl Document {
    /// Parses the document as JSON; `Damaged` if it is not a `T`.
    pub fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, Error> {
        serde_json::from_slice(&self.bytes).map_err(|error| self.damaged(error))
    }

    /// An error that says that this document is damaged.
    pub fn damaged(&self, why: impl std::fmt::Display) -> Error {
        Error::damaged(&self.info.key, why)
    }

    /// The precondition that the document has not changed.
    pub fn precondition(&self) -> Precondition<'_> {
        Precondition::Version(&self.info.version)
    }
}

/// Serializes a value as the JSON of a stored document. A value that JSON cannot represent is a bug
/// of the plugin: `Misused`.
pub fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value)
        .map_err(|error| Error::Misused(format!("a document cannot be written as JSON: {error}")))
}

/// Reads an object. None if it does not exist; `Damaged` above [`DEFAULT_LIMIT`], because a
/// plugin's own document must not grow so large.
pub fn get(key: &str) -> Result<Option<Document>, Error> {
    get_up_to(key, DEFAULT_LIMIT).map_err(|error| oversized(key, error))
}

/// A document that is too large to read is not the client's fault.
pub(super) fn oversized(key: &str, error: Error) -> Error {
    match error {
        Error::TooLarge(limit) => {
            Error::damaged(key, format!("it is larger than the {limit} bytes that can be read"))
        }
        other => other,
    }
}

/// Reads an object of at most `limit` bytes. None if it does not exist; `TooLarge` above the limit;
/// `Unavailable` if it changes faster than it can be read. Memory for the whole object is reserved
/// before the first byte is read.
pub fn get_up_to(key: &str, limit: u64) -> Result<Option<Document>, Error> {
    match sys::get(key) {
        // It changed during the read: read it in pieces.
        Err(Error::Conflict) => get_in_pieces(key, limit),
        Ok(Some(document)) if document.bytes.len() as u64 > limit => Err(Error::TooLarge(limit)),
        Err(Error::TooLarge(_)) if limit > PIECE as u64 => get_in_pieces(key, limit),
        Err(Error::TooLarge(_)) => Err(Error::TooLarge(limit)),
        other => other,
    }
}

fn get_in_pieces(key: &str, limit: u64) -> Result<Option<Document>, Error> {
    retry(key, |_| {
        let Some(reader) = Reader::open(key)? else { return Ok(Some(None)) };
        // If it changed meanwhile, the new version is read from its start.
        let bytes = unless_conflict(reader.read_all(limit))?;
        Ok(bytes.map(|bytes| Some(Document { info: reader.info(), bytes })))
    })
}

/// Reads several objects, in the given order; none for those that do not exist. `Damaged` if one
/// exceeds [`DEFAULT_LIMIT`]. All of them are in memory at once: see [`get_each`].
pub fn get_many<S: AsRef<str>>(keys: &[S]) -> Result<Vec<Option<Document>>, Error> {
    get_each(keys).collect()
}

/// Reads several objects, in the given order, one after the other. Small ones are fetched together,
/// but never more than 1 MiB of them, or one larger document, is in memory at once. There is an
/// item per key, none for an object that does not exist. An object above [`DEFAULT_LIMIT`] is
/// `Damaged`, and the others follow.
pub fn get_each<S: AsRef<str>>(keys: &[S]) -> Documents {
    let keys = keys.iter().map(|key| key.as_ref().to_owned()).collect();
    Documents { keys, asked: 0, read: VecDeque::new() }
}

/// Made by [`get_each`].
#[derive(Debug)]
pub struct Documents {
    keys: Vec<String>,
    /// How many keys have been read.
    asked: usize,
    read: VecDeque<Option<Document>>,
}

impl Documents {
    /// Reads one object of any size.
    fn get_next(&mut self) -> Option<Result<Option<Document>, Error>> {
        let key = self.keys.get(self.asked)?;
        self.asked += 1;
        Some(get(key))
    }
}

impl Iterator for Documents {
    type Item = Result<Option<Document>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(document) = self.read.pop_front() {
            return Some(Ok(document));
        }
        let left = self.keys.get(self.asked..).filter(|left| !left.is_empty())?;
        match sys::get_many(left.get(..GET_MANY).unwrap_or(left)) {
            Ok(documents) if documents.is_empty() => {
                self.asked = self.keys.len();
                Some(Err(Error::Unavailable("the host gave no document".to_owned())))
            }
            Ok(documents) => {
                self.asked += documents.len();
                self.read.extend(documents);
                self.read.pop_front().map(Ok)
            }
            // One of them is large or has just changed. It may be the first.
            Err(Error::TooLarge(_) | Error::Conflict) => self.get_next(),
            Err(error) => {
                self.asked = self.keys.len();
                Some(Err(error))
            }
        }
    }
}

/// Writes a document of any size as a whole or not at all. `Damaged` if there is an object where
/// the key has a folder, or the other way round.
pub fn put(
    key: &str,
    bytes: &[u8],
    precondition: Precondition<'_>,
    content_type: Option<&str>,
) -> Result<ObjectInfo, Error> {
    if bytes.len() <= PIECE {
        let written = sys::put(key, bytes, precondition, content_type);
        return written.map_err(|error| clash::explain(key, error));
    }
    let mut writer = Writer::new(&[]);
    writer.add(bytes)?;
    writer.finish()?.commit(key, &[], precondition, content_type)
}

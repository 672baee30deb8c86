//! Whole objects in memory, of any size up to a limit. It knows nothing of their format.

use std::collections::VecDeque;

use super::clash;
use crate::storage::{Reader, Writer, retry, unless_conflict};
use crate::types::{ObjectInfo, Precondition};
use crate::{Error, PIECE, sys};

/// What [`get`] reads at most: 48 MiB, which leaves room to change it under the host's
/// default memory cap.
pub const DEFAULT_LIMIT: u64 = 48 << 20;

/// The host is asked for this many at once.
const GET_MANY: usize = 100;

/// An object and its version, of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub info: ObjectInfo,
    pub bytes: Vec<u8>,
}

impl Document {
    /// The document as JSON; `Damaged` when it cannot be read as a `T`.
    pub fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, Error> {
        serde_json::from_slice(&self.bytes).map_err(|error| self.damaged(error))
    }

    /// This document is not what it has to be.
    pub fn damaged(&self, why: impl std::fmt::Display) -> Error {
        Error::damaged(&self.info.key, why)
    }

    /// Writes only if this is still what is there.
    pub fn precondition(&self) -> Precondition<'_> {
        Precondition::Version(&self.info.version)
    }
}

/// A value as the JSON of a document to be stored. What cannot be written as JSON is a bug of
/// the plugin: `Misused`.
pub fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value)
        .map_err(|error| Error::Misused(format!("a document cannot be written as JSON: {error}")))
}

/// None when nothing is there; `Damaged` above [`DEFAULT_LIMIT`], because no document of the
/// plugin's own may grow so large.
pub fn get(key: &str) -> Result<Option<Document>, Error> {
    get_up_to(key, DEFAULT_LIMIT).map_err(|error| oversized(key, error))
}

/// A document that is too large to be read is not the client's fault.
pub(super) fn oversized(key: &str, error: Error) -> Error {
    match error {
        Error::TooLarge(limit) => {
            Error::damaged(key, format!("it is larger than the {limit} bytes that can be read"))
        }
        other => other,
    }
}

/// None when nothing is there; `TooLarge` above `limit` bytes, `Unavailable` when it is
/// replaced faster than it can be read. Memory for all of it is reserved before the first
/// byte is read.
pub fn get_up_to(key: &str, limit: u64) -> Result<Option<Document>, Error> {
    match sys::get(key) {
        // Replaced in the one moment that it took: pieces try again.
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
        // If it was replaced in between, what is there now is read from its start.
        let bytes = unless_conflict(reader.read_all(limit))?;
        Ok(bytes.map(|bytes| Some(Document { info: reader.info(), bytes })))
    })
}

/// Several, in the order asked; none where nothing is there. `Damaged` when one is above
/// [`DEFAULT_LIMIT`]. All of them are held at once: see [`get_each`].
pub fn get_many<S: AsRef<str>>(keys: &[S]) -> Result<Vec<Option<Document>>, Error> {
    get_each(keys).collect()
}

/// Several, in the order asked, one after the other: read side by side where they are
/// small, and never more than 1 MiB of them or one larger document held at once. An item
/// for each key, none where nothing is there; after a `Damaged`, which is above
/// [`DEFAULT_LIMIT`], the others still come.
pub fn get_each<S: AsRef<str>>(keys: &[S]) -> Documents {
    let keys = keys.iter().map(|key| key.as_ref().to_owned()).collect();
    Documents { keys, asked: 0, read: VecDeque::new() }
}

/// Made by [`get_each`].
#[derive(Debug)]
pub struct Documents {
    keys: Vec<String>,
    /// How many of the keys have been read.
    asked: usize,
    read: VecDeque<Option<Document>>,
}

impl Documents {
    /// One, whatever its size.
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
            // One of them is large or was just replaced: it may be the first.
            Err(Error::TooLarge(_) | Error::Conflict) => self.get_next(),
            Err(error) => {
                self.asked = self.keys.len();
                Some(Err(error))
            }
        }
    }
}

/// Writes a document whole or not at all, of any size. `Damaged` when an object lies where the
/// key has a folder, or the other way round.
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

//! Whole objects in memory, of any size up to a limit. It knows nothing of their format.

use crate::storage::{Reader, Writer};
use crate::types::{ObjectInfo, Precondition};
use crate::{Error, PIECE, sys};

/// What [`get`] reads at most: 48 MiB, which leaves room to change it under the host's
/// default memory cap.
pub const DEFAULT_LIMIT: u64 = 48 << 20;

/// An object that keeps changing while it is read is tried this often.
const ATTEMPTS: u32 = 4;

/// An object and its version, of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub info: ObjectInfo,
    pub bytes: Vec<u8>,
}

impl Document {
    /// The document as JSON; `Invalid` when it is none.
    pub fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, Error> {
        serde_json::from_slice(&self.bytes).map_err(|error| {
            Error::Invalid(format!("the stored `{}` cannot be read: {error}", self.info.key))
        })
    }

    /// Writes only if this is still what is there.
    pub fn precondition(&self) -> Precondition<'_> {
        Precondition::Version(&self.info.version)
    }
}

/// None when nothing is there; `TooLarge` above [`DEFAULT_LIMIT`].
pub fn get(key: &str) -> Result<Option<Document>, Error> {
    get_up_to(key, DEFAULT_LIMIT)
}

/// None when nothing is there; `TooLarge` above `limit` bytes. Memory for all of it is
/// reserved before the first byte is read.
pub fn get_up_to(key: &str, limit: u64) -> Result<Option<Document>, Error> {
    match sys::get(key) {
        Ok(Some(document)) if document.bytes.len() as u64 > limit => Err(Error::TooLarge(limit)),
        Err(Error::TooLarge(_)) if limit > PIECE as u64 => get_in_pieces(key, limit),
        Err(Error::TooLarge(_)) => Err(Error::TooLarge(limit)),
        other => other,
    }
}

fn get_in_pieces(key: &str, limit: u64) -> Result<Option<Document>, Error> {
    let mut attempt = 1;
    loop {
        let Some(reader) = Reader::open(key)? else {
            return Ok(None);
        };
        match reader.read_all(limit) {
            Ok(bytes) => {
                let info = reader.info();
                return Ok(Some(Document { info, bytes }));
            }
            // Replaced in between: what is there now is read from its start.
            Err(Error::Conflict) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Several, in the order asked, read side by side where they are small; none where
/// nothing is there. `TooLarge` when one is above [`DEFAULT_LIMIT`].
pub fn get_many<S: AsRef<str>>(keys: &[S]) -> Result<Vec<Option<Document>>, Error> {
    let keys: Vec<String> = keys.iter().map(|key| key.as_ref().to_owned()).collect();
    let mut all = Vec::with_capacity(keys.len());
    while let Some(left) = keys.get(all.len()..).filter(|left| !left.is_empty()) {
        match sys::get_many(left) {
            Ok(documents) if documents.is_empty() => {
                return Err(Error::Unavailable("the host gave no document".to_owned()));
            }
            Ok(documents) => all.extend(documents),
            // One of them is large: it may be the first.
            Err(Error::TooLarge(_)) => all.push(get(left.first().map_or("", String::as_str))?),
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// Writes a document whole or not at all, of any size.
pub fn put(
    key: &str,
    bytes: &[u8],
    precondition: Precondition<'_>,
    content_type: Option<&str>,
) -> Result<ObjectInfo, Error> {
    if bytes.len() <= PIECE {
        return sys::put(key, bytes, precondition, content_type);
    }
    let mut writer = Writer::new(&[]);
    writer.add(bytes)?;
    writer.finish()?.commit(key, &[], precondition, content_type)
}

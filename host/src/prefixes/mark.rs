//! The mark of a prefix: an object among those of the mount. If a disk is not mounted at the mount's
//! folder, or the folder or its objects were removed, the mark is missing, and the mount is not
//! taken for an empty one.
//!
//! # Layout
//! `{prefix}/.packhouse/mount.json`: [`Mark`]. No plugin sees it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::storage::{Key, ListOptions, Precondition, Storage, StorageError};

const KEY: &str = "mount.json";
const LARGEST: u64 = 64 << 10;

/// The object.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    prefix: String,
}

/// What a look at the mark has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    There,
    Missing,
    /// It is the mark of this prefix.
    OfOther(String),
    /// It does not say whose mark it is.
    Damaged,
}

pub async fn look(storage: &Storage, prefix: &str) -> Result<Sight, StorageError> {
    let bytes = match storage.scope(prefix)?.own().get(&key()?, LARGEST).await {
        Ok(Some((_, bytes))) => bytes,
        Ok(None) => return Ok(Sight::Missing),
        Err(StorageError::TooLarge(_)) => return Ok(Sight::Damaged),
        Err(error) => return Err(error),
    };
    Ok(match serde_json::from_slice::<Mark>(&bytes) {
        Ok(mark) if mark.prefix == prefix => Sight::There,
        Ok(mark) => Sight::OfOther(mark.prefix),
        Err(_) => Sight::Damaged,
    })
}

pub async fn write(storage: &Storage, prefix: &str) -> Result<(), StorageError> {
    let mark = Mark { prefix: prefix.to_owned() };
    let bytes = serde_json::to_vec(&mark).map_err(|error| StorageError::Invalid(error.to_string()))?;
    let own = storage.scope(prefix)?.own();
    own.put(&key()?, Bytes::from(bytes), &Precondition::Any, Some("application/json")).await.map(drop)
}

pub async fn remove(storage: &Storage, prefix: &str) -> Result<(), StorageError> {
    storage.scope(prefix)?.own().remove(&key()?, &Precondition::Any).await.map(drop)
}

/// The prefix has its mark: from now on the store looks for it with every change.
pub fn hold(storage: &Storage, prefix: &str) -> Result<(), StorageError> {
    storage.scope(prefix)?.known_by(&key()?)
}

/// Whether nothing is stored below a prefix, but for what the host keeps there.
pub async fn is_empty(storage: &Storage, prefix: &str) -> Result<bool, StorageError> {
    let page = storage.scope(prefix)?.list(&ListOptions { limit: 1, ..ListOptions::default() }).await?;
    Ok(page.objects.is_empty() && page.odd.is_empty())
}

/// The whole path of a mark, for people.
pub fn shown(prefix: &str) -> String {
    format!("{prefix}/.packhouse/{KEY}")
}

fn key() -> Result<Key, StorageError> {
    Key::parse(KEY)
}

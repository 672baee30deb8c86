//! Marks a push as pending, so that no garbage collection removes a blob after the push has found it
//! and before the manifest that references it is stored.

use packhouse_plugin::storage::{self, Json, Precondition};
use packhouse_plugin::{Error, log, random};
use serde::{Deserialize, Serialize};

use crate::digest::ContentDigest;
use crate::layout;
use crate::name::RepositoryName;

/// What is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    pub repository: String,
    pub blobs: Vec<String>,
}

/// One push in progress. Dropping it removes its document. A document that a crash has left is ignored
/// after an hour.
pub struct Pending {
    key: Option<String>,
}

impl Pending {
    /// Before anything of the push is looked at. Nothing is written when it names nothing.
    pub fn begin(repository: &RepositoryName, blobs: &[ContentDigest]) -> Result<Self, Error> {
        if blobs.is_empty() {
            return Ok(Self { key: None });
        }
        let content = Content {
            repository: repository.to_string(),
            blobs: blobs.iter().map(ToString::to_string).collect(),
        };
        let key = layout::pending(&identifier());
        Json::at(&key).put(&content, Precondition::Absent)?;
        Ok(Self { key: Some(key) })
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let Some(key) = &self.key else {
            return;
        };
        // The push does not depend on this.
        if let Err(error) = storage::remove(key, Precondition::Any) {
            log::warn("a push could not be cleared away", &[("key", key), ("error", &error.to_string())]);
        }
    }
}

/// The id of a push into the repository that is under way and names the blob.
pub fn naming(repository: &RepositoryName, blob: &ContentDigest) -> Result<Option<String>, Error> {
    let keys: Vec<String> = storage::list(layout::PENDING)
        .map(|object| object.map(|object| object.key))
        .collect::<Result<_, _>>()?;
    let blob = blob.to_string();
    for (key, document) in keys.iter().zip(storage::get_each(&keys)) {
        let content = document?.map(|document| document.json::<Content>()).transpose();
        let names =
            |content: Content| content.repository == repository.as_str() && content.blobs.contains(&blob);
        if content.ok().flatten().is_some_and(names) {
            return Ok(key.strip_prefix(layout::PENDING).map(|id| format!("of the push {id}")));
        }
    }
    Ok(None)
}

/// A random UUID (RFC 9562, version 4).
fn identifier() -> String {
    let mut bytes = random::bytes(16);
    if let Some(version) = bytes.get_mut(6) {
        *version = (*version & 0x0f) | 0x40;
    }
    if let Some(variant) = bytes.get_mut(8) {
        *variant = (*variant & 0x3f) | 0x80;
    }
    let hex = packhouse_plugin::Digest::from_bytes("random", &bytes).hex;
    let part = |range| hex.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

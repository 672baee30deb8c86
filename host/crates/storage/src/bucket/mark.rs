//! Whose write an object is. The answer to a write may be lost, and the request made again: the
//! second one then finds the first one's object in its way. Each write carries a mark of its
//! own, which tells a lost answer from a lost race.
//!
//! # Invariants
//! **A write counts as ours only if its mark, its length and its checksum agree**: a service
//! may have stored the beginning of it under our mark when the connection ended early.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use opendal::Metadata;
use opendal::options::WriteOptions;

use super::Bucket;
use super::checksum::Running;
use super::swap;
use crate::error::{Result, StorageError};
use crate::object::ObjectInfo;
use crate::store::Content;

/// What is found after a write that failed.
pub(super) enum Found {
    /// The write has happened.
    Ours(ObjectInfo),
    /// It has our mark and other bytes. Nobody was told that it exists.
    Damaged(ObjectInfo),
    /// Somebody else's, nothing, or no answer.
    NotOurs,
}

/// A write with whose it is, under this name beside the object.
pub(super) fn marked(name: &str, options: WriteOptions) -> (WriteOptions, String) {
    let mark = uuid::Uuid::new_v4().simple().to_string();
    let user_metadata = Some(HashMap::from([(name.to_owned(), mark.clone())]));
    (WriteOptions { user_metadata, ..options }, mark)
}

fn is_marked(metadata: &Metadata, name: &str, mark: &str) -> bool {
    metadata.user_metadata().is_some_and(|marks| marks.get(name) == Some(mark))
}

impl Bucket {
    /// Looks at what is under the path after a write of `contents` that ended with `error`.
    pub(super) async fn find_own(
        &self,
        path: &str,
        mark: &str,
        contents: &[Content],
        error: &StorageError,
    ) -> Found {
        // Services also deny what is about an upload that has ended.
        let may_be = matches!(
            error,
            StorageError::Conflict
                | StorageError::NotFound
                | StorageError::Unavailable(_)
                | StorageError::Denied(_)
        );
        if !may_be {
            return Found::NotOurs;
        }
        let Ok(Some(metadata)) = self.metadata(path).await else { return Found::NotOurs };
        if !is_marked(&metadata, self.service.mark(), mark) {
            return Found::NotOurs;
        }
        let info = swap::info(path, &metadata);
        match self.holds(&info, contents).await {
            Ok(true) => Found::Ours(info),
            Ok(false) => Found::Damaged(info),
            Err(error) => {
                tracing::debug!(%error, path, "an object with our mark cannot be read: {error}");
                Found::NotOurs
            }
        }
    }

    /// Does the object have these bytes? Reads it.
    pub(super) async fn holds(&self, info: &ObjectInfo, contents: &[Content]) -> Result<bool> {
        if info.size != contents.iter().map(Content::size).sum::<u64>() {
            return Ok(false);
        }
        let stored = [Content::stored(self.remote(&info.key, &info.version, info.size))];
        let (stored, wanted) = tokio::try_join!(checksum(&stored), checksum(contents))?;
        Ok(stored == wanted)
    }
}

/// Of all of them, one behind the other, and their length.
async fn checksum(contents: &[Content]) -> Result<(u64, u64)> {
    let mut running = Running::new();
    for content in contents {
        let mut pieces = content.clone().stream(0..content.size());
        while let Some(piece) = pieces.try_next().await? {
            running.update(&piece);
        }
    }
    Ok(running.finish())
}

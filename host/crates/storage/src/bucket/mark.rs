//! Finds out who wrote an object. If the response to a write is lost, the write is repeated, and
//! the second write finds the object of the first. Each write carries a unique mark, which
//! distinguishes a lost response from a lost race.
//!
//! # Invariants
//! **A write counts as ours only if its mark, its length and its checksum agree.** If the
//! connection ended early, a service may have stored only the beginning under our mark.

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

/// What a failed write left behind.
pub(super) enum Found {
    /// The write succeeded.
    Ours(ObjectInfo),
    /// An object with our mark and other bytes. No client knows of it.
    Damaged(ObjectInfo),
    /// Another writer's object, nothing, or no answer.
    NotOurs,
}

/// A write with its mark, which is stored under this name in the object's metadata.
pub(super) fn marked(name: &str, options: WriteOptions) -> (WriteOptions, String) {
    let mark = uuid::Uuid::new_v4().simple().to_string();
    let user_metadata = Some(HashMap::from([(name.to_owned(), mark.clone())]));
    (WriteOptions { user_metadata, ..options }, mark)
}

fn is_marked(metadata: &Metadata, name: &str, mark: &str) -> bool {
    metadata.user_metadata().is_some_and(|marks| marks.get(name) == Some(mark))
}

impl Bucket {
    /// Looks at the object after a write of `contents` that failed with `error`.
    pub(super) async fn find_own(
        &self,
        path: &str,
        mark: &str,
        contents: &[Content],
        error: &StorageError,
    ) -> Found {
        // Some services also answer "access denied" about an upload that has ended.
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

    /// Whether the object has these bytes. Reads the object.
    pub(super) async fn holds(&self, info: &ObjectInfo, contents: &[Content]) -> Result<bool> {
        if info.size != contents.iter().map(Content::size).sum::<u64>() {
            return Ok(false);
        }
        let stored = [Content::stored(self.remote(&info.key, &info.version, info.size))];
        let (stored, wanted) = tokio::try_join!(checksum(&stored), checksum(contents))?;
        Ok(stored == wanted)
    }
}

/// The checksum of all of them together, and their length.
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

//! Reads one version of an object: parts, digests of parts, streams. A stream holds at most two
//! pieces in memory.

use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::{BoxStream, TryStreamExt};

use super::digest::{Algorithm, Digest, DigestState};
use super::error::{Result, StorageError};
use super::object::ObjectInfo;
use super::store::Content;

/// One version of an object, however often it is replaced meanwhile. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    info: ObjectInfo,
    content: Content,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Reader").field(&self.info).finish()
    }
}

impl Reader {
    pub(super) fn new(info: ObjectInfo, content: Content) -> Self {
        Self { info, content }
    }

    pub(super) fn content(&self) -> &Content {
        &self.content
    }

    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// At most `max` bytes from `offset`, fewer only at the end. `Conflict` when
    /// this version is gone (a file system keeps it).
    pub async fn read_at(&self, offset: u64, max: u64) -> Result<Bytes> {
        read_at(&self.content, offset, max).await
    }

    /// Digests of a part, each algorithm once; `Invalid` when it does not lie inside.
    pub async fn digest_range(
        &self,
        offset: u64,
        length: u64,
        algorithms: &[Algorithm],
    ) -> Result<Vec<Digest>> {
        digest_range(&self.content, offset, length, algorithms).await
    }

    /// The bytes of `range`, cut at the end of the object, in pieces.
    pub fn stream(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
        let end = range.end.min(self.content.size());
        self.content.clone().stream(range.start.min(end)..end)
    }
}

pub(super) async fn read_at(content: &Content, offset: u64, max: u64) -> Result<Bytes> {
    let size = content.size();
    let start = offset.min(size);
    content.read(start..start.saturating_add(max).min(size)).await
}

pub(super) async fn digest_range(
    content: &Content,
    offset: u64,
    length: u64,
    algorithms: &[Algorithm],
) -> Result<Vec<Digest>> {
    let end = offset.checked_add(length).filter(|end| *end <= content.size());
    let end = end.ok_or_else(|| StorageError::invalid("the range lies outside the object"))?;
    let hasher = DigestState::new(algorithms);
    Ok(hash(content, offset..end, hasher).await?.finish())
}

/// Reads ahead while it computes.
pub(super) async fn hash(
    content: &Content,
    range: Range<u64>,
    mut hasher: DigestState,
) -> Result<DigestState> {
    let mut pieces = content.clone().stream(range);
    while let Some(piece) = pieces.try_next().await? {
        hasher = tokio::task::spawn_blocking(move || {
            hasher.update(&piece);
            hasher
        })
        .await?;
    }
    Ok(hasher)
}

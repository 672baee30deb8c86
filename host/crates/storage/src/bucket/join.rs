//! Joins several contents of a service to one object. Large contents are copied inside the service,
//! concurrently. A content that is too small to be a part passes through this host, one part at a
//! time.

use opendal::options::{ReadOptions, WriteOptions};
use opendal::{ErrorKind, Writer};

use futures_util::TryStreamExt;

use super::mark::{self, Found};
use super::parts::PART;
use super::remote::{RemoteContent, replaced};
use super::{Bucket, swap, within};
use crate::error::{Result, StorageError};
use crate::key::PRIVATE;
use crate::object::{ObjectInfo, Precondition};
use crate::store::{Content, of_another_store};

/// One part of a copy, unless the whole would have too many of them.
const COPIED_PART: u64 = 64 * 1024 * 1024;
/// A service takes 10,000.
const MOST_PARTS: u64 = 5_000;
/// Bytes of a part of an object that passes through this host whole. Azure takes 50,000 of them.
const PART_THAT_PASSES: usize = 8 * 1024 * 1024;
/// Copies under way at the same time.
const SIDE_BY_SIDE: usize = 8;
/// The least that a service copies as a part.
pub(super) const LEAST_COPIED: u64 = 5 * 1024 * 1024;

impl Bucket {
    /// With the key's lock held and the precondition checked as far as the service
    /// does not.
    pub(super) async fn join(
        &self,
        contents: &[Content],
        path: &str,
        options: WriteOptions,
    ) -> Result<ObjectInfo> {
        let size = contents.iter().map(Content::size).sum::<u64>();
        let passing = passes(contents) || !self.honoured.copy;
        let _room = self.budget.reserve(if passing { 3 * PART } else { PART }).await?;
        let concurrent = if self.honoured.copy { SIDE_BY_SIDE } else { 1 };
        let content_type = options.content_type.clone();
        // Parts that are copied have sizes of their own.
        let chunk = (!self.honoured.copy).then_some(PART_THAT_PASSES);
        let (options, mark) =
            mark::marked(self.service.mark(), WriteOptions { concurrent, chunk, ..options });
        let mut writer = self.operator.writer_options(path, options).await?;
        let error = match self.fill(&mut writer, contents, size).await {
            Ok(metadata) => {
                let info = swap::after_write(path, size, &metadata, content_type.as_deref());
                return self.confirmed(info, passing).await;
            }
            Err(error) => error,
        };
        match self.find_own(path, &mark, contents, &error).await {
            Found::Ours(info) => return Ok(info),
            Found::Damaged(info) => {
                self.take_away(&info).await;
                return Err(StorageError::unavailable("the storage service damaged an object; try again"));
            }
            Found::NotOurs => {}
        }
        if let Err(error) = writer.abort().await {
            tracing::debug!(%error, path, "a multipart upload could not be aborted; the sweep will do it");
        }
        Err(if self.has_lost_a_source(contents, &error).await { StorageError::Conflict } else { error })
    }

    /// Whether an object that was to be copied has been replaced or removed. Services report that in
    /// several ways: a failed condition, or a range that the new object does not have.
    async fn has_lost_a_source(&self, contents: &[Content], error: &StorageError) -> bool {
        if matches!(error, StorageError::Conflict | StorageError::Denied(_) | StorageError::Full(_)) {
            return false;
        }
        let remote = contents.iter().filter_map(|content| content.form::<RemoteContent>());
        for source in remote.filter(|remote| !remote.path.starts_with(PRIVATE)) {
            let Ok(found) = within(self.look_up(&source.path)).await else { return false };
            if found.is_none_or(|info| info.version != swap::version_of(&source.etag)) {
                return true;
            }
        }
        false
    }

    /// What the service says that it joined. Parts that passed through this host may have been
    /// cut on their way by a service that verifies no checksum: the length shows it.
    async fn confirmed(&self, info: ObjectInfo, passing: bool) -> Result<ObjectInfo> {
        if !passing {
            return Ok(info);
        }
        match self.metadata(&info.key).await? {
            Some(found)
                if swap::info(&info.key, &found).version == info.version
                    && found.content_length() != info.size =>
            {
                self.take_away(&info).await;
                Err(StorageError::unavailable(
                    "the storage service kept a part of a write as a whole; try again",
                ))
            }
            _ => Ok(info),
        }
    }

    /// A damaged object that nobody was told of. Stays if it was replaced meanwhile, where the
    /// service honours that condition.
    async fn take_away(&self, info: &ObjectInfo) {
        let known = Precondition::Version(info.version.clone());
        if let Err(error) = self.swap_out(&info.key, &known).await {
            tracing::warn!(%error, path = info.key, "a damaged object stays in the storage service: {error}");
        }
    }

    async fn fill(&self, writer: &mut Writer, contents: &[Content], size: u64) -> Result<opendal::Metadata> {
        let part = COPIED_PART.max(size.div_ceil(MOST_PARTS));
        for content in contents {
            if let Content::Memory(bytes) = content {
                writer.write(bytes.clone()).await?;
                continue;
            }
            let remote = content.form::<RemoteContent>().ok_or_else(of_another_store)?;
            if self.honoured.copy {
                copy(writer, remote, part).await?;
            } else {
                pass(writer, remote).await?;
            }
        }
        Ok(writer.close().await?)
    }
}

/// Must some of them pass through this host? Only the last part of an object may be small.
pub(super) fn passes(contents: &[Content]) -> bool {
    contents.iter().rev().skip(1).any(|content| content.size() < LEAST_COPIED)
}

/// In pieces of the same size, none of which is too small unless the whole is: that
/// one opendal reads, and puts together with its neighbours.
async fn copy(writer: &mut Writer, remote: &RemoteContent, part: u64) -> Result<()> {
    let pieces = remote.size.div_ceil(part).max(1);
    let length = remote.size.div_ceil(pieces).max(1);
    let mut at = 0;
    while at < remote.size {
        let end = (at + length).min(remote.size);
        let options = ReadOptions {
            range: (at..end).into(),
            if_match: Some(remote.etag.clone()),
            ..ReadOptions::default()
        };
        writer.copy_from_options(&remote.path, options).await.map_err(gone)?;
        at = end;
    }
    Ok(())
}

/// For a service that cannot copy parts.
async fn pass(writer: &mut Writer, remote: &RemoteContent) -> Result<()> {
    let mut pieces = remote.pieces(0..remote.size);
    while let Some(piece) = pieces.try_next().await? {
        writer.write(piece).await?;
    }
    Ok(())
}

/// A source that is not there any more, or another version of it, says nothing about
/// the target.
fn gone(error: opendal::Error) -> StorageError {
    match error.kind() {
        ErrorKind::ConditionNotMatch => StorageError::NotFound,
        _ => replaced(error),
    }
}

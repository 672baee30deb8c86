//! Reads one version of an object of a service.
//!
//! # Invariants
//! **Every response is of that version.** The host requests that version. Because some services
//! ignore this, it also compares the ETag of each response. **An interrupted response is continued
//! with another request**, until no byte arrives in any of [`super::retries::pauses`].

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use backon::{BackoffBuilder, ExponentialBackoff};
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use futures_util::stream::{self, BoxStream, StreamExt};
use opendal::options::ReaderOptions;
use opendal::{BufferStream, ErrorKind, Operator};

use super::retries::pauses;
use super::swap;
use crate::error::{Result, StorageError};
use crate::store::{Kept, Stored};

/// One version of an object in a service that has versions. Cheap to clone.
#[derive(Clone)]
pub(super) struct RemoteContent {
    /// Without the retry layer, which would continue in another version.
    pub(super) once: Operator,
    pub(super) path: String,
    pub(super) etag: String,
    pub(super) size: u64,
}

impl RemoteContent {
    pub(super) fn kept(&self, folder: &str) -> Result<Kept> {
        let name = self.path.strip_prefix(folder).ok_or_else(|| StorageError::other("kept elsewhere"))?;
        Ok(Kept { name: name.to_owned(), size: self.size, version: Some(swap::version_of(&self.etag)) })
    }

    /// One request for the whole range, read on demand, and more only after interruptions. Ends
    /// with `Conflict` if this version is gone.
    pub(super) fn pieces(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
        let download =
            Download { content: self.clone(), left: range, answer: None, pauses: pauses().build() };
        stream::try_unfold(download, Download::next).boxed()
    }

    async fn ask(&self, range: Range<u64>) -> opendal::Result<BufferStream> {
        let options = ReaderOptions { if_match: Some(self.etag.clone()), ..ReaderOptions::default() };
        let mut answer = self.once.reader_options(&self.path, options).await?.into_stream(range).await?;
        let metadata = answer.metadata().await?;
        match metadata.etag() {
            Some(etag) if swap::version_of(etag) != swap::version_of(&self.etag) => {
                Err(opendal::Error::new(ErrorKind::ConditionNotMatch, "the answer is of another version"))
            }
            _ => Ok(answer),
        }
    }
}

#[async_trait]
impl Stored for RemoteContent {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let mut pieces = self.pieces(range);
        let first = pieces.try_next().await?.unwrap_or_default();
        let Some(second) = pieces.try_next().await? else {
            return Ok(first);
        };
        let mut whole = BytesMut::from(first);
        whole.extend_from_slice(&second);
        while let Some(piece) = pieces.try_next().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    fn stream(self: Arc<Self>, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
        self.pieces(range)
    }
}

/// Bytes on their way.
struct Download {
    content: RemoteContent,
    left: Range<u64>,
    answer: Option<BufferStream>,
    /// Since the last byte.
    pauses: ExponentialBackoff,
}

impl Download {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        while !self.left.is_empty() {
            let error = match self.piece().await {
                Ok(piece) => {
                    self.left.start += piece.len() as u64;
                    self.pauses = pauses().build();
                    return Ok(Some((piece, self)));
                }
                Err(error) => error,
            };
            self.answer = None;
            match self.pauses.next() {
                Some(pause) if error.is_temporary() => {
                    tracing::debug!(%error, path = self.content.path, "the rest is asked for in {pause:?}");
                    tokio::time::sleep(pause).await;
                }
                _ => return Err(replaced(error)),
            }
        }
        Ok(None)
    }

    /// Never empty, and never more than what remains.
    async fn piece(&mut self) -> opendal::Result<Bytes> {
        let answer = match &mut self.answer {
            Some(answer) => answer,
            none => none.insert(self.content.ask(self.left.clone()).await?),
        };
        let piece = answer.try_next().await?.map(|piece| piece.to_bytes()).unwrap_or_default();
        if piece.is_empty() || piece.len() as u64 > self.left.end - self.left.start {
            let sentence = "an answer has another length than was asked for";
            return Err(opendal::Error::new(ErrorKind::Unexpected, sentence).set_temporary());
        }
        Ok(piece)
    }
}

/// While a version is being read, absence means that the version is gone. So does an invalid range,
/// because our ranges are inside the version.
pub(super) fn replaced(error: opendal::Error) -> StorageError {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::RangeNotSatisfied => StorageError::Conflict,
        _ => error.into(),
    }
}

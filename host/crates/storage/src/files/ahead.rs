//! A file as a stream. While one piece is sent, the next one is read.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio_util::task::AbortOnDropHandle;

use super::FileContent;
use crate::error::Result;
use crate::store::{Stored, cut};

/// Reading that ends with its reader.
type Job = AbortOnDropHandle<Result<Bytes>>;

struct Ahead<I> {
    content: Arc<FileContent>,
    ranges: I,
    job: Option<Job>,
}

pub(super) fn stream(content: Arc<FileContent>, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
    let mut ranges = cut(range);
    let job = ranges.next().map(|piece| start(&content, piece));
    let state = Ahead { content, ranges, job };
    stream::try_unfold(state, |mut state| async move {
        let Some(job) = state.job.take() else {
            return Ok(None);
        };
        let bytes = job.await?;
        state.job = state.ranges.next().map(|piece| start(&state.content, piece));
        Ok(Some((bytes?, state)))
    })
    .boxed()
}

fn start(content: &Arc<FileContent>, piece: Range<u64>) -> Job {
    let content = Arc::clone(content);
    AbortOnDropHandle::new(tokio::spawn(async move { content.read(piece).await }))
}

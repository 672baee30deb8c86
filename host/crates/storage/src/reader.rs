//! Reading one version of an object: parts, digests of parts, streams. Memory is
//! bounded by two pieces a stream.

use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tokio::task::JoinHandle;

use super::digest::{Algorithm, Digest, DigestState};
use super::error::{Result, StorageError};
use super::store::{Content, ObjectInfo};

/// Large enough to make the hop to another thread cheap, small enough to hold two
/// of them for each of a thousand slow clients.
const PIECE: u64 = 256 * 1024;

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
        pieces(self.content.clone(), range.start.min(end)..end)
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
    let mut pieces = pieces(content.clone(), range);
    while let Some(piece) = pieces.try_next().await? {
        hasher = tokio::task::spawn_blocking(move || {
            hasher.update(&piece);
            hasher
        })
        .await?;
    }
    Ok(hasher)
}

pub(super) fn pieces(content: Content, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
    match content {
        Content::Remote(remote) => remote.stream(range),
        Content::Memory(_) => stream::iter(cut(range))
            .then(move |piece| {
                let content = content.clone();
                async move { content.read(piece).await }
            })
            .boxed(),
        Content::File(_) => read_ahead(content, range),
        Content::Chain(_) => {
            let links = content
                .links(&range)
                .into_iter()
                .map(|(link, part)| Ok::<_, StorageError>(pieces(link, part)));
            stream::iter(links).try_flatten().boxed()
        }
    }
}

fn cut(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let end = range.end;
    (range.start..end)
        .step_by(usize::try_from(PIECE).unwrap_or(usize::MAX))
        .map(move |start| start..(start + PIECE).min(end))
}

/// The next piece is being read while the one before is on its way out.
fn read_ahead(content: Content, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
    let mut ranges = cut(range);
    let ahead = ranges.next().map(|piece| start(&content, piece));
    let state = Ahead { content, ranges, job: ahead };
    stream::try_unfold(state, |mut state| async move {
        let Some(job) = state.job.take() else {
            return Ok(None);
        };
        let bytes = job.0.await?;
        state.job = state.ranges.next().map(|piece| start(&state.content, piece));
        Ok(Some((bytes?, state)))
    })
    .boxed()
}

struct Ahead<I> {
    content: Content,
    ranges: I,
    job: Option<Job>,
}

/// Reading that ends with its reader.
struct Job(Abort<Result<Bytes>>);

type Abort<T> = tokio_util::task::AbortOnDropHandle<T>;

fn start(content: &Content, piece: Range<u64>) -> Job {
    let content = content.clone();
    let handle: JoinHandle<_> = tokio::spawn(async move { content.read(piece).await });
    Job(Abort::new(handle))
}

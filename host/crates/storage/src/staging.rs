//! Incoming bytes: they are written and digested concurrently, outside the asynchronous threads.
//! They are complete and durable before they get a key. Dropping a value of these types removes
//! what was written.

use bytes::Bytes;
use futures_util::TryStreamExt;
use tokio::task::JoinHandle;

use super::digest::{Algorithm, Digest, DigestState, unique};
use super::error::{Result, StorageError};
use super::key::Key;
use super::object::{ObjectInfo, Precondition};
use super::reader::{self, Reader};
use super::scoped::Scope;
use super::store::{Content, Material, Sink};
use super::unpack::{self, Packed, Unpacked};

/// Collected before it goes to the store and the hasher.
const BATCH: usize = 1024 * 1024;
/// Where a store that cannot move objects keeps what has no key yet.
const STAGING: &str = ".packhouse/staging/";
/// Hashing less than this is quicker than asking another thread to.
const HASHED_HERE: usize = 16 * 1024;

impl Scope {
    /// Takes at most `limit` bytes that nobody sees before their commit.
    #[expect(clippy::unused_async, reason = "a store may have to ask its store first")]
    pub async fn writer(&self, algorithms: &[Algorithm], limit: u64) -> Result<Writer> {
        Ok(Writer::new(self.clone(), algorithms, limit))
    }
}

/// Takes bytes in order. Memory is bounded by two batches of a mebibyte (and what
/// the store itself collects).
pub struct Writer {
    scope: Scope,
    intake: Intake,
    limit: u64,
    /// Does it contain stored objects, which other requests may replace?
    has_appended: bool,
}

impl Writer {
    pub(super) fn new(scope: Scope, algorithms: &[Algorithm], limit: u64) -> Self {
        let intake = Intake::new(scope.store().sink(STAGING), DigestState::new(algorithms));
        Self { scope, intake, limit, has_appended: false }
    }

    /// `TooLarge` above the limit. After an error it is useless.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.check_limit(bytes.len() as u64)?;
        self.intake.write(bytes).await
    }

    /// Appends all bytes of one version of a stored object. The store copies them itself if it can;
    /// some stores copy a large object only in the commit. `Conflict`, here or there, if the object
    /// was replaced before it was copied. `TooLarge` above the limit. After an error it is useless.
    pub async fn append(&mut self, source: &Reader) -> Result<()> {
        self.check_limit(source.info().size)?;
        self.has_appended = true;
        self.intake.append(source.content()).await
    }

    fn check_limit(&mut self, more: u64) -> Result<()> {
        if self.intake.written().saturating_add(more) > self.limit {
            self.intake.give_up();
            return Err(StorageError::TooLarge(self.limit));
        }
        Ok(())
    }

    /// Bytes so far.
    pub fn written(&self) -> u64 {
        self.intake.written()
    }

    /// Complete and durable, not yet under a key.
    pub async fn finish(self) -> Result<Staged> {
        let size = self.intake.written();
        let (material, content, hasher) = self.intake.finish().await?;
        Ok(Staged {
            scope: self.scope,
            material: Some(material),
            content,
            size,
            digests: hasher.finish(),
            later: Vec::new(),
            has_appended: self.has_appended,
        })
    }
}

/// Complete bytes without a key.
pub struct Staged {
    scope: Scope,
    /// None after the commit.
    material: Option<Material>,
    content: Content,
    size: u64,
    digests: Vec<Digest>,
    /// Computed when a commit expected them.
    later: Vec<Digest>,
    /// As in [`Writer`].
    has_appended: bool,
}

impl Staged {
    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// In the order they were asked for, each once.
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// As [`Reader::read_at`](super::Reader::read_at); `NotFound` after the commit.
    pub async fn read_at(&self, offset: u64, max: u64) -> Result<Bytes> {
        reader::read_at(self.uncommitted()?, offset, max).await
    }

    /// As [`Reader::digest_range`](super::Reader::digest_range); `NotFound` after the commit.
    pub async fn digest_range(
        &self,
        offset: u64,
        length: u64,
        algorithms: &[Algorithm],
    ) -> Result<Vec<Digest>> {
        reader::digest_range(self.uncommitted()?, offset, length, algorithms).await
    }

    /// What parts of it unpack to, in order. The parts must lie inside, each behind the one
    /// before; none for one that is damaged. `NotFound` after the commit.
    pub async fn unpack(&self, parts: Vec<Packed>) -> Result<Vec<Option<Unpacked>>> {
        unpack::unpack(self.uncommitted()?, parts).await
    }

    fn uncommitted(&self) -> Result<&Content> {
        self.material.as_ref().map(|_| &self.content).ok_or(StorageError::NotFound)
    }

    /// Gives it its key. After an error nothing has changed and it may be tried
    /// again; after a success it is `NotFound`. An expected digest that was not
    /// computed costs reading it through.
    pub async fn commit(
        &mut self,
        key: &Key,
        expect: &[Digest],
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        let path = self.scope.path(key)?;
        self.uncommitted()?;
        self.compute_missing(expect).await?;
        let known: Vec<_> = self.digests.iter().chain(&self.later).cloned().collect();
        compare(expect, &known)?;
        let material = self.material.as_ref().ok_or(StorageError::NotFound)?;
        let info = self.scope.store().commit(material, &path, precondition, content_type).await;
        let info = if self.has_appended { info.map_err(StorageError::replaced_source) } else { info }?;
        self.material = None;
        // An open file would keep the disk's blocks of whatever replaces it later.
        self.content = Content::Memory(Bytes::new());
        Ok(self.scope.relative_info(info))
    }

    async fn compute_missing(&mut self, expect: &[Digest]) -> Result<()> {
        let is_known =
            |algorithm| self.digests.iter().chain(&self.later).any(|known| known.algorithm == algorithm);
        let missing: Vec<_> =
            expect.iter().map(|digest| digest.algorithm).filter(|one| !is_known(*one)).collect();
        if !missing.is_empty() {
            let computed = reader::digest_range(&self.content, 0, self.size, &unique(&missing)).await?;
            self.later.extend(computed);
        }
        Ok(())
    }
}

/// `DigestMismatch` for the first that did not come out.
pub(super) fn compare(expect: &[Digest], known: &[Digest]) -> Result<()> {
    for expected in expect {
        let computed = known.iter().find(|digest| digest.algorithm == expected.algorithm);
        match computed {
            Some(computed) if computed.matches(expected) => {}
            Some(computed) => {
                return Err(StorageError::DigestMismatch {
                    expected: expected.clone(),
                    computed: computed.clone(),
                });
            }
            None => return Err(StorageError::other("a digest was not computed")),
        }
    }
    Ok(())
}

/// Bytes to a sink and to hashers at once, in batches.
pub(super) struct Intake {
    /// None after a failure: what was written is gone with it.
    sink: Option<Box<dyn Sink>>,
    hashing: Hashing,
    batch: Vec<Bytes>,
    batched: usize,
    written: u64,
}

impl Intake {
    pub fn new(sink: Box<dyn Sink>, hasher: DigestState) -> Self {
        Self { sink: Some(sink), hashing: Hashing::Idle(hasher), batch: Vec::new(), batched: 0, written: 0 }
    }

    pub fn written(&self) -> u64 {
        self.written
    }

    pub fn give_up(&mut self) {
        self.sink = None;
    }

    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.written += bytes.len() as u64;
        self.batched += bytes.len();
        self.batch.push(bytes);
        if self.batched < BATCH { Ok(()) } else { self.flush().await }
    }

    /// Appends all bytes of a stored object. The host reads them only to hash them, or if the store
    /// cannot copy them.
    pub async fn append(&mut self, content: &Content) -> Result<()> {
        if !self.sink.as_ref().is_some_and(|sink| sink.can_copy(content)) {
            let mut pieces = content.clone().stream(0..content.size());
            while let Some(piece) = pieces.try_next().await.inspect_err(|_| self.give_up())? {
                self.write(piece).await?;
            }
            return Ok(());
        }
        if !self.batch.is_empty() {
            self.flush().await?;
        }
        let Some(mut sink) = self.sink.take() else {
            return Err(StorageError::other("written after a failure"));
        };
        self.hashing.read(content).await?;
        sink.copy(content).await?;
        self.sink = Some(sink);
        self.written += content.size();
        Ok(())
    }

    /// Waits for the batch before, if it is still on its way, and starts this one.
    async fn flush(&mut self) -> Result<()> {
        let Some(mut sink) = self.sink.take() else {
            return Err(StorageError::other("written after a failure"));
        };
        let batch = std::mem::take(&mut self.batch);
        self.batched = 0;
        self.hashing.update(batch.clone()).await?;
        sink.write(batch).await?;
        self.sink = Some(sink);
        Ok(())
    }

    pub async fn finish(mut self) -> Result<(Material, Content, DigestState)> {
        if !self.batch.is_empty() {
            self.flush().await?;
        }
        let sink = self.sink.take().ok_or_else(|| StorageError::other("finished after a failure"))?;
        let (closed, hasher) = tokio::join!(sink.close(), self.hashing.settle());
        let (material, content) = closed?;
        Ok((material, content, hasher?))
    }
}

enum Hashing {
    Idle(DigestState),
    Busy(JoinHandle<DigestState>),
}

impl Hashing {
    async fn update(&mut self, batch: Vec<Bytes>) -> Result<()> {
        let mut hasher = self.settle().await?;
        if hasher.is_empty() || batch.iter().map(Bytes::len).sum::<usize>() <= HASHED_HERE {
            update_all(&mut hasher, &batch);
            *self = Self::Idle(hasher);
        } else {
            *self = Self::Busy(tokio::task::spawn_blocking(move || {
                update_all(&mut hasher, &batch);
                hasher
            }));
        }
        Ok(())
    }

    async fn read(&mut self, content: &Content) -> Result<()> {
        let hasher = self.settle().await?;
        *self = Self::Idle(if hasher.is_empty() {
            hasher
        } else {
            reader::hash(content, 0..content.size(), hasher).await?
        });
        Ok(())
    }

    /// Leaves an empty one behind.
    async fn settle(&mut self) -> Result<DigestState> {
        match std::mem::replace(self, Self::Idle(DigestState::default())) {
            Self::Idle(hasher) => Ok(hasher),
            Self::Busy(job) => Ok(job.await?),
        }
    }
}

fn update_all(hasher: &mut DigestState, batch: &[Bytes]) {
    for bytes in batch {
        hasher.update(bytes);
    }
}

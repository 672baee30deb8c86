//! Any opendal service that keeps whole objects. How it compares and swaps is in
//! `swap.rs`. It must not know scopes, and nothing of one service in particular.
//!
//! # Invariants
//! **A change of a key holds its lock in this process** and, where the service
//! honours conditions, carries the condition too: with the first one host is
//! exact, with the second many are.

mod clash;
mod pages;
mod sink;
mod swap;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use opendal::options::{ReadOptions, ReaderOptions, WriteOptions};
use opendal::{ErrorKind, Metadata, Operator};

use super::backend::{Content, Material, ObjectInfo, Precondition, Sink};
use super::error::{Result, StorageError};
use super::key::PRIVATE;
use super::listing::{Listing, PathListing};
use super::locks::KeyLocks;
use clash::KnownFolders;
pub(super) use sink::{ObjectSink, StagingObject};
use swap::Swap;

/// Up to here bytes are collected and written in one call; above it they go to a
/// staging object piece by piece.
const WHOLE_UP_TO: u64 = 8 * 1024 * 1024;
/// One part of a multipart copy, unless the whole would have too many of them.
const COPIED_PART: u64 = 64 * 1024 * 1024;
const MOST_PARTS: u64 = 9_000;
/// One call of opendal copies no more.
const COPIED_AT_ONCE: u64 = 4 * 1024 * 1024 * 1024;
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Objects {
    operator: Operator,
    locks: KeyLocks,
    swap: Swap,
    folders: KnownFolders,
}

/// One version of an object in a service that answers conditional reads.
#[derive(Clone)]
pub(super) struct RemoteContent {
    operator: Operator,
    path: String,
    etag: String,
    pub size: u64,
}

impl Objects {
    /// The only writer is this process: versions are kept beside the objects.
    pub fn private(operator: Operator) -> Self {
        Self::with(operator, Swap::noted())
    }

    /// Asks the service what it honours, with a handful of small objects.
    pub async fn shared(operator: Operator) -> Result<Self> {
        let swap = Swap::probed(&operator).await?;
        Ok(Self::with(operator, swap))
    }

    fn with(operator: Operator, swap: Swap) -> Self {
        Self { operator, locks: KeyLocks::default(), swap, folders: KnownFolders::default() }
    }

    /// May several hosts write to it at once?
    pub fn is_safe_to_share(&self) -> bool {
        self.swap.honours_writes()
    }

    pub async fn probe(&self) -> Result<()> {
        let looked = self.operator.stat(".packhouse/probe/none");
        match tokio::time::timeout(PROBE_TIMEOUT, looked).await {
            Ok(Err(error)) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            Ok(_) => Ok(()),
            Err(_) => Err(StorageError::unavailable("the storage service does not answer")),
        }
    }

    pub async fn stat(&self, path: &str) -> Result<Option<ObjectInfo>> {
        let _hold = self.swap.read_hold(&self.locks, path).await;
        self.look_up(path).await
    }

    async fn look_up(&self, path: &str) -> Result<Option<ObjectInfo>> {
        Ok(self.metadata(path).await?.and_then(|metadata| self.swap.info(path, &metadata)))
    }

    async fn metadata(&self, path: &str) -> Result<Option<Metadata>> {
        match self.operator.stat(path).await {
            Ok(metadata) => Ok(metadata.is_file().then_some(metadata)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub async fn get(&self, path: &str, limit: u64) -> Result<Option<(ObjectInfo, Bytes)>> {
        match self.swap {
            Swap::Noted(_) => self.get_noted(path, limit).await,
            Swap::Conditional(_) => self.get_remote(path, limit).await,
        }
    }

    async fn get_noted(&self, path: &str, limit: u64) -> Result<Option<(ObjectInfo, Bytes)>> {
        let _hold = self.swap.read_hold(&self.locks, path).await;
        let Some(info) = self.look_up(path).await? else {
            return Ok(None);
        };
        if info.size > limit {
            return Err(StorageError::TooLarge(limit));
        }
        let bytes = self.operator.read(path).await?.to_bytes();
        Ok(Some((info, bytes)))
    }

    /// One request gives bytes and version.
    async fn get_remote(&self, path: &str, limit: u64) -> Result<Option<(ObjectInfo, Bytes)>> {
        let mut stream = self.operator.reader(path).await?.into_stream(..).await?;
        let metadata = match stream.metadata().await {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Some(info) = self.swap.info(path, &metadata) else {
            return Ok(None);
        };
        if info.size > limit {
            return Err(StorageError::TooLarge(limit));
        }
        let mut bytes = BytesMut::with_capacity(usize::try_from(info.size).unwrap_or(0));
        while let Some(piece) = stream.try_next().await? {
            piece.for_each(|piece| bytes.extend_from_slice(&piece));
            if bytes.len() as u64 > info.size {
                return Err(StorageError::Conflict);
            }
        }
        if bytes.len() as u64 != info.size {
            return Err(StorageError::unavailable("the storage service ended an object early; try again"));
        }
        Ok(Some((info, bytes.freeze())))
    }

    pub async fn open(&self, path: &str) -> Result<Option<(ObjectInfo, Content)>> {
        let _hold = self.swap.read_hold(&self.locks, path).await;
        let Some(info) = self.look_up(path).await? else {
            return Ok(None);
        };
        let content = match self.swap {
            Swap::Noted(_) => Content::Memory(self.operator.read(path).await?.to_bytes()),
            Swap::Conditional(_) => Content::Remote(self.remote(path, &info.version, info.size)),
        };
        Ok(Some((info, content)))
    }

    fn remote(&self, path: &str, version: &str, size: u64) -> RemoteContent {
        RemoteContent {
            operator: self.operator.clone(),
            path: path.into(),
            etag: swap::etag_of(version),
            size,
        }
    }

    pub async fn put(
        &self,
        path: &str,
        bytes: Bytes,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        let _hold = self.locks.write(path).await;
        self.refuse_clash(path, precondition).await?;
        self.swap.put(self, path, bytes, precondition, content_type).await
    }

    pub async fn commit(
        &self,
        material: &Material,
        path: &str,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        let Material::Objects { contents, .. } = material else {
            return Err(StorageError::other("staged in another store"));
        };
        let size = contents.iter().map(Content::size).sum::<u64>();
        if size <= WHOLE_UP_TO || matches!(self.swap, Swap::Noted(_)) {
            let bytes = read_all(contents).await?;
            return self.put(path, bytes, precondition, content_type).await;
        }
        let _hold = self.locks.write(path).await;
        self.refuse_clash(path, precondition).await?;
        self.check(path, precondition).await?;
        let options = self.swap.write_options(precondition, content_type);
        self.assemble(contents, size, path, options).await
    }

    /// Copies parts inside the service where it can; opendal reads what is too
    /// small for a part of its own.
    async fn assemble(
        &self,
        contents: &[Content],
        size: u64,
        path: &str,
        options: WriteOptions,
    ) -> Result<ObjectInfo> {
        let part = COPIED_PART.max(size / MOST_PARTS);
        let options = WriteOptions { chunk: usize::try_from(part).ok(), ..options };
        let content_type = options.content_type.clone();
        let (options, mark) = swap::marked(options);
        let mut writer = self.operator.writer_options(path, options).await?;
        let written = async {
            for content in contents {
                append(&mut writer, content).await?;
            }
            Ok::<_, StorageError>(writer.close().await?)
        };
        let error = match written.await {
            Ok(metadata) => {
                return Ok(swap::written(path, size, &metadata, content_type.as_deref()));
            }
            Err(error) => error,
        };
        if matches!(error, StorageError::Conflict | StorageError::NotFound)
            && let Some(info) = self.written_by(path, &mark).await?
        {
            return Ok(info);
        }
        if let Err(error) = writer.abort().await {
            tracing::debug!(%error, path, "a multipart upload could not be given up");
        }
        Err(error)
    }

    /// An answer may be lost and the request tried again: the second one then
    /// finds the first one's object in its way. The mark tells.
    async fn written_by(&self, path: &str, mark: &str) -> Result<Option<ObjectInfo>> {
        let metadata = self.metadata(path).await?;
        Ok(metadata
            .filter(|metadata| swap::is_marked(metadata, mark))
            .map(|found| swap::remote_info(path, &found)))
    }

    async fn check(&self, path: &str, precondition: &Precondition) -> Result<()> {
        if *precondition == Precondition::Any {
            return Ok(());
        }
        let current = self.look_up(path).await?;
        precondition.check(current.as_ref().map(|info| info.version.as_str()))
    }

    pub async fn remove(&self, path: &str, precondition: &Precondition) -> Result<bool> {
        let _hold = self.locks.write(path).await;
        let current = self.look_up(path).await?;
        precondition.check(current.as_ref().map(|info| info.version.as_str()))?;
        if current.is_none() {
            return Ok(false);
        }
        self.swap.remove(&self.operator, path, precondition).await?;
        Ok(true)
    }

    pub async fn list(&self, listing: &PathListing) -> Result<Listing> {
        match self.swap {
            Swap::Noted(_) => self.list_whole(listing).await,
            Swap::Conditional(_) => self.list_pages(listing).await,
        }
    }

    pub fn sink(self: &Arc<Self>) -> Sink {
        Sink::Object(Box::new(ObjectSink::new(self.clone())))
    }

    pub async fn sweep_staging(&self, before: SystemTime) -> Result<u64> {
        let prefix = format!("{PRIVATE}/staging/");
        let mut removed = 0;
        for entry in self.operator.list(&prefix).await? {
            let old = entry.metadata().last_modified().is_some_and(|time| SystemTime::from(time) < before);
            if old && entry.metadata().is_file() {
                self.operator.delete(entry.path()).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

impl RemoteContent {
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let options =
            ReadOptions { range: range.into(), if_match: Some(self.etag.clone()), ..ReadOptions::default() };
        Ok(self.operator.read_options(&self.path, options).await.map_err(replaced)?.to_bytes())
    }

    /// One request for all of it, pulled as it is read.
    pub async fn stream(&self, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
        let options = ReaderOptions { if_match: Some(self.etag.clone()), ..ReaderOptions::default() };
        let reader = self.operator.reader_options(&self.path, options).await?;
        let stream = reader.into_stream(range).await?;
        Ok(Box::pin(stream.map_ok(|piece| piece.to_bytes()).map_err(replaced)))
    }
}

/// While a version is being read, its absence means the same as another version,
/// and so does a range outside of it: ours are inside.
fn replaced(error: opendal::Error) -> StorageError {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::RangeNotSatisfied => StorageError::Conflict,
        _ => error.into(),
    }
}

async fn append(writer: &mut opendal::Writer, content: &Content) -> Result<()> {
    let remote = match content {
        Content::Remote(remote) => remote,
        Content::Memory(bytes) => return Ok(writer.write(bytes.clone()).await?),
        Content::File(_) => return Err(StorageError::other("stored in another store")),
    };
    let mut at = 0;
    while at < remote.size {
        let end = (at + COPIED_AT_ONCE).min(remote.size);
        let options = ReadOptions {
            range: (at..end).into(),
            if_match: Some(remote.etag.clone()),
            ..ReadOptions::default()
        };
        writer.copy_from_options(&remote.path, options).await.map_err(replaced)?;
        at = end;
    }
    Ok(())
}

async fn read_all(contents: &[Content]) -> Result<Bytes> {
    if let [Content::Memory(bytes)] = contents {
        return Ok(bytes.clone());
    }
    let mut whole = BytesMut::new();
    for content in contents {
        whole.extend_from_slice(&content.read(0..content.size()).await?);
    }
    Ok(whole.freeze())
}

//! `storage`: objects under the mount's own prefix, and how the contract's types
//! become those of the storage room.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use rand::RngExt;
use wasmtime::component::Resource;

use crate::bindings::packhouse::plugin::{storage as wit, types};
use crate::capabilities::body::piece;
use crate::capabilities::error::told;
use crate::capabilities::staged::StagedObject;
use crate::capabilities::usage::{Kept, OpenObject, hashing};
use crate::capabilities::{HostError, PIECE, State};
use packhouse_common::shares::Memory;
use packhouse_http::respond::{BoxError, StoredObject};
use packhouse_storage::{
    Algorithm, Digest, Key, ListOptions, ObjectInfo, Precondition, Reader, StorageError, Writer,
};

/// Objects looked at side by side in one call.
const SIDE_BY_SIDE: usize = 32;
/// Documents that `get-many` fetches at first, when it does not know how large they are.
const FIRST_BATCH: usize = 4;
/// Keys in one `stat-many` or `get-many`.
const MOST_KEYS: usize = 1000;
/// Digests that may be expected of one object.
const MOST_DIGESTS: usize = 64;
/// Digits of one digest; the longest algorithm has half as many.
const LONGEST_HEX: usize = 256;
/// Lost races of one request after which a plugin is told to give up.
const MOST_TURNS: u32 = 200;

/// One version of an object, read in parts.
pub struct ObjectReader(Reader, #[expect(dead_code, reason = "it is counted")] OpenObject);

/// Bytes that an open writer keeps at most on their way to the store.
const WRITER: usize = 3 << 19;

/// Bytes that the plugin makes; opened at the first piece.
pub struct ObjectWriter {
    /// An unknown algorithm shows at the first use.
    algorithms: Result<Vec<Algorithm>, types::Error>,
    writer: Option<OpenWriter>,
}

struct OpenWriter {
    writer: Writer,
    open: OpenObject,
    _kept: Kept,
}

impl wit::Host for State {
    async fn stat(&mut self, name: String) -> Result<Option<types::ObjectInfo>, HostError> {
        let _outside = self.wait()?;
        Ok(self.access.stat(&key(&name)?).await?.map(Into::into))
    }

    async fn stat_many(&mut self, names: Vec<String>) -> Result<Vec<Option<types::ObjectInfo>>, HostError> {
        let _outside = self.wait()?;
        let found = self.access.stat_many(&many(&names)?, SIDE_BY_SIDE).await?;
        Ok(found.into_iter().map(|info| info.map(Into::into)).collect())
    }

    async fn get(&mut self, name: String) -> Result<Option<wit::Document>, HostError> {
        let _outside = self.wait()?;
        let found = self.access.get(&key(&name)?, PIECE as u64).await?.map(document);
        self.usage.work(found.as_ref().map_or(0, |document| document.bytes.len() as u64))?;
        Ok(found)
    }

    async fn get_many(&mut self, names: Vec<String>) -> Result<Vec<Option<wit::Document>>, HostError> {
        let _outside = self.wait()?;
        let keys = many(&names)?;
        let (mut documents, mut size, mut fetched) = (Vec::new(), 0, 0);
        'all: while let Some(rest) = keys.get(documents.len()..).filter(|rest| !rest.is_empty()) {
            let some = rest.iter().take(batch(documents.len(), size)).cloned().collect::<Vec<_>>();
            for next in self.access.get_many(&some, PIECE as u64).await? {
                // A document too large for one call is asked for again, alone.
                let next = match next {
                    Err(HostError::Told(types::Error::TooLarge(_))) if !documents.is_empty() => break 'all,
                    next => next?,
                };
                let length = next.as_ref().map_or(0, |(_, bytes)| bytes.len());
                fetched += length;
                if size + length > PIECE && !documents.is_empty() {
                    break 'all;
                }
                size += length;
                documents.push(next.map(document));
            }
        }
        self.usage.work(fetched as u64)?;
        Ok(documents)
    }

    async fn put(
        &mut self,
        name: String,
        bytes: Vec<u8>,
        condition: types::Precondition,
        content_type: Option<String>,
    ) -> Result<types::ObjectInfo, HostError> {
        let _outside = self.wait()?;
        if bytes.len() > PIECE {
            return Err(StorageError::TooLarge(PIECE as u64).into());
        }
        self.usage.work(bytes.len() as u64)?;
        let storage = self.access.storage_to_change().await?;
        let put =
            storage.put(&key(&name)?, bytes.into(), &precondition(condition), content_type.as_deref()).await;
        Ok(self.access.changed(&name, put)?.into())
    }

    async fn copy(
        &mut self,
        source: String,
        version: String,
        target: String,
        condition: types::Precondition,
        content_type: Option<String>,
    ) -> Result<types::ObjectInfo, HostError> {
        let _outside = self.transfer()?;
        let key = key(&target)?;
        let _open = self.open_one().await?;
        let source = self.access.open_version(&self::key(&source)?, &version).await?;
        self.usage.work(source.info().size)?;
        let storage = self.access.storage_to_change().await?;
        let copied = storage.copy(&source, &key, &precondition(condition), content_type.as_deref()).await;
        Ok(self.access.changed(&target, copied)?.into())
    }

    async fn remove(&mut self, name: String, condition: types::Precondition) -> Result<bool, HostError> {
        let _outside = self.wait()?;
        let storage = self.access.storage_to_change().await?;
        let removed = storage.remove(&key(&name)?, &precondition(condition)).await;
        self.access.changed(&name, removed)
    }

    async fn list_objects(&mut self, options: wit::ListingOptions) -> Result<wit::Listing, HostError> {
        let _outside = self.wait()?;
        if !(1..=1000).contains(&options.limit) {
            return Err(HostError::invalid("the limit of a listing is 1 to 1000"));
        }
        let options = ListOptions {
            prefix: options.prefix,
            folders: options.folders,
            after: options.after,
            limit: options.limit as usize,
        };
        let listing = self.access.list(&options).await?;
        Ok(wit::Listing {
            objects: listing.objects.into_iter().map(Into::into).collect(),
            folders: listing.folders,
            next: listing.next,
        })
    }

    async fn wait_turn(&mut self, _key: String, attempt: u32) -> Result<(), HostError> {
        let _outside = self.wait()?;
        // The plugin's own count says how long to wait; the host's, when it is enough.
        self.turns += 1;
        if self.turns > MOST_TURNS || attempt > MOST_TURNS {
            return Err(StorageError::Unavailable("too many writers at once".into()).into());
        }
        let longest = Duration::from_millis(4 << attempt.min(6));
        let turn = rand::rng().random_range(Duration::ZERO..longest);
        tokio::time::sleep(turn).await;
        Ok(())
    }

    async fn now(&mut self) -> Result<u64, HostError> {
        let _outside = self.wait()?;
        self.access.store_time().await
    }

    async fn digests(
        &mut self,
        name: String,
        wanted: Vec<String>,
    ) -> Result<Option<Vec<types::Digest>>, HostError> {
        let _outside = self.transfer()?;
        let (key, algorithms) = (key(&name)?, algorithms(&wanted)?);
        let Some(reader) = self.access.open(&key).await? else { return Ok(None) };
        let size = reader.info().size;
        self.usage.work(hashing(size, algorithms.len()))?;
        let digests = reader.digest_range(0, size, &algorithms).await?;
        Ok(Some(digests.into_iter().map(Into::into).collect()))
    }
}

impl wit::HostReader for State {
    async fn open(&mut self, name: String) -> Result<Option<Resource<ObjectReader>>, HostError> {
        let _outside = self.wait()?;
        let open = self.open_one().await?;
        let Some(reader) = self.access.open(&key(&name)?).await? else { return Ok(None) };
        Ok(Some(self.push(ObjectReader(reader, open))?))
    }

    fn info(&mut self, handle: Resource<ObjectReader>) -> wasmtime::Result<types::ObjectInfo> {
        Ok(self.table.get(&handle)?.0.info().clone().into())
    }

    async fn read_at(
        &mut self,
        handle: Resource<ObjectReader>,
        offset: u64,
        max: u32,
    ) -> Result<Vec<u8>, HostError> {
        let max = piece(max as usize)?;
        let _outside = self.wait()?;
        let bytes = self.table.get(&handle)?.0.read_at(offset, max as u64).await?;
        self.usage.work(bytes.len() as u64)?;
        Ok(bytes.into())
    }

    async fn digest_range(
        &mut self,
        handle: Resource<ObjectReader>,
        offset: u64,
        length: u64,
        compute: Vec<String>,
    ) -> Result<Vec<types::Digest>, HostError> {
        let _outside = self.transfer()?;
        let algorithms = algorithms(&compute)?;
        self.usage.work(hashing(length, algorithms.len()))?;
        let digests = self.table.get(&handle)?.0.digest_range(offset, length, &algorithms).await?;
        Ok(digests.into_iter().map(Into::into).collect())
    }

    async fn drop(&mut self, handle: Resource<ObjectReader>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl State {
    /// The open writer behind a handle; its first use opens it.
    async fn writer(&mut self, handle: &Resource<ObjectWriter>) -> Result<&mut Writer, HostError> {
        if self.table.get(handle)?.writer.is_none() {
            let algorithms = self.table.get(handle)?.algorithms.clone().map_err(HostError::Told)?;
            let (open, kept) = (self.open_one().await?, self.usage.keep_with(WRITER)?);
            let limit = self.access.limits()?.upload;
            let writer = self.access.storage_for_bytes()?.writer(&algorithms, limit).await?;
            self.table.get_mut(handle)?.writer = Some(OpenWriter { writer, open, _kept: kept });
        }
        let writer = self.table.get_mut(handle)?.writer.as_mut();
        writer.map(|open| &mut open.writer).ok_or_else(|| HostError::invalid("the writer is not open"))
    }
}

impl wit::HostWriter for State {
    fn new(&mut self, compute: Vec<String>) -> wasmtime::Result<Resource<ObjectWriter>> {
        let algorithms = told(algorithms(&compute))?;
        self.push(ObjectWriter { algorithms, writer: None })
    }

    async fn write(&mut self, handle: Resource<ObjectWriter>, bytes: Vec<u8>) -> Result<(), HostError> {
        let _outside = self.transfer()?;
        piece(bytes.len())?;
        let algorithms = self.table.get(&handle)?.algorithms.as_ref().map_or(0, Vec::len);
        self.usage.work(hashing(bytes.len() as u64, algorithms))?;
        Ok(self.writer(&handle).await?.write(bytes.into()).await?)
    }

    async fn append_object(
        &mut self,
        handle: Resource<ObjectWriter>,
        source: String,
        version: String,
    ) -> Result<u64, HostError> {
        let _outside = self.transfer()?;
        let _open = self.open_one().await?;
        let source = self.access.open_version(&self::key(&source)?, &version).await?;
        let size = source.info().size;
        let algorithms = self.table.get(&handle)?.algorithms.as_ref().map_or(0, Vec::len);
        self.usage.work(hashing(size, algorithms))?;
        self.writer(&handle).await?.append(&source).await?;
        Ok(size)
    }

    async fn finish(&mut self, handle: Resource<ObjectWriter>) -> Result<Resource<StagedObject>, HostError> {
        let _outside = self.transfer()?;
        self.writer(&handle).await?;
        let writer = self.table.get_mut(&handle)?.writer.take();
        let OpenWriter { writer, open, .. } =
            writer.ok_or_else(|| HostError::invalid("the writer is not open"))?;
        let staged = writer.finish().await?;
        Ok(self.push(StagedObject::new(staged, open))?)
    }

    async fn drop(&mut self, handle: Resource<ObjectWriter>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

/// A stored object as a part of a reply.
pub struct ObjectPart {
    reader: Reader,
    memory: Memory,
    open: Arc<OpenObject>,
}

/// What a stream of a stored object holds at a time: a piece that is being sent and the
/// one after it.
const STREAMED: u64 = 512 << 10;

impl ObjectPart {
    pub fn new(reader: Reader, open: OpenObject, memory: Memory) -> Self {
        Self { reader, memory, open: Arc::new(open) }
    }
}

impl StoredObject for ObjectPart {
    fn size(&self) -> u64 {
        self.reader.info().size
    }

    fn version(&self) -> &str {
        &self.reader.info().version
    }

    fn modified(&self) -> Option<SystemTime> {
        self.reader.info().modified
    }

    fn content_type(&self) -> Option<&str> {
        self.reader.info().content_type.as_deref()
    }

    fn stream(&self, range: Range<u64>) -> BoxStream<'static, Result<bytes::Bytes, BoxError>> {
        let size = range.end.saturating_sub(range.start).min(STREAMED);
        let held = self.memory.budget.take_anyway(self.memory.client, size);
        // The file stays open for as long as the stream lives, which outlives the part.
        let kept = (held, Arc::clone(&self.open));
        let pieces = self.reader.stream(range).map_err(BoxError::from);
        pieces.inspect(move |_| _ = &kept).boxed()
    }
}

/// How many documents to fetch at once, after so many of so many bytes in all: about as many as
/// still fit into one answer.
fn batch(documents: usize, size: usize) -> usize {
    if documents == 0 {
        return FIRST_BATCH;
    }
    let each = (size / documents).max(1);
    (PIECE.saturating_sub(size) / each).clamp(1, SIDE_BY_SIDE)
}

pub fn key(name: &str) -> Result<Key, HostError> {
    Ok(Key::parse(name)?)
}

fn many(names: &[String]) -> Result<Vec<Key>, HostError> {
    if names.len() > MOST_KEYS {
        return Err(HostError::invalid(format!("{} keys are more than {MOST_KEYS} at once", names.len())));
    }
    names.iter().map(|name| key(name)).collect()
}

pub fn precondition(condition: types::Precondition) -> Precondition {
    match condition {
        types::Precondition::Any => Precondition::Any,
        types::Precondition::Absent => Precondition::Absent,
        types::Precondition::Version(version) => Precondition::Version(version),
    }
}

/// Each once, in the order of their first names.
pub fn algorithms(names: &[String]) -> Result<Vec<Algorithm>, HostError> {
    let mut algorithms = Vec::new();
    for name in names {
        let algorithm = Algorithm::parse(name).map_err(StorageError::from)?;
        if !algorithms.contains(&algorithm) {
            algorithms.push(algorithm);
        }
    }
    Ok(algorithms)
}

pub fn digest_list(digests: &[types::Digest]) -> Result<Vec<Digest>, HostError> {
    if digests.len() > MOST_DIGESTS || digests.iter().any(|digest| digest.hex.len() > LONGEST_HEX) {
        return Err(HostError::invalid(format!(
            "more than {MOST_DIGESTS} digests are expected, or one of more than {LONGEST_HEX} digits"
        )));
    }
    let digest = |digest: &types::Digest| {
        let algorithm = Algorithm::parse(&digest.algorithm).map_err(StorageError::from)?;
        Ok(Digest { algorithm, hex: digest.hex.to_ascii_lowercase() })
    };
    digests.iter().map(digest).collect()
}

fn document((info, bytes): (ObjectInfo, bytes::Bytes)) -> wit::Document {
    wit::Document { info: info.into(), bytes: bytes.into() }
}

impl From<Digest> for types::Digest {
    fn from(digest: Digest) -> Self {
        Self { algorithm: digest.algorithm.as_str().into(), hex: digest.hex }
    }
}

impl From<ObjectInfo> for types::ObjectInfo {
    fn from(info: ObjectInfo) -> Self {
        Self {
            key: info.key,
            size: info.size,
            version: info.version,
            modified: info.modified.and_then(milliseconds),
            content_type: info.content_type,
        }
    }
}

/// Milliseconds since the Unix epoch; none before it.
pub fn milliseconds(time: SystemTime) -> Option<u64> {
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use crate::capabilities::ground::DataLimits;
    use crate::capabilities::usage::Usage;
    use packhouse_common::shares::{Budget, Client, Share};
    use packhouse_storage::{Settings, Storage};

    #[tokio::test]
    async fn an_open_file_counts_until_its_stream_ends() {
        let storage = Storage::open(&Settings::Memory).await.unwrap();
        let scope = storage.scope("demo").unwrap();
        let name = Key::parse("doc").unwrap();
        scope.put(&name, bytes::Bytes::from_static(b"text"), &Precondition::Any, None).await.unwrap();
        let reader = scope.open(&name).await.unwrap().unwrap();
        let (client, files) = (Client::trusted(), Budget::new(10, Share::whole()));
        let limits = DataLimits { upload: 0, reply: 0, work: 0, open_uploads: 1 };
        let open = Usage::new(Some(limits)).open_object().unwrap().with(files.take(client, 1).unwrap());
        let part =
            ObjectPart::new(reader, open, Memory { budget: Budget::new(1 << 20, Share::whole()), client });
        let mut stream = part.stream(0..4);
        // The body of an answer drops the part when it opens the stream.
        drop(part);
        assert_eq!(files.used(), 1, "the file is still open");
        assert_eq!(stream.next().await.unwrap().unwrap(), "text");
        assert_eq!(files.used(), 1);
        drop(stream);
        assert_eq!(files.used(), 0);
    }

    #[test]
    fn no_more_documents_are_fetched_at_once_than_fit_into_one_answer() {
        assert_eq!(batch(0, 0), FIRST_BATCH);
        assert_eq!(batch(4, 0), SIDE_BY_SIDE, "nothing was there");
        assert_eq!(batch(4, 4 << 10), SIDE_BY_SIDE);
        assert_eq!(batch(1, PIECE / 4), 3);
        assert_eq!(batch(1, PIECE), 1);
    }
}

//! Any opendal service that keeps whole objects. How it compares and swaps is in
//! `swap.rs`. It must not know scopes, and nothing of one service in particular.
//!
//! # Invariants
//! **A change of a key holds its lock in this process** and, where the service
//! honours conditions, carries the condition too: with the first one host is
//! exact, with the second many are.

pub(super) mod budget;
mod checksum;
mod clash;
mod home;
mod join;
mod mark;
mod pages;
mod parts;
mod probe;
mod remote;
pub(super) mod retries;
mod s3;
mod sink;
mod swap;
mod transport;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt};
use opendal::{ErrorKind, Metadata, Operator};

use super::S3Settings;
use super::clock::StoreClock;
use super::error::{Result, StorageError};
use super::identity::Opening;
use super::key::PRIVATE;
use super::locks::KeyLocks;
use super::object::{Listing, PathListing};
use super::store::{Content, Kept, Material, ObjectInfo, Precondition, Sink};
use budget::Budget;
use clash::KnownFolders;
use home::Home;
pub(super) use parts::PrivateObjects;
pub(super) use remote::RemoteContent;
use retries::{CALL_LIMIT, persistently};
pub(super) use s3::requests::Requests;
use s3::unfinished::Unfinished;
pub(super) use sink::BucketSink;
use swap::{Honoured, Swap};
pub(super) use transport::Transport;

/// Small requests of one call under way at the same time.
const SIDE_BY_SIDE: usize = 16;
/// So much of small parts is read and written again sooner than joined by the service.
const IN_ONE_REQUEST: u64 = 2 * parts::PART;
/// A service may take a condition with one write and not when it joins parts: no document
/// that is changed by compare-and-swap is larger.
const LARGEST_DOCUMENT: u64 = 8 * parts::PART;
/// No multipart upload of ours takes longer.
const JOINED_WITHIN: Duration = Duration::from_hours(2);
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// Nothing is there. A look at it shows whether the service answers, and what time it is.
const NOTHING: &str = ".packhouse/probe/none";
/// A service that has not answered anything for so long is asked what time it is.
const CLOCK_FRESH: Duration = Duration::from_mins(1);

pub(super) struct Bucket {
    operator: Operator,
    /// Without retries, for reads that must not go on in another version.
    once: Operator,
    locks: KeyLocks,
    swap: Swap,
    folders: KnownFolders,
    budget: Budget,
    home: Home,
    /// None in memory.
    unfinished: Option<Unfinished>,
    /// Of the service; none in memory.
    clock: Option<Arc<StoreClock>>,
}

impl Bucket {
    /// The only writer is this process: versions are kept beside the objects.
    pub fn private(operator: Operator) -> Self {
        Self::with(operator.clone(), operator, Swap::noted(), Budget::new(u64::MAX), None, None)
    }

    /// Asks the service what it honours, with some small objects, unless it is only read. All
    /// that uploads keep in memory comes out of one budget.
    pub async fn shared(
        operator: Operator,
        once: Operator,
        transport: &Transport,
        settings: &S3Settings,
        opening: &Opening,
    ) -> Result<Self> {
        let bucket = Requests::new(settings, transport);
        probe::may_list(&operator).await?;
        let with = |honoured| {
            let (swap, unfinished) = (Swap::Conditional(honoured), Some(Unfinished(bucket.clone())));
            Self::with(
                operator.clone(),
                once.clone(),
                swap,
                Budget::new(settings.part_buffers),
                unfinished,
                Some(transport.clock()),
            )
        };
        // Nothing is written to a bucket that is not the right one.
        let reader = with(Honoured::default());
        reader.find_home(&Opening { may_make: false, ..opening.clone() }).await?;
        if opening.only_reads {
            return Ok(reader);
        }
        let store = with(probe::ask(&operator, &once, transport, &bucket).await?);
        let may_make = opening.may_make && (store.is_safe_to_share() || !opening.must_be_shareable);
        store.find_home(&Opening { may_make, ..opening.clone() }).await?;
        Ok(store)
    }

    fn with(
        operator: Operator,
        once: Operator,
        swap: Swap,
        budget: Budget,
        unfinished: Option<Unfinished>,
        clock: Option<Arc<StoreClock>>,
    ) -> Self {
        let (locks, folders) = (KeyLocks::default(), KnownFolders::default());
        let home = Home::default();
        Self { operator, once, locks, swap, folders, budget, home, unfinished, clock }
    }

    /// May several hosts write to it at once?
    pub fn is_safe_to_share(&self) -> bool {
        self.swap.is_safe_to_share()
    }

    /// In the memory of this process?
    pub fn is_private(&self) -> bool {
        matches!(self.swap, Swap::Noted(_))
    }

    pub async fn probe(&self) -> Result<()> {
        let looked = self.operator.stat(NOTHING);
        match tokio::time::timeout(PROBE_TIMEOUT, looked).await {
            Ok(Err(error)) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            Ok(_) => self.confirm().await,
            Err(_) => Err(StorageError::unavailable("the storage service does not answer")),
        }
    }

    /// Every answer of the service tells it; when none came lately, the service is asked.
    pub async fn now(&self) -> Result<SystemTime> {
        let Some(clock) = &self.clock else { return Ok(SystemTime::now()) };
        if let Some(now) = clock.now(CLOCK_FRESH) {
            return Ok(now);
        }
        within(self.metadata(NOTHING)).await?;
        clock.now(CLOCK_FRESH).ok_or_else(|| {
            StorageError::other(
                "the storage service does not say what time it is: its answers have no `Date`",
            )
        })
    }

    pub async fn stat(&self, path: &str) -> Result<Option<ObjectInfo>> {
        let _hold = self.swap.read_hold(&self.locks, path).await;
        within(async {
            self.confirm_lately().await?;
            self.absent(self.look_up(path).await?).await
        })
        .await
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
            Swap::Conditional(_) => {
                let got = within(async {
                    self.confirm_lately().await?;
                    self.absent(self.get_remote(path, limit).await?).await
                });
                got.await
            }
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

    async fn get_remote(&self, path: &str, limit: u64) -> Result<Option<(ObjectInfo, Bytes)>> {
        let (metadata, bytes) = match persistently(|| self.get_once(path, limit)).await {
            Ok(got) => got,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let bytes = bytes.ok_or(StorageError::TooLarge(limit))?;
        Ok(self.swap.info(path, &metadata).map(|info| (info, bytes)))
    }

    /// One request gives bytes and version; when it breaks off, all of it is made again.
    /// None for the bytes when there are more than `limit`.
    async fn get_once(&self, path: &str, limit: u64) -> opendal::Result<(Metadata, Option<Bytes>)> {
        let mut stream = self.once.reader(path).await?.into_stream(..).await?;
        let metadata = stream.metadata().await?;
        let size = metadata.content_length();
        if size > limit {
            return Ok((metadata, None));
        }
        let mut bytes = BytesMut::with_capacity(usize::try_from(size).unwrap_or(0));
        while let Some(pieces) = stream.try_next().await? {
            bytes.extend(pieces);
            if bytes.len() as u64 > size {
                break;
            }
        }
        if bytes.len() as u64 != size {
            let sentence = "an object came in another length than announced";
            return Err(opendal::Error::new(ErrorKind::Unexpected, sentence).set_temporary());
        }
        Ok((metadata, Some(bytes.freeze())))
    }

    pub async fn open(&self, path: &str) -> Result<Option<(ObjectInfo, Content)>> {
        let _hold = self.swap.read_hold(&self.locks, path).await;
        let looked = within(async {
            self.confirm_lately().await?;
            self.absent(self.look_up(path).await?).await
        });
        let Some(info) = looked.await? else {
            return Ok(None);
        };
        let content = match self.swap {
            Swap::Noted(_) => Content::Memory(self.operator.read(path).await?.to_bytes()),
            Swap::Conditional(_) => Content::Remote(self.remote(path, &info.version, info.size)),
        };
        Ok(Some((info, content)))
    }

    fn remote(&self, path: &str, version: &str, size: u64) -> RemoteContent {
        RemoteContent { once: self.once.clone(), path: path.into(), etag: swap::etag_of(version), size }
    }

    pub async fn put(
        &self,
        path: &str,
        bytes: Bytes,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        within(async {
            self.confirm().await?;
            let _hold = self.locks.write(path).await;
            self.refuse_clash(path, precondition).await?;
            self.swap.put(self, path, bytes, precondition, content_type).await
        })
        .await
    }

    /// In a task of its own: what is begun is brought to its end, or given up in good
    /// order, whatever becomes of the caller.
    pub async fn commit(
        self: &Arc<Self>,
        material: &Material,
        path: &str,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        let Material::Objects { contents, .. } = material else {
            return Err(StorageError::other("staged in another store"));
        };
        let (store, contents, path) = (Arc::clone(self), contents.clone(), path.to_owned());
        let (precondition, content_type) = (precondition.clone(), content_type.map(str::to_owned));
        tokio::spawn(async move {
            store.commit_contents(&contents, &path, &precondition, content_type.as_deref()).await
        })
        .await?
    }

    async fn commit_contents(
        &self,
        contents: &[Content],
        path: &str,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        if let [Content::Memory(bytes)] = contents {
            return self.put(path, bytes.clone(), precondition, content_type).await;
        }
        let size = contents.iter().map(Content::size).sum::<u64>();
        if size <= self.most_in_one_request(contents, precondition) {
            let _room = self.budget.reserve(size).await?;
            let bytes = read_all(contents).await?;
            return self.put(path, bytes, precondition, content_type).await;
        }
        within(self.confirm()).await?;
        let _hold = self.locks.write(path).await;
        within(self.refuse_clash(path, precondition)).await?;
        within(self.check(path, precondition)).await?;
        let options = swap::write_options(precondition, content_type, self.swap.honours_join(precondition));
        self.join(contents, path, options).await
    }

    /// Above this the parts are joined by the service.
    fn most_in_one_request(&self, contents: &[Content], precondition: &Precondition) -> u64 {
        if self.is_private() {
            u64::MAX
        } else if self.swap.honours_writes() && !self.swap.honours_join(precondition) {
            LARGEST_DOCUMENT
        } else if join::passes(contents) {
            IN_ONE_REQUEST
        } else {
            parts::PART
        }
    }

    /// Gives material names of its own below `folder`, for a document to name.
    pub async fn keep(self: &Arc<Self>, material: Material, folder: &str) -> Result<Vec<Kept>> {
        let Material::Objects { contents, objects, .. } = material else {
            return Err(StorageError::other("staged in another store"));
        };
        let mut kept = Vec::with_capacity(contents.len());
        for content in &contents {
            kept.push(match content {
                Content::Remote(remote) => remote.kept(folder)?,
                Content::Memory(bytes) => {
                    let name = uuid::Uuid::new_v4().simple().to_string();
                    let path = format!("{folder}{name}");
                    let info = self.put(&path, bytes.clone(), &Precondition::Any, None).await?;
                    Kept { name, size: info.size, version: Some(info.version) }
                }
                _ => return Err(StorageError::other("stored in another way")),
            });
        }
        if let Some(objects) = objects {
            objects.keep();
        }
        Ok(kept)
    }

    /// Without a look: a version that is not there shows when it is read.
    pub async fn kept(&self, path: &str, kept: &Kept) -> Result<Content> {
        match (&self.swap, &kept.version) {
            (Swap::Conditional(_), Some(version)) => {
                Ok(Content::Remote(self.remote(path, version, kept.size)))
            }
            _ => match self.open(path).await? {
                Some((_, content)) => Ok(content),
                None => Err(StorageError::NotFound),
            },
        }
    }

    async fn check(&self, path: &str, precondition: &Precondition) -> Result<()> {
        if *precondition == Precondition::Any {
            return Ok(());
        }
        let current = self.look_up(path).await?;
        precondition.check(current.as_ref().map(|info| info.version.as_str()))
    }

    pub async fn remove(&self, path: &str, precondition: &Precondition) -> Result<bool> {
        within(async {
            self.confirm().await?;
            let _hold = self.locks.write(path).await;
            let current = self.look_up(path).await?;
            precondition.check(current.as_ref().map(|info| info.version.as_str()))?;
            if current.is_none() {
                return Ok(false);
            }
            match self.swap.remove(&self.operator, path, precondition).await {
                // The answer to the first request was lost, and the second one found nothing.
                Err(StorageError::Conflict | StorageError::NotFound)
                    if self.look_up(path).await?.is_none() => {}
                removed => removed?,
            }
            Ok(true)
        })
        .await
    }

    /// Without a look at it: for private objects that nothing names any more.
    pub async fn discard(&self, path: &str) -> Result<()> {
        match self.swap {
            Swap::Noted(_) => self.remove(path, &Precondition::Any).await.map(|_| ()),
            Swap::Conditional(_) => within(async { Ok(self.operator.delete(path).await?) }).await,
        }
    }

    pub async fn list(&self, listing: &PathListing) -> Result<Listing> {
        match self.swap {
            Swap::Noted(_) => self.list_whole(listing).await,
            Swap::Conditional(_) => {
                within(self.confirm_lately()).await?;
                let page = within(self.list_pages(listing)).await?;
                if page.objects.is_empty() && page.folders.is_empty() {
                    within(self.confirm()).await?;
                }
                Ok(page)
            }
        }
    }

    /// Its part objects go into `folder`.
    pub fn sink(self: &Arc<Self>, folder: &str) -> Sink {
        Sink::Object(Box::new(BucketSink::new(Arc::clone(self), folder.to_owned())))
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
        if let Some(unfinished) = &self.unfinished {
            // One that is younger may be under way.
            let longest = self.now().await?.checked_sub(JOINED_WITHIN).unwrap_or(SystemTime::UNIX_EPOCH);
            removed += unfinished.give_up(before.min(longest)).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "unfinished multipart uploads cannot be looked after: {error}");
                0
            });
        }
        Ok(removed)
    }
}

/// A call that carries little, retries included: whoever waits for it gets an answer.
async fn within<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(CALL_LIMIT, call).await {
        Ok(result) => result,
        Err(_) => Err(StorageError::unavailable("the storage service does not answer; try again")),
    }
}

/// Side by side, in order.
async fn read_all(contents: &[Content]) -> Result<Bytes> {
    if let [Content::Memory(bytes)] = contents {
        return Ok(bytes.clone());
    }
    let mut whole = BytesMut::new();
    let mut pieces = futures_util::stream::iter(contents.to_vec())
        .map(|content| async move { content.read(0..content.size()).await })
        .buffered(SIDE_BY_SIDE);
    while let Some(piece) = pieces.try_next().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

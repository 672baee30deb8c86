//! A store in any service of opendal that keeps whole objects. `swap.rs` does compare-and-swap. It
//! does not know scopes, or any service in particular: each service has a file, which implements
//! [`Service`].
//!
//! # Invariants
//! - **A change of a key holds the lock of the key in this process.** If the service supports
//!   conditions, the change also has its condition. The lock is exact for one host, and the
//!   condition for many hosts.

#[cfg(feature = "azure")]
pub(super) mod azure;
mod budget;
mod checksum;
mod clash;
mod home;
mod join;
mod mark;
mod pages;
mod parts;
mod probe;
mod remote;
mod retries;
pub(super) mod s3;
mod service;
mod sink;
mod swap;
mod transport;
mod walks;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt};
use opendal::{ErrorKind, HttpTransporter, Metadata, OperationContext, Operator};

use super::error::{Result, StorageError};
use super::identity::{Opening, StoreId};
use super::key::PRIVATE;
use super::locks::KeyLocks;
use super::object::{Listing, ObjectInfo, PathListing, Precondition};
use super::store::{Abilities, Company, Content, Kept, Lock, Material, Sink, Store, of_another_store};
use budget::{Budget, Reservation};
use clash::KnownFolders;
use home::Home;
use parts::PrivateObjects;
use remote::RemoteContent;
use retries::{CALL_LIMIT, persistently};
use service::Service;
use sink::BucketSink;
use swap::Honoured;
use transport::Transport;
use walks::Walks;

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
    service: Arc<dyn Service>,
    transport: Transport,
    operator: Operator,
    /// Without retries, for reads that must not go on in another version.
    once: Operator,
    locks: KeyLocks,
    honoured: Honoured,
    folders: KnownFolders,
    budget: Budget,
    home: Home,
    walks: Walks,
}

/// Complete bytes without a key: some contents, one behind the other.
struct Contents {
    parts: Vec<Content>,
    /// What must be removed after them.
    objects: Option<PrivateObjects>,
    /// In the budget, for those in memory.
    _room: Option<Reservation>,
}

impl Contents {
    fn of(parts: Vec<Content>) -> Material {
        Material::new(Self { parts, objects: None, _room: None })
    }
}

impl Bucket {
    /// Asks the service what it honours, with some small objects, unless it is only read. All
    /// that uploads keep in memory comes out of one budget of `part_buffers` bytes.
    pub async fn open(service: impl Service, part_buffers: u64, opening: &Opening) -> Result<Arc<Self>> {
        let service: Arc<dyn Service> = Arc::new(service);
        let opened = Self::open_service(&service, part_buffers, opening).await;
        opened.map(Arc::new).map_err(|error| error.about(&service.subject()))
    }

    async fn open_service(service: &Arc<dyn Service>, part_buffers: u64, opening: &Opening) -> Result<Self> {
        let transport = Transport::new(Arc::clone(service))?;
        let context = OperationContext::new().with_http_transport(HttpTransporter::new(transport.clone()));
        let once = service.operator()?.with_context(context);
        let operator = once.clone().layer(retries::layer());
        let with = |honoured| Self {
            service: Arc::clone(service),
            transport: transport.clone(),
            operator: operator.clone(),
            once: once.clone(),
            locks: KeyLocks::default(),
            honoured,
            folders: KnownFolders::default(),
            budget: Budget::new(part_buffers),
            home: Home::default(),
            walks: Walks::default(),
        };
        // Nothing is written to a bucket that is not the right one.
        let reader = with(Honoured::default());
        probe::may_list(&reader).await?;
        reader.find_home(&Opening { may_make: false, ..opening.clone() }).await?;
        if opening.only_reads {
            return Ok(reader);
        }
        let store = with(probe::ask(&reader).await?);
        let may_make = opening.may_make && (store.honoured.is_safe_to_share() || !opening.must_be_shareable);
        store.find_home(&Opening { may_make, ..opening.clone() }).await?;
        Ok(store)
    }

    async fn look_up(&self, path: &str) -> Result<Option<ObjectInfo>> {
        Ok(self.metadata(path).await?.map(|metadata| swap::info(path, &metadata)))
    }

    async fn metadata(&self, path: &str) -> Result<Option<Metadata>> {
        match self.operator.stat(path).await {
            Ok(metadata) => Ok(metadata.is_file().then_some(metadata)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn get_remote(&self, path: &str, limit: u64) -> Result<Option<(ObjectInfo, Bytes)>> {
        let (metadata, bytes) = match persistently(|| self.get_once(path, limit)).await {
            Ok(got) => got,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let bytes = bytes.ok_or(StorageError::TooLarge(limit))?;
        Ok(Some((swap::info(path, &metadata), bytes)))
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

    fn remote(&self, path: &str, version: &str, size: u64) -> RemoteContent {
        RemoteContent { once: self.once.clone(), path: path.into(), etag: swap::etag_of(version), size }
    }

    /// Whole or not at all, under the key's lock.
    async fn put_object(
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
            self.swap_in(path, bytes, precondition, content_type).await
        })
        .await
    }

    async fn commit_contents(
        &self,
        contents: &[Content],
        path: &str,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        if let [Content::Memory(bytes)] = contents {
            return self.put_object(path, bytes.clone(), precondition, content_type).await;
        }
        let size = contents.iter().map(Content::size).sum::<u64>();
        if size <= self.most_in_one_request(contents, precondition) {
            let _room = self.budget.reserve(size).await?;
            let bytes = read_all(contents).await?;
            return self.put_object(path, bytes, precondition, content_type).await;
        }
        within(self.confirm()).await?;
        let _hold = self.locks.write(path).await;
        within(self.refuse_clash(path, precondition)).await?;
        within(self.check(path, precondition)).await?;
        let options = swap::write_options(precondition, content_type, self.honoured.joins(precondition));
        self.join(contents, path, options).await
    }

    /// Above this the parts are joined by the service.
    fn most_in_one_request(&self, contents: &[Content], precondition: &Precondition) -> u64 {
        if self.honoured.write && !self.honoured.joins(precondition) {
            LARGEST_DOCUMENT
        } else if join::passes(contents) {
            IN_ONE_REQUEST
        } else {
            parts::PART
        }
    }

    async fn check(&self, path: &str, precondition: &Precondition) -> Result<()> {
        if *precondition == Precondition::Any {
            return Ok(());
        }
        let current = self.look_up(path).await?;
        precondition.check(current.as_ref().map(|info| info.version.as_str()))
    }
}

#[async_trait]
impl Store for Arc<Bucket> {
    fn abilities(&self) -> Abilities {
        Abilities {
            lasting: true,
            shareable: self.honoured.is_safe_to_share(),
            content_types: true,
            keeps_opened: false,
            copies: self.honoured.copy,
            links: false,
        }
    }

    async fn id(&self) -> Option<StoreId> {
        self.home.id()
    }

    async fn probe(&self) -> Result<()> {
        let looked = self.operator.stat(NOTHING);
        match tokio::time::timeout(PROBE_TIMEOUT, looked).await {
            Ok(Err(error)) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            Ok(_) => self.confirm().await,
            Err(_) => Err(StorageError::unavailable("the storage service does not answer")),
        }
    }

    /// Every answer of the service tells it; when none came lately, the service is asked.
    async fn now(&self) -> Result<SystemTime> {
        let clock = self.transport.clock();
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

    /// Hosts see each other by their marks.
    async fn lock(&self, _company: Company) -> Result<Option<Lock>> {
        Ok(None)
    }

    async fn stat(&self, path: &str) -> Result<Option<ObjectInfo>> {
        within(async {
            self.confirm_lately().await?;
            self.absent(self.look_up(path).await?).await
        })
        .await
    }

    async fn get(&self, path: &str, limit: u64) -> Result<Option<(ObjectInfo, Bytes)>> {
        within(async {
            self.confirm_lately().await?;
            self.absent(self.get_remote(path, limit).await?).await
        })
        .await
    }

    async fn open(&self, path: &str) -> Result<Option<(ObjectInfo, Content)>> {
        let Some(info) = self.stat(path).await? else {
            return Ok(None);
        };
        let content = Content::stored(self.remote(path, &info.version, info.size));
        Ok(Some((info, content)))
    }

    async fn put(
        &self,
        path: &str,
        bytes: Bytes,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        self.put_object(path, bytes, precondition, content_type).await
    }

    async fn remove(&self, path: &str, precondition: &Precondition) -> Result<bool> {
        within(async {
            self.confirm().await?;
            let _hold = self.locks.write(path).await;
            let current = self.look_up(path).await?;
            precondition.check(current.as_ref().map(|info| info.version.as_str()))?;
            if current.is_none() {
                return Ok(false);
            }
            match self.swap_out(path, precondition).await {
                // The answer to the first request was lost, and the second one found nothing.
                Err(StorageError::Conflict | StorageError::NotFound)
                    if self.look_up(path).await?.is_none() => {}
                removed => removed?,
            }
            Ok(true)
        })
        .await
    }

    /// Without a look at it.
    async fn discard(&self, path: &str) -> Result<()> {
        within(async { Ok(self.operator.delete(path).await?) }).await
    }

    async fn list(&self, listing: &PathListing) -> Result<Listing> {
        within(self.confirm_lately()).await?;
        let page = if self.begins_behind() {
            within(self.list_pages(listing)).await?
        } else {
            self.list_pages(listing).await?
        };
        if page.objects.is_empty() && page.folders.is_empty() {
            within(self.confirm()).await?;
        }
        Ok(page)
    }

    /// Its part objects go into `folder`.
    fn sink(&self, folder: &str) -> Box<dyn Sink> {
        Box::new(BucketSink::new(Arc::clone(self), folder.to_owned()))
    }

    async fn keep(&self, material: Material, folder: &str) -> Result<Vec<Kept>> {
        let Contents { parts, objects, .. } = material.into_form()?;
        let mut kept = Vec::with_capacity(parts.len());
        for content in &parts {
            kept.push(match content {
                Content::Memory(bytes) => {
                    let name = uuid::Uuid::new_v4().simple().to_string();
                    let path = format!("{folder}{name}");
                    let info = self.put(&path, bytes.clone(), &Precondition::Any, None).await?;
                    Kept { name, size: info.size, version: Some(info.version) }
                }
                content => content.form::<RemoteContent>().ok_or_else(of_another_store)?.kept(folder)?,
            });
        }
        if let Some(objects) = objects {
            objects.keep();
        }
        Ok(kept)
    }

    /// Without a look: a version that is not there shows when it is read.
    async fn kept(&self, path: &str, kept: &Kept) -> Result<Content> {
        if let Some(version) = &kept.version {
            return Ok(Content::stored(self.remote(path, version, kept.size)));
        }
        self.open(path).await?.map(|(_, content)| content).ok_or(StorageError::NotFound)
    }

    async fn join(&self, contents: Vec<Content>) -> Result<Material> {
        Ok(Contents::of(contents))
    }

    /// A service that would copy another version than it is asked for copies nothing that others
    /// can replace: the bytes pass this host, which looks at the version.
    async fn duplicate(&self, content: Content) -> Result<Material> {
        if self.honoured.copy_version || !self.honoured.copy {
            return Ok(Contents::of(vec![content]));
        }
        let mut sink = self.sink(&format!("{PRIVATE}/staging/"));
        let size = content.size();
        let mut pieces = content.stream(0..size);
        while let Some(piece) = pieces.try_next().await? {
            sink.write(vec![piece]).await?;
        }
        Ok(sink.close().await?.0)
    }

    /// In a task of its own: what is begun is brought to its end, or given up in good
    /// order, whatever becomes of the caller.
    async fn commit(
        &self,
        material: &Material,
        path: &str,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        let contents = material.form::<Contents>()?.parts.clone();
        let (store, path) = (Arc::clone(self), path.to_owned());
        let (precondition, content_type) = (precondition.clone(), content_type.map(str::to_owned));
        tokio::spawn(async move {
            store.commit_contents(&contents, &path, &precondition, content_type.as_deref()).await
        })
        .await?
    }

    async fn sweep_staging(&self, before: SystemTime) -> Result<u64> {
        let prefix = format!("{PRIVATE}/staging/");
        let mut removed = 0;
        for entry in self.operator.list(&prefix).await? {
            let old = entry.metadata().last_modified().is_some_and(|time| SystemTime::from(time) < before);
            if old && entry.metadata().is_file() {
                self.operator.delete(entry.path()).await?;
                removed += 1;
            }
        }
        // One that is younger may be under way.
        let longest = self.now().await?.checked_sub(JOINED_WITHIN).unwrap_or(SystemTime::UNIX_EPOCH);
        let given_up = self.service.give_up_unfinished(&self.transport, before.min(longest)).await;
        Ok(removed
            + given_up.unwrap_or_else(|error| {
                tracing::debug!(%error, "unfinished multipart uploads cannot be listed or aborted: {error}");
                0
            }))
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

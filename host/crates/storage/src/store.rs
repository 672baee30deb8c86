//! What every store can do, as traits: [`Store`], the bytes of one version of an object
//! ([`Content`]), and bytes that are not visible yet ([`Sink`]). Paths are whole here; scopes and
//! their rules are in the layer above.
//!
//! A store is a folder (`files`), any service of opendal (`bucket`), or a map (`memory`).
//! [`Abilities`] lists what only some of them can do. Only `Storage::open_as` knows which kinds
//! exist.

use std::any::Any;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::error::{Result, StorageError};
use super::identity::StoreId;
use super::object::{Listing, ObjectInfo, PathListing, Precondition};

/// Small calls of one request under way at the same time.
const SIDE_BY_SIDE: usize = 16;

/// Large enough to make the hop to another thread cheap, small enough to hold two
/// of them for each of a thousand slow clients.
const PIECE: u64 = 256 * 1024;

/// What some stores can do and others cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is the answer to a question of its own")]
pub struct Abilities {
    /// It outlives the process, and other processes may find it.
    pub lasting: bool,
    /// Several hosts may change it at once.
    pub shareable: bool,
    /// Objects keep the content type that they were written with.
    pub content_types: bool,
    /// A version that was opened stays readable when it is replaced. Elsewhere, reading on is a
    /// `Conflict`.
    pub keeps_opened: bool,
    /// Large objects are copied and joined without passing through this host.
    pub copies: bool,
}

/// With whom a process means to share the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// It is the only host.
    One,
    /// Other hosts work on it too.
    Many,
    /// It is no host: maintenance, which may run beside hosts where the storage is safe
    /// to share, and must be alone where it is not.
    Guest,
}

/// What a sweep does with what crashed hosts left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sweep {
    Remove,
    Count,
}

/// One store. It is cheap to call from many tasks at once.
#[async_trait]
pub(super) trait Store: Send + Sync + 'static {
    fn abilities(&self) -> Abilities;

    /// What tells it from any other store; none while it is away, and where it has no identity.
    async fn id(&self) -> Option<StoreId>;

    /// Does it answer now? Bounded by a few seconds.
    async fn probe(&self) -> Result<()>;

    /// See [`super::Storage::now`].
    async fn now(&self) -> Result<SystemTime>;

    /// Locks the store against other hosts, where it has a lock of its own between processes.
    /// `Invalid` with a sentence when another host has it. Dropped, it is given back. None where
    /// hosts see each other by their marks only.
    async fn lock(&self, company: Company) -> Result<Option<Lock>>;

    async fn stat(&self, path: &str) -> Result<Option<ObjectInfo>>;

    /// A whole object of at most `limit` bytes and its version, of one moment.
    async fn get(&self, path: &str, limit: u64) -> Result<Option<(ObjectInfo, Bytes)>>;

    async fn open(&self, path: &str) -> Result<Option<(ObjectInfo, Content)>>;

    async fn put(
        &self,
        path: &str,
        bytes: Bytes,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo>;

    /// False when nothing was there.
    async fn remove(&self, path: &str, precondition: &Precondition) -> Result<bool>;

    /// Removes a private object that nothing names any more.
    async fn discard(&self, path: &str) -> Result<()>;

    async fn list(&self, listing: &PathListing) -> Result<Listing>;

    /// A place to put bytes into that nobody sees. A store that cannot move objects
    /// puts them below `folder` at once, a private path that ends with `/`.
    fn sink(&self, folder: &str) -> Box<dyn Sink>;

    /// Names for material below `folder`, which is the one that its sink was given.
    async fn keep(&self, material: Material, folder: &str) -> Result<Vec<Kept>>;

    /// What was kept at `path`. `NotFound` or a damaged one may show only when it is read.
    async fn kept(&self, path: &str, kept: &Kept) -> Result<Content>;

    /// Several contents of this store, one behind the other, as new material. The
    /// contents are about to be removed: they may be shared.
    async fn join(&self, contents: Vec<Content>) -> Result<Material>;

    /// A second copy of a content of this store, as new material.
    async fn duplicate(&self, content: Content) -> Result<Material>;

    /// Gives material its path; the material is spent when it succeeds and
    /// untouched when it fails.
    async fn commit(
        &self,
        material: &Material,
        path: &str,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo>;

    /// Removes what crashed hosts left in staging before `before`.
    async fn sweep_staging(&self, before: SystemTime) -> Result<u64>;
}

/// What follows from the functions above, the same for every store.
impl dyn Store + '_ {
    /// Removes private objects that nothing names any more, side by side.
    pub async fn discard_all(&self, paths: Vec<String>) -> Result<()> {
        stream::iter(paths)
            .map(|path| async move { self.discard(&path).await })
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect()
            .await
    }

    /// What was kept below `folder`. `NotFound` or damaged ones may show only when
    /// they are read.
    pub async fn kept_below(&self, folder: &str, kept: &Kept) -> Result<Content> {
        let path = format!("{folder}{}", kept.name);
        let content = self.kept(&path, kept).await?;
        if content.size() == kept.size {
            Ok(content)
        } else {
            Err(StorageError::other(format!("`{path}` is damaged")))
        }
    }

    /// Several small ones below `folder`, put together into one there.
    pub async fn merge(&self, folder: &str, parts: &[Kept]) -> Result<Kept> {
        let mut contents = Vec::with_capacity(parts.len());
        for part in parts {
            contents.push(self.kept_below(folder, part).await?);
        }
        let name = uuid::Uuid::new_v4().simple().to_string();
        let material = self.join(contents).await?;
        let info = self.commit(&material, &format!("{folder}{name}"), &Precondition::Any, None).await?;
        Ok(Kept { name, size: info.size, version: Some(info.version) })
    }
}

/// Held while a host has a store; given back when it is dropped.
pub(super) type Lock = Box<dyn Any + Send + Sync>;

/// Takes bytes in order; `close` makes them material. Dropping it removes them.
#[async_trait]
pub(super) trait Sink: Send + Sync {
    /// May return before the bytes are down; a failure then shows at a later call.
    async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()>;

    /// Can the store copy this object's bytes itself?
    fn can_copy(&self, _content: &Content) -> bool {
        false
    }

    /// Appends the bytes of such an object.
    async fn copy(&mut self, _content: &Content) -> Result<()> {
        Err(StorageError::other("the store copies no objects"))
    }

    /// Complete and durable, and a way to read it.
    async fn close(self: Box<Self>) -> Result<(Material, Content)>;
}

/// Complete bytes without a key, in the form that their store gave them. Dropping it removes them.
pub(super) struct Material(Box<dyn Any + Send + Sync>);

impl Material {
    pub fn new(form: impl Any + Send + Sync) -> Self {
        Self(Box::new(form))
    }

    /// As the store of the caller made it.
    pub fn form<T: 'static>(&self) -> Result<&T> {
        self.0.downcast_ref::<T>().ok_or_else(of_another_store)
    }

    pub fn into_form<T: 'static>(self) -> Result<T> {
        self.0.downcast::<T>().map(|form| *form).map_err(|_| of_another_store())
    }
}

/// One version of an object. It can be read from any offset.
#[async_trait]
pub(super) trait Stored: Any + Send + Sync {
    fn size(&self) -> u64;

    /// The bytes of `range`, which must lie inside; meant for pieces, not wholes. `Conflict` when
    /// this version is gone.
    async fn read(&self, range: Range<u64>) -> Result<Bytes>;

    /// The same in pieces, from the first to the last.
    fn stream(self: Arc<Self>, range: Range<u64>) -> BoxStream<'static, Result<Bytes>>;
}

/// One version's bytes, readable at any place. Cheap to clone.
#[derive(Clone)]
pub(super) enum Content {
    /// At hand already.
    Memory(Bytes),
    Stored(Arc<dyn Stored>),
    /// One behind the other; none of them is a chain.
    Chain(Arc<[Content]>),
}

impl Content {
    pub fn stored(stored: impl Stored) -> Self {
        Self::Stored(Arc::new(stored))
    }

    pub fn chain(mut contents: Vec<Self>) -> Self {
        match contents.pop() {
            Some(only) if contents.is_empty() => only,
            Some(last) => {
                contents.push(last);
                Self::Chain(contents.into())
            }
            None => Self::Memory(Bytes::new()),
        }
    }

    /// What one store made of it; none for anything else.
    pub fn form<T: Stored>(&self) -> Option<&T> {
        let Self::Stored(stored) = self else { return None };
        let stored: &dyn Any = &**stored;
        stored.downcast_ref()
    }

    pub fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Stored(stored) => stored.size(),
            Self::Chain(contents) => contents.iter().map(Self::size).sum(),
        }
    }

    /// The bytes of `range`, which must lie inside; meant for pieces, not wholes.
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        match self {
            Self::Memory(bytes) => slice(bytes, &range),
            Self::Stored(stored) => stored.read(range).await,
            Self::Chain(_) => {
                let mut whole = BytesMut::new();
                for (content, range) in self.links(&range) {
                    whole.extend_from_slice(&Box::pin(content.read(range)).await?);
                }
                Ok(whole.freeze())
            }
        }
    }

    /// The same in pieces, from the first to the last. Holds two of them at most.
    pub fn stream(self, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
        match self {
            Self::Memory(bytes) => stream::iter(cut(range)).map(move |piece| slice(&bytes, &piece)).boxed(),
            Self::Stored(stored) => stored.stream(range),
            Self::Chain(_) => {
                let links = self.links(&range).into_iter();
                let streams = links.map(|(link, part)| Ok::<_, StorageError>(link.stream(part)));
                stream::iter(streams).try_flatten().boxed()
            }
        }
    }

    /// What of which content `range` consists of; the whole is one itself unless it is
    /// a chain.
    pub fn links(&self, range: &Range<u64>) -> Vec<(Self, Range<u64>)> {
        let Self::Chain(contents) = self else {
            return vec![(self.clone(), range.clone())];
        };
        let (mut links, mut at) = (Vec::new(), 0);
        for content in contents.iter() {
            let end = at + content.size();
            let (from, to) = (range.start.max(at), range.end.min(end));
            if from < to {
                links.push((content.clone(), from - at..to - at));
            }
            at = end;
        }
        links
    }
}

/// In pieces of [`PIECE`] bytes.
pub(super) fn cut(range: Range<u64>) -> impl Iterator<Item = Range<u64>> + Send + 'static {
    let end = range.end;
    (range.start..end)
        .step_by(usize::try_from(PIECE).unwrap_or(usize::MAX))
        .map(move |start| start..(start + PIECE).min(end))
}

/// Bytes cannot be moved between stores by what their own store made of them.
pub(super) fn of_another_store() -> StorageError {
    StorageError::other("these bytes belong to another store")
}

fn slice(bytes: &Bytes, range: &Range<u64>) -> Result<Bytes> {
    let bounds = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
    match bounds {
        Some((start, end)) if start <= end && end <= bytes.len() => Ok(bytes.slice(start..end)),
        _ => Err(StorageError::invalid("the range lies outside the object")),
    }
}

/// Bytes that a document of the host's own names, below a folder beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub name: String,
    pub size: u64,
    /// Spares a look at it where the store can read by version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

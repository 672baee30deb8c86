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

/// The most small calls of one request at the same time.
const SIDE_BY_SIDE: usize = 16;

/// Large enough that moving to another thread costs little, and small enough to hold two pieces for
/// each of a thousand slow clients.
const PIECE: u64 = 256 * 1024;

/// What only some stores can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is the answer to a question of its own")]
pub struct Abilities {
    /// It outlives the process, and other processes can use it.
    pub lasting: bool,
    /// Several hosts can change it at once.
    pub shareable: bool,
    /// Objects keep the content type with which they were written.
    pub content_types: bool,
    /// An opened version stays readable after it was replaced. On other stores, reading then
    /// returns `Conflict`.
    pub keeps_opened: bool,
    /// Large objects are copied and joined without passing through this host.
    pub copies: bool,
    /// Somebody can put a symbolic link where an object should be. Listings report links as
    /// [`Listing::odd`].
    pub links: bool,
}

/// Which other processes use the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// It is the only host.
    One,
    /// Other hosts use it too.
    Many,
    /// The process is no host, but maintenance. It may run beside hosts if the storage is safe to
    /// share, and must be alone otherwise.
    Guest,
}

/// What a sweep does with what crashed hosts left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sweep {
    Remove,
    Count,
}

/// One store. Many tasks can call it at once.
#[async_trait]
pub(super) trait Store: Send + Sync + 'static {
    fn abilities(&self) -> Abilities;

    /// The identity of the store; none while it does not answer, and for a store without an
    /// identity.
    async fn id(&self) -> Option<StoreId>;

    /// An error unless it answers now. Takes a few seconds at most.
    async fn probe(&self) -> Result<()>;

    /// See [`super::Storage::now`].
    async fn now(&self) -> Result<SystemTime>;

    /// Locks the store against other hosts, if it has a lock between processes. `Invalid` with a
    /// sentence if another host has the lock. Dropping the result releases it. None for a store on
    /// which hosts see each other only by their marks.
    async fn lock(&self, company: Company) -> Result<Option<Lock>>;

    /// From now on `folder`, which ends with `/`, counts only while the object `mark` is in it: otherwise
    /// what lies below is `Unavailable`. Nothing where no folder can vanish alone.
    fn mark(&self, _folder: &str, _mark: &str) {}

    async fn stat(&self, path: &str) -> Result<Option<ObjectInfo>>;

    /// A whole object of at most `limit` bytes, and its version at the same moment.
    async fn get(&self, path: &str, limit: u64) -> Result<Option<(ObjectInfo, Bytes)>>;

    async fn open(&self, path: &str) -> Result<Option<(ObjectInfo, Content)>>;

    async fn put(
        &self,
        path: &str,
        bytes: Bytes,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo>;

    /// False if the object did not exist.
    async fn remove(&self, path: &str, precondition: &Precondition) -> Result<bool>;

    /// Removes a private object that nothing references any more.
    async fn discard(&self, path: &str) -> Result<()>;

    async fn list(&self, listing: &PathListing) -> Result<Listing>;

    /// A place for bytes that are not visible yet. A store that cannot move objects writes them
    /// below `folder` at once, which is a private path with a `/` at its end.
    fn sink(&self, folder: &str) -> Box<dyn Sink>;

    /// Names for material below `folder`, which is the folder of its sink.
    async fn keep(&self, material: Material, folder: &str) -> Result<Vec<Kept>>;

    /// The content at `path`. If it is missing or damaged, the error may come only when it is read.
    async fn kept(&self, path: &str, kept: &Kept) -> Result<Content>;

    /// Joins several contents of this store as new material. The contents are removed afterwards,
    /// so the store may share their bytes.
    async fn join(&self, contents: Vec<Content>) -> Result<Material>;

    /// Copies a content of this store as new material.
    async fn duplicate(&self, content: Content) -> Result<Material>;

    /// Gives material its path. The material is used up if this succeeds, and unchanged if it
    /// fails.
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

/// Functions that are the same for every store, made of those above.
impl dyn Store + '_ {
    /// Removes private objects that nothing references any more, concurrently.
    pub async fn discard_all(&self, paths: Vec<String>) -> Result<()> {
        stream::iter(paths)
            .map(|path| async move { self.discard(&path).await })
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect()
            .await
    }

    /// The contents below `folder`. If one is missing or damaged, the error may come only when it
    /// is read.
    pub async fn kept_below(&self, folder: &str, kept: &Kept) -> Result<Content> {
        let path = format!("{folder}{}", kept.name);
        let content = self.kept(&path, kept).await?;
        if content.size() == kept.size {
            Ok(content)
        } else {
            Err(StorageError::other(format!("`{path}` is damaged")))
        }
    }

    /// Joins several small contents below `folder` to one there.
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

/// Held while a host uses a store. Dropping it releases the lock.
pub(super) type Lock = Box<dyn Any + Send + Sync>;

/// Accepts bytes in order; `close` makes material of them. Dropping it removes them.
#[async_trait]
pub(super) trait Sink: Send + Sync {
    /// May return before the bytes are written. A failure is then the error of a later call.
    async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()>;

    /// Whether the store can copy the bytes of this object itself.
    fn can_copy(&self, _content: &Content) -> bool {
        false
    }

    /// Appends the bytes of such an object.
    async fn copy(&mut self, _content: &Content) -> Result<()> {
        Err(StorageError::other("the store copies no objects"))
    }

    /// Makes the bytes complete and durable, and returns a way to read them.
    async fn close(self: Box<Self>) -> Result<(Material, Content)>;
}

/// Complete bytes without a key, in the form that their store gave them. Dropping it removes them.
pub(super) struct Material(Box<dyn Any + Send + Sync>);

impl Material {
    pub fn new(form: impl Any + Send + Sync) -> Self {
        Self(Box::new(form))
    }

    /// In the form of the store that made it.
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

    /// The bytes of `range`, which must be inside. For pieces, not for whole objects. `Conflict` if
    /// this version does not exist any more.
    async fn read(&self, range: Range<u64>) -> Result<Bytes>;

    /// The same as a stream of pieces.
    fn stream(self: Arc<Self>, range: Range<u64>) -> BoxStream<'static, Result<Bytes>>;
}

/// The bytes of one version, which can be read at any offset. Cheap to clone.
#[derive(Clone)]
pub(super) enum Content {
    /// In memory already.
    Memory(Bytes),
    Stored(Arc<dyn Stored>),
    /// Joined contents; none of them is a chain.
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

    /// The form of one store; none for other contents.
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

    /// The bytes of `range`, which must be inside. For pieces, not for whole objects.
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

    /// The same as a stream of pieces, of which it holds at most two.
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

    /// The parts of contents of which `range` consists. A content that is not a chain is one part.
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

/// The error for bytes in the form of another store.
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

/// Bytes that a document of the host references, in a folder beside the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub name: String,
    pub size: u64,
    /// Saves a request if the store can read by version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

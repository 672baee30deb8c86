//! The kinds of stores behind one set of functions, and the small types that they
//! share. Paths here are whole: scopes and their rules are above. A new opendal
//! service needs one feature and one line in `layers.rs`, nothing here.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::bucket::budget::Reservation;
use super::bucket::{Bucket, PrivateObjects, RemoteContent};
use super::error::{Result, StorageError};
use super::files::{FileContent, Files, StagingFile};
use super::object::{Listing, PathListing};

/// Small calls of one request under way at the same time.
const SIDE_BY_SIDE: usize = 16;

/// What is known of a stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Relative to the scope.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// The token for compare-and-swap; opaque, differs between stores.
    pub version: String,
    pub modified: Option<SystemTime>,
    /// As given when written; none where the store keeps no such thing (a file system).
    pub content_type: Option<String>,
}

/// What must hold of the target for a change to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    Any,
    /// Nothing is there.
    Absent,
    /// The object is there and still has this version.
    Version(String),
}

impl Precondition {
    /// `Conflict` unless it holds of what is there now.
    pub(super) fn check(&self, current: Option<&str>) -> Result<()> {
        match (self, current) {
            (Self::Any, _) | (Self::Absent, None) => Ok(()),
            (Self::Version(wanted), Some(version)) if wanted == version => Ok(()),
            _ => Err(StorageError::Conflict),
        }
    }
}

/// One version's bytes, readable at any place.
#[derive(Clone)]
pub(super) enum Content {
    Memory(Bytes),
    File(FileContent),
    Remote(RemoteContent),
    /// One behind the other; none of them is a chain.
    Chain(Arc<[Content]>),
}

impl Content {
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

    pub fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(content) => content.size,
            Self::Remote(content) => content.size,
            Self::Chain(contents) => contents.iter().map(Self::size).sum(),
        }
    }

    /// The bytes of `range`, which must lie inside; meant for pieces, not wholes.
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        match self {
            Self::Memory(bytes) => slice(bytes, &range),
            Self::File(content) => content.read(range).await,
            Self::Remote(content) => content.read(range).await,
            Self::Chain(_) => {
                let mut whole = BytesMut::new();
                for (content, range) in self.links(&range) {
                    whole.extend_from_slice(&Box::pin(content.read(range)).await?);
                }
                Ok(whole.freeze())
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

fn slice(bytes: &Bytes, range: &Range<u64>) -> Result<Bytes> {
    let bounds = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
    match bounds {
        Some((start, end)) if start <= end && end <= bytes.len() => Ok(bytes.slice(start..end)),
        _ => Err(StorageError::invalid("the range lies outside the object")),
    }
}

/// Complete bytes without a key. Dropping it removes them.
pub(super) enum Material {
    File(StagingFile),
    /// One behind the other.
    Bucket {
        contents: Vec<Content>,
        /// What must be removed after it.
        objects: Option<PrivateObjects>,
        /// In the budget, for those in memory.
        _room: Option<Reservation>,
    },
}

impl Material {
    pub fn objects(contents: Vec<Content>) -> Self {
        Self::Objects { contents, objects: None, _room: None }
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

/// The store itself.
#[derive(Clone)]
pub(super) enum Backend {
    /// A folder, without opendal: it needs locks, renames and descriptors.
    Files(Arc<Files>),
    /// Any opendal service that keeps whole objects.
    Bucket(Arc<Bucket>),
}

macro_rules! each {
    ($backend:expr, $store:ident => $call:expr) => {
        match $backend {
            Backend::Files($store) => $call,
            Backend::Bucket($store) => $call,
        }
    };
}

impl Backend {
    pub async fn probe(&self) -> Result<()> {
        each!(self, store => store.probe().await)
    }

    /// See [`super::Storage::now`].
    pub async fn now(&self) -> Result<SystemTime> {
        each!(self, store => store.now().await)
    }

    pub async fn stat(&self, path: &str) -> Result<Option<ObjectInfo>> {
        each!(self, store => store.stat(path).await)
    }

    /// A whole object of at most `limit` bytes and its version, of one moment.
    pub async fn get(&self, path: &str, limit: u64) -> Result<Option<(ObjectInfo, Bytes)>> {
        each!(self, store => store.get(path, limit).await)
    }

    pub async fn open(&self, path: &str) -> Result<Option<(ObjectInfo, Content)>> {
        each!(self, store => store.open(path).await)
    }

    pub async fn put(
        &self,
        path: &str,
        bytes: Bytes,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        each!(self, store => store.put(path, bytes, precondition, content_type).await)
    }

    pub async fn remove(&self, path: &str, precondition: &Precondition) -> Result<bool> {
        each!(self, store => store.remove(path, precondition).await)
    }

    /// Removes private objects that nothing names any more, side by side.
    pub async fn discard(&self, paths: Vec<String>) -> Result<()> {
        stream::iter(paths)
            .map(|path| async move { each!(self, store => store.discard(&path).await) })
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect()
            .await
    }

    pub async fn list(&self, listing: &PathListing) -> Result<Listing> {
        each!(self, store => store.list(listing).await)
    }

    /// A place to put bytes into that nobody sees. A store that cannot move objects
    /// puts them below `folder` at once, a private path that ends with `/`.
    pub fn sink(&self, folder: &str) -> Sink {
        match self {
            Self::Files(store) => store.sink(),
            Self::Bucket(store) => store.sink(folder),
        }
    }

    /// Names for material below `folder`, which is the one that its sink was given.
    pub async fn keep(&self, material: Material, folder: &str) -> Result<Vec<Kept>> {
        each!(self, store => store.keep(material, folder).await)
    }

    /// What was kept below `folder`. `NotFound` or damaged ones may show only when
    /// they are read.
    pub async fn kept(&self, folder: &str, kept: &Kept) -> Result<Content> {
        let path = format!("{folder}{}", kept.name);
        let content = each!(self, store => store.kept(&path, kept).await)?;
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
            contents.push(self.kept(folder, part).await?);
        }
        let name = uuid::Uuid::new_v4().simple().to_string();
        let material = self.join(contents).await?;
        let info = self.commit(&material, &format!("{folder}{name}"), &Precondition::Any, None).await?;
        Ok(Kept { name, size: info.size, version: Some(info.version) })
    }

    /// Several contents of this store, one behind the other, as new material. The
    /// contents are about to be removed: they may be shared.
    pub async fn join(&self, contents: Vec<Content>) -> Result<Material> {
        match self {
            Self::Files(store) => store.join(contents).await,
            Self::Bucket(_) => Ok(Material::objects(contents)),
        }
    }

    /// A second copy of a content, as new material.
    pub async fn duplicate(&self, content: Content) -> Result<Material> {
        match self {
            Self::Files(store) => store.duplicate(content).await,
            Self::Bucket(_) => Ok(Material::objects(vec![content])),
        }
    }

    /// Gives material its path; the material is spent when it succeeds and
    /// untouched when it fails.
    pub async fn commit(
        &self,
        material: &Material,
        path: &str,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        each!(self, store => store.commit(material, path, precondition, content_type).await)
    }

    /// Removes what crashed hosts left in staging before `before`.
    pub async fn sweep_staging(&self, before: SystemTime) -> Result<u64> {
        each!(self, store => store.sweep_staging(before).await)
    }
}

/// Takes bytes in order; `close` makes them material. Dropping it removes them.
pub(super) enum Sink {
    File(super::files::FileSink),
    Object(Box<super::bucket::BucketSink>),
}

impl Sink {
    /// May return before the bytes are down; a failure then shows at a later call.
    pub async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        match self {
            Self::File(sink) => sink.write(pieces).await,
            Self::Object(sink) => sink.write(pieces).await,
        }
    }

    /// Complete and durable, and a way to read it.
    pub async fn close(self) -> Result<(Material, Content)> {
        match self {
            Self::File(sink) => {
                let file = sink.close().await?;
                let content = Content::File(file.content());
                Ok((Material::File(file), content))
            }
            Self::Object(sink) => sink.close().await,
        }
    }
}

//! The kinds of stores behind one set of functions, and the small types that they
//! share. Paths here are whole: scopes and their rules are above. A new opendal
//! service needs one feature and one line in `layers.rs`, nothing here.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::error::{Result, StorageError};
use super::files::{FileContent, Files, StagingFile};
use super::listing::{Listing, PathListing};
use super::objects::{Objects, RemoteContent, StagingObject};

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
}

impl Content {
    pub fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(content) => content.size,
            Self::Remote(content) => content.size,
        }
    }

    /// The bytes of `range`, which must lie inside; meant for pieces, not wholes.
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        match self {
            Self::Memory(bytes) => slice(bytes, &range),
            Self::File(content) => content.read(range).await,
            Self::Remote(content) => content.read(range).await,
        }
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
    /// One behind the other; `staging` is what must be removed after it.
    Objects {
        contents: Vec<Content>,
        _staging: Option<StagingObject>,
    },
}

impl Material {
    pub fn objects(contents: Vec<Content>) -> Self {
        Self::Objects { contents, _staging: None }
    }
}

/// The store itself.
#[derive(Clone)]
pub(super) enum Backend {
    /// A folder, without opendal: it needs locks, renames and descriptors.
    Files(Arc<Files>),
    /// Any opendal service that keeps whole objects.
    Objects(Arc<Objects>),
}

macro_rules! each {
    ($backend:expr, $store:ident => $call:expr) => {
        match $backend {
            Backend::Files($store) => $call,
            Backend::Objects($store) => $call,
        }
    };
}

impl Backend {
    pub async fn probe(&self) -> Result<()> {
        each!(self, store => store.probe().await)
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

    pub async fn list(&self, listing: &PathListing) -> Result<Listing> {
        each!(self, store => store.list(listing).await)
    }

    /// A place to put bytes into that nobody sees.
    pub fn sink(&self) -> Sink {
        each!(self, store => store.sink())
    }

    /// Several contents of this store, one behind the other, as new material. The
    /// contents are about to be removed: they may be shared.
    pub async fn join(&self, contents: Vec<Content>) -> Result<Material> {
        match self {
            Self::Files(store) => store.join(contents).await,
            Self::Objects(_) => Ok(Material::objects(contents)),
        }
    }

    /// A second copy of a content, as new material.
    pub async fn duplicate(&self, content: Content) -> Result<Material> {
        match self {
            Self::Files(store) => store.duplicate(content).await,
            Self::Objects(_) => Ok(Material::objects(vec![content])),
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
    Object(Box<super::objects::ObjectSink>),
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

//! Compare-and-swap, by what the service offers. A private one (memory) has the
//! versions noted beside it and is changed under the key's lock; a shared one
//! gets the condition with the change itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use opendal::options::{DeleteOptions, WriteOptions};
use opendal::{Metadata, Operator};
use tokio::sync::OwnedRwLockReadGuard;

use super::Bucket;
use super::mark::{self, Found};
use crate::digest::hex;
use crate::error::{Result, StorageError};
use crate::locks::KeyLocks;
use crate::store::{Content, ObjectInfo, Precondition};

/// Writes over our own damaged object before giving up.
const REPAIRS: usize = 3;

pub(super) enum Swap {
    Noted(Mutex<HashMap<String, Note>>),
    Conditional(Honoured),
}

#[derive(Clone)]
pub(super) struct Note {
    version: String,
    modified: SystemTime,
}

/// What a service does with conditions, as probed: some ignore them silently.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is the answer to a question of its own")]
pub(super) struct Honoured {
    /// Of one write.
    pub write: bool,
    /// When parts become a new object.
    pub join: bool,
    /// When parts replace an object.
    pub replace: bool,
    pub remove: bool,
    /// Can it make parts of other objects' bytes by itself?
    pub copy: bool,
}

impl Swap {
    pub fn noted() -> Self {
        Self::Noted(Mutex::default())
    }

    pub fn honours_writes(&self) -> bool {
        matches!(self, Self::Conditional(Honoured { write: true, .. }))
    }

    /// Whether joining parts carries this condition, or does so with none.
    pub fn honours_join(&self, precondition: &Precondition) -> bool {
        let Self::Conditional(honoured) = self else { return false };
        match precondition {
            Precondition::Any => true,
            Precondition::Absent => honoured.join,
            Precondition::Version(_) => honoured.replace,
        }
    }

    /// May several hosts change documents and blobs at once?
    pub fn is_safe_to_share(&self) -> bool {
        self.honours_writes() && self.honours_join(&Precondition::Absent)
    }

    /// Can it make parts of other objects' bytes?
    pub fn copies(&self) -> bool {
        matches!(self, Self::Conditional(Honoured { copy: true, .. }))
    }

    /// Noted versions belong to the bytes only while nobody writes.
    pub async fn read_hold(&self, locks: &KeyLocks, path: &str) -> Option<OwnedRwLockReadGuard<()>> {
        match self {
            Self::Noted(_) => Some(locks.read(path).await),
            Self::Conditional(_) => None,
        }
    }

    /// None when it vanished in between.
    pub fn info(&self, path: &str, metadata: &Metadata) -> Option<ObjectInfo> {
        let note = match self {
            Self::Noted(notes) => notes.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()?,
            Self::Conditional(_) => return Some(remote_info(path, metadata)),
        };
        Some(ObjectInfo {
            version: note.version,
            modified: Some(note.modified),
            ..remote_info(path, metadata)
        })
    }

    /// With the key's lock held.
    pub async fn put(
        &self,
        store: &Bucket,
        path: &str,
        bytes: Bytes,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        let options = write_options(precondition, content_type, self.honours_writes());
        if let Self::Noted(notes) = self {
            store.check(path, precondition).await?;
            let size = bytes.len() as u64;
            let note = Note { version: hash_version(&bytes), modified: SystemTime::now() };
            let metadata = store.operator.write_options(path, bytes, options).await?;
            notes.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), note.clone());
            let info = written(path, size, &metadata, content_type);
            return Ok(ObjectInfo { version: note.version, modified: Some(note.modified), ..info });
        }
        if !self.honours_writes() {
            store.check(path, precondition).await?;
        }
        self.put_marked(store, path, bytes, options).await
    }

    async fn put_marked(
        &self,
        store: &Bucket,
        path: &str,
        bytes: Bytes,
        options: WriteOptions,
    ) -> Result<ObjectInfo> {
        let size = bytes.len() as u64;
        let content_type = options.content_type.clone();
        let (mut options, mark) = mark::marked(options);
        let contents = [Content::Memory(bytes.clone())];
        for _ in 0..REPAIRS {
            let error = match store.operator.write_options(path, bytes.clone(), options.clone()).await {
                Ok(metadata) => return Ok(written(path, size, &metadata, content_type.as_deref())),
                Err(error) => error.into(),
            };
            match store.find_own(path, &mark, &contents, &error).await {
                Found::Ours(info) => return Ok(info),
                Found::NotOurs => return Err(error),
                Found::Damaged(info) => {
                    tracing::warn!(
                        path,
                        "the storage service kept a part of a write as a whole; it is written again"
                    );
                    options.if_not_exists = false;
                    options.if_match = self.honours_writes().then(|| etag_of(&info.version));
                }
            }
        }
        Err(StorageError::unavailable(
            "the storage service keeps parts of writes as wholes; look at the network between it and this host",
        ))
    }

    /// With the key's lock held and the precondition checked. `Conflict` when the service
    /// says that the condition does not hold.
    pub async fn remove(&self, operator: &Operator, path: &str, precondition: &Precondition) -> Result<()> {
        let if_match = match (self, precondition) {
            (Self::Conditional(Honoured { remove: true, .. }), Precondition::Version(version)) => {
                Some(etag_of(version))
            }
            _ => None,
        };
        operator.delete_options(path, DeleteOptions { if_match, ..DeleteOptions::default() }).await?;
        if let Self::Noted(notes) = self {
            notes.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
        }
        Ok(())
    }
}

/// With the condition, unless the service does not honour it: then it was checked before.
pub(super) fn write_options(
    precondition: &Precondition,
    content_type: Option<&str>,
    honoured: bool,
) -> WriteOptions {
    let mut options =
        WriteOptions { content_type: content_type.map(str::to_owned), ..WriteOptions::default() };
    match precondition {
        Precondition::Absent if honoured => options.if_not_exists = true,
        Precondition::Version(version) if honoured => options.if_match = Some(etag_of(version)),
        _ => {}
    }
    options
}

pub(super) fn remote_info(path: &str, metadata: &Metadata) -> ObjectInfo {
    ObjectInfo {
        key: path.to_owned(),
        size: metadata.content_length(),
        version: version_of(metadata.etag().unwrap_or_default()),
        modified: metadata.last_modified().map(SystemTime::from),
        content_type: metadata.content_type().map(str::to_owned),
    }
}

/// After a change whose answer was `metadata`.
pub(super) fn written(path: &str, size: u64, metadata: &Metadata, content_type: Option<&str>) -> ObjectInfo {
    ObjectInfo { size, content_type: content_type.map(str::to_owned), ..remote_info(path, metadata) }
}

/// A version as the service wants it back.
pub(super) fn etag_of(version: &str) -> String {
    if version.starts_with("W/") { version.to_owned() } else { format!("\"{version}\"") }
}

/// What a document calls the version that the service knows by this ETag.
pub(super) fn version_of(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

fn hash_version(bytes: &[u8]) -> String {
    hex(blake3::hash(bytes).as_bytes().get(..16).unwrap_or_default())
}

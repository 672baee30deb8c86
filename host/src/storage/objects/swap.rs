//! Compare-and-swap, by what the service offers. A private one (memory) has the
//! versions noted beside it and is changed under the key's lock; a shared one
//! gets the condition with the change itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use opendal::options::{DeleteOptions, WriteOptions};
use opendal::{ErrorKind, Metadata, Operator};
use tokio::sync::OwnedRwLockReadGuard;

use super::Objects;
use crate::storage::backend::{ObjectInfo, Precondition};
use crate::storage::digest::hex;
use crate::storage::error::{Result, StorageError};
use crate::storage::key::PRIVATE;
use crate::storage::locks::KeyLocks;

/// Whose write it was, to tell a lost answer from a lost race.
const WRITE_MARK: &str = "packhouse-write";

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
#[derive(Debug, Clone, Copy)]
pub(super) struct Honoured {
    write: bool,
    remove: bool,
}

impl Swap {
    pub fn noted() -> Self {
        Self::Noted(Mutex::default())
    }

    pub async fn probed(operator: &Operator) -> Result<Self> {
        let honoured = probe(operator).await?;
        if !honoured.write {
            tracing::warn!("the storage service ignores conditional writes: only one host may use it");
        }
        Ok(Self::Conditional(honoured))
    }

    pub fn honours_writes(&self) -> bool {
        matches!(self, Self::Conditional(Honoured { write: true, .. }))
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

    /// The conditions that the service honours; the others were checked before.
    pub fn write_options(&self, precondition: &Precondition, content_type: Option<&str>) -> WriteOptions {
        let mut options =
            WriteOptions { content_type: content_type.map(str::to_owned), ..WriteOptions::default() };
        if self.honours_writes() {
            match precondition {
                Precondition::Any => {}
                Precondition::Absent => options.if_not_exists = true,
                Precondition::Version(version) => options.if_match = Some(etag_of(version)),
            }
        }
        options
    }

    /// With the key's lock held.
    pub async fn put(
        &self,
        store: &Objects,
        path: &str,
        bytes: Bytes,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        let options = self.write_options(precondition, content_type);
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
        store: &Objects,
        path: &str,
        bytes: Bytes,
        options: WriteOptions,
    ) -> Result<ObjectInfo> {
        let size = bytes.len() as u64;
        let content_type = options.content_type.clone();
        let (options, mark) = marked(options);
        let error = match store.operator.write_options(path, bytes, options).await {
            Ok(metadata) => return Ok(written(path, size, &metadata, content_type.as_deref())),
            Err(error) if error.kind() == ErrorKind::ConditionNotMatch => error,
            Err(error) => return Err(error.into()),
        };
        store.written_by(path, &mark).await?.ok_or_else(|| error.into())
    }

    /// With the key's lock held and the precondition checked.
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

/// A write with whose it is.
pub(super) fn marked(options: WriteOptions) -> (WriteOptions, String) {
    let mark = uuid::Uuid::new_v4().simple().to_string();
    let user_metadata = Some(HashMap::from([(WRITE_MARK.to_owned(), mark.clone())]));
    (WriteOptions { user_metadata, ..options }, mark)
}

pub(super) fn is_marked(metadata: &Metadata, mark: &str) -> bool {
    metadata.user_metadata().is_some_and(|marks| marks.get(WRITE_MARK) == Some(mark))
}

pub(super) fn remote_info(path: &str, metadata: &Metadata) -> ObjectInfo {
    ObjectInfo {
        key: path.to_owned(),
        size: metadata.content_length(),
        version: metadata.etag().unwrap_or_default().trim_matches('"').to_owned(),
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

fn hash_version(bytes: &[u8]) -> String {
    hex(blake3::hash(bytes).as_bytes().get(..16).unwrap_or_default())
}

/// Tries every condition where it must fail.
async fn probe(operator: &Operator) -> Result<Honoured> {
    let path = format!("{PRIVATE}/probe/{}", uuid::Uuid::new_v4().simple());
    let absent = || WriteOptions { if_not_exists: true, ..WriteOptions::default() };
    let wrong = || Some(etag_of("00000000000000000000000000000000"));
    operator.write(&path, "first").await?;
    let second = operator.write_options(&path, "second", absent()).await;
    let third = operator
        .write_options(&path, "third", WriteOptions { if_match: wrong(), ..WriteOptions::default() })
        .await;
    let write = is_refusal(second)? && is_refusal(third)?;
    let removal =
        operator.delete_options(&path, DeleteOptions { if_match: wrong(), ..DeleteOptions::default() }).await;
    let remove = is_refusal(removal)?;
    operator.delete(&path).await?;
    Ok(Honoured { write, remove })
}

/// Was the condition honoured? An error of another kind that may pass is no answer.
fn is_refusal<T>(result: opendal::Result<T>) -> Result<bool> {
    match result {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == ErrorKind::ConditionNotMatch => Ok(true),
        Err(error) => match StorageError::from(error) {
            error @ (StorageError::Unavailable(_) | StorageError::Denied(_)) => Err(error),
            _ => Ok(false),
        },
    }
}

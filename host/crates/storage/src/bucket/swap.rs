//! Compare-and-swap with the conditions that the service supports. A condition is sent with the
//! change itself. If the service ignores it, the host checks it before the change, under the key's
//! lock.

use std::time::SystemTime;

use bytes::Bytes;
use opendal::Metadata;
use opendal::options::{DeleteOptions, WriteOptions};

use super::Bucket;
use super::mark::{self, Found};
use crate::error::{Result, StorageError};
use crate::object::{ObjectInfo, Precondition};
use crate::store::Content;

/// Writes over our own damaged object before giving up.
const REPAIRS: usize = 3;

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
    /// Does it copy no other version of an object than the one that it is asked for?
    pub copy_version: bool,
}

impl Honoured {
    /// Whether joining parts carries this condition, or does so with none.
    pub fn joins(self, precondition: &Precondition) -> bool {
        match precondition {
            Precondition::Any => true,
            Precondition::Absent => self.join,
            Precondition::Version(_) => self.replace,
        }
    }

    /// May several hosts change documents and blobs at once?
    pub fn is_safe_to_share(self) -> bool {
        self.write && self.join
    }
}

impl Bucket {
    /// With the key's lock held.
    pub(super) async fn swap_in(
        &self,
        path: &str,
        bytes: Bytes,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        if !self.honoured.write {
            self.check(path, precondition).await?;
        }
        let options = write_options(precondition, content_type, self.honoured.write);
        self.put_marked(path, bytes, options).await
    }

    async fn put_marked(&self, path: &str, bytes: Bytes, options: WriteOptions) -> Result<ObjectInfo> {
        let size = bytes.len() as u64;
        let content_type = options.content_type.clone();
        let (mut options, mark) = mark::marked(self.service.mark(), options);
        let contents = [Content::Memory(bytes.clone())];
        for _ in 0..REPAIRS {
            let error = match self.operator.write_options(path, bytes.clone(), options.clone()).await {
                Ok(metadata) => return Ok(after_write(path, size, &metadata, content_type.as_deref())),
                Err(error) => error.into(),
            };
            match self.find_own(path, &mark, &contents, &error).await {
                Found::Ours(info) => return Ok(info),
                Found::NotOurs => return Err(error),
                Found::Damaged(info) => {
                    tracing::warn!(
                        path,
                        "the storage service kept a part of a write as a whole; it is written again"
                    );
                    options.if_not_exists = false;
                    options.if_match = self.honoured.write.then(|| etag_of(&info.version));
                }
            }
        }
        Err(StorageError::unavailable(
            "the storage service keeps parts of writes as wholes; look at the network between it and this host",
        ))
    }

    /// With the key's lock held and the precondition checked. `Conflict` when the service
    /// says that the condition does not hold.
    pub(super) async fn swap_out(&self, path: &str, precondition: &Precondition) -> Result<()> {
        let if_match = match precondition {
            Precondition::Version(version) if self.honoured.remove => Some(etag_of(version)),
            _ => None,
        };
        self.operator.delete_options(path, DeleteOptions { if_match, ..DeleteOptions::default() }).await?;
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

pub(super) fn info(path: &str, metadata: &Metadata) -> ObjectInfo {
    ObjectInfo {
        key: path.to_owned(),
        size: metadata.content_length(),
        version: version_of(metadata.etag().unwrap_or_default()),
        modified: metadata.last_modified().map(SystemTime::from),
        content_type: metadata.content_type().map(str::to_owned),
    }
}

/// After a change whose answer was `metadata`.
pub(super) fn after_write(
    path: &str,
    size: u64,
    metadata: &Metadata,
    content_type: Option<&str>,
) -> ObjectInfo {
    ObjectInfo { size, content_type: content_type.map(str::to_owned), ..info(path, metadata) }
}

/// A version as the service wants it back.
pub(super) fn etag_of(version: &str) -> String {
    if version.starts_with("W/") { version.to_owned() } else { format!("\"{version}\"") }
}

/// What a document calls the version that the service knows by this ETag.
pub(super) fn version_of(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

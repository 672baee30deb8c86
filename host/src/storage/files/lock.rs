//! A lock that other processes on the same folder see: an advisory lock on one of
//! a fixed number of files, so that none has to be created or removed per key.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::storage::error::{Result, StorageError};

/// Keys share this many files. Every process must agree: it is part of the layout.
const SHARDS: u16 = 1024;
/// Whoever waited longer has been given up by its caller, and must not change
/// anything any more.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Released when dropped, and by the system when the process ends.
pub(super) struct ShardLock {
    _file: File,
}

impl ShardLock {
    /// Blocks the thread; `Unavailable` when another process kept it for long.
    pub fn take(folder: &Path, path: &str) -> Result<Self> {
        let file = open_shard(folder, path)?;
        let start = Instant::now();
        file.lock()?;
        if start.elapsed() > PATIENCE {
            return Err(StorageError::unavailable(
                "another process kept the storage folder locked; is one of them hanging?",
            ));
        }
        Ok(Self { _file: file })
    }
}

fn open_shard(folder: &Path, path: &str) -> Result<File> {
    let [low, high, ..] = *blake3::hash(path.as_bytes()).as_bytes();
    let shard = u16::from_le_bytes([low, high]) % SHARDS;
    let name = folder.join(format!("{shard:03x}"));
    Ok(OpenOptions::new().read(true).write(true).create(true).truncate(false).open(name)?)
}

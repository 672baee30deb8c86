//! A lock that other processes on the same folder see: an advisory lock on one of
//! a fixed number of files, so that none has to be created or removed per key.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::storage::error::{Result, StorageError};

/// Keys share this many files. Every process must agree: it is part of the layout.
const SHARDS: u16 = 1024;
const PATIENCE: Duration = Duration::from_secs(30);
const LONGEST_NAP: Duration = Duration::from_millis(5);

/// Released when dropped, and by the system when the process ends.
pub(super) struct ShardLock {
    _file: File,
}

impl ShardLock {
    /// Blocks the thread; `Unavailable` when another process keeps it for long.
    pub fn take(folder: &Path, path: &str) -> Result<Self> {
        let file = open_shard(folder, path)?;
        let start = Instant::now();
        let mut nap = Duration::from_micros(100);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(error)) => return Err(error.into()),
                Err(TryLockError::WouldBlock) if start.elapsed() > PATIENCE => {
                    return Err(StorageError::unavailable(
                        "another process keeps the storage folder locked; is one of them hanging?",
                    ));
                }
                Err(TryLockError::WouldBlock) => thread::sleep(nap),
            }
            nap = (nap * 2).min(LONGEST_NAP);
        }
    }
}

fn open_shard(folder: &Path, path: &str) -> Result<File> {
    let [low, high, ..] = *blake3::hash(path.as_bytes()).as_bytes();
    let shard = u16::from_le_bytes([low, high]) % SHARDS;
    let name = folder.join(format!("{shard:03x}"));
    Ok(OpenOptions::new().read(true).write(true).create(true).truncate(false).open(name)?)
}

//! Locks that other processes on the same folder see: advisory locks on files. One of a fixed
//! number of files for each key, so that none has to be created or removed with a key; and one
//! for the host that works on the folder.

use std::fs::{File, TryLockError};
use std::io;
use std::time::{Duration, Instant};

use super::inside::{Inside, is_about_writing};
use crate::storage::error::{Result, StorageError};
use crate::storage::presence::Company;

/// Keys share this many files. Every process must agree: it is part of the layout.
const SHARDS: u16 = 1024;
pub(super) const LOCKS: &str = ".packhouse/locks";
pub(super) const HOST: &str = ".packhouse/host.lock";
/// Whoever waited longer has been given up by its caller, and must not change
/// anything any more.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Released when dropped, and by the system when the process ends.
pub(super) struct ShardLock {
    _file: File,
}

impl ShardLock {
    /// Blocks the thread; `Unavailable` when another process kept it for long.
    pub fn take(inside: &Inside, path: &str) -> Result<Self> {
        let [low, high, ..] = *blake3::hash(path.as_bytes()).as_bytes();
        let file = inside.read_or_create(&name_of(u16::from_le_bytes([low, high]) % SHARDS))?;
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

/// Makes the files beforehand: who removes an object to make room on a full disk cannot make one.
pub(super) fn prepare(inside: &Inside) -> io::Result<()> {
    (0..SHARDS).try_for_each(|shard| inside.read_or_create(&name_of(shard)).map(|_| ()))
}

fn name_of(shard: u16) -> String {
    format!("{LOCKS}/{shard:03x}")
}

/// A host's lock on the folder, for as long as it lives: alone, or together with others that
/// mean to share it. `Invalid` with a sentence when another host is in the way.
pub(super) fn host(inside: &Inside, company: Company) -> Result<Option<File>> {
    if company == Company::Guest {
        return Ok(None);
    }
    let file = match inside.read_or_create(HOST) {
        Err(error) if is_about_writing(&error) => match inside.read(HOST) {
            Ok(file) => file,
            Err(_) => return Ok(None),
        },
        opened => opened?,
    };
    let locked = if company == Company::One { file.try_lock() } else { file.try_lock_shared() };
    match locked {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(StorageError::invalid(if company == Company::One {
            "another host works on this storage folder now, and [server] hosts = \"one\" says that there is none; stop \
             it, or set hosts = \"many\" on all of them"
        } else {
            "a host with [server] hosts = \"one\" works on this storage folder now; stop it, or set hosts = \"many\" on it \
             too"
        })),
        Err(TryLockError::Error(error)) => {
            tracing::warn!(%error, "the storage folder's file system has no locks: nothing keeps a second host away");
            Ok(None)
        }
    }
}

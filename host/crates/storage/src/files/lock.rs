//! Locks that other processes on the same folder see: advisory locks on files. Each key uses one of
//! a fixed number of files, so no file has to be created or removed with a key. Another file is for
//! the host that uses the folder.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use super::inside::{Inside, is_about_writing};
use crate::error::{Result, StorageError};
use crate::store::Company;

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

/// A host's lock on the folder, released as [`ShardLock`]. The folder itself is locked, since
/// another file can take the place of a file. Where folders cannot be locked (NFS), and for hosts
/// of earlier versions, there is a file too.
pub(super) struct HostLock {
    folder: Option<Locked>,
    file: Option<Locked>,
}

struct Locked {
    _file: File,
    /// Device and inode.
    identity: (u64, u64),
}

impl HostLock {
    /// Is it still what keeps others away? Costs nothing where the folder is locked.
    pub fn holds(&self, inside: &Inside) -> bool {
        self.folder.is_some() || self.is_of(inside)
    }

    /// Is it the lock on this folder?
    pub fn is_of(&self, inside: &Inside) -> bool {
        let is_at = |locked: &Locked, path| inside.identity(path).is_ok_and(|there| there == locked.identity);
        self.folder.as_ref().is_none_or(|locked| is_at(locked, "."))
            && self.file.as_ref().is_none_or(|locked| is_at(locked, HOST))
    }
}

/// A host's lock, for as long as it lives: alone, or together with others that mean to share the
/// folder. `Invalid` with a sentence when another host is in the way.
pub(super) fn host(inside: &Inside, company: Company) -> Result<Option<HostLock>> {
    if company == Company::Guest {
        return Ok(None);
    }
    let folder = lock(inside.folder_itself("")?, company)?;
    let file = match inside.read_or_create(HOST) {
        Err(error) if is_about_writing(&error) => inside.read(HOST).ok(),
        opened => Some(opened?),
    };
    let file = file.map(|file| lock(file, company)).transpose()?.flatten();
    if folder.is_none() && file.is_none() {
        tracing::warn!("the storage folder's file system has no locks: nothing keeps a second host away");
    }
    Ok(Some(HostLock { folder, file }))
}

/// None where there are no locks.
fn lock(file: File, company: Company) -> Result<Option<Locked>> {
    let locked = if company == Company::One { file.try_lock() } else { file.try_lock_shared() };
    match locked {
        Ok(()) => {
            let metadata = file.metadata()?;
            Ok(Some(Locked { _file: file, identity: (metadata.dev(), metadata.ino()) }))
        }
        Err(TryLockError::WouldBlock) => Err(StorageError::invalid(if company == Company::One {
            "another host uses this storage folder now, but [server] hosts = \"one\" allows only one; stop it, or set hosts = \"many\" on all of them"
        } else {
            "a host with [server] hosts = \"one\" uses this storage folder now; stop it, or set hosts = \"many\" on it \
             too"
        })),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

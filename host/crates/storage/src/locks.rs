//! Locks by key inside this process. A writer of `a/b/c` holds `a/b/c` exclusively, and `a` and
//! `a/b` shared, so that no other writer turns a folder above it into an object meanwhile. It does
//! not know the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::key::folders_above;

/// Unused locks are removed when the map has this size.
const SWEEP_AT: usize = 4096;

#[derive(Default)]
pub(super) struct KeyLocks {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    locks: HashMap<Box<str>, Weak<RwLock<()>>>,
    sweep_at: usize,
}

/// Held while a key is changed.
pub(super) struct WriteHold {
    _folders: Vec<OwnedRwLockReadGuard<()>>,
    _key: OwnedRwLockWriteGuard<()>,
}

impl KeyLocks {
    /// Exclusive on `path`, shared on the folders above. Locks are taken from the outermost folder
    /// inwards, so two writers never wait for each other.
    pub async fn write(&self, path: &str) -> WriteHold {
        let mut folders = Vec::new();
        for folder in folders_above(path) {
            folders.push(self.lock_of(folder).read_owned().await);
        }
        WriteHold { _folders: folders, _key: self.lock_of(path).write_owned().await }
    }

    /// Exclusive on `path` only.
    pub async fn alone(&self, path: &str) -> OwnedRwLockWriteGuard<()> {
        self.lock_of(path).write_owned().await
    }

    fn lock_of(&self, path: &str) -> Arc<RwLock<()>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = known.locks.get(path).and_then(Weak::upgrade) {
            return lock;
        }
        if known.locks.len() >= known.sweep_at.max(SWEEP_AT) {
            known.locks.retain(|_, lock| lock.strong_count() > 0);
            known.sweep_at = known.locks.len() * 2;
        }
        let lock = Arc::new(RwLock::new(()));
        known.locks.insert(path.into(), Arc::downgrade(&lock));
        lock
    }
}

//! Versions of files. Up to 1 MiB (most documents) the version is a hash of the content (`h…`), so
//! that it survives a backup and does not depend on a clock. For larger files, hashing at each
//! first look would cost too much, so it is the file's identity (`i…`: inode, time of the last
//! write, size). Objects are never written in place, so every change creates another inode. The
//! time has random nanoseconds in case the system uses an inode number again. The change time is
//! not used, because linking and renaming change it.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::clock;

use crate::digest::hex;
use crate::error::Result;
use crate::files::read_range;

/// The version of a file with more bytes is its identity.
pub(super) const HASHED_UP_TO: u64 = 1024 * 1024;
/// If a file changed less than this before it was hashed, it may change again within one tick of
/// the file system's clock without a visible difference.
const RACY: Duration = Duration::from_secs(2);
const REMEMBERED: usize = 65_536;
const PIECE: u64 = 1024 * 1024;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Identity {
    device: u64,
    inode: u64,
    changed: i128,
    modified: i128,
    size: u64,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            size: metadata.len(),
        }
    }
}

fn nanoseconds(seconds: i64, rest: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(rest)
}

/// Hashes of files that have not changed since.
#[derive(Default)]
pub(super) struct Versions {
    remembered: Mutex<HashMap<Identity, String>>,
}

impl Versions {
    /// The version without opening the file; none if the file must be read.
    pub fn known(&self, metadata: &Metadata) -> Option<String> {
        if metadata.len() > HASHED_UP_TO {
            return Some(identity_version(metadata));
        }
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.get(&Identity::of(metadata)).cloned()
    }

    /// `now` is the time of the file system. Without it, nothing is remembered.
    pub fn of_file(&self, metadata: &Metadata, file: &File, now: Option<SystemTime>) -> Result<String> {
        if let Some(version) = self.known(metadata) {
            return Ok(version);
        }
        let mut hasher = blake3::Hasher::new();
        let mut at = 0;
        while at < metadata.len() {
            let end = (at + PIECE).min(metadata.len());
            hasher.update(&read_range(file, at..end)?);
            at = end;
        }
        let version = hash_version(&hasher);
        self.remember(metadata, &version, now);
        Ok(version)
    }

    /// `bytes` is the whole content of the file with this `metadata`.
    pub fn of_bytes(&self, metadata: &Metadata, bytes: &[u8], now: Option<SystemTime>) -> String {
        if let Some(version) = self.known(metadata) {
            return version;
        }
        let version = hash_version(blake3::Hasher::new().update(bytes));
        if bytes.len() as u64 == metadata.len() {
            self.remember(metadata, &version, now);
        }
        version
    }

    fn remember(&self, metadata: &Metadata, version: &str, now: Option<SystemTime>) {
        let identity = Identity::of(metadata);
        if !now.is_some_and(|now| is_settled(identity.changed, now)) {
            return;
        }
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(identity, version.to_owned());
    }
}

fn is_settled(changed: i128, now: SystemTime) -> bool {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let latest = now.checked_sub(RACY).map_or(0, |time| time.as_nanos());
    i128::try_from(latest).is_ok_and(|latest| changed < latest)
}

/// The first half of BLAKE3. 128 bits are enough against chance, and nobody gains from a collision
/// with their own document.
pub(super) fn hash_version(hasher: &blake3::Hasher) -> String {
    let hash = hasher.finalize();
    format!("h{}", hex(hash.as_bytes().get(..16).unwrap_or_default()))
}

/// Makes the identity of a finished file unique. Its time is then up to two seconds in the past by
/// the clock of the file system. Ages are computed from it.
pub(super) fn stamp(file: &File) -> Result<()> {
    let now = clock::touch(file)?;
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().saturating_sub(1);
    let random = u32::try_from(uuid::Uuid::new_v4().as_u128() % 1_000_000_000).unwrap_or_default();
    Ok(file.set_modified(UNIX_EPOCH + Duration::new(seconds, random))?)
}

fn identity_version(metadata: &Metadata) -> String {
    let modified = nanoseconds(metadata.mtime(), metadata.mtime_nsec());
    format!("i{:x}-{modified:x}-{:x}", metadata.ino(), metadata.len())
}

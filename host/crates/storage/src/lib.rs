//! Stores objects under keys. An object is changed by compare-and-swap, is staged before it becomes
//! visible, and can be uploaded over several requests. This is the only crate that depends on opendal.
//! It does not know HTTP, plugins, mounts, or who the caller is.
//!
//! # Layout
//! A [`Storage`] is one folder, one bucket, or memory. Callers work on a [`Scope`], which is the part
//! of it under a prefix: `{prefix}/{key}`. Objects that belong to the host (staging, upload sessions,
//! locks) are under `.packhouse/`.
//!
//! | part | contents |
//! |---|---|
//! | `scoped` | the functions on keys |
//! | `reader`, `staging`, `uploads` | reading; writing; writing over several requests |
//! | `unpack` | unpacks compressed parts of staged bytes |
//! | `digest` | the digest algorithms |
//! | `object` | the vocabulary of all stores |
//! | `own` | the host's own objects inside a scope |
//! | `store` | the traits that every store implements |
//! | `files`, `memory`, `bucket` | the stores: a folder, a map, any service of opendal |
//! | `store_clock`, `sweep` | the clock of the store; removing what crashes left behind |
//! | `presence` | which hosts use the store |
//! | `heartbeat` | the heartbeat of hosts, and of the holder of a lease |
//! | `identity` | the identity of the store |
//! | `readiness` | whether the store accepts writes |
//!
//! To add a service of opendal, see `host/ARCHITECTURE.md`.
//!
//! # Invariants
//! - **Nothing is visible before its commit, and a commit is complete or does not happen.**
//! - **A precondition and its change are one step**, between processes too: by locks and renames on a
//!   file system, by conditional requests on S3 and Azure.
//! - **A reader reads one version to its end**, even if the object is replaced meanwhile.

mod bucket;
mod digest;
mod error;
mod files;
mod heartbeat;
mod identity;
mod key;
mod locks;
mod memory;
mod object;
mod own;
mod presence;
mod reader;
mod readiness;
mod scoped;
mod staging;
mod store;
mod store_clock;
mod sweep;
mod unpack;
mod uploads;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "azure")]
pub use bucket::azure::AzureSettings;
pub use bucket::s3::{Addressing, S3Settings};
pub use digest::{Algorithm, Digest, DigestState};
pub use error::{Reason, StorageError};
pub use heartbeat::{Beat, Heartbeat, Pulse};
pub use identity::{Opening, StoreId, Wanted};
pub use key::{Key, MAX_PATH_BYTES, MAX_SEGMENT_BYTES};
pub use object::{ListOptions, Listing, ObjectInfo, Precondition};
pub use presence::Presence;
pub use reader::Reader;
pub use scoped::Scope;
pub use staging::{Staged, Writer};
pub use store::{Abilities, Company};
pub use unpack::{Packed, Packing, Unpacked};
pub use uploads::{Append, Owner, Upload};

use bucket::Bucket;
#[cfg(feature = "azure")]
use bucket::azure::Azure;
use bucket::s3::S3;
use error::Result;
use files::Files;
use memory::Memory;
use store::Store;

/// How long the host keeps what a crash left behind, and uploads that nobody continues.
pub const LEFTOVERS_KEPT_FOR: Duration = Duration::from_hours(24);

/// Which store.
#[derive(Debug, Clone)]
pub enum Settings {
    /// A folder. Several processes may share it.
    Fs {
        root: PathBuf,
    },
    /// A map, which ends with the process.
    Memory,
    S3(S3Settings),
    #[cfg(feature = "azure")]
    Azure(AzureSettings),
}

/// The rule for the prefix of a scope: `Invalid` unless it is a valid key.
pub fn check_prefix(prefix: &str) -> Result<()> {
    Key::parse(prefix).map(|_| ())
}

/// A store that answers. Cheap to clone.
#[derive(Clone)]
pub struct Storage {
    store: Arc<dyn Store>,
    readiness: Arc<readiness::Readiness>,
}

impl Storage {
    /// Opens the store, or creates it.
    pub async fn open(settings: &Settings) -> Result<Self> {
        Self::open_as(settings, &Opening::to_serve(Wanted::Any { lasting: false })).await
    }

    /// Finds out what a service supports, with some small objects under `.packhouse/probe/`. The
    /// sentences of its errors say what to do. If a folder is not the right one, this is no error
    /// for a host: all calls are `Unavailable` until it is the right one.
    pub async fn open_as(settings: &Settings, opening: &Opening) -> Result<Self> {
        let store: Arc<dyn Store> = match settings {
            Settings::Fs { root } => Arc::new(Files::open_folder(root, opening).await?),
            Settings::Memory => Arc::new(Arc::<Memory>::default()),
            Settings::S3(settings) => {
                Arc::new(Bucket::open(S3::new(settings), settings.part_buffers, opening).await?)
            }
            #[cfg(feature = "azure")]
            Settings::Azure(settings) => {
                Arc::new(Bucket::open(Azure::new(settings), settings.part_buffers, opening).await?)
            }
        };
        Ok(Self { store, readiness: Arc::default() })
    }

    /// What this store can do and some others cannot.
    pub fn abilities(&self) -> Abilities {
        self.store.abilities()
    }

    /// The identity of the store; none for memory, and while the store does not answer.
    pub async fn id(&self) -> Option<StoreId> {
        self.store.id().await
    }

    /// An error unless it answers now. Takes a few seconds at most; for readiness checks.
    pub async fn probe(&self) -> Result<()> {
        self.store.probe().await
    }

    /// Whether several hosts can use it at once. False for memory, and for a bucket whose service
    /// ignores conditional writes.
    pub fn is_safe_to_share(&self) -> bool {
        self.abilities().shareable
    }

    /// The keys below `prefix/`. `Invalid` unless the prefix is a valid key.
    pub fn scope(&self, prefix: &str) -> Result<Scope> {
        Ok(Scope::new(Arc::clone(&self.store), &Key::parse(prefix)?))
    }

    /// The keys below a folder of the host's own, `.packhouse/{room}/`, for one part of the host.
    pub fn private(&self, room: &'static str) -> Scope {
        Scope::private(Arc::clone(&self.store), room)
    }
}

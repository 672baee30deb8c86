//! Where everything is kept: objects under keys, changed by compare-and-swap,
//! staged before they are seen, uploaded over several requests. The only room
//! that names opendal. It must not know HTTP, plugins, mounts or who is asking.
//!
//! # Layout
//! A [`Storage`] is one folder, one bucket, or memory. A [`Scope`] is a part of
//! it under a prefix, and all that callers get: `{prefix}/{key}`. What belongs to
//! the host alone (staging, upload sessions, locks) lies under `.packhouse/`.
//!
//! # Invariants
//! **Nothing is visible before its commit, and a commit is whole or not at all.**
//! **A precondition and its change are one step**, between processes too: by locks
//! and renames on a file system, by conditional requests on S3.
//! **A version read is one version to the end**, whatever is written meanwhile.
//!
//! | part | what |
//! |---|---|
//! | `scoped` | the functions on keys |
//! | `reader`, `staging`, `uploads` | bytes out, bytes in, bytes in over several requests |
//! | `unpack` | what packed parts of staged bytes unpack to |
//! | `backend` | the kinds of stores behind one set of functions |
//! | `files`, `objects` | a folder; any opendal service |
//! | `clock`, `sweep` | the store's own time; what crashes left behind |
//! | `layers` | the services, with retries |
//! | `budget` | what uploads may keep in memory, all of them together |
//! | `presence` | which hosts work on the store |
//! | `identity` | what tells the store from any other |
//! | `readiness` | whether it takes writes |

mod bucket;
mod clock;
mod digest;
mod error;
mod files;
mod identity;
mod key;
mod locks;
mod object;
mod presence;
mod reader;
mod readiness;
mod scoped;
mod staging;
mod store;
mod sweep;
mod unpack;
mod uploads;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

pub use digest::{Algorithm, Digest, DigestState};
pub use error::{Reason, StorageError};
pub use identity::{Opening, StoreId, Wanted};
pub use key::{Key, MAX_PATH_BYTES, MAX_SEGMENT_BYTES};
pub use object::{ListOptions, Listing};
pub use presence::{Company, Presence};
pub use reader::Reader;
pub use scoped::Scope;
pub use staging::{Staged, Writer};
use store::Backend;
pub use store::{ObjectInfo, Precondition};
pub use unpack::{Packed, Packing, Unpacked};
pub use uploads::{Append, Owner, Upload};

use bucket::retries::Layered;
use error::Result;

/// How long what a crash left behind, and an upload that nobody goes on with, is
/// kept.
pub const LEFTOVERS_KEPT_FOR: Duration = Duration::from_hours(24);

/// Which store.
#[derive(Debug, Clone)]
pub enum Settings {
    /// A folder. Several processes may share it.
    Fs {
        root: PathBuf,
    },
    /// Gone with the process.
    Memory,
    S3(S3Settings),
}

/// A bucket.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// Host name without scheme and port.
    pub endpoint: String,
    pub port: u16,
    pub use_ssl: bool,
    pub region: String,
    pub bucket_name: String,
    pub access_key: SecretString,
    pub access_secret: SecretString,
    pub addressing: Addressing,
    /// Bytes that all uploads of this process together may keep in memory.
    pub part_buffers: u64,
}

/// Where a bucket's name goes in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addressing {
    /// `https://endpoint/bucket/key`
    #[default]
    Path,
    /// `https://bucket.endpoint/key`
    VirtualHost,
}

/// The rule for a scope's prefix: `Invalid` unless it is a key itself.
pub fn check_prefix(prefix: &str) -> Result<()> {
    Key::parse(prefix).map(|_| ())
}

/// A store that answers. Cheap to clone.
#[derive(Clone)]
pub struct Storage {
    backend: Backend,
    readiness: Arc<readiness::Readiness>,
}

impl Storage {
    /// Whatever is there, and a new store where nothing is.
    pub async fn open(settings: &Settings) -> Result<Self> {
        Self::open_as(settings, &Opening::to_serve(Wanted::Any { lasting: false })).await
    }

    /// Asks a service what it honours (some small objects under `.packhouse/probe/`). The
    /// sentences of its errors say what to do. A folder that is not the one that is wanted is
    /// no error for a host: all calls are `Unavailable` until it is.
    pub async fn open_as(settings: &Settings, opening: &Opening) -> Result<Self> {
        let backend = match (settings, bucket::retries::operator(settings)?) {
            (Settings::Fs { root }, _) => Backend::Files(files::Files::open_folder(root, opening).await?),
            (Settings::Memory, Some(Layered { operator, .. })) => {
                Backend::Bucket(Arc::new(bucket::Bucket::private(operator)))
            }
            (Settings::S3(service), Some(Layered { operator, once, transport: Some(transport) })) => {
                let subject =
                    format!("bucket `{}` at `{}:{}`", service.bucket_name, service.endpoint, service.port);
                let store = bucket::Bucket::shared(operator, once, &transport, service, opening)
                    .await
                    .map_err(|error| error.about(&subject))?;
                Backend::Bucket(Arc::new(store))
            }
            _ => return Err(StorageError::other("this store is not part of this build")),
        };
        Ok(Self { backend, readiness: Arc::default() })
    }

    /// What tells it from any other; none for memory, and while it is away.
    pub async fn id(&self) -> Option<StoreId> {
        match &self.backend {
            Backend::Files(files) => files.id().await,
            Backend::Bucket(objects) => objects.id(),
        }
    }

    /// Does it answer now? Bounded by a few seconds; for readiness checks.
    pub async fn probe(&self) -> Result<()> {
        self.backend.probe().await
    }

    /// May several hosts work on it at once? False for memory, and for a bucket
    /// whose service ignores conditional writes.
    pub fn is_safe_to_share(&self) -> bool {
        match &self.backend {
            Backend::Files(_) => true,
            Backend::Bucket(store) => store.is_safe_to_share(),
        }
    }

    /// Is it a service that other machines may reach?
    fn is_remote(&self) -> bool {
        match &self.backend {
            Backend::Files(_) => false,
            Backend::Bucket(store) => !store.is_private(),
        }
    }

    /// The keys below `prefix/`. `Invalid` unless it is a key itself.
    pub fn scope(&self, prefix: &str) -> Result<Scope> {
        Ok(Scope::new(self.backend.clone(), &Key::parse(prefix)?))
    }

    /// The keys below a folder of the host's own, `.packhouse/{room}/`: for what a room
    /// of the host keeps for itself.
    pub fn private(&self, room: &'static str) -> Scope {
        Scope::private(self.backend.clone(), room)
    }
}

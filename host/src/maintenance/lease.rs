//! A lease that lets one host of a store collect at a time: a document that the collecting host
//! rewrites every few seconds, and that expires when it does not. Hosts also read in it when the
//! last collection ended. It does not know what collecting is.
//!
//! # Layout
//! `.packhouse/maintenance/gc.json`: [`Document`], changed by compare-and-swap.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::storage::{Beat, Heartbeat, Key, ObjectInfo, Precondition, Pulse, Scope, Storage, StorageError};

/// If the document is not rewritten for this long, the collecting host is dead.
pub const EXPIRES: Duration = Duration::from_secs(15);
/// The time between two heartbeats.
const BEAT: Duration = Duration::from_secs(5);
const KEY: &str = "gc.json";
const LARGEST: u64 = 64 << 10;
/// Lost races for the document after which an attempt fails.
const ATTEMPTS: u32 = 10;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Document {
    /// The collecting host, if there is one.
    holder: Option<Holder>,
    /// Increases, so that each heartbeat creates another version.
    beats: u64,
    /// When a collection of all mounts last ended, in milliseconds by the store's clock.
    finished: Option<u64>,
}

/// The collecting host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    id: String,
    process: u32,
    machine: String,
    /// Milliseconds by the store's clock.
    since: u64,
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(self.since.min(LATEST)));
        write!(formatter, "process {} on {} (since {since})", self.process, self.machine)
    }
}

/// The last moment that has a date with four digits.
const LATEST: u64 = 253_402_300_799_000;

/// The result of an attempt to take the lease.
pub enum Attempt {
    Taken(Lease),
    Held(Holder),
    /// For this long.
    NotDue(Duration),
}

/// Held, and kept fresh, until it is finished or dropped.
pub struct Lease {
    beats: Heartbeat<Keeper>,
}

/// The document as it was read.
struct Found {
    document: Document,
    info: Option<ObjectInfo>,
}

/// Takes the lease if no host holds it. With `every`, only if the last collection is this long ago.
pub async fn take(storage: &Storage, every: Option<Duration>) -> Result<Attempt, StorageError> {
    let scope = storage.private("maintenance");
    for _ in 0..ATTEMPTS {
        let now = storage.now().await?;
        let found = read(&scope).await?;
        if let Some(holder) = found.fresh_holder(now) {
            return Ok(Attempt::Held(holder));
        }
        let written = match (every, found.document.finished) {
            // No collection has ended yet: the first interval begins now.
            (Some(every), None) => {
                let begun = Document { finished: Some(milliseconds(now)), ..Document::default() };
                write(&scope, &begun, &found.precondition()).await.map(|_| Attempt::NotDue(every))
            }
            (Some(every), Some(finished)) if left(finished, every, now) > Duration::ZERO => {
                return Ok(Attempt::NotDue(left(finished, every, now)));
            }
            _ => found.take_over(&scope, storage, now).await.map(Attempt::Taken),
        };
        match written {
            Err(StorageError::Conflict) => {}
            other => return other,
        }
    }
    Err(StorageError::Unavailable("too many hosts want to collect at once; try again".into()))
}

impl Found {
    /// The holder, unless its heartbeat is too old.
    fn fresh_holder(&self, now: SystemTime) -> Option<Holder> {
        let modified = self.info.as_ref()?.modified?;
        let age = now.duration_since(modified).unwrap_or_default();
        self.document.holder.clone().filter(|_| age < EXPIRES)
    }

    fn precondition(&self) -> Precondition {
        let version = self.info.as_ref().map(|info| info.version.clone());
        version.map_or(Precondition::Absent, Precondition::Version)
    }

    async fn take_over(
        &self,
        scope: &Scope,
        storage: &Storage,
        now: SystemTime,
    ) -> Result<Lease, StorageError> {
        let holder = Holder {
            id: uuid::Uuid::new_v4().to_string(),
            process: std::process::id(),
            machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            since: milliseconds(now),
        };
        let document = Document {
            holder: Some(holder),
            beats: self.document.beats.wrapping_add(1),
            finished: self.document.finished,
        };
        let version = write(scope, &document, &self.precondition()).await?;
        let keeper = Keeper { storage: storage.clone(), scope: scope.clone(), document, version };
        Ok(Lease { beats: Heartbeat::start(BEAT, keeper) })
    }
}

impl Lease {
    /// Cancelled when another host has taken the lease.
    pub fn lost(&self) -> &CancellationToken {
        self.beats.lost()
    }

    /// Returns the lease. `whole` if all mounts were collected: then the next collection is due
    /// later.
    pub async fn finish(self, whole: bool) -> Result<(), StorageError> {
        match self.beats.stop().await {
            Some(keeper) => keeper.give_back(whole).await,
            // Another host holds it.
            None => Ok(()),
        }
    }
}

/// Keeps a lease fresh.
struct Keeper {
    storage: Storage,
    scope: Scope,
    document: Document,
    version: String,
}

#[async_trait]
impl Pulse for Keeper {
    async fn beat(&mut self, last: Instant) -> Beat {
        self.document.beats = self.document.beats.wrapping_add(1);
        match self.write().await {
            // On a full disk the run continues, because it makes room.
            Ok(()) | Err(StorageError::Full(_)) => Beat::Given,
            Err(StorageError::Conflict) => Beat::Lost,
            Err(error) if last.elapsed() < EXPIRES => {
                tracing::debug!(error = %error, "the heartbeat could not be written: {error}");
                Beat::Missed
            }
            Err(_) => Beat::Lost,
        }
    }
}

impl Keeper {
    async fn give_back(mut self, whole: bool) -> Result<(), StorageError> {
        self.document.holder = None;
        self.document.beats = self.document.beats.wrapping_add(1);
        if whole {
            self.document.finished = Some(milliseconds(self.storage.now().await?));
        }
        match self.write().await {
            // Another host holds it by now.
            Err(StorageError::Conflict) => Ok(()),
            other => other,
        }
    }

    async fn write(&mut self) -> Result<(), StorageError> {
        let precondition = Precondition::Version(self.version.clone());
        self.version = write(&self.scope, &self.document, &precondition).await?;
        Ok(())
    }
}

fn key() -> Result<Key, StorageError> {
    Key::parse(KEY)
}

/// A damaged document counts as one that says nothing, and the next write replaces it.
async fn read(scope: &Scope) -> Result<Found, StorageError> {
    let (info, document) = match scope.get(&key()?, LARGEST).await {
        Ok(None) => return Ok(Found { document: Document::default(), info: None }),
        Ok(Some((info, bytes))) => {
            (Some(info), serde_json::from_slice(&bytes).map_err(|error| error.to_string()))
        }
        Err(StorageError::TooLarge(limit)) => {
            (scope.stat(&key()?).await?, Err(format!("it has more than {limit} bytes")))
        }
        Err(error) => return Err(error),
    };
    let document = document.unwrap_or_else(|error| {
        tracing::warn!(error = %error, "the document of collections is damaged and is written again: {error}");
        Document::default()
    });
    Ok(Found { document, info })
}

/// Returns the new version.
async fn write(
    scope: &Scope,
    document: &Document,
    precondition: &Precondition,
) -> Result<String, StorageError> {
    let bytes = serde_json::to_vec(document)
        .map_err(|error| StorageError::Invalid(format!("the document of collections: {error}")))?;
    let info = scope.put(&key()?, Bytes::from(bytes), precondition, Some("application/json")).await?;
    Ok(info.version)
}

fn milliseconds(time: SystemTime) -> u64 {
    crate::capabilities::storage::milliseconds(time).unwrap_or(0)
}

/// The time that remains until `every` after `finished`.
fn left(finished: u64, every: Duration, now: SystemTime) -> Duration {
    let due = UNIX_EPOCH + Duration::from_millis(finished.min(LATEST)) + every;
    due.duration_since(now).unwrap_or_default()
}

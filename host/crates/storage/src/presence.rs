//! Which hosts use a store. On a bucket, each host rewrites a small object again and again. A host
//! that must be alone does not start beside a living one. A folder has a lock for this
//! (`files/lock.rs`), and memory belongs to one process.
//!
//! # Layout
//! `.packhouse/hosts/<id>`: [`Mark`], written every [`BEAT`], removed at a clean end.
//!
//! # Invariants
//! **A mark is alive while it is rewritten.** A host sees this by watching it, or from the store's
//! clock. It never compares clocks of two machines.

mod machine;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::error::{Result, StorageError};
use super::heartbeat::{Beat, Heartbeat, Pulse};
use super::key::PRIVATE;
use super::object::{ObjectInfo, PathListing, Precondition};
use super::store::{Company, Lock, Store};
use super::{Abilities, Storage};
use machine::Process;

/// The time between two heartbeats.
const BEAT: Duration = Duration::from_secs(3);
/// If a watched mark is not rewritten for this long, its host is dead.
const WATCHED_FOR: Duration = Duration::from_secs(12);
/// A mark that is older than ours by this much need not be watched.
const STALE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(500);
const MAX_MARK_BYTES: u64 = 64 * 1024;
const MOST_MARKS: usize = 1000;

/// Shows other hosts that this process is here, until it leaves or is dropped.
pub struct Presence {
    mark: Option<(Arc<dyn Store>, String)>,
    beats: Option<Heartbeat<Signs>>,
    _lock: Option<Lock>,
}

/// The mark of one process.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Mark {
    id: String,
    /// For people.
    machine: String,
    process: Option<Process>,
    /// Increases, so that each write creates another version.
    beats: u64,
}

impl Storage {
    /// Announces that this process uses the storage. `Invalid` with a sentence if it must be alone
    /// and another host is there.
    pub async fn enter(&self, company: Company) -> Result<Presence> {
        let lock = self.store.lock(company).await?;
        let Abilities { lasting, shareable, .. } = self.abilities();
        let needs_no_mark = lock.is_some() || !lasting || (company == Company::Guest && shareable);
        if needs_no_mark {
            return Ok(Presence { mark: None, beats: None, _lock: lock });
        }
        let mut mark = Mark::of_this_process();
        let ours = mark.write(&*self.store).await?;
        let to_remove = Some((Arc::clone(&self.store), mark.path()));
        let presence = Presence { mark: to_remove, beats: None, _lock: None };
        if company != Company::Many
            && let Err(error) = be_alone(&*self.store, &mark, &ours).await
        {
            presence.leave().await;
            return Err(error);
        }
        let alone = Alone { by_storage: !shareable, by_order: company != Company::Many };
        let signs = Signs { store: Arc::clone(&self.store), mark, alone };
        Ok(Presence { beats: Some(Heartbeat::start(BEAT, signs)), ..presence })
    }
}

impl Presence {
    /// Completes when another host has taken the storage over, which can happen while this host
    /// cannot reach it for long. This host must stop then. Otherwise it never completes.
    pub async fn lost(&self) {
        match &self.beats {
            Some(beats) => beats.lost().cancelled().await,
            None => std::future::pending().await,
        }
    }

    /// A clean end, so that the next host need not wait.
    pub async fn leave(mut self) {
        drop(self.beats.take());
        if let Some((store, path)) = self.mark.take()
            && let Err(error) = store.remove(&path, &Precondition::Any).await
        {
            tracing::warn!(%error, "this host's mark stays in the bucket for a while: {error}");
        }
    }
}

impl Mark {
    fn of_this_process() -> Self {
        Self {
            id: uuid::Uuid::new_v4().simple().to_string(),
            machine: machine::name(),
            process: Process::this(),
            beats: 0,
        }
    }

    fn path(&self) -> String {
        format!("{PRIVATE}/hosts/{}", self.id)
    }

    async fn write(&mut self, store: &dyn Store) -> Result<ObjectInfo> {
        self.beats += 1;
        let bytes = serde_json::to_vec(self).map_err(|error| StorageError::other(error.to_string()))?;
        store.put(&self.path(), Bytes::from(bytes), &Precondition::Any, Some("application/json")).await
    }
}

/// Why this process must be the only one.
#[derive(Debug, Clone, Copy)]
struct Alone {
    /// The storage cannot be shared safely.
    by_storage: bool,
    /// The configuration says so.
    by_order: bool,
}

/// The mark of this host, for the heartbeat.
struct Signs {
    store: Arc<dyn Store>,
    mark: Mark,
    alone: Alone,
}

#[async_trait]
impl Pulse for Signs {
    async fn beat(&mut self, last: Instant) -> Beat {
        let is_removed = matches!(self.store.stat(&self.mark.path()).await, Ok(None));
        if let Err(error) = self.mark.write(&*self.store).await {
            tracing::debug!(%error, "the heartbeat could not be written: {error}");
            return Beat::Missed;
        }
        if is_removed {
            tracing::warn!(
                "this host's record `{}` was removed from the storage by somebody else: it is written again",
                self.mark.path()
            );
        }
        // Other hosts may have considered this one dead meanwhile.
        let was_silent = last.elapsed() > WATCHED_FOR;
        let may_be_lost = self.alone.by_storage && was_silent || self.alone.by_order && is_removed;
        if may_be_lost && others(&*self.store, &self.mark).await.is_ok_and(|others| !others.is_empty()) {
            tracing::error!(
                "another host took over the storage while this one could not reach it, or after this one's record \
                 was removed; it ends"
            );
            return Beat::Lost;
        }
        Beat::Given
    }
}

/// Removes the marks of dead hosts. An error if one is alive.
async fn be_alone(store: &dyn Store, mark: &Mark, ours: &ObjectInfo) -> Result<()> {
    for (info, other) in others(store, mark).await? {
        let name = other.as_ref().map_or("an unknown machine", |mark| &mark.machine).to_owned();
        if is_gone(&info, other.as_ref(), modified_of(store, ours).await?) {
            store.remove(&info.key, &Precondition::Any).await?;
            continue;
        }
        tracing::info!(
            machine = name,
            "another host used this storage a moment ago; this host waits {WATCHED_FOR:?} to see whether it still runs"
        );
        if lives(store, &info).await? {
            return Err(StorageError::invalid(format!(
                "another host (on {name}) uses this storage now, but [server] hosts = \"one\" allows only one; stop it, or set hosts = \"many\" on all of them. A host that was killed is considered stopped {} s after its last heartbeat",
                WATCHED_FOR.as_secs()
            )));
        }
        store.remove(&info.key, &Precondition::Any).await?;
    }
    Ok(())
}

/// Known to be dead without watching: its process has ended, or its mark is old.
fn is_gone(info: &ObjectInfo, other: Option<&Mark>, now: Option<SystemTime>) -> bool {
    let process = other.and_then(|mark| mark.process.as_ref());
    let age = info.modified.zip(now).and_then(|(modified, now)| now.duration_since(modified).ok());
    process.is_some_and(Process::is_gone) || age.is_some_and(|age| age > STALE)
}

/// By the store's clock, because our own mark was written a moment ago.
async fn modified_of(store: &dyn Store, ours: &ObjectInfo) -> Result<Option<SystemTime>> {
    Ok(store.stat(&ours.key).await?.and_then(|info| info.modified))
}

/// Whether it is rewritten.
async fn lives(store: &dyn Store, info: &ObjectInfo) -> Result<bool> {
    let until = Instant::now() + WATCHED_FOR;
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        match store.stat(&info.key).await? {
            None => return Ok(false),
            Some(now) if now.version != info.version => return Ok(true),
            Some(_) if Instant::now() >= until => return Ok(false),
            Some(_) => {}
        }
    }
}

/// An unreadable mark counts as a mark too.
async fn others(store: &dyn Store, mark: &Mark) -> Result<Vec<(ObjectInfo, Option<Mark>)>> {
    let prefix = format!("{PRIVATE}/hosts/");
    let page = store.list(&PathListing { prefix, folders: false, after: None, limit: MOST_MARKS }).await?;
    let mut others = Vec::new();
    for info in page.objects.into_iter().filter(|info| info.key != mark.path()) {
        // A listing may have no version, or an older one.
        if let Some((info, bytes)) = store.get(&info.key, MAX_MARK_BYTES).await? {
            others.push((info, serde_json::from_slice(&bytes).ok()));
        }
    }
    Ok(others)
}

//! Who works on the store: on a bucket each host writes a small object again and again, and one
//! that must be alone refuses to start beside a living one. A folder has a lock for it
//! (`files/lock.rs`), and memory has one process. It must not know what hosts do.
//!
//! # Layout
//! `.packhouse/hosts/<id>`: [`Mark`], written every [`BEAT`], removed at a clean end.
//!
//! # Invariants
//! **A mark lives as long as it is rewritten**, which is seen by watching it, or told by
//! the store's own clock; ours is never compared with another machine's.

mod machine;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::Storage;
use super::error::{Result, StorageError};
use super::files::Files;
use super::key::PRIVATE;
use super::object::PathListing;
use super::store::{Backend, ObjectInfo, Precondition};
use machine::Process;

/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(3);
/// A mark that is not rewritten for so long, while it is watched, is of a dead host.
const WATCHED_FOR: Duration = Duration::from_secs(12);
/// One that is older than our own by this is not worth watching.
const STALE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(500);
const MAX_MARK_BYTES: u64 = 64 * 1024;
const MOST_MARKS: usize = 1000;

/// With whom a process means to share the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// It is the only host.
    One,
    /// Other hosts work on it too.
    Many,
    /// It is no host: maintenance, which may run beside hosts where the storage is safe
    /// to share, and must be alone where it is not.
    Guest,
}

/// Others see that this process is here, until it leaves or is dropped.
pub struct Presence {
    mark: Option<(Backend, String)>,
    lost: watch::Receiver<bool>,
    beats: Option<AbortOnDropHandle<()>>,
    _folder: Option<FolderHold>,
}

/// Gives the lock on the folder back when it is dropped.
struct FolderHold(Arc<Files>);

impl Drop for FolderHold {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// What one process says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Mark {
    id: String,
    /// For people.
    machine: String,
    process: Option<Process>,
    /// Grows, so that every writing makes another version.
    beats: u64,
}

impl Storage {
    /// Shows that this process works on the storage. `Invalid` with a sentence when it
    /// must be alone and another one is there.
    pub async fn enter(&self, company: Company) -> Result<Presence> {
        let (_silent, lost) = watch::channel(false);
        if let Backend::Files(files) = &self.backend {
            files.share_with(company).await?;
            let folder = Some(FolderHold(Arc::clone(files)));
            return Ok(Presence { mark: None, lost, beats: None, _folder: folder });
        }
        let needed = self.is_remote() && (company != Company::Guest || !self.is_safe_to_share());
        if !needed {
            return Ok(Presence { mark: None, lost, beats: None, _folder: None });
        }
        let mut mark = Mark::of_this_process();
        let ours = mark.write(&self.backend).await?;
        let to_remove = Some((self.backend.clone(), mark.path()));
        let presence = Presence { mark: to_remove, lost, beats: None, _folder: None };
        if company != Company::Many
            && let Err(error) = be_alone(&self.backend, &mark, &ours).await
        {
            presence.leave().await;
            return Err(error);
        }
        let (tell, lost) = watch::channel(false);
        let must_be_alone = !self.is_safe_to_share();
        let alone = Alone { by_storage: must_be_alone, by_order: company != Company::Many };
        let beats = tokio::spawn(beat(self.backend.clone(), mark, alone, tell));
        Ok(Presence { lost, beats: Some(AbortOnDropHandle::new(beats)), ..presence })
    }
}

impl Presence {
    /// Ends when another host has taken the storage over, which may happen while this
    /// one could not reach it for long: it must stop then. Otherwise never.
    pub async fn lost(&self) {
        let mut lost = self.lost.clone();
        if lost.wait_for(|lost| *lost).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// A clean end: the next host need not wait.
    pub async fn leave(mut self) {
        drop(self.beats.take());
        if let Some((backend, path)) = self.mark.take()
            && let Err(error) = backend.remove(&path, &Precondition::Any).await
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

    async fn write(&mut self, backend: &Backend) -> Result<ObjectInfo> {
        self.beats += 1;
        let bytes = serde_json::to_vec(self).map_err(|error| StorageError::other(error.to_string()))?;
        backend.put(&self.path(), Bytes::from(bytes), &Precondition::Any, Some("application/json")).await
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

/// Signs of life, until the task is ended.
async fn beat(backend: Backend, mut mark: Mark, alone: Alone, lost: watch::Sender<bool>) {
    let mut beats = tokio::time::interval_at(Instant::now() + BEAT, BEAT);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut beaten = Instant::now();
    loop {
        beats.tick().await;
        let is_removed = matches!(backend.stat(&mark.path()).await, Ok(None));
        if let Err(error) = mark.write(&backend).await {
            tracing::debug!(%error, "no sign of life could be given: {error}");
            continue;
        }
        let was_silent = beaten.elapsed() > WATCHED_FOR;
        beaten = Instant::now();
        if is_removed {
            tracing::warn!(
                "this host's record `{}` was removed from the storage by somebody else: it is written again",
                mark.path()
            );
        }
        // Others may have taken us for dead meanwhile.
        let may_be_lost = alone.by_storage && was_silent || alone.by_order && is_removed;
        if may_be_lost && others(&backend, &mark).await.is_ok_and(|others| !others.is_empty()) {
            tracing::error!(
                "another host took over the storage while this one could not reach it, or after this one's record \
                 was removed; it ends"
            );
            let _ = lost.send(true);
            return;
        }
    }
}

/// Removes the marks of dead hosts; an error when one lives.
async fn be_alone(backend: &Backend, mark: &Mark, ours: &ObjectInfo) -> Result<()> {
    for (info, other) in others(backend, mark).await? {
        let name = other.as_ref().map_or("an unknown machine", |mark| &mark.machine).to_owned();
        if is_gone(&info, other.as_ref(), modified_of(backend, ours).await?) {
            backend.remove(&info.key, &Precondition::Any).await?;
            continue;
        }
        tracing::info!(
            machine = name,
            "a host was here a moment ago; it is watched for {WATCHED_FOR:?} to see whether it lives"
        );
        if lives(backend, &info).await? {
            return Err(StorageError::invalid(format!(
                "another host (on {name}) works on this storage now, and [server] hosts = \"one\" says that there is \
                 none; stop it, or set hosts = \"many\" on all of them. A host that was killed is taken for dead \
                 {} s after its last sign",
                WATCHED_FOR.as_secs()
            )));
        }
        backend.remove(&info.key, &Precondition::Any).await?;
    }
    Ok(())
}

/// Told without watching: its process is not there any more, or it is long silent.
fn is_gone(info: &ObjectInfo, other: Option<&Mark>, now: Option<SystemTime>) -> bool {
    let process = other.and_then(|mark| mark.process.as_ref());
    let age = info.modified.zip(now).and_then(|(modified, now)| now.duration_since(modified).ok());
    process.is_some_and(Process::is_gone) || age.is_some_and(|age| age > STALE)
}

/// By the store's clock: our own mark was written a moment ago.
async fn modified_of(backend: &Backend, ours: &ObjectInfo) -> Result<Option<SystemTime>> {
    Ok(backend.stat(&ours.key).await?.and_then(|info| info.modified))
}

/// Is it rewritten?
async fn lives(backend: &Backend, info: &ObjectInfo) -> Result<bool> {
    let until = Instant::now() + WATCHED_FOR;
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        match backend.stat(&info.key).await? {
            None => return Ok(false),
            Some(now) if now.version != info.version => return Ok(true),
            Some(_) if Instant::now() >= until => return Ok(false),
            Some(_) => {}
        }
    }
}

/// A mark that cannot be read is somebody's all the same.
async fn others(backend: &Backend, mark: &Mark) -> Result<Vec<(ObjectInfo, Option<Mark>)>> {
    let prefix = format!("{PRIVATE}/hosts/");
    let page = backend.list(&PathListing { prefix, folders: false, after: None, limit: MOST_MARKS }).await?;
    let mut others = Vec::new();
    for info in page.objects.into_iter().filter(|info| info.key != mark.path()) {
        // The version of the listing may be missing or older.
        if let Some((info, bytes)) = backend.get(&info.key, MAX_MARK_BYTES).await? {
            others.push((info, serde_json::from_slice(&bytes).ok()));
        }
    }
    Ok(others)
}

//! Checks that the bucket is still the right one. If an object is absent, the whole bucket may be
//! another one; its identity tells. The host checks when something is absent and before a change,
//! at most once in [`FRESH`], and before a read, at most once in [`LATELY`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Bucket;
use crate::error::{Result, StorageError};
use crate::identity::{self, Identity, Opening, StoreId, Verdict};
use crate::object::Precondition;

const FRESH: Duration = Duration::from_secs(1);
const LATELY: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Home {
    /// None if the bucket has no identity, or before it is known.
    id: std::sync::OnceLock<StoreId>,
    /// When the last check succeeded.
    seen: Mutex<Option<Instant>>,
    /// Whether the last check failed. That was logged then.
    is_wrong: AtomicBool,
}

impl Home {
    pub fn id(&self) -> Option<StoreId> {
        self.id.get().cloned()
    }
}

const WRONG: &str = "the bucket is not the one that this registry was started with, was emptied, or its identity \
                     (`.packhouse/store.json`) is damaged: the host neither reads nor writes it until the right one is back";

fn wrong() -> StorageError {
    StorageError::unavailable(WRONG)
}

impl Bucket {
    /// The identity, and a new one for a bucket that has none and may get one. `Unavailable` if it
    /// is not the right bucket.
    pub(super) async fn find_home(&self, opening: &Opening) -> Result<()> {
        let id = match opening.wanted.judge(self.read_identity().await?.as_ref())? {
            Verdict::Use(id) => id,
            Verdict::Make(_) if !opening.may_make => return Ok(()),
            Verdict::Make(identity) => self.make_identity(opening, &identity).await?,
        };
        let _ = self.home.id.set(id);
        *self.home.seen.lock().await = Some(Instant::now());
        Ok(())
    }

    async fn make_identity(&self, opening: &Opening, identity: &Identity) -> Result<StoreId> {
        let json = Some("application/json");
        match self.put_object(identity::PATH, identity.bytes()?, &Precondition::Absent, json).await {
            Ok(_) => Ok(identity.id.clone()),
            // Another host may have started at the same moment.
            Err(StorageError::Conflict) => {
                match opening.wanted.judge(self.read_identity().await?.as_ref())? {
                    Verdict::Use(id) => Ok(id),
                    Verdict::Make(_) => {
                        Err(StorageError::unavailable("its identity vanished while it was read; try again"))
                    }
                }
            }
            Err(error) => Err(error),
        }
    }

    async fn read_identity(&self) -> Result<Option<Identity>> {
        self.stored_identity().await?.map(|bytes| Identity::parse(&bytes)).transpose()
    }

    async fn stored_identity(&self) -> Result<Option<Bytes>> {
        let found = self.get_remote(identity::PATH, identity::MAX_BYTES).await?;
        Ok(found.map(|(_, bytes)| bytes))
    }

    /// `Unavailable`, with a sentence, unless this is the right bucket.
    pub(super) async fn confirm(&self) -> Result<()> {
        let mut seen = self.home.seen.lock().await;
        self.confirm_within(FRESH, &mut seen).await
    }

    /// The same before a read. While one call checks, other calls use the last result.
    pub(super) async fn confirm_lately(&self) -> Result<()> {
        match self.home.seen.try_lock() {
            Ok(mut seen) => self.confirm_within(LATELY, &mut seen).await,
            Err(_) if self.home.is_wrong.load(Ordering::Relaxed) => Err(wrong()),
            Err(_) => Ok(()),
        }
    }

    async fn confirm_within(&self, span: Duration, last: &mut Option<Instant>) -> Result<()> {
        let Some(id) = self.home.id.get() else { return Ok(()) };
        if last.is_some_and(|last| last.elapsed() < span) {
            return Ok(());
        }
        // Until the next check succeeds.
        *last = None;
        // An unreadable identity is not ours.
        let is_ours = |bytes: Bytes| Identity::parse(&bytes).is_ok_and(|identity| identity.id == *id);
        let is_wrong = !self.stored_identity().await?.is_some_and(is_ours);
        let was_wrong = self.home.is_wrong.swap(is_wrong, Ordering::Relaxed);
        if is_wrong {
            if !was_wrong {
                tracing::error!("{WRONG}");
            }
            return Err(wrong());
        }
        *last = Some(Instant::now());
        if was_wrong {
            tracing::info!("the bucket is back");
        }
        Ok(())
    }

    /// An object counts as absent only in the right bucket.
    pub(super) async fn absent<T>(&self, found: Option<T>) -> Result<Option<T>> {
        if found.is_none() {
            self.confirm().await?;
        }
        Ok(found)
    }
}

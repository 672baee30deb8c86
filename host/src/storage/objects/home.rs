//! Whether the bucket is still the right one. An object that is not there may be missing, or all
//! of the bucket may be: the identity tells. It is looked at when something is absent and before
//! a change, at most once in [`FRESH`].

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Objects;
use super::swap::Swap;
use crate::storage::backend::Precondition;
use crate::storage::error::{Result, StorageError};
use crate::storage::identity::{self, Identity, Opening, StoreId, Verdict};

const FRESH: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Home {
    /// None where there is none, and before it is known.
    id: std::sync::OnceLock<StoreId>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    last: Option<Instant>,
    /// Has it been logged that the bucket is the wrong one?
    is_told: bool,
}

impl Objects {
    /// The identity, and one for a bucket that has none and may get one. `Unavailable` when it
    /// is not the right bucket.
    pub(super) async fn find_home(&self, opening: &Opening) -> Result<()> {
        let id = match opening.wanted.judge(self.read_identity().await?.as_ref())? {
            Verdict::Use(id) => id,
            Verdict::Make(_) if !opening.may_make => return Ok(()),
            Verdict::Make(identity) => self.make_identity(opening, &identity).await?,
        };
        let _ = self.home.id.set(id);
        self.home.seen.lock().await.last = Some(Instant::now());
        Ok(())
    }

    async fn make_identity(&self, opening: &Opening, identity: &Identity) -> Result<StoreId> {
        let json = Some("application/json");
        match self.put(identity::PATH, identity.bytes()?, &Precondition::Absent, json).await {
            Ok(_) => Ok(identity.id.clone()),
            // Another host that starts at the same moment.
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

    pub fn id(&self) -> Option<StoreId> {
        self.home.id.get().cloned()
    }

    async fn read_identity(&self) -> Result<Option<Identity>> {
        let found: Option<(_, Bytes)> = match self.swap {
            Swap::Noted(_) => return Ok(None),
            Swap::Conditional(_) => self.get_remote(identity::PATH, identity::MAX_BYTES).await?,
        };
        found.map(|(_, bytes)| Identity::parse(&bytes)).transpose()
    }

    /// `Unavailable` with a sentence unless this is the right bucket.
    pub(super) async fn confirm(&self) -> Result<()> {
        let Some(id) = self.home.id.get() else { return Ok(()) };
        let mut seen = self.home.seen.lock().await;
        if seen.last.is_some_and(|last| last.elapsed() < FRESH) {
            return Ok(());
        }
        if self.read_identity().await?.is_some_and(|identity| identity.id == *id) {
            seen.last = Some(Instant::now());
            if std::mem::take(&mut seen.is_told) {
                tracing::info!("the bucket is back");
            }
            return Ok(());
        }
        let sentence = "the bucket is not the one that this registry was started with, or was emptied: nothing is read \
                        from it or written to it until the right one is back";
        if !std::mem::replace(&mut seen.is_told, true) {
            tracing::error!("{sentence}");
        }
        Err(StorageError::unavailable(sentence))
    }

    /// What was not found is only absent in the right bucket.
    pub(super) async fn absent<T>(&self, found: Option<T>) -> Result<Option<T>> {
        if found.is_none() {
            self.confirm().await?;
        }
        Ok(found)
    }
}

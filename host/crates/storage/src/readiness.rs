//! Whether the store accepts writes. A full or read-only store still answers reads. The host finds
//! out by writing a small object, at most once in [`FRESH`] while that succeeds.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::Storage;
use super::error::{Result, StorageError};
use super::key::PRIVATE;
use super::object::Precondition;

const FRESH: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(5);

/// When the last write succeeded.
#[derive(Default)]
pub(super) struct Readiness(Mutex<Option<Instant>>);

impl Storage {
    /// Whether it accepts writes now, for readiness checks. Takes at most a few seconds.
    pub async fn probe_writing(&self) -> Result<()> {
        let mut last = self.readiness.0.lock().await;
        if last.is_some_and(|last| last.elapsed() < FRESH) {
            return Ok(());
        }
        *last = None;
        match timeout(PATIENCE, self.write_and_remove()).await {
            Ok(written) => written?,
            Err(_) => return Err(StorageError::unavailable("the store does not answer to a write")),
        }
        *last = Some(Instant::now());
        Ok(())
    }

    async fn write_and_remove(&self) -> Result<()> {
        let path = format!("{PRIVATE}/probe/{}", uuid::Uuid::new_v4().simple());
        self.store.put(&path, Bytes::from_static(b"ready"), &Precondition::Any, None).await?;
        self.store.remove(&path, &Precondition::Any).await.map(drop)
    }
}

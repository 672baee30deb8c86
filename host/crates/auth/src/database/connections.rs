//! Which connections are used again, and which are closed. It must not know the tables.
//!
//! Two faults of the disk leave connections that would fail for as long as they are open:
//! - SQLite opens a file for reading only when the disk is read-only at that moment. Such a
//!   connection never writes, also on a disk that takes writes later, and it cannot even read where
//!   a rollback journal has to be applied first.
//! - SQLite undoes a transaction by itself after some errors. The `ROLLBACK` that follows fails, and
//!   sqlx takes the connection for one inside of a transaction from then on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::sqlite::SqlitePoolOptions;
use tokio::time::Instant;

/// Of SQLite: the connection, or the file, is for reading only.
const READ_ONLY: u32 = 8;

/// When a connection was for reading only last. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections(Arc<Mutex<Option<Instant>>>);

impl Connections {
    /// A call waits for a connection a second longer than a connection waits for another process.
    pub fn pool(&self, most: u32, patience: Duration) -> SqlitePoolOptions {
        let connections = self.clone();
        SqlitePoolOptions::new()
            .max_connections(most)
            .acquire_timeout(patience + Duration::from_secs(1))
            .test_before_acquire(false)
            .before_acquire(move |connection, metadata| {
                let is_newer = connections.last().is_none_or(|last| metadata.age < last.elapsed());
                let is_usable = is_newer && !connection.is_in_transaction();
                Box::pin(async move { Ok(is_usable) })
            })
            .after_release(|connection, _| {
                Box::pin(async move {
                    // Pages that stay in memory may be of a file that was written over.
                    sqlx::query("PRAGMA shrink_memory").execute(connection).await?;
                    Ok(true)
                })
            })
    }

    /// After a call that failed: is the connection for reading only? Then all that are open now are
    /// closed.
    pub fn learn(&self, error: &sqlx::Error) {
        if super::errors::code_of(error) == Some(READ_ONLY) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }

    fn last(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

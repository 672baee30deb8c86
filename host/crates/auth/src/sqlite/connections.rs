//! Which connections are used again, and which are closed. It does not know the tables.
//!
//! Some faults leave connections that would fail for as long as they are open:
//! - SQLite opens a file for reading only, if the disk is read-only at that moment. Such a
//!   connection never writes, even if the disk accepts writes later. It cannot even read if a
//!   rollback journal has to be applied first.
//! - SQLite undoes a transaction by itself after some errors. The `ROLLBACK` that follows fails,
//!   and from then on sqlx assumes that the connection is inside a transaction.
//! - SQLite opens a log of another file that lies beside this one at that moment, see `beside`.
//!   Such a connection continues to use the log after it was moved away.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::sqlite::SqlitePoolOptions;
use tokio::time::Instant;

use super::beside::Held;

/// Of SQLite: the connection, or the file, is for reading only.
const READ_ONLY: u32 = 8;

/// When a connection was found useless last. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections(Arc<Mutex<Option<Instant>>>);

impl Connections {
    /// A call waits for a connection a second longer than a connection waits for another process.
    pub fn pool(&self, held: Option<&Arc<Held>>, most: u32, patience: Duration) -> SqlitePoolOptions {
        let (before, after, held) = (self.clone(), self.clone(), held.cloned());
        SqlitePoolOptions::new()
            .max_connections(most)
            .acquire_timeout(patience + Duration::from_secs(1))
            .test_before_acquire(false)
            // Closing one deletes the log beside the file if the connection has opened it.
            .idle_timeout(None)
            .max_lifetime(None)
            .before_acquire(move |connection, metadata| {
                let is_newer = before.last().is_none_or(|last| metadata.age < last.elapsed());
                let is_usable = is_newer && !connection.is_in_transaction();
                Box::pin(async move { Ok(is_usable) })
            })
            .after_release(move |connection, _| {
                let (after, held) = (after.clone(), held.clone());
                Box::pin(async move {
                    // Pages that stay in memory may be of a file that was written over.
                    sqlx::query("PRAGMA shrink_memory").execute(&mut *connection).await?;
                    if let Some(held) = held
                        && held.foreign_log_of(connection).await?.is_some()
                    {
                        after.close();
                    }
                    Ok(true)
                })
            })
    }

    /// After a call that failed: is the connection for reading only? Then all that are open now are
    /// closed.
    pub fn learn(&self, error: &sqlx::Error) {
        if super::errors::code_of(error) == Some(READ_ONLY) {
            self.close();
        }
    }

    /// Each that is open now is closed before its next call.
    fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn last(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

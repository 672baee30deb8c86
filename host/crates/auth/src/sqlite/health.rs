//! Whether the content of the file is complete, and whether the file accepts writes: for the start
//! and for readiness. It does not know the tables.

use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::errors::named;
use super::{AuthError, Database, PATIENCE, options};
use crate::keeper::Keeper as _;

/// How long a check of the whole content is good for.
const WHOLE: Duration = Duration::from_secs(30);
/// How long a write that was tried is good for.
const WRITTEN: Duration = Duration::from_secs(5);

/// When all was well last.
#[derive(Debug, Default)]
pub struct Health(Mutex<Checked>);

#[derive(Debug, Default)]
struct Checked {
    whole: Option<Instant>,
    written: Option<Instant>,
}

impl Database {
    /// Is it there, whole, and does it take writes?
    pub(super) async fn look_closely(&self) -> Result<(), AuthError> {
        let looked = self.look_at_everything().await;
        looked.map_err(|error| match error {
            AuthError::Damaged { reason, .. } => {
                let error = AuthError::Damaged { file: named(self.watched.path()), reason };
                self.refuse(&error.to_string());
                error
            }
            other => other,
        })
    }

    async fn look_at_everything(&self) -> Result<(), AuthError> {
        self.look().await?;
        let mut checked = self.health.0.lock().await;
        if !is_fresh(checked.whole, WHOLE) {
            self.check_anew().await?;
            checked.whole = Some(Instant::now());
        }
        if !is_fresh(checked.written, WRITTEN) {
            // It writes to the journal beside the file, and nothing is committed.
            self.write().await?.undo().await?;
            checked.written = Some(Instant::now());
        }
        Ok(())
    }

    /// Through a connection of its own: the others keep pages in memory.
    async fn check_anew(&self) -> Result<(), AuthError> {
        let path = self.watched.path();
        let of_file = |error| AuthError::of_file(path, &error);
        let mut connection: SqliteConnection =
            options(path, PATIENCE).read_only(true).connect().await.map_err(of_file)?;
        let checked = check(&mut connection).await;
        connection.close().await.map_err(of_file)?;
        checked
    }
}

/// `Damaged` unless every page is as SQLite writes it.
pub(super) async fn check(connection: &mut SqliteConnection) -> Result<(), AuthError> {
    let row = sqlx::query("PRAGMA quick_check(1)").fetch_one(connection).await?;
    match row.try_get::<String, _>(0)? {
        answer if answer == "ok" => Ok(()),
        reason => Err(AuthError::Damaged { file: String::new(), reason: reason.replace('\n', " ") }),
    }
}

fn is_fresh(at: Option<Instant>, span: Duration) -> bool {
    at.is_some_and(|at| at.elapsed() < span)
}

//! The SQLite file that keeps users and tokens: opening it, its tables, and the meaning of its
//! errors. It does not know what is read or written.
//!
//! # Invariants
//! - Several processes can use the file: every write is a transaction that takes the lock before it
//!   reads, and each process waits for the one that writes.
//! - Committed data is in the file itself. A rollback journal exists beside it only during a
//!   transaction. A write-ahead log would contain changes that a crash leaves beside the file, and
//!   SQLite would apply them to any file that is put in its place (`beside`).
//! - A write is on the disk when its call returns (`synchronous = EXTRA`, which also syncs the
//!   removal of the journal). Writes are rare, and a token that was revoked before a power cut must
//!   not be valid after it.
//! - Only the file's owner can read the file. Its journal has the same mode.
//! - Reads have connections of their own. They wait for a writer only while it commits.
//! - A connection that a fault of the disk has made useless is closed (`connections`).
//! - A file that was deleted or replaced (`watched`), overwritten (`lineage`) or damaged (`health`)
//!   is not used any more, nor is a file beside which a log of another file lies (`beside`).
//! - Data is read in the state that was judged: both come from one statement (`read`), and from the
//!   file, not from memory.

mod beside;
mod connections;
mod errors;
mod health;
pub(crate) mod home;
pub(crate) mod lineage;
pub(crate) mod read;
mod tables;
mod watched;
mod write;

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqliteSynchronous};
use tokio::task::JoinHandle;

use super::AuthError;
use super::keeper::{Home, Keeper};
use beside::Held;
use connections::Connections;
use errors::{is_busy, named};
use health::Health;
use lineage::{LOOK, Lineage, Place, Point};
use watched::Watched;
pub use write::Write;

/// How long a call waits for another process's write.
pub const PATIENCE: Duration = Duration::from_secs(5);
const READERS: u32 = 4;
const RETRY: Duration = Duration::from_millis(20);

/// The open file. Cloning is cheap and shares it.
#[derive(Debug, Clone)]
pub struct Database {
    readers: SqlitePool,
    writer: SqlitePool,
    watched: Watched,
    lineage: Arc<Lineage>,
    health: Arc<Health>,
    connections: Connections,
    /// None where no file was opened.
    held: Option<Arc<Held>>,
    _lookout: Option<Arc<Lookout>>,
}

impl Database {
    /// Opens the file, makes it when there is none, and brings its tables up to date.
    ///
    /// # Errors
    /// `Open` with a sentence that names the file, `Damaged`, or `Gone` when a log beside the file
    /// belongs to another one.
    pub async fn open(path: &Path, patience: Duration) -> Result<Self, AuthError> {
        let refuse = |reason: String| AuthError::Open { path: path.to_owned(), reason };
        create(path).map_err(|error| refuse(error.to_string()))?;
        let held = Arc::new(hold(path).await?);
        let watched = Watched::new(path);
        let options = options(path, patience);
        let connections = Connections::default();
        // A new file is locked for a moment by the process that writes to it first.
        let deadline = Instant::now() + patience;
        let writer = loop {
            match connections.pool(Some(&held), 1, patience).connect_with(options.clone()).await {
                Err(error) if is_busy(&error) && Instant::now() < deadline => {
                    tokio::time::sleep(RETRY).await;
                }
                answer => break answer.map_err(|error| AuthError::of_file(path, &error))?,
            }
        };
        let lineage = prepare(&writer, deadline).await.map_err(|error| match error {
            AuthError::Invalid(reason) => refuse(reason),
            AuthError::Damaged { reason, .. } => AuthError::Damaged { file: named(path), reason },
            other => refuse(other.to_string()),
        })?;
        let database = Self {
            readers: connections.pool(Some(&held), READERS, patience).connect_lazy_with(options),
            writer,
            watched,
            lineage: Arc::new(lineage),
            health: Arc::default(),
            connections,
            held: Some(held),
            _lookout: None,
        };
        let lookout = Lookout(tokio::spawn(database.clone().look_now_and_then()));
        Ok(Self { _lookout: Some(Arc::new(lookout)), ..database })
    }

    /// One whose file is gone: every call is `Gone`, and no file is made.
    pub fn gone(path: &Path, why: &str) -> Self {
        let connections = Connections::default();
        let lazy = || connections.pool(None, 1, PATIENCE).connect_lazy_with(options(path, PATIENCE));
        let database = Self {
            readers: lazy(),
            writer: lazy(),
            watched: Watched::new(path),
            lineage: Arc::default(),
            health: Arc::default(),
            connections: Connections::default(),
            held: None,
            _lookout: None,
        };
        database.refuse(why);
        database
    }

    /// A transaction that nobody else writes beside. Dropped uncommitted, it is undone.
    pub async fn write(&self) -> Result<Write, AuthError> {
        self.check().await?;
        self.begin().await
    }

    /// The same, after the check.
    async fn begin(&self) -> Result<Write, AuthError> {
        let seen = self.lineage.seen();
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let learn = |error: &sqlx::Error| self.connections.learn(error);
        if let Some(held) = &self.held
            && let Some(sentence) = held.foreign_log_of(&mut transaction).await.inspect_err(learn)?
        {
            self.watched.found(Some(sentence.clone()));
            self.watched.check()?;
            return Err(AuthError::Gone(sentence));
        }
        let place = Place::read(&mut *transaction, seen).await.inspect_err(learn)?;
        let now = self.judge(place.as_ref(), seen)?;
        let end = lineage::advance(&mut transaction, now).await.inspect_err(learn)?;
        Ok(Write::new(transaction, Arc::clone(&self.lineage), end))
    }

    /// `Gone` unless the place is one that the database can have come to; where it is now.
    fn judge(&self, place: Option<&Place>, seen: Point) -> Result<Point, AuthError> {
        self.lineage.judge(place, seen).or_else(|stranger| {
            self.watched.refuse(&self.watched.overwritten(stranger));
            self.watched.check().map(|()| seen)
        })
    }

    /// Far fewer states follow upon one another between two looks than are kept.
    async fn look_now_and_then(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            if self.readers.is_closed() {
                return;
            }
            // The log has been told.
            let _ = self.look().await;
        }
    }
}

#[async_trait]
impl Keeper for Database {
    /// Is the file there that was opened, without a log of another one beside it?
    async fn check(&self) -> Result<(), AuthError> {
        if let Some(held) = &self.held
            && self.watched.is_there()
        {
            let log = match self.watched.log() {
                None => held.foreign_log().await,
                Some(_) => held.foreign_log_now(),
            };
            self.watched.found(log.map_err(|error| AuthError::Unavailable {
                reason: error.to_string(),
                source: Some(Box::new(error)),
            })?);
        }
        self.watched.check()
    }

    /// Is the file whole too, and does it take writes? One that is found damaged is not used any more.
    async fn probe(&self) -> Result<(), AuthError> {
        self.look_closely().await
    }

    fn refuse(&self, why: &str) {
        self.watched.refuse(why);
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn home(&self) -> Result<Home, AuthError> {
        self.read_home().await
    }

    async fn set_home(&self, id: &str) -> Result<(), AuthError> {
        self.write_home(id).await
    }
}

/// Looks at the file until this is dropped.
#[derive(Debug)]
struct Lookout(JoinHandle<()>);

impl Drop for Lookout {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The content is whole, its mode and its tables are those of this version.
async fn prepare(writer: &SqlitePool, deadline: Instant) -> Result<Lineage, AuthError> {
    health::check(&mut *writer.acquire().await?).await?;
    leave_log_mode(writer, deadline).await?;
    tables::update(writer).await?;
    let place = Place::read(writer, Point::default()).await?;
    let invalid = |reason: &str| AuthError::Invalid(reason.to_owned());
    let place = place.ok_or_else(|| invalid("its table `lineage` is not as Packhouse wrote it"))?;
    Lineage::new(place).ok_or_else(|| {
        invalid("it was written over in the middle of a write, and is a mixture of two states: restore it from a backup")
    })
}

/// Files of earlier versions have a write-ahead log.
async fn leave_log_mode(writer: &SqlitePool, deadline: Instant) -> Result<(), AuthError> {
    loop {
        let row = sqlx::query("PRAGMA journal_mode").fetch_one(writer).await?;
        if row.try_get::<String, _>(0)? != "wal" {
            return Ok(());
        }
        match sqlx::query("PRAGMA journal_mode = DELETE").fetch_one(writer).await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                tokio::time::sleep(RETRY).await;
            }
            Err(error) if is_busy(&error) => {
                tracing::warn!(
                    "a process of an earlier version uses the user database, so its log stays beside it: stop that \
                     process, and restart this one"
                );
                return Ok(());
            }
            answer => drop(answer?),
        }
    }
}

/// Holds the file, unless a log beside it belongs to another one.
pub(super) async fn hold(path: &Path) -> Result<Held, AuthError> {
    let refuse = |error: io::Error| AuthError::Open { path: path.to_owned(), reason: error.to_string() };
    let held = Held::take(path).map_err(refuse)?;
    match held.foreign_log().await.map_err(refuse)? {
        None => Ok(held),
        Some(sentence) => Err(AuthError::Gone(sentence)),
    }
}

/// Pages are read anew by each transaction, and changed ones are in memory until it is committed.
/// SQLite tells by a counter in the file whether the pages in its memory are still right, and a file
/// that is written over can come to the same count.
fn options(path: &Path, patience: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .synchronous(SqliteSynchronous::Extra)
        .busy_timeout(patience)
        // In KiB: less than a page.
        .pragma("cache_size", "-1")
        .pragma("cache_spill", "OFF")
}

/// A count of milliseconds as the file keeps it.
pub fn stored(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// A count of milliseconds as read from the file.
pub fn loaded(millis: i64) -> u64 {
    u64::try_from(millis).unwrap_or(0)
}

/// Makes the file where there is none. One that is there is not opened: see `beside`.
fn create(path: &Path) -> io::Result<()> {
    let folder: PathBuf = path.parent().map(Path::to_owned).unwrap_or_default();
    if !folder.as_os_str().is_empty() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => drop(made?),
    }
    let mode = path.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(
            file.path = %path.display(),
            "the user database can be read by others on this machine: run `chmod 600` on it"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;

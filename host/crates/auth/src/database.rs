//! The embedded database file that keeps users and tokens: opening it, its tables, and
//! what its errors mean. It must not know what is asked of it.
//!
//! # Invariants
//! - One file is safe for several processes: every write is a transaction that locks before it
//!   reads, and each process waits for the one that writes.
//! - What is committed is in the file itself. A rollback journal lies beside it only while a
//!   transaction is under way. A write-ahead log would hold changes that a crash leaves beside the
//!   file, and SQLite would apply them to any file that is put in its place (`beside`).
//! - A write is on the disk when its call is over (`synchronous = EXTRA`, which also syncs the
//!   removal of the journal): writes are rare, and a token revoked before a power cut must not be
//!   back after it.
//! - The file is made readable for its owner only (its journal takes that over).
//! - Reads have connections of their own. They wait for a writer only while it commits.
//! - A connection that a fault of the disk made useless is closed (`connections`).
//! - A file that was deleted or replaced (`watched`), overwritten (`lineage`) or damaged (`health`)
//!   is not used any more.

mod beside;
mod connections;
mod health;
mod lineage;
mod watched;
mod write;

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool, SqliteSynchronous};

use super::AuthError;
use beside::Held;
use connections::Connections;
use health::Health;
use lineage::{Lineage, Place, Stranger};
use watched::Watched;
pub use write::Write;

/// How long a call waits for another process's write.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Before the identity of the store in a new file, until the first start is over.
pub(super) const NEW: &str = "new ";
const READERS: u32 = 4;
/// How long a log that belongs to another file is looked at again: another process may be writing.
const SETTLING: Duration = Duration::from_millis(500);
const RETRY: Duration = Duration::from_millis(20);

/// Step by step, from an empty file to the present tables. Only ever add a step.
const STEPS: [&str; 6] = [
    "
    CREATE TABLE users (
        id       BLOB PRIMARY KEY NOT NULL,
        name     TEXT NOT NULL UNIQUE,
        email    TEXT,
        password TEXT NOT NULL,
        created  INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE grants (
        owner BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        scope TEXT NOT NULL,
        PRIMARY KEY (owner, scope)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tokens (
        id        BLOB PRIMARY KEY NOT NULL,
        owner     BLOB NOT NULL,
        secret    BLOB NOT NULL UNIQUE,
        hint      TEXT NOT NULL,
        label     TEXT,
        created   INTEGER NOT NULL,
        expires   INTEGER,
        last_used INTEGER,
        read_only INTEGER NOT NULL,
        scopes    TEXT NOT NULL,
        cidr      TEXT NOT NULL
    ) STRICT;
    CREATE INDEX tokens_by_owner ON tokens (owner);
    CREATE INDEX tokens_by_end ON tokens (expires) WHERE expires IS NOT NULL;
",
    "
    CREATE TABLE secrets (
        name  TEXT PRIMARY KEY NOT NULL,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
",
    // Tokens of earlier versions stay valid at all mounts.
    "
    ALTER TABLE tokens ADD COLUMN mount TEXT;
    ALTER TABLE tokens ADD COLUMN idle INTEGER;
",
    // Removals before this step were not remembered. In a database that was in use by then,
    // `*` says that any name may have been a removed user's.
    "
    ALTER TABLE users ADD COLUMN owns_by_name INTEGER NOT NULL DEFAULT 1;
    CREATE TABLE removed_users (
        id           BLOB NOT NULL,
        name         TEXT NOT NULL,
        owns_by_name INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX removed_users_by_name ON removed_users (name);
    INSERT INTO removed_users (id, name, owns_by_name)
        SELECT x'', '*', 1 WHERE EXISTS (SELECT 1 FROM users);
",
    // With what tokens were made before this step was not remembered.
    "
    ALTER TABLE tokens ADD COLUMN parent BLOB;
    CREATE INDEX tokens_by_parent ON tokens (parent) WHERE parent IS NOT NULL;
",
    "
    CREATE TABLE lineage (
        id     BLOB NOT NULL,
        number INTEGER NOT NULL
    ) STRICT;
    INSERT INTO lineage VALUES (randomblob(16), 1);
",
];

/// The open file. Cloning is cheap and shares it.
#[derive(Debug, Clone)]
pub struct Database {
    readers: SqlitePool,
    writer: SqlitePool,
    watched: Watched,
    /// None where no file was opened.
    lineage: Option<Arc<Lineage>>,
    health: Arc<Health>,
    connections: Connections,
    _held: Option<Arc<Held>>,
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
        let held = hold(path).await?;
        let watched = Watched::new(path);
        let options = options(path, patience);
        let connections = Connections::default();
        // A new file is locked for a moment by the process that writes to it first.
        let deadline = Instant::now() + patience;
        let writer = loop {
            match connections.pool(1, patience).connect_with(options.clone()).await {
                Err(error) if is_busy(&error) && Instant::now() < deadline => {
                    tokio::time::sleep(RETRY).await;
                }
                answer => break answer.map_err(|error| AuthError::of_file(path, &error))?,
            }
        };
        let readers = connections.pool(READERS, patience).connect_lazy_with(options);
        let mut database = Self {
            readers,
            writer,
            watched,
            lineage: None,
            health: Arc::default(),
            connections,
            _held: Some(Arc::new(held)),
        };
        database.prepare(deadline).await.map_err(|error| match error {
            AuthError::Invalid(reason) => refuse(reason),
            AuthError::Damaged { reason, .. } => AuthError::Damaged { file: named(path), reason },
            other => refuse(other.to_string()),
        })?;
        Ok(database)
    }

    /// One whose file is gone: every call is `Gone`, and no file is made.
    pub fn gone(path: &Path, why: &str) -> Self {
        let connections = Connections::default();
        let lazy = || connections.pool(1, PATIENCE).connect_lazy_with(options(path, PATIENCE));
        let database = Self {
            readers: lazy(),
            writer: lazy(),
            watched: Watched::new(path),
            lineage: None,
            health: Arc::default(),
            connections: Connections::default(),
            _held: None,
        };
        database.refuse(why);
        database
    }

    /// Waits for the calls that are under way, and closes every connection.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Every call is `Gone` from now on, for this reason.
    pub fn refuse(&self, why: &str) {
        self.watched.refuse(why);
    }

    /// `Gone` unless the file is there that was opened.
    pub fn check(&self) -> Result<(), AuthError> {
        self.watched.check()
    }

    /// For reading only. `Gone` unless the file is there that was opened, with its content.
    pub async fn readers(&self) -> Result<&SqlitePool, AuthError> {
        self.watched.check()?;
        if let Some(lineage) = &self.lineage {
            let seen = lineage.seen();
            let place =
                Place::read(&self.readers).await.inspect_err(|error| self.connections.learn(error))?;
            self.judge(lineage, place.as_ref(), seen)?;
            if let Some(place) = &place {
                lineage.saw(place);
            }
        }
        Ok(&self.readers)
    }

    /// A transaction that nobody else writes beside. Dropped uncommitted, it is undone.
    pub async fn write(&self) -> Result<Write, AuthError> {
        self.watched.check()?;
        let seen = self.lineage.as_ref().map(|lineage| lineage.seen());
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let Some((lineage, seen)) = self.lineage.as_ref().zip(seen) else {
            return Ok(Write::new(transaction, None));
        };
        let advanced = Place::advance(&mut transaction).await;
        let place = advanced.inspect_err(|error| self.connections.learn(error))?;
        // It has come so far once this is committed, and not before.
        self.judge(lineage, place.as_ref(), seen.saturating_add(1))?;
        Ok(Write::new(transaction, place.map(|place| (Arc::clone(lineage), place))))
    }

    fn judge(&self, lineage: &Lineage, place: Option<&Place>, seen: i64) -> Result<(), AuthError> {
        if let Err(stranger) = lineage.judge(place, seen) {
            self.watched.refuse(&self.watched.overwritten(stranger));
            return self.watched.check();
        }
        Ok(())
    }

    /// The content is whole, its mode and its tables are those of this version.
    async fn prepare(&mut self, deadline: Instant) -> Result<(), AuthError> {
        health::check(&mut *self.writer.acquire().await?).await?;
        self.leave_log_mode(deadline).await?;
        self.update_tables().await?;
        let place = Place::read(&self.writer).await?;
        self.lineage = place.map(|place| Arc::new(Lineage::new(place)));
        Ok(())
    }

    /// Files of earlier versions have a write-ahead log.
    async fn leave_log_mode(&self, deadline: Instant) -> Result<(), AuthError> {
        loop {
            let row = sqlx::query("PRAGMA journal_mode").fetch_one(&self.writer).await?;
            if row.try_get::<String, _>(0)? != "wal" {
                return Ok(());
            }
            match sqlx::query("PRAGMA journal_mode = DELETE").fetch_one(&self.writer).await {
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

    async fn update_tables(&self) -> Result<(), AuthError> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let row = sqlx::query("PRAGMA user_version").fetch_one(&mut *transaction).await?;
        let done = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0);
        if done > STEPS.len() {
            let reason = "it was written by a newer version: use that version, or another file";
            return Err(AuthError::Invalid(reason.to_owned()));
        }
        for step in STEPS.into_iter().skip(done) {
            sqlx::raw_sql(step).execute(&mut *transaction).await?;
        }
        if done == 0 {
            mark_new(&mut transaction).await?;
        }
        if done < STEPS.len() {
            let version = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {}", STEPS.len()));
            sqlx::raw_sql(version).execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }
}

/// Says of a file that was created a moment ago that it is new. See [`super::home`].
async fn mark_new(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let value = format!("{NEW}{}", uuid::Uuid::new_v4());
    let add = sqlx::query("INSERT INTO secrets (name, value) VALUES ('store', ?)").bind(value);
    add.execute(connection).await.map(|_| ())
}

/// Holds the file, unless a log beside it belongs to another one.
pub(super) async fn hold(path: &Path) -> Result<Held, AuthError> {
    let deadline = Instant::now() + SETTLING;
    loop {
        let held = Held::take(path);
        match held.map_err(|error| AuthError::Open { path: path.to_owned(), reason: error.to_string() })? {
            Ok(held) => return Ok(held),
            Err(_) if Instant::now() < deadline => tokio::time::sleep(RETRY).await,
            Err(sentence) => return Err(AuthError::Gone(sentence)),
        }
    }
}

fn options(path: &Path, patience: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .synchronous(SqliteSynchronous::Extra)
        .busy_timeout(patience)
}

impl AuthError {
    /// Why a database file cannot be opened.
    pub(super) fn of_file(path: &Path, error: &sqlx::Error) -> Self {
        if is_damaged(error) {
            Self::Damaged { file: named(path), reason: error.to_string() }
        } else {
            Self::Open { path: path.to_owned(), reason: error.to_string() }
        }
    }
}

fn named(path: &Path) -> String {
    format!("`{}`", path.display())
}

impl From<sqlx::Error> for AuthError {
    fn from(error: sqlx::Error) -> Self {
        if is_damaged(&error) {
            return Self::Damaged {
                file: "that [auth] database names".to_owned(),
                reason: error.to_string(),
            };
        }
        let reason = match &error {
            sqlx::Error::PoolTimedOut => "it is locked by another process".to_owned(),
            _ if is_busy(&error) => "it is locked by another process".to_owned(),
            other => other.to_string(),
        };
        Self::Unavailable { reason, source: Some(Box::new(error)) }
    }
}

/// A count of milliseconds as the file keeps it.
pub fn stored(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// A count of milliseconds as read from the file.
pub fn loaded(millis: i64) -> u64 {
    u64::try_from(millis).unwrap_or(0)
}

fn is_busy(error: &sqlx::Error) -> bool {
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    matches!(code_of(error), Some(BUSY | LOCKED))
}

/// Its content is not what was written, or no database at all.
fn is_damaged(error: &sqlx::Error) -> bool {
    const CORRUPT: u32 = 11;
    const NOT_A_DATABASE: u32 = 26;
    matches!(code_of(error), Some(CORRUPT | NOT_A_DATABASE))
}

/// Of SQLite, without its extension.
fn code_of(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok()).map(|extended| extended & 0xff)
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

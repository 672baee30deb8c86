//! Which database the file holds, and how far it has come. A file whose content is replaced in
//! place, by another database or by an earlier state, keeps its name and its inode; only its
//! content shows that it is not the one that was opened. It must not know the other tables.
//!
//! # Layout
//! One row in `lineage`: an identifier that a database gets once, and a number that grows with each
//! transaction that writes.

use std::sync::atomic::{AtomicI64, Ordering};

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteExecutor};

/// The row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    id: Vec<u8>,
    number: i64,
}

/// The database that was opened.
#[derive(Debug)]
pub struct Lineage {
    id: Vec<u8>,
    /// The highest number that was seen.
    seen: AtomicI64,
}

/// Why the content is not that of the database that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    Other,
    Earlier,
}

impl Place {
    /// None where the table is not there, or is empty.
    pub async fn read(executor: impl SqliteExecutor<'_>) -> Result<Option<Self>, sqlx::Error> {
        let row = sqlx::query("SELECT id, number FROM lineage").fetch_optional(executor).await;
        Self::of(row)
    }

    /// In a transaction that writes: the row of its end.
    pub async fn advance(connection: &mut SqliteConnection) -> Result<Option<Self>, sqlx::Error> {
        let advance = "UPDATE lineage SET number = number + 1 RETURNING id, number";
        Self::of(sqlx::query(advance).fetch_optional(connection).await)
    }

    fn of(row: Result<Option<sqlx::sqlite::SqliteRow>, sqlx::Error>) -> Result<Option<Self>, sqlx::Error> {
        match row {
            Ok(Some(row)) => Ok(Some(Self { id: row.try_get(0)?, number: row.try_get(1)? })),
            Ok(None) => Ok(None),
            // As SQLite answers where there is no such table.
            Err(error) if super::code_of(&error) == Some(1) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Lineage {
    pub fn new(place: Place) -> Self {
        Self { id: place.id, seen: AtomicI64::new(place.number) }
    }

    /// The highest number that was seen. It is asked for before a place is read: others write
    /// meanwhile.
    pub fn seen(&self) -> i64 {
        self.seen.load(Ordering::Acquire)
    }

    /// Is what was read from this database, and not earlier than `seen`?
    pub fn judge(&self, place: Option<&Place>, seen: i64) -> Result<(), Stranger> {
        match place {
            Some(place) if place.id != self.id => Err(Stranger::Other),
            Some(place) if place.number < seen => Err(Stranger::Earlier),
            Some(_) => Ok(()),
            None => Err(Stranger::Other),
        }
    }

    /// The database has come so far: what was read, or committed.
    pub fn saw(&self, place: &Place) {
        self.seen.fetch_max(place.number, Ordering::AcqRel);
    }
}

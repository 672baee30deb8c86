//! Which database the file holds, and in which state. A file whose content is replaced in place, by
//! another database or by an earlier state, keeps its name and its inode; only its content shows
//! that it is not the one that was opened. It must not know the other tables.
//!
//! # Layout
//! - One row in `lineage`: an identifier that a database gets once, a number that grows with each
//!   transaction that writes, and the state: a random number that each such transaction draws.
//!   It also holds the state before that.
//! - `states` holds the states of the last [`KEPT`] numbers.
//! - `even_state` and `odd_state` hold the state of the last even and the last odd number.
//!
//! # Invariants
//! - A state that was seen is found under its number in all states that come from it, and in no
//!   others. The number alone does not tell: an older copy that is written to comes to the same one.
//! - A transaction writes the pages that it changed, also if the file was written over meanwhile, and
//!   the page of `lineage` is among them. One of the pages of `even_state` and `odd_state` is not. So
//!   the state before tells whether the other pages are still those that the transaction began with.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteExecutor, SqliteRow};

use super::errors;

/// How many states are kept. Far more than there can be between two looks, see [`LOOK`].
const KEPT: i64 = 16_384;
/// How often a process looks at the file when nobody asks for anything.
pub(super) const LOOK: Duration = Duration::from_secs(5);

/// Where the file is now, and the state that it had at the number `?1`, in the slot `?2`.
macro_rules! place {
    () => {
        "SELECT id AS place_id, number AS place_number, state AS place_state,
                CASE number WHEN ?1 THEN state ELSE (SELECT past.state FROM states AS past WHERE slot = ?2) END
                    AS place_past,
                previous = CASE number % 2 WHEN 0 THEN (SELECT odd.state FROM odd_state AS odd)
                    ELSE (SELECT even.state FROM even_state AS even) END AS place_is_whole
         FROM lineage"
    };
}
pub(crate) use place;

const PLACE: &str = place!();

/// A number and its state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Point {
    number: i64,
    state: i64,
}

impl Point {
    pub fn number(self) -> i64 {
        self.number
    }

    pub fn slot(self) -> i64 {
        self.number.rem_euclid(KEPT)
    }
}

/// What the file says of itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    id: Vec<u8>,
    now: Point,
    /// The state that it had at the number that was asked for.
    past: Option<i64>,
    /// Are all pages of one state?
    is_whole: bool,
}

/// The database that was opened.
#[derive(Debug, Default)]
pub struct Lineage {
    id: Vec<u8>,
    /// The latest point that was seen.
    seen: Mutex<Point>,
}

/// Why the content is not that of the database that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    Other,
    Earlier,
    /// Some of it is of one state, and some of another.
    Mixed,
    /// It was written to so often since it was last looked at that it cannot be told.
    Unknown,
}

impl Place {
    pub fn of(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let now = Point { number: row.try_get("place_number")?, state: row.try_get("place_state")? };
        let is_whole = row.try_get::<Option<bool>, _>("place_is_whole")?.unwrap_or(false);
        Ok(Self { id: row.try_get("place_id")?, now, past: row.try_get("place_past")?, is_whole })
    }

    /// None where the tables are not there, or are empty.
    pub async fn read(executor: impl SqliteExecutor<'_>, seen: Point) -> Result<Option<Self>, sqlx::Error> {
        let query = sqlx::query(PLACE).bind(seen.number).bind(seen.slot());
        match query.fetch_optional(executor).await {
            Err(error) if errors::is_about_tables(&error) => Ok(None),
            row => row?.as_ref().map(Self::of).transpose(),
        }
    }
}

impl Lineage {
    /// None where the file is a mixture.
    pub fn new(place: Place) -> Option<Self> {
        place.is_whole.then(|| Self { id: place.id, seen: Mutex::new(place.now) })
    }

    /// The latest point that was seen. It is asked for before a place is read: others write meanwhile.
    pub fn seen(&self) -> Point {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the database is, if what was read is from it and came from the state that was seen.
    pub fn judge(&self, place: Option<&Place>, seen: Point) -> Result<Point, Stranger> {
        match place {
            None => Err(Stranger::Other),
            Some(place) if place.id != self.id => Err(Stranger::Other),
            Some(place) if !place.is_whole => Err(Stranger::Mixed),
            Some(place) if place.now.number < seen.number => Err(Stranger::Earlier),
            Some(place) if place.now.number.saturating_sub(seen.number) >= KEPT => Err(Stranger::Unknown),
            // An earlier state that was written to.
            Some(place) if place.past != Some(seen.state) => Err(Stranger::Earlier),
            Some(place) => Ok(place.now),
        }
    }

    /// The database has come so far: what was read, or committed.
    pub fn saw(&self, point: Point) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if point.number > seen.number {
            *seen = point;
        }
    }
}

/// In a transaction that writes, goes one further; the point at which it is when that is committed.
pub async fn advance(connection: &mut SqliteConnection, from: Point) -> Result<Point, sqlx::Error> {
    let next = Point { number: from.number.saturating_add(1), state: rand::random() };
    let mark = sqlx::query("UPDATE lineage SET previous = ?, number = ?, state = ?");
    mark.bind(from.state).bind(next.number).bind(next.state).execute(&mut *connection).await?;
    let witness = match next.number % 2 {
        0 => "UPDATE even_state SET state = ?",
        _ => "UPDATE odd_state SET state = ?",
    };
    sqlx::query(witness).bind(next.state).execute(&mut *connection).await?;
    let keep = sqlx::query("INSERT OR REPLACE INTO states (slot, state) VALUES (?, ?)");
    keep.bind(next.slot()).bind(next.state).execute(connection).await?;
    Ok(next)
}

#[cfg(test)]
mod tests;

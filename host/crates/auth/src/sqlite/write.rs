//! A transaction that writes. It does not know what is written.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Sqlite, Transaction};

use super::lineage::{Lineage, Point};

/// Dropped uncommitted, it is undone.
pub struct Write {
    transaction: Transaction<'static, Sqlite>,
    lineage: Arc<Lineage>,
    /// Where the database is when it is committed.
    end: Point,
}

impl Write {
    pub(super) fn new(transaction: Transaction<'static, Sqlite>, lineage: Arc<Lineage>, end: Point) -> Self {
        Self { transaction, lineage, end }
    }

    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.transaction.commit().await?;
        self.lineage.saw(self.end);
        Ok(())
    }

    pub(super) async fn undo(self) -> Result<(), sqlx::Error> {
        self.transaction.rollback().await
    }
}

impl Deref for Write {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}

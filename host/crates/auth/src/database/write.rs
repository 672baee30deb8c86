//! A transaction that writes. It must not know what is written.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Sqlite, Transaction};

use super::lineage::{Lineage, Place};

/// Dropped uncommitted, it is undone.
pub struct Write {
    transaction: Transaction<'static, Sqlite>,
    /// How far the database has come when it is committed.
    end: Option<(Arc<Lineage>, Place)>,
}

impl Write {
    pub(super) fn new(transaction: Transaction<'static, Sqlite>, end: Option<(Arc<Lineage>, Place)>) -> Self {
        Self { transaction, end }
    }

    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.transaction.commit().await?;
        if let Some((lineage, place)) = self.end {
            lineage.saw(&place);
        }
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

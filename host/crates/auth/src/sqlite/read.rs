//! Reading. One statement returns the data and the place in the lineage, so both are from one state
//! of the file. It does not know what is read.

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row as _, Sqlite};

use super::lineage::Place;
use super::{Database, errors};
use crate::AuthError;
use crate::keeper::Keeper as _;

pub type Statement = Query<'static, Sqlite, SqliteArguments>;

/// The text of a statement for [`Database::read`]: a query and, outside it, an order. The parameters
/// of the query begin at `?3`.
macro_rules! reading {
    ($query:expr) => {
        $crate::sqlite::read::reading!($query, "")
    };
    ($query:expr, $order:literal) => {
        concat!(
            "SELECT place.*, found.* FROM (",
            $crate::sqlite::lineage::place!(),
            ") AS place LEFT JOIN (SELECT 1 AS is_found, * FROM (",
            $query,
            ")) AS found ON TRUE ",
            $order
        )
    };
}
pub(crate) use reading;

impl Database {
    /// The rows of a statement that [`reading`] wrote. `bind` adds its parameters.
    ///
    /// # Errors
    /// `Gone` unless the file is there that was opened, with its content.
    pub async fn read(
        &self,
        statement: &'static str,
        bind: impl FnOnce(Statement) -> Statement + Send,
    ) -> Result<Vec<SqliteRow>, AuthError> {
        self.check().await?;
        let seen = self.lineage.seen();
        let statement = sqlx::query(statement).bind(seen.number()).bind(seen.slot());
        let mut rows = match bind(statement).fetch_all(&self.readers).await {
            Err(error) if errors::is_about_tables(&error) => Vec::new(),
            answer => answer.inspect_err(|error| self.connections.learn(error))?,
        };
        let place = rows.first().map(Place::of).transpose()?;
        self.lineage.saw(self.judge(place.as_ref(), seen)?);
        // There is a row for the place where nothing was found.
        match rows.first().map(|row| row.try_get::<Option<i64>, _>("is_found")).transpose()? {
            Some(Some(_)) => {}
            Some(None) | None => rows.clear(),
        }
        Ok(rows)
    }

    /// Reads nothing but the place.
    pub(super) async fn look(&self) -> Result<(), AuthError> {
        self.read(reading!("SELECT 1 WHERE FALSE"), |statement| statement).await.map(|_| ())
    }
}

//! Which storage the users of a database file belong to.
//!
//! # Layout
//! The secret `store` of the database: `new <id>` from the creation of the file until the end of
//! the first start, then `<id>`. A file of an earlier version has none.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::read::reading;
use super::{Database, hold};
use crate::AuthError;
use crate::keeper::Home;

const READ: &str = "SELECT value FROM secrets WHERE name = 'store'";

/// What a file remembers. Nothing is made, changed or locked; users that are not there are new.
pub async fn look(database: &Path) -> Result<Home, AuthError> {
    if !is_there(database) {
        return Ok(Home::fresh());
    }
    let _held = hold(database).await?;
    let options = SqliteConnectOptions::new().filename(database).read_only(true);
    let looked = match read(options.clone()).await {
        // A folder that cannot be written to has no room for the files beside it.
        Err(_) => read(options.immutable(true)).await,
        looked => looked,
    };
    looked.map_err(|error| AuthError::of_file(database, &error))
}

/// Does the file hold anything? An empty one is left of a database whose content is gone, or of a
/// first start that was cut off.
pub fn is_there(database: &Path) -> bool {
    database.metadata().is_ok_and(|metadata| metadata.len() > 0)
}

async fn read(options: SqliteConnectOptions) -> Result<Home, sqlx::Error> {
    let mut connection: SqliteConnection = options.connect().await?;
    let found = read_from(&mut connection).await;
    connection.close().await?;
    found
}

async fn read_from(connection: &mut SqliteConnection) -> Result<Home, sqlx::Error> {
    let table = "SELECT 1 FROM sqlite_schema WHERE name = 'secrets'";
    if sqlx::query(table).fetch_optional(&mut *connection).await?.is_none() {
        return Ok(Home::Unknown);
    }
    let row = sqlx::query(READ).fetch_optional(&mut *connection).await?;
    let value = row.map(|row| row.try_get::<String, _>(0)).transpose()?;
    Ok(Home::parse(value.as_deref()))
}

impl Database {
    pub(super) async fn read_home(&self) -> Result<Home, AuthError> {
        let rows =
            self.read(reading!("SELECT value FROM secrets WHERE name = 'store'"), |query| query).await?;
        let value = rows.first().map(|row| row.try_get::<String, _>("value")).transpose()?;
        Ok(Home::parse(value.as_deref()))
    }

    pub(super) async fn write_home(&self, id: &str) -> Result<(), AuthError> {
        let mut transaction = self.write().await?;
        let set = "INSERT INTO secrets (name, value) VALUES ('store', ?) ON CONFLICT DO UPDATE SET value = excluded.value";
        sqlx::query(set).bind(id.to_owned()).execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

    use super::*;
    use crate::keeper::Keeper as _;
    use crate::sqlite::PATIENCE;

    #[tokio::test]
    async fn a_new_file_knows_that_it_is_new_until_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.sqlite");
        let look = || super::look(&path);
        assert!(matches!(look().await.unwrap(), Home::New(_)));
        assert!(!path.exists(), "looking makes nothing");
        let database = Database::open(&path, PATIENCE).await.unwrap();
        let Home::New(id) = database.home().await.unwrap() else { panic!("it is new") };
        drop(database);
        let database = Database::open(&path, PATIENCE).await.unwrap();
        assert_eq!(database.home().await.unwrap(), Home::New(id.clone()), "a start that was cut off");
        database.set_home(&id).await.unwrap();
        assert_eq!(database.home().await.unwrap(), Home::Known(id.clone()));
        assert_eq!(look().await.unwrap(), Home::Known(id.clone()));
        let mut transaction = database.write().await.unwrap();
        sqlx::query("DELETE FROM secrets").execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(look().await.unwrap(), Home::Unknown, "of an earlier version");
    }

    #[tokio::test]
    async fn an_empty_file_holds_no_users() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.sqlite");
        std::fs::write(&path, "").unwrap();
        assert!(!is_there(&path));
        assert!(matches!(look(&path).await.unwrap(), Home::New(_)));
    }

    #[tokio::test]
    async fn a_damaged_file_is_named_as_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.sqlite");
        std::fs::write(&path, "no database ".repeat(1000)).unwrap();
        let opened = Database::open(&path, PATIENCE).await.map(|_| ()).unwrap_err().to_string();
        let looked = look(&path).await.map(|_| ()).unwrap_err().to_string();
        for sentence in [opened, looked] {
            assert!(sentence.contains("is damaged") && sentence.contains("backup"), "{sentence}");
            assert!(sentence.contains("users.sqlite"), "{sentence}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_damaged_while_it_is_open_is_named_so_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.sqlite");
        Database::open(&path, PATIENCE).await.unwrap().set_home("x").await.unwrap();
        let database = Database::open(&path, PATIENCE).await.unwrap();
        let size = std::fs::metadata(&path).unwrap().len();
        std::fs::write(&path, vec![0x5a; usize::try_from(size).unwrap()]).unwrap();
        let error = database.home().await.unwrap_err();
        assert!(matches!(error, AuthError::Damaged { .. }), "{error}");
    }
}

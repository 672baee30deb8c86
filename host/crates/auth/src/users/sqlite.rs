//! Users in the embedded database. It must not know tokens.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use uuid::Uuid;

use super::{Holder, PasswordHash, User, UserName, UserStore};
use crate::AuthError;
use crate::Grant;
use crate::sqlite::read::reading;
use crate::sqlite::{Database, loaded, stored};

/// Users with their grants, in order, one a line.
macro_rules! users {
    ($condition:literal) => {
        concat!(
            "SELECT *, (SELECT group_concat(scope, char(10) ORDER BY scope) FROM grants WHERE owner = users.id)
             AS scopes FROM users ",
            $condition
        )
    };
}

#[async_trait]
impl UserStore for Database {
    async fn add(&self, user: &User) -> Result<(), AuthError> {
        let mut transaction = self.write().await?;
        insert(&mut transaction, user).await?;
        Ok(transaction.commit().await?)
    }

    async fn add_first(&self, user: &User) -> Result<bool, AuthError> {
        let mut transaction = self.write().await?;
        let any = sqlx::query("SELECT 1 FROM users LIMIT 1").fetch_optional(&mut *transaction).await?;
        if any.is_some() {
            return Ok(false);
        }
        insert(&mut transaction, user).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn find(&self, name: &str) -> Result<Option<User>, AuthError> {
        let name = name.to_owned();
        let rows = self.read(reading!(users!("WHERE name = ?3")), |query| query.bind(name)).await?;
        rows.first().map(read).transpose()
    }

    async fn find_by_id(&self, id: Uuid) -> Result<Option<User>, AuthError> {
        let id = id.as_bytes().to_vec();
        let rows = self.read(reading!(users!("WHERE id = ?3")), |query| query.bind(id)).await?;
        rows.first().map(read).transpose()
    }

    async fn set_password(&self, name: &str, password: &PasswordHash) -> Result<bool, AuthError> {
        let mut transaction = self.write().await?;
        let query = sqlx::query("UPDATE users SET password = ? WHERE name = ?");
        let query = query.bind(password.as_str().to_owned()).bind(name.to_owned());
        let changed = query.execute(&mut *transaction).await?.rows_affected();
        transaction.commit().await?;
        Ok(changed > 0)
    }

    async fn change_grants(&self, name: &str, add: &[Grant], remove: &[Grant]) -> Result<bool, AuthError> {
        let mut transaction = self.write().await?;
        let Some(id) = id_of(&mut transaction, name).await? else {
            return Ok(false);
        };
        grant(&mut transaction, id, add).await?;
        for rule in remove {
            let query = sqlx::query("DELETE FROM grants WHERE owner = ? AND scope = ?");
            let query = query.bind(id.as_bytes().to_vec()).bind(rule.to_string());
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    async fn remove(&self, name: &str) -> Result<Option<Uuid>, AuthError> {
        let mut transaction = self.write().await?;
        let id = id_of(&mut transaction, name).await?;
        let remember = sqlx::query(
            "INSERT INTO removed_users (id, name, owns_by_name)
             SELECT id, name, owns_by_name FROM users WHERE name = ?",
        );
        remember.bind(name.to_owned()).execute(&mut *transaction).await?;
        let query = sqlx::query("DELETE FROM users WHERE name = ?").bind(name.to_owned());
        query.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(id)
    }

    async fn removed(&self, name: &str) -> Result<Vec<Holder>, AuthError> {
        let name = name.to_owned();
        let removed = reading!("SELECT rowid AS nth, * FROM removed_users WHERE name = ?3", "ORDER BY nth");
        let rows = self.read(removed, |query| query.bind(name)).await?;
        rows.iter().map(holder).collect()
    }

    async fn list(&self) -> Result<Vec<User>, AuthError> {
        let rows = self.read(reading!(users!(""), "ORDER BY name"), |query| query).await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &SqliteRow) -> Result<User, AuthError> {
    let grants = row.try_get::<Option<&str>, _>("scopes")?.unwrap_or_default();
    Ok(User {
        id: uuid(row, "id")?,
        name: UserName::parse(row.try_get("name")?).map_err(AuthError::damaged)?,
        email: row.try_get("email")?,
        password: PasswordHash::new(row.try_get("password")?),
        grants: grants.lines().map(Grant::parse).collect::<Result<_, _>>().map_err(AuthError::damaged)?,
        created: loaded(row.try_get("created")?),
        owns_by_name: row.try_get("owns_by_name")?,
    })
}

fn holder(row: &SqliteRow) -> Result<Holder, AuthError> {
    Ok(Holder {
        id: uuid(row, "id")?,
        name: UserName::parse(row.try_get("name")?).map_err(AuthError::damaged)?,
        owns_by_name: row.try_get("owns_by_name")?,
    })
}

/// A column that holds an id.
pub(crate) fn uuid(row: &SqliteRow, column: &str) -> Result<Uuid, AuthError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    Uuid::from_slice(&bytes).map_err(|error| AuthError::damaged(AuthError::Invalid(error.to_string())))
}

async fn insert(connection: &mut SqliteConnection, user: &User) -> Result<(), AuthError> {
    let query = sqlx::query(
        "INSERT INTO users (id, name, email, password, created, owns_by_name)
         VALUES (?1, ?2, ?3, ?4, ?5,
                 ?6 OR NOT EXISTS (SELECT 1 FROM removed_users WHERE name IN (?2, '*')))",
    );
    let query = query
        .bind(user.id.as_bytes().to_vec())
        .bind(user.name.as_str().to_owned())
        .bind(user.email.clone())
        .bind(user.password.as_str().to_owned())
        .bind(stored(user.created))
        .bind(user.owns_by_name);
    query.execute(&mut *connection).await.map_err(|error| match error.as_database_error() {
        Some(cause) if cause.is_unique_violation() => AuthError::user_exists(&user.name),
        _ => error.into(),
    })?;
    grant(connection, user.id, &user.grants).await
}

async fn grant(connection: &mut SqliteConnection, owner: Uuid, rules: &[Grant]) -> Result<(), AuthError> {
    for rule in rules {
        let query = sqlx::query("INSERT INTO grants (owner, scope) VALUES (?, ?) ON CONFLICT DO NOTHING");
        query.bind(owner.as_bytes().to_vec()).bind(rule.to_string()).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn id_of(connection: &mut SqliteConnection, name: &str) -> Result<Option<Uuid>, AuthError> {
    let query = sqlx::query("SELECT id FROM users WHERE name = ?").bind(name.to_owned());
    query.fetch_optional(&mut *connection).await?.map(|row| uuid(&row, "id")).transpose()
}

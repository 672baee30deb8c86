//! Tokens in the embedded database. It must not know users beyond their id.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use uuid::Uuid;

use super::{Quota, SecretHash, TOUCH_INTERVAL, Token, TokenStore};
use crate::auth::AuthError;
use crate::auth::database::{Database, loaded, stored};
use crate::auth::scope::Scope;
use crate::auth::users::database::{damaged, uuid};

impl TokenStore for Database {
    fn add<'a>(
        &'a self,
        token: &'a Token,
        secret: SecretHash,
        quota: Option<Quota>,
    ) -> BoxFuture<'a, Result<bool, AuthError>> {
        async move {
            let mut transaction = self.write().await?;
            if let Some(quota) = quota
                && !has_room(&mut transaction, token, quota).await?
            {
                clear(&mut transaction, quota.now, Some(token.owner)).await?;
                if !has_room(&mut transaction, token, quota).await? {
                    return Ok(false);
                }
            }
            insert(&mut transaction, token, secret).await?;
            transaction.commit().await?;
            Ok(true)
        }
        .boxed()
    }

    fn find(&self, secret: SecretHash) -> BoxFuture<'_, Result<Option<Token>, AuthError>> {
        async move {
            let query = sqlx::query("SELECT * FROM tokens WHERE secret = ?").bind(secret.0.to_vec());
            query.fetch_optional(self.readers()?).await?.map(|row| read(&row)).transpose()
        }
        .boxed()
    }

    fn find_by_id(&self, id: Uuid) -> BoxFuture<'_, Result<Option<Token>, AuthError>> {
        async move {
            let query = sqlx::query("SELECT * FROM tokens WHERE id = ?").bind(id.as_bytes().to_vec());
            query.fetch_optional(self.readers()?).await?.map(|row| read(&row)).transpose()
        }
        .boxed()
    }

    fn list(&self, owner: Option<Uuid>) -> BoxFuture<'_, Result<Vec<Token>, AuthError>> {
        async move {
            let query =
                sqlx::query("SELECT * FROM tokens WHERE ?1 IS NULL OR owner = ?1 ORDER BY created, id");
            let rows = query.bind(bytes(owner)).fetch_all(self.readers()?).await?;
            rows.iter().map(read).collect()
        }
        .boxed()
    }

    fn remove(&self, id: Uuid, owner: Option<Uuid>) -> BoxFuture<'_, Result<bool, AuthError>> {
        async move {
            let mut transaction = self.write().await?;
            let query = sqlx::query("DELETE FROM tokens WHERE id = ?1 AND (?2 IS NULL OR owner = ?2)");
            let query = query.bind(id.as_bytes().to_vec()).bind(bytes(owner));
            let removed = query.execute(&mut *transaction).await?.rows_affected();
            transaction.commit().await?;
            Ok(removed > 0)
        }
        .boxed()
    }

    fn remove_all(&self, owner: Uuid) -> BoxFuture<'_, Result<u64, AuthError>> {
        async move {
            let mut transaction = self.write().await?;
            let query = sqlx::query("DELETE FROM tokens WHERE owner = ?").bind(owner.as_bytes().to_vec());
            let removed = query.execute(&mut *transaction).await?.rows_affected();
            transaction.commit().await?;
            Ok(removed)
        }
        .boxed()
    }

    fn touch(&self, id: Uuid, now: u64) -> BoxFuture<'_, Result<(), AuthError>> {
        async move {
            let mut transaction = self.write().await?;
            let query = sqlx::query(
                "UPDATE tokens SET last_used = ?2 WHERE id = ?1 AND (last_used IS NULL OR last_used + ?3 <= ?2)",
            );
            let query = query.bind(id.as_bytes().to_vec()).bind(stored(now)).bind(stored(TOUCH_INTERVAL));
            query.execute(&mut *transaction).await?;
            Ok(transaction.commit().await?)
        }
        .boxed()
    }

    fn shared_secret<'a>(
        &'a self,
        fresh: &'a SecretString,
    ) -> BoxFuture<'a, Result<SecretString, AuthError>> {
        async move {
            let kept = "SELECT value FROM secrets WHERE name = 'access tokens'";
            if let Some(row) = sqlx::query(kept).fetch_optional(self.readers()?).await? {
                return Ok(row.try_get::<String, _>(0)?.into());
            }
            let mut transaction = self.write().await?;
            let add = sqlx::query("INSERT OR IGNORE INTO secrets (name, value) VALUES ('access tokens', ?)");
            add.bind(fresh.expose_secret().to_owned()).execute(&mut *transaction).await?;
            let row = sqlx::query(kept).fetch_one(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(row.try_get::<String, _>(0)?.into())
        }
        .boxed()
    }

    fn forget_expired(&self, time: u64) -> BoxFuture<'_, Result<u64, AuthError>> {
        async move {
            let mut transaction = self.write().await?;
            let removed = clear(&mut transaction, time, None).await?;
            transaction.commit().await?;
            Ok(removed)
        }
        .boxed()
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    token: &Token,
    secret: SecretHash,
) -> Result<(), AuthError> {
    let query = sqlx::query(
        "INSERT INTO tokens (id, owner, secret, hint, label, created, expires, last_used, read_only, scopes, cidr, mount, idle)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    let query = query
        .bind(token.id.as_bytes().to_vec())
        .bind(token.owner.as_bytes().to_vec())
        .bind(secret.0.to_vec())
        .bind(token.hint.clone())
        .bind(token.label.clone())
        .bind(stored(token.created))
        .bind(token.expires.map(stored))
        .bind(token.last_used.map(stored))
        .bind(token.read_only)
        .bind(lines(&token.scopes))
        .bind(lines(&token.cidr))
        .bind(token.mount.clone())
        .bind(token.idle.map(stored));
    query.execute(connection).await?;
    Ok(())
}

async fn has_room(connection: &mut SqliteConnection, token: &Token, quota: Quota) -> Result<bool, AuthError> {
    let query = sqlx::query("SELECT COUNT(*), COUNT(idle) FROM tokens WHERE owner = ?");
    let row = query.bind(token.owner.as_bytes().to_vec()).fetch_one(connection).await?;
    Ok(quota.has_room(token, loaded(row.try_get(0)?), loaded(row.try_get(1)?)))
}

/// Removes what expired before `time`, of one owner or of all.
async fn clear(connection: &mut SqliteConnection, time: u64, owner: Option<Uuid>) -> Result<u64, AuthError> {
    let query = sqlx::query(
        "DELETE FROM tokens WHERE (?2 IS NULL OR owner = ?2)
         AND (expires < ?1 OR COALESCE(last_used, created) + idle < ?1)",
    );
    Ok(query.bind(stored(time)).bind(bytes(owner)).execute(connection).await?.rows_affected())
}

fn read(row: &SqliteRow) -> Result<Token, AuthError> {
    // A scope or network that can't be read must not be left out: none means all.
    let network = |line: &str| line.parse::<IpNet>().map_err(|error| AuthError::Invalid(error.to_string()));
    Ok(Token {
        id: uuid(row, "id")?,
        owner: uuid(row, "owner")?,
        hint: row.try_get("hint")?,
        label: row.try_get("label")?,
        created: loaded(row.try_get("created")?),
        expires: row.try_get::<Option<i64>, _>("expires")?.map(loaded),
        last_used: row.try_get::<Option<i64>, _>("last_used")?.map(loaded),
        read_only: row.try_get("read_only")?,
        scopes: row
            .try_get::<&str, _>("scopes")?
            .lines()
            .map(Scope::parse)
            .collect::<Result<_, _>>()
            .map_err(damaged)?,
        cidr: row
            .try_get::<&str, _>("cidr")?
            .lines()
            .map(network)
            .collect::<Result<_, _>>()
            .map_err(damaged)?,
        mount: row.try_get("mount")?,
        idle: row.try_get::<Option<i64>, _>("idle")?.map(loaded),
    })
}

/// One a line; neither scopes nor networks hold white space.
fn lines(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn bytes(id: Option<Uuid>) -> Option<Vec<u8>> {
    id.map(|id| id.as_bytes().to_vec())
}

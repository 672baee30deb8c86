//! Tokens in the embedded database. It must not know users beyond their id.

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use uuid::Uuid;

use super::text::{lines, networks, scopes};
use super::{Count, Quota, SecretHash, TOUCH_INTERVAL, Token, TokenKind, TokenStore};
use crate::AuthError;
use crate::sqlite::read::reading;
use crate::sqlite::{Database, loaded, stored};
use crate::users::sqlite::uuid;

#[async_trait]
impl TokenStore for Database {
    async fn add(&self, token: &Token, secret: SecretHash, quota: Option<Quota>) -> Result<bool, AuthError> {
        let mut transaction = self.write().await?;
        if let Some(quota) = quota
            && !make_room(&mut transaction, token, quota).await?
        {
            return Ok(false);
        }
        insert(&mut transaction, token, secret).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn find(&self, secret: SecretHash) -> Result<Option<Token>, AuthError> {
        let find = reading!("SELECT * FROM tokens WHERE secret = ?3");
        let rows = self.read(find, |query| query.bind(secret.0.to_vec())).await?;
        rows.first().map(read).transpose()
    }

    async fn find_by_id(&self, id: Uuid) -> Result<Option<Token>, AuthError> {
        let find = reading!("SELECT * FROM tokens WHERE id = ?3");
        let rows = self.read(find, |query| query.bind(id.as_bytes().to_vec())).await?;
        rows.first().map(read).transpose()
    }

    async fn list(&self, owner: Option<Uuid>) -> Result<Vec<Token>, AuthError> {
        let list = reading!("SELECT * FROM tokens WHERE ?3 IS NULL OR owner = ?3", "ORDER BY created, id");
        let rows = self.read(list, |query| query.bind(bytes(owner))).await?;
        rows.iter().map(read).collect()
    }

    async fn remove(&self, id: Uuid, owner: Option<Uuid>) -> Result<u64, AuthError> {
        let mut transaction = self.write().await?;
        let removed = remove_with_children(&mut transaction, id, owner).await?;
        transaction.commit().await?;
        Ok(removed)
    }

    async fn remove_all(&self, owner: Uuid) -> Result<u64, AuthError> {
        let mut transaction = self.write().await?;
        let query = sqlx::query("DELETE FROM tokens WHERE owner = ?").bind(owner.as_bytes().to_vec());
        let removed = query.execute(&mut *transaction).await?.rows_affected();
        transaction.commit().await?;
        Ok(removed)
    }

    async fn touch(&self, id: Uuid, now: u64) -> Result<(), AuthError> {
        let mut transaction = self.write().await?;
        let query = sqlx::query(
            "UPDATE tokens SET last_used = ?2 WHERE id = ?1 AND (last_used IS NULL OR last_used + ?3 <= ?2)",
        );
        let query = query.bind(id.as_bytes().to_vec()).bind(stored(now)).bind(stored(TOUCH_INTERVAL));
        query.execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    async fn shared_secret(&self, fresh: &SecretString) -> Result<SecretString, AuthError> {
        let kept = reading!("SELECT value FROM secrets WHERE name = 'access tokens'");
        if let Some(row) = self.read(kept, |query| query).await?.first() {
            return Ok(row.try_get::<String, _>("value")?.into());
        }
        let mut transaction = self.write().await?;
        let add = sqlx::query("INSERT OR IGNORE INTO secrets (name, value) VALUES ('access tokens', ?)");
        add.bind(fresh.expose_secret().to_owned()).execute(&mut *transaction).await?;
        let kept = "SELECT value FROM secrets WHERE name = 'access tokens'";
        let row = sqlx::query(kept).fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(row.try_get::<String, _>(0)?.into())
    }

    async fn forget_expired(&self, time: u64) -> Result<u64, AuthError> {
        let mut transaction = self.write().await?;
        let removed = clear(&mut transaction, time, None).await?;
        transaction.commit().await?;
        Ok(removed)
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    token: &Token,
    secret: SecretHash,
) -> Result<(), AuthError> {
    let query = sqlx::query(
        "INSERT INTO tokens (id, owner, secret, hint, label, created, expires, last_used, read_only, scopes, cidr, mount, idle, parent, kind)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
        .bind(token.idle.map(stored))
        .bind(bytes(token.parent))
        .bind(token.kind.name());
    query.execute(connection).await?;
    Ok(())
}

/// False when there is none to be made.
async fn make_room(
    connection: &mut SqliteConnection,
    token: &Token,
    quota: Quota,
) -> Result<bool, AuthError> {
    // Expired ones too, so that their number is bounded.
    if quota.has_room(token, count(connection, token, 0).await?) {
        return Ok(true);
    }
    clear(connection, quota.now, Some(token.owner)).await?;
    loop {
        let count = count(connection, token, quota.now).await?;
        if quota.has_room(token, count) {
            return Ok(true);
        }
        let only_alike = quota.is_full_of_alike(token, count);
        let victim = match token.parent {
            None => longest_unused(connection, token.owner, only_alike).await?,
            Some(_) => None,
        };
        let Some(victim) = victim else { return Ok(false) };
        remove_with_children(connection, victim, None).await?;
        tracing::info!(token.id = %victim, "the token that was unused for the longest time is removed to make room for a new sign-in");
    }
}

async fn count(connection: &mut SqliteConnection, token: &Token, now: u64) -> Result<Count, AuthError> {
    let query = sqlx::query(
        "SELECT COUNT(*), COUNT(CASE WHEN idle IS NOT NULL AND (parent IS NOT NULL) = ?3 THEN 1 END)
         FROM tokens WHERE owner = ?1
         AND (expires IS NULL OR expires > ?2) AND (idle IS NULL OR COALESCE(last_used, created) + idle > ?2)",
    );
    let query = query.bind(token.owner.as_bytes().to_vec()).bind(stored(now)).bind(token.parent.is_some());
    let row = query.fetch_one(connection).await?;
    Ok(Count { all: loaded(row.try_get(0)?), alike: loaded(row.try_get(1)?) })
}

/// Which token makes room for one that was made with the password.
async fn longest_unused(
    connection: &mut SqliteConnection,
    owner: Uuid,
    only_alike: bool,
) -> Result<Option<Uuid>, AuthError> {
    let query = sqlx::query(
        "SELECT id FROM tokens WHERE owner = ?1 AND idle IS NOT NULL AND (parent IS NULL OR NOT ?2)
         ORDER BY parent IS NULL, COALESCE(last_used, created), id LIMIT 1",
    );
    let row = query.bind(owner.as_bytes().to_vec()).bind(only_alike).fetch_optional(connection).await?;
    row.map(|row| uuid(&row, "id")).transpose()
}

/// Removes a token and all that were made with it, and says how many.
async fn remove_with_children(
    connection: &mut SqliteConnection,
    id: Uuid,
    owner: Option<Uuid>,
) -> Result<u64, AuthError> {
    let query = sqlx::query(
        "WITH RECURSIVE gone (id) AS (
             SELECT id FROM tokens WHERE id = ?1 AND (?2 IS NULL OR owner = ?2)
             UNION SELECT tokens.id FROM tokens JOIN gone ON tokens.parent = gone.id
         ) DELETE FROM tokens WHERE id IN (SELECT id FROM gone)",
    );
    let query = query.bind(id.as_bytes().to_vec()).bind(bytes(owner));
    Ok(query.execute(connection).await?.rows_affected())
}

/// Removes what expired before `time`, of one owner or of all, unless others were made with it.
async fn clear(connection: &mut SqliteConnection, time: u64, owner: Option<Uuid>) -> Result<u64, AuthError> {
    let query = sqlx::query(
        "DELETE FROM tokens WHERE (?2 IS NULL OR owner = ?2)
         AND (expires < ?1 OR COALESCE(last_used, created) + idle < ?1)
         AND NOT EXISTS (SELECT 1 FROM tokens AS child WHERE child.parent = tokens.id)",
    );
    Ok(query.bind(stored(time)).bind(bytes(owner)).execute(connection).await?.rows_affected())
}

fn read(row: &SqliteRow) -> Result<Token, AuthError> {
    Ok(Token {
        id: uuid(row, "id")?,
        owner: uuid(row, "owner")?,
        hint: row.try_get("hint")?,
        label: row.try_get("label")?,
        created: loaded(row.try_get("created")?),
        expires: row.try_get::<Option<i64>, _>("expires")?.map(loaded),
        last_used: row.try_get::<Option<i64>, _>("last_used")?.map(loaded),
        read_only: row.try_get("read_only")?,
        scopes: scopes(row.try_get("scopes")?)?,
        cidr: networks(row.try_get("cidr")?)?,
        mount: row.try_get("mount")?,
        idle: row.try_get::<Option<i64>, _>("idle")?.map(loaded),
        parent: match row.try_get::<Option<&[u8]>, _>("parent")? {
            Some(_) => Some(uuid(row, "parent")?),
            None => None,
        },
        kind: TokenKind::named(row.try_get("kind")?).map_err(AuthError::damaged)?,
    })
}

fn bytes(id: Option<Uuid>) -> Option<Vec<u8>> {
    id.map(|id| id.as_bytes().to_vec())
}

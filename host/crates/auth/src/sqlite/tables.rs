//! The tables, and how files of earlier versions get them. It does not know what they contain.

use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{AssertSqlSafe, Row as _};

use crate::AuthError;
use crate::keeper::Home;

/// Step by step, from an empty file to the present tables. Only ever add a step.
pub(super) const STEPS: [&str; 10] = [
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
    // As many slots as `lineage::KEPT` says.
    "
    ALTER TABLE lineage ADD COLUMN state INTEGER NOT NULL DEFAULT 0;
    UPDATE lineage SET state = random();
    CREATE TABLE states (
        slot  INTEGER PRIMARY KEY NOT NULL,
        state INTEGER NOT NULL
    ) STRICT;
    INSERT INTO states SELECT number % 16384, state FROM lineage;
",
    // Tables of their own, so that they lie in pages of their own.
    "
    ALTER TABLE lineage ADD COLUMN previous INTEGER NOT NULL DEFAULT 0;
    UPDATE lineage SET previous = state;
    CREATE TABLE even_state (state INTEGER NOT NULL) STRICT;
    CREATE TABLE odd_state (state INTEGER NOT NULL) STRICT;
    INSERT INTO even_state SELECT state FROM lineage;
    INSERT INTO odd_state SELECT state FROM lineage;
",
    "
    ALTER TABLE tokens ADD COLUMN kind TEXT NOT NULL DEFAULT 'api';
",
    "
    CREATE TABLE user_groups (
        name TEXT PRIMARY KEY NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE group_grants (
        name  TEXT NOT NULL REFERENCES user_groups (name) ON DELETE CASCADE,
        scope TEXT NOT NULL,
        PRIMARY KEY (name, scope)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE memberships (
        member BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        name   TEXT NOT NULL REFERENCES user_groups (name) ON DELETE CASCADE,
        PRIMARY KEY (member, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX memberships_by_group ON memberships (name);
",
];

/// Brings the tables up to date.
///
/// # Errors
/// `Invalid` with the rest of a sentence about a file that is not of this program and version.
pub(super) async fn update(writer: &SqlitePool) -> Result<(), AuthError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    let row = sqlx::query("PRAGMA user_version").fetch_one(&mut *transaction).await?;
    let done = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0);
    if done > STEPS.len() {
        let reason = "it was written by a newer version: use that version, or another file";
        return Err(AuthError::Invalid(reason.to_owned()));
    }
    let any = sqlx::query("SELECT 1 FROM sqlite_schema LIMIT 1").fetch_optional(&mut *transaction).await?;
    if done == 0 && any.is_some() {
        let reason = "it holds the tables of another program: name another file";
        return Err(AuthError::Invalid(reason.to_owned()));
    }
    for step in STEPS.into_iter().skip(done) {
        sqlx::raw_sql(step).execute(&mut *transaction).await?;
    }
    if done == 0 {
        mark_new(&mut transaction).await?;
    }
    if done < STEPS.len() {
        let version = AssertSqlSafe(format!("PRAGMA user_version = {}", STEPS.len()));
        sqlx::raw_sql(version).execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

/// Records in a file that was created a moment ago that it is new. See [`super::home`].
async fn mark_new(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let add = sqlx::query("INSERT INTO secrets (name, value) VALUES ('store', ?)").bind(Home::fresh_value());
    add.execute(connection).await.map(|_| ())
}

//! Groups in the embedded database. It must not know tokens.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use uuid::Uuid;

use super::{Group, GroupChange, GroupName, GroupStore, Membership};
use crate::sqlite::Database;
use crate::sqlite::read::reading;
use crate::{AuthError, Grant};

/// Groups with their grants and members, in order, one a line.
macro_rules! groups {
    ($condition:literal) => {
        concat!(
            "SELECT name,
                    (SELECT group_concat(scope, char(10) ORDER BY scope) FROM group_grants
                     WHERE group_grants.name = user_groups.name) AS scopes,
                    (SELECT group_concat(lower(hex(member)), char(10) ORDER BY member) FROM memberships
                     WHERE memberships.name = user_groups.name) AS members
             FROM user_groups ",
            $condition
        )
    };
}

#[async_trait]
impl GroupStore for Database {
    async fn add_group(&self, name: &GroupName) -> Result<bool, AuthError> {
        let mut transaction = self.write().await?;
        let query = sqlx::query("INSERT INTO user_groups (name) VALUES (?) ON CONFLICT DO NOTHING");
        let added = query.bind(name.as_str().to_owned()).execute(&mut *transaction).await?.rows_affected();
        transaction.commit().await?;
        Ok(added > 0)
    }

    async fn change_group(&self, name: &GroupName, change: &GroupChange) -> Result<bool, AuthError> {
        let mut transaction = self.write().await?;
        let there = sqlx::query("SELECT 1 FROM user_groups WHERE name = ?").bind(name.as_str().to_owned());
        if there.fetch_optional(&mut *transaction).await?.is_none() {
            return Ok(false);
        }
        for (statement, grants) in [
            (
                "INSERT INTO group_grants (name, scope) VALUES (?, ?) ON CONFLICT DO NOTHING",
                &change.add_grants,
            ),
            ("DELETE FROM group_grants WHERE name = ? AND scope = ?", &change.remove_grants),
        ] {
            for grant in grants {
                let query = sqlx::query(statement).bind(name.as_str().to_owned()).bind(grant.to_string());
                query.execute(&mut *transaction).await?;
            }
        }
        // A user who was removed meanwhile does not become a member.
        let add = "INSERT INTO memberships (name, member) SELECT ?, id FROM users WHERE id = ? ON CONFLICT DO NOTHING";
        change_members(&mut transaction, add, name, &change.add_members).await?;
        let remove = "DELETE FROM memberships WHERE name = ? AND member = ?";
        change_members(&mut transaction, remove, name, &change.remove_members).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn remove_group(&self, name: &GroupName) -> Result<bool, AuthError> {
        let mut transaction = self.write().await?;
        let query = sqlx::query("DELETE FROM user_groups WHERE name = ?").bind(name.as_str().to_owned());
        let removed = query.execute(&mut *transaction).await?.rows_affected();
        transaction.commit().await?;
        Ok(removed > 0)
    }

    async fn memberships(&self, member: Uuid) -> Result<Vec<Membership>, AuthError> {
        let id = member.as_bytes().to_vec();
        let own = reading!(
            groups!("WHERE name IN (SELECT name FROM memberships WHERE member = ?3)"),
            "ORDER BY name"
        );
        let rows = self.read(own, |query| query.bind(id)).await?;
        let groups = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(groups.into_iter().map(|group| Membership { group: group.name, grants: group.grants }).collect())
    }

    async fn groups(&self) -> Result<Vec<Group>, AuthError> {
        let rows = self.read(reading!(groups!(""), "ORDER BY name"), |query| query).await?;
        rows.iter().map(read).collect()
    }
}

async fn change_members(
    connection: &mut SqliteConnection,
    statement: &'static str,
    name: &GroupName,
    members: &[Uuid],
) -> Result<(), AuthError> {
    for member in members {
        let query = sqlx::query(statement).bind(name.as_str().to_owned()).bind(member.as_bytes().to_vec());
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

fn read(row: &SqliteRow) -> Result<Group, AuthError> {
    let lines = |column: &str| -> Result<Vec<String>, AuthError> {
        let text = row.try_get::<Option<&str>, _>(column)?.unwrap_or_default();
        Ok(text.lines().map(str::to_owned).collect())
    };
    let grant = |text: &String| Grant::parse(text).map_err(AuthError::damaged);
    let member = |text: &String| {
        Uuid::try_parse(text).map_err(|error| AuthError::damaged(AuthError::Invalid(error.to_string())))
    };
    Ok(Group {
        name: GroupName::parse(row.try_get("name")?).map_err(AuthError::damaged)?,
        grants: lines("scopes")?.iter().map(grant).collect::<Result<_, _>>()?,
        members: lines("members")?.iter().map(member).collect::<Result<_, _>>()?,
    })
}

//! Which states of a file are used, and which are not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::*;
use crate::keeper::Keeper as _;
use crate::sqlite::{Database, PATIENCE};
use crate::token_store::tests::token;
use crate::token_store::{SecretHash, Token, TokenStore};
use crate::users::{PasswordHash, User, UserName, UserStore};
use crate::{AuthError, Grant};

fn user(name: &str) -> User {
    User {
        id: Uuid::new_v4(),
        name: UserName::parse(name).unwrap(),
        email: None,
        password: PasswordHash::new("old".to_owned()),
        grants: vec![grant()],
        created: 1,
        owns_by_name: false,
    }
}

fn grant() -> Grant {
    Grant::parse("npm:*:*:write").unwrap()
}

/// A host with a user and a token, which has read both.
struct Host {
    _folder: tempfile::TempDir,
    path: PathBuf,
    database: Database,
    token: Token,
}

const SECRET: &str = "secret";

impl Host {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.sqlite");
        let database = Database::open(&path, PATIENCE).await.unwrap();
        let ann = user("ann");
        let token = token(ann.id, 1);
        users(&database).add(&ann).await.unwrap();
        tokens(&database).add(&token, SecretHash::of(SECRET), None).await.unwrap();
        let host = Self { _folder: folder, path, database, token };
        assert!(host.find_token().await.unwrap().is_some());
        host
    }

    async fn find_token(&self) -> Result<Option<Token>, AuthError> {
        tokens(&self.database).find(SecretHash::of(SECRET)).await
    }

    /// Takes away what ann has, in this way.
    async fn take_away(&self, what: &str) {
        let users = users(&self.database);
        match what {
            "token" => drop(tokens(&self.database).remove(self.token.id, None).await.unwrap()),
            "tokens" => drop(tokens(&self.database).remove_all(self.token.owner).await.unwrap()),
            "user" => drop(users.remove("ann").await.unwrap()),
            "grant" => drop(users.change_grants("ann", &[], &[grant()]).await.unwrap()),
            _ => drop(users.set_password("ann", &PasswordHash::new("new".to_owned())).await.unwrap()),
        }
    }

    async fn expect_gone(&self, words: &str) {
        let reads = [
            users(&self.database).find("ann").await.map(drop),
            users(&self.database).list().await.map(drop),
            self.find_token().await.map(drop),
            tokens(&self.database).list(None).await.map(drop),
            users(&self.database).add(&user("bob")).await,
        ];
        for read in reads {
            match read {
                Err(AuthError::Gone(why)) => assert!(why.contains(words), "{why}"),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn users(database: &Database) -> &dyn UserStore {
    database
}

fn tokens(database: &Database) -> &dyn TokenStore {
    database
}

/// Commands of another process, each of which writes once.
async fn write_by_commands(path: &Path, times: usize) {
    let command = Database::open(path, PATIENCE).await.unwrap();
    for number in 0..times {
        users(&command).add(&user(&format!("user-{number}"))).await.unwrap();
    }
    command.close().await;
}

#[tokio::test]
async fn an_earlier_state_is_not_used_however_often_it_was_written_to() {
    for what in ["token", "tokens", "user", "grant", "password"] {
        for writes in 0..4 {
            let host = Host::start().await;
            let backup = std::fs::read(&host.path).unwrap();
            host.take_away(what).await;
            users(&host.database).add(&user("other")).await.unwrap();
            std::fs::write(&host.path, backup).unwrap();
            write_by_commands(&host.path, writes).await;
            host.expect_gone("an earlier state of itself").await;
        }
    }
}

#[tokio::test]
async fn an_earlier_state_that_was_written_to_is_noticed_by_a_write_first() {
    let host = Host::start().await;
    let backup = std::fs::read(&host.path).unwrap();
    host.take_away("token").await;
    std::fs::write(&host.path, backup).unwrap();
    write_by_commands(&host.path, 1).await;
    let before = std::fs::read(&host.path).unwrap();
    let refused = tokens(&host.database).touch(host.token.id, 7).await.unwrap_err();
    assert!(matches!(refused, AuthError::Gone(_)), "{refused}");
    assert!(before == std::fs::read(&host.path).unwrap(), "nothing is written to it");
}

#[tokio::test]
async fn a_file_that_is_overwritten_in_the_middle_of_a_write_is_not_used() {
    for lost in 1..5 {
        let host = Host::start().await;
        let backup = std::fs::read(&host.path).unwrap();
        host.take_away("token").await;
        for number in 1..lost {
            users(&host.database).add(&user(&format!("user-{number}"))).await.unwrap();
        }
        let write = host.database.write().await.unwrap();
        std::fs::write(&host.path, backup).unwrap();
        write.commit().await.unwrap();
        host.expect_gone("in the middle of a write").await;
        let refused = Database::open(&host.path, PATIENCE).await.map(drop).unwrap_err();
        assert!(refused.to_string().contains("restore it from a backup"), "{refused}");
    }
}

#[tokio::test]
async fn the_secret_of_access_tokens_does_not_come_back_with_an_earlier_state() {
    let host = Host::start().await;
    let backup = std::fs::read(&host.path).unwrap();
    let kept = tokens(&host.database).shared_secret(&"one".into()).await;
    kept.unwrap();
    std::fs::write(&host.path, backup).unwrap();
    write_by_commands(&host.path, 1).await;
    let refused = tokens(&host.database).shared_secret(&"two".into()).await.map(drop).unwrap_err();
    assert!(matches!(refused, AuthError::Gone(_)), "{refused}");
}

#[tokio::test]
async fn what_others_wrote_is_used_however_much_it_is() {
    let host = Host::start().await;
    write_by_commands(&host.path, 300).await;
    assert!(users(&host.database).find("user-299").await.unwrap().is_some());
    host.take_away("token").await;
    assert_eq!(host.find_token().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_read_and_write_at_once_go_on() {
    let host = Host::start().await;
    let work = (0..4).map(|number| {
        let path = host.path.clone();
        tokio::spawn(async move {
            let database = Database::open(&path, PATIENCE).await.unwrap();
            for round in 0..20 {
                let name = format!("user-{number}-{round}");
                users(&database).add(&user(&name)).await.unwrap();
                let (found, all, token) = tokio::join!(
                    users(&database).find(&name),
                    users(&database).list(),
                    tokens(&database).find(SecretHash::of(SECRET))
                );
                assert!(found.unwrap().is_some() && all.unwrap().len() > round && token.unwrap().is_some());
            }
        })
    });
    for done in futures_util::future::join_all(work).await {
        done.unwrap();
    }
    assert_eq!(users(&host.database).list().await.unwrap().len(), 81);
}

/// As if the database had been at this point, and goes one further.
async fn jump(connection: &mut SqliteConnection, from: Point) {
    for witness in ["UPDATE even_state SET state = ?", "UPDATE odd_state SET state = ?"] {
        sqlx::query(witness).bind(from.state).execute(&mut *connection).await.unwrap();
    }
    advance(connection, from).await.unwrap();
}

#[tokio::test]
async fn more_writes_than_are_kept_are_told_from_an_earlier_state() {
    let host = Host::start().await;
    let seen = host.database.lineage.seen();
    let mut write = host.database.write().await.unwrap();
    // As if so many others had written since.
    let far = Point { number: seen.number + KEPT - 2, state: 1 };
    jump(&mut write, far).await;
    write.commit().await.unwrap();
    assert_eq!(host.database.lineage.seen().number, seen.number + 1);
    host.find_token().await.unwrap();

    let host = Host::start().await;
    let seen = host.database.lineage.seen();
    let mut other = Database::open(&host.path, PATIENCE).await.unwrap().write().await.unwrap();
    jump(&mut other, Point { number: seen.number + KEPT - 1, state: 1 }).await;
    other.commit().await.unwrap();
    host.expect_gone("restart the server").await;
}

#[tokio::test]
async fn the_states_that_are_kept_are_bounded() {
    let host = Host::start().await;
    let mut write = host.database.write().await.unwrap();
    for round in 0..3 {
        let mut at = Point { number: KEPT * round - 50, state: 1 };
        for _ in 0..100 {
            at = advance(&mut write, at).await.unwrap();
        }
    }
    let row = sqlx::query("SELECT COUNT(*), MAX(slot) FROM states").fetch_one(&mut *write).await.unwrap();
    assert_eq!(row.get::<i64, _>(0), 100, "the same slots");
    assert!(row.get::<i64, _>(1) < KEPT);
}

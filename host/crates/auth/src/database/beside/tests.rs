//! Logs of a crash, beside the file that they were written for and beside others.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::fs;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Row as _};

use super::super::{Database, PATIENCE};
use super::*;
use crate::AuthError;
use crate::users::UserStore;

/// A copy of the file and its log while they are in use, as a crash leaves them.
fn crash(path: &Path, ending: &str, to: &Path) {
    fs::copy(path, to).unwrap();
    fs::copy(beside(path, ending), beside(to, ending)).unwrap();
}

async fn connect(path: &Path, mode: SqliteJournalMode) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).journal_mode(mode).connect().await.unwrap()
}

async fn add(connection: &mut SqliteConnection, name: &str) {
    let add =
        sqlx::query("INSERT INTO users (id, name, password, created) VALUES (randomblob(16), ?, 'x', 1)");
    add.bind(name.to_owned()).execute(connection).await.unwrap();
}

async fn names(database: &Database) -> Vec<String> {
    database.list().await.unwrap().into_iter().map(|user| user.name.to_string()).collect()
}

async fn new_file(path: &Path) {
    Database::open(path, PATIENCE).await.unwrap().close().await;
}

/// The file is refused, and neither it nor the log is touched.
async fn expect_refusal(path: &Path, ending: &str) {
    let log = beside(path, ending);
    let before = (fs::read(path).unwrap(), fs::read(&log).unwrap());
    let refusal = Database::open(path, PATIENCE).await.map(|_| ()).unwrap_err();
    assert!(matches!(&refusal, AuthError::Gone(why) if why.contains(log.to_str().unwrap())), "{refusal}");
    assert!(refusal.to_string().contains("move the log away"), "{refusal}");
    assert!(before == (fs::read(path).unwrap(), fs::read(&log).unwrap()), "nothing was changed");
    fs::remove_file(log).unwrap();
    Database::open(path, PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_log_that_an_earlier_version_left_is_applied_once_and_never_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, crashed) = (folder.path().join("users.sqlite"), folder.path().join("crashed.sqlite"));
    new_file(&path).await;
    let mut earlier = connect(&path, SqliteJournalMode::Wal).await;
    add(&mut earlier, "ann").await;
    crash(&path, "-wal", &crashed);
    let database = Database::open(&crashed, PATIENCE).await.unwrap();
    assert_eq!(names(&database).await, ["ann"]);
    assert!(!beside(&crashed, "-wal").exists(), "its changes are in the file");
    let mut write = database.write().await.unwrap();
    add(&mut write, "bob").await;
    write.commit().await.unwrap();
    assert!(!beside(&crashed, "-wal").exists() && !beside(&crashed, "-journal").exists());
    let copy = folder.path().join("copy.sqlite");
    fs::copy(&crashed, &copy).unwrap();
    assert_eq!(
        names(&Database::open(&copy, PATIENCE).await.unwrap()).await,
        ["ann", "bob"],
        "the file is all"
    );
}

#[tokio::test]
async fn a_log_of_an_earlier_version_is_not_applied_to_a_restored_file() {
    let folder = tempfile::tempdir().unwrap();
    let (path, restored) = (folder.path().join("users.sqlite"), folder.path().join("restored.sqlite"));
    new_file(&path).await;
    fs::copy(&path, &restored).unwrap();
    let mut earlier = connect(&path, SqliteJournalMode::Wal).await;
    add(&mut earlier, "removed").await;
    fs::copy(beside(&path, "-wal"), beside(&restored, "-wal")).unwrap();
    expect_refusal(&restored, "-wal").await;
    assert!(names(&Database::open(&restored, PATIENCE).await.unwrap()).await.is_empty());
}

#[tokio::test]
async fn a_log_whose_database_is_gone_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    fs::write(beside(&path, "-wal"), [1; 4096]).unwrap();
    let refusal = Database::open(&path, PATIENCE).await.map(|_| ()).unwrap_err();
    assert!(matches!(refusal, AuthError::Gone(_)), "{refusal}");
    assert!(beside(&path, "-wal").exists());
}

/// A transaction of which a part is in the file, and the pages before it in the journal.
async fn half_written(path: &Path) -> SqliteConnection {
    let mut connection = connect(path, SqliteJournalMode::Delete).await;
    sqlx::raw_sql("PRAGMA cache_size = 2; BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
    for number in 0..400 {
        add(&mut connection, &format!("half-{number}")).await;
    }
    connection
}

#[tokio::test]
async fn a_transaction_that_a_crash_cut_off_is_undone() {
    let folder = tempfile::tempdir().unwrap();
    let (path, crashed) = (folder.path().join("users.sqlite"), folder.path().join("crashed.sqlite"));
    new_file(&path).await;
    add(&mut connect(&path, SqliteJournalMode::Delete).await, "ann").await;
    let before = fs::metadata(&path).unwrap().len();
    let _writing = half_written(&path).await;
    crash(&path, "-journal", &crashed);
    assert!(fs::metadata(&crashed).unwrap().len() > before, "a part of it is in the file");
    let database = Database::open(&crashed, PATIENCE).await.unwrap();
    assert_eq!(names(&database).await, ["ann"]);
    assert!(!beside(&crashed, "-journal").exists());
}

#[tokio::test]
async fn a_journal_is_not_applied_to_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("users.sqlite"), folder.path().join("other.sqlite"));
    new_file(&path).await;
    let backup = fs::read(&path).unwrap();
    for name in ["ann", "bob", "carl"] {
        add(&mut connect(&path, SqliteJournalMode::Delete).await, name).await;
    }
    let later = fs::read(&path).unwrap();
    let writing = half_written(&path).await;
    let journal = fs::read(beside(&path, "-journal")).unwrap();
    drop(writing);
    // An earlier state of the same database, and a later one of it.
    for content in [backup, {
        // two transactions after the one that was cut off
        let mut file = later;
        let next = number(&file, 24).unwrap() + 2;
        file.splice(24..28, next.to_be_bytes());
        file.splice(92..96, next.to_be_bytes());
        file
    }] {
        fs::write(&other, content).unwrap();
        fs::write(beside(&other, "-journal"), &journal).unwrap();
        expect_refusal(&other, "-journal").await;
    }
}

#[tokio::test]
async fn what_is_no_journal_is_left_to_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    new_file(&path).await;
    for content in [&b""[..], &[0; 512], b"no journal", &JOURNAL_MAGIC] {
        fs::write(beside(&path, "-journal"), content).unwrap();
        Database::open(&path, PATIENCE).await.unwrap().close().await;
    }
}

#[tokio::test]
async fn a_file_that_this_process_has_open_is_not_opened_again_to_look_at_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let first = Database::open(&path, PATIENCE).await.unwrap();
    let mut write = first.write().await.unwrap();
    let second = tokio::spawn(async move { Database::open(&path, PATIENCE).await.unwrap() });
    tokio::task::yield_now().await;
    add(&mut write, "ann").await;
    write.commit().await.unwrap();
    let row =
        sqlx::query("PRAGMA integrity_check").fetch_one(second.await.unwrap().readers().await.unwrap()).await;
    assert_eq!(row.unwrap().get::<String, _>(0), "ok");
    first.close().await;
}

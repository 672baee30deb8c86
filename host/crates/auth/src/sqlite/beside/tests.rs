//! Logs of a crash, beside the file that they were written for and beside others.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::fs;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};

use super::super::lineage::{Lineage, Place, Point, advance};
use super::super::{Database, PATIENCE};
use super::*;
use crate::AuthError;
use crate::keeper::Keeper as _;
use crate::users::UserStore as _;

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
    assert_eq!(names(&second.await.unwrap()).await, ["ann"]);
    first.close().await;
}

/// The host has the file open; then this log is put beside it.
async fn expect_no_use_of(database: &Database, path: &Path, ending: &str, log: &[u8]) {
    let (before, log_path) = (fs::read(path).unwrap(), beside(path, ending));
    fs::write(&log_path, log).unwrap();
    for _ in 0..2 {
        let refused = database.list().await.map(drop).unwrap_err();
        assert!(matches!(&refused, AuthError::Gone(why) if why.contains("move the log away")), "{refused}");
    }
    let refused = database.write().await.map(drop).unwrap_err();
    assert!(matches!(refused, AuthError::Gone(_)), "{refused}");
    assert!(matches!(database.probe().await, Err(AuthError::Gone(_))));
    assert!(before == fs::read(path).unwrap(), "nothing was changed");
    assert!(log == fs::read(&log_path).unwrap());
    fs::remove_file(log_path).unwrap();
    database.probe().await.unwrap();
}

#[tokio::test]
async fn a_journal_of_another_time_beside_a_file_that_is_in_use_is_not_applied() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let database = Database::open(&path, PATIENCE).await.unwrap();
    add(&mut connect(&path, SqliteJournalMode::Delete).await, "removed").await;
    let writing = half_written(&path).await;
    let journal = fs::read(beside(&path, "-journal")).unwrap();
    drop(writing);
    until_gone(&beside(&path, "-journal")).await;
    database.remove("removed").await.unwrap();
    let mut write = database.write().await.unwrap();
    add(&mut write, "ann").await;
    write.commit().await.unwrap();
    expect_no_use_of(&database, &path, "-journal", &journal).await;
    assert_eq!(names(&database).await, ["ann"]);
}

#[tokio::test]
async fn a_write_ahead_log_beside_a_file_that_is_in_use_is_not_applied() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("users.sqlite"), folder.path().join("other.sqlite"));
    let database = Database::open(&path, PATIENCE).await.unwrap();
    database.list().await.unwrap();
    fs::copy(&path, &other).unwrap();
    let mut earlier = connect(&other, SqliteJournalMode::Wal).await;
    add(&mut earlier, "removed").await;
    let log = fs::read(beside(&other, "-wal")).unwrap();
    expect_no_use_of(&database, &path, "-wal", &log).await;
    assert!(names(&database).await.is_empty());
}

/// As if the log had been put there between the look at it and the transaction.
#[tokio::test]
async fn nothing_is_committed_to_a_write_ahead_log_that_was_put_there_just_now() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let database = Database::open(&path, PATIENCE).await.unwrap();
    let log = beside(&path, "-wal");
    for reads in [false, true] {
        let before = fs::read(&path).unwrap();
        fs::write(&log, [7; 8192]).unwrap();
        if reads {
            sqlx::query("SELECT COUNT(*) FROM users").fetch_one(&database.readers).await.unwrap();
        } else {
            let refused = database.begin().await.map(drop).unwrap_err();
            assert!(
                matches!(&refused, AuthError::Gone(why) if why.contains("move the log away")),
                "{refused}"
            );
        }
        assert!(matches!(database.probe().await, Err(AuthError::Gone(_))));
        assert!(
            fs::read(&log).unwrap() == [7; 8192] && before == fs::read(&path).unwrap(),
            "nothing was changed"
        );
        fs::remove_file(&log).unwrap();

        let mut write = database.write().await.unwrap();
        add(&mut write, if reads { "bob" } else { "ann" }).await;
        write.commit().await.unwrap();
        assert!(before != fs::read(&path).unwrap() && !log.exists(), "it is in the file");
    }
    assert_eq!(names(&database).await, ["ann", "bob"]);
}

/// As if the log had been put there between the look at it and the transaction.
#[tokio::test]
async fn a_journal_that_was_applied_is_noticed_by_the_state_that_it_brought_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let database = Database::open(&path, PATIENCE).await.unwrap();
    let journal = {
        let _writing = half_written_by_packhouse(&path).await;
        fs::read(beside(&path, "-journal")).unwrap()
    };
    until_gone(&beside(&path, "-journal")).await;
    for name in ["ann", "bob"] {
        let mut write = database.write().await.unwrap();
        add(&mut write, name).await;
        write.commit().await.unwrap();
    }
    fs::write(beside(&path, "-journal"), journal).unwrap();
    let before = fs::read(&path).unwrap();
    let mut other = connect(&path, SqliteJournalMode::Delete).await;
    sqlx::query("SELECT COUNT(*) FROM users").fetch_one(&mut other).await.unwrap();
    assert!(before != fs::read(&path).unwrap() && !beside(&path, "-journal").exists(), "SQLite applied it");
    let refused = database.list().await.map(drop).unwrap_err();
    assert!(matches!(&refused, AuthError::Gone(why) if why.contains("an earlier state")), "{refused}");
}

/// The same as [`half_written`], from the next point of the lineage.
async fn half_written_by_packhouse(path: &Path) -> SqliteConnection {
    let mut connection = connect(path, SqliteJournalMode::Delete).await;
    sqlx::raw_sql("PRAGMA cache_size = 2; BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
    let place = Place::read(&mut connection, Point::default()).await.unwrap().unwrap();
    let now = Lineage::new(place).unwrap().seen();
    advance(&mut connection, now).await.unwrap();
    for number in 0..400 {
        add(&mut connection, &format!("half-{number}")).await;
    }
    connection
}

#[tokio::test]
async fn a_command_that_is_killed_leaves_a_database_that_its_host_goes_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let database = Database::open(&path, PATIENCE).await.unwrap();
    let mut write = database.write().await.unwrap();
    add(&mut write, "ann").await;
    write.commit().await.unwrap();
    assert_eq!(names(&database).await, ["ann"]);
    let left = {
        let _writing = half_written_by_packhouse(&path).await;
        (fs::read(&path).unwrap(), fs::read(beside(&path, "-journal")).unwrap())
    };
    until_gone(&beside(&path, "-journal")).await;
    fs::write(&path, left.0).unwrap();
    fs::write(beside(&path, "-journal"), left.1).unwrap();
    assert_eq!(names(&database).await, ["ann"]);
    assert!(!beside(&path, "-journal").exists(), "it was applied");
    database.remove("ann").await.unwrap();
    assert!(names(&database).await.is_empty());
}

/// A connection that is dropped ends in a thread of its own.
async fn until_gone(file: &Path) {
    while file.exists() {
        tokio::task::yield_now().await;
    }
}

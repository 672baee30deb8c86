//! A host uses the user database that it opened, and nothing else: not what a crash left beside it,
//! not what is written over it, not what is left of it.
#![allow(clippy::panic, clippy::expect_used, reason = "a test may fail loudly")]

use packhouse_tests::wait::until;
use packhouse_tests::{Actor, Registry};
use std::fs;
use std::path::PathBuf;

fn database(registry: &Registry) -> PathBuf {
    registry.home().path().join("users/packhouse.sqlite")
}

/// Credentials, readiness and the log say that the database is not used; what anybody may read is
/// still there.
async fn expect_not_used(registry: &Registry, actor: &Actor, why: &str) {
    until("the database to be refused", || async {
        (actor.get("/-/whoami").await.status == 503).then_some(())
    })
    .await;
    registry.actor("").get("/readyz").await.expect(503);
    registry.actor("/npm").get("/demo").await.expect(404);
    assert!(registry.logs().contains(why), "{}", registry.logs());
}

#[tokio::test]
async fn what_a_killed_host_committed_is_in_the_file() {
    let mut registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    registry.user("leaver", &["npm:*:*:read"]).await;
    registry.order(&["user", "remove", "leaver"]).await.expect(0);
    let token = registry.order(&["token", "create", "publisher"]).await.expect(0).trim().to_owned();
    registry.kill().await;
    let file = database(&registry);
    for ending in ["-wal", "-shm", "-journal"] {
        let beside = format!("{}{ending}", file.display());
        assert!(!fs::exists(&beside).expect("a folder of ours"), "{beside}");
    }
    let copy = fs::read(&file).expect("it is there");
    fs::remove_file(&file).expect("it is there");
    fs::write(&file, copy).expect("a copy of the file alone");
    registry.start_again().await;
    let users = registry.order(&["user", "list"]).await.expect(0);
    assert!(users.contains("publisher") && !users.contains("leaver"), "{users}");
    publisher.at(registry.url("/npm")).get("/-/whoami").await.expect(200);
    registry.actor("/npm").with_token(&token).get("/-/whoami").await.expect(200);
}

#[tokio::test]
async fn a_log_beside_the_database_that_is_not_its_own_ends_the_start() {
    let mut registry = Registry::npm().await;
    registry.terminate().await;
    let log = format!("{}-wal", database(&registry).display());
    fs::write(&log, [7; 8192]).expect("a folder of ours");
    let before = fs::read(database(&registry)).expect("it is there");
    for command in [&["serve"][..], &["verify"], &["user", "list"]] {
        let ended = registry.order(command).await;
        assert_eq!(ended.code, Some(2), "{command:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("packhouse.sqlite-wal"), "{}", ended.stderr);
        assert!(ended.stderr.contains("move the log away"), "{}", ended.stderr);
    }
    assert!(fs::exists(&log).expect("a folder of ours"), "it stays");
    assert!(before == fs::read(database(&registry)).expect("it is there"), "nothing was changed");
    fs::remove_file(log).expect("it is there");
    registry.start_again().await;
    registry.actor("").get("/readyz").await.expect(200);
}

#[tokio::test]
async fn a_removed_user_is_not_back_when_an_older_copy_is_written_over_the_database() {
    let mut registry = Registry::npm().await;
    let leaver = registry.user("leaver", &["npm:*:*:read"]).await;
    let leaver = registry.actor("/npm").with_password("leaver", &leaver.password);
    leaver.get("/-/whoami").await.expect(200);
    let backup = fs::read(database(&registry)).expect("it is there");
    registry.order(&["user", "remove", "leaver"]).await.expect(0);
    until("the user to be gone", || async { (leaver.get("/-/whoami").await.status == 401).then_some(()) })
        .await;
    fs::write(database(&registry), &backup).expect("as `cp` writes it");
    expect_not_used(&registry, &leaver, "an earlier state of itself").await;
    assert!(backup == fs::read(database(&registry)).expect("it is there"), "nothing is written to it");

    registry.restart().await;
    registry.actor("").get("/readyz").await.expect(200);
    leaver.at(registry.url("/npm")).get("/-/whoami").await.expect(200);
}

#[tokio::test]
async fn another_database_that_is_written_over_this_one_lets_nobody_in() {
    let (registry, other) = (Registry::npm().await, Registry::npm().await);
    let guest = other.user("guest", &["*:*:*:*"]).await;
    let guest = registry.actor("/npm").with_password("guest", &guest.password);
    guest.get("/-/whoami").await.expect(401);
    fs::copy(database(&other), database(&registry)).expect("as `cp` writes it");
    expect_not_used(&registry, &guest, "the content of another one").await;
}

#[tokio::test]
async fn a_database_that_is_cut_is_not_ready() {
    let registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    publisher.get("/-/whoami").await.expect(200);
    let file = fs::OpenOptions::new().write(true).open(database(&registry)).expect("it is there");
    file.set_len(4096 * 3).expect("it is longer");
    expect_not_used(&registry, &publisher, "is damaged").await;
}

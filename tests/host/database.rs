//! A host uses the user database that it opened, and nothing else: not what a crash left beside it,
//! not what is written over it, not what is left of it.
#![allow(clippy::panic, clippy::expect_used, reason = "a test may fail loudly")]

use packhouse_tests::accounts::run;
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

/// What the administrator takes away, and what then shows whether it is back.
#[tokio::test]
async fn nothing_that_was_taken_away_is_back_when_commands_write_to_an_older_copy() {
    for what in ["token", "user", "password", "grant"] {
        let registry = Registry::npm().await;
        let user = registry.user("leaver", &["npm:*:*:write"]).await;
        let second = registry.order(&["token", "create", "leaver"]).await.expect(0).trim().to_owned();
        let by_token = registry.actor("/npm").with_token(&second);
        by_token.get("/-/whoami").await.expect(200);
        let listed = registry.order(&["token", "list", "leaver"]).await.expect(0);
        let id = listed.lines().last().and_then(|line| line.split('\t').next()).expect("it has one");
        let backup = fs::read(database(&registry)).expect("it is there");
        let order: &[&str] = match what {
            "token" => &["token", "revoke", id],
            "user" => &["user", "remove", "leaver"],
            "grant" => &["user", "grant", "leaver", "npm:*:*:write", "--remove"],
            _ => &["user", "passwd", "leaver", "--password-stdin"],
        };
        run(registry.home(), order, "another password\n").await;
        // The host has read the state that is lost.
        registry
            .actor("/npm")
            .with_token("0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0")
            .get("/-/whoami")
            .await
            .expect(401);
        fs::write(database(&registry), &backup).expect("as `cp` writes it");
        for label in ["one", "two", "three"] {
            registry.order(&["token", "create", "leaver", "--label", label]).await.expect(0);
        }
        let by_password = registry.actor("/npm").with_password("leaver", &user.password);
        expect_not_used(&registry, &by_token, "an earlier state of itself").await;
        by_password.get("/-/whoami").await.expect(503);
    }
}

#[tokio::test]
async fn an_older_copy_is_noticed_without_a_request() {
    let registry = Registry::npm().await;
    registry.publisher().await;
    let backup = fs::read(database(&registry)).expect("it is there");
    registry.order(&["token", "create", "publisher"]).await.expect(0);
    // The host reads the state that is lost.
    let unknown = registry.actor("/npm").with_token("0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0");
    unknown.get("/-/whoami").await.expect(401);
    fs::write(database(&registry), &backup).expect("as `cp` writes it");
    registry.logs_with("an earlier state of itself").await;
}

#[tokio::test]
async fn a_log_put_beside_the_database_while_it_is_in_use_is_not_applied() {
    let registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    publisher.get("/-/whoami").await.expect(200);
    let log = format!("{}-wal", database(&registry).display());
    fs::write(&log, [7; 8192]).expect("a folder of ours");
    expect_not_used(&registry, &publisher, "move the log away").await;
    let refused = registry.order(&["user", "list"]).await;
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(fs::read(&log).expect("it is there") == [7; 8192], "nothing is done to it");
    fs::remove_file(log).expect("it is there");
    publisher.get("/-/whoami").await.expect(200);
    registry.actor("").get("/readyz").await.expect(200);
}

/// Commands do not change a database that is not the registry's, whether a host runs or not.
async fn expect_refusals(registry: &Registry, sentence: &str) {
    let before = fs::read(database(registry)).expect("it is there");
    let orders: [&[&str]; 5] = [
        &["user", "add", "eve", "--password-stdin"],
        &["user", "passwd", "publisher", "--password-stdin"],
        &["user", "grant", "publisher", "npm:*:*:read"],
        &["token", "create", "publisher"],
        &["token", "list"],
    ];
    for order in orders {
        let ended = registry.order(order).await;
        assert_eq!(ended.code, Some(2), "{order:?}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains(sentence) && ended.stderr.contains("adopt"), "{}", ended.stderr);
        assert_eq!(ended.stdout, "", "{order:?}");
    }
    let ended = registry.order(&["verify"]).await;
    assert_eq!(ended.code, Some(2), "{}{}", ended.stdout, ended.stderr);
    assert!(before == fs::read(database(registry)).expect("it is there"), "nothing is written to it");
}

#[tokio::test]
async fn commands_refuse_a_database_that_was_emptied() {
    let mut registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    let whole = fs::read(database(&registry)).expect("it is there");
    fs::write(database(&registry), "").expect("it is there");
    expect_refusals(&registry, "is empty, and the host does not create a new one").await;
    registry.restart().await;
    publisher.at(registry.url("/npm")).get("/-/whoami").await.expect(503);
    // The host cannot know whether the storage is the right one.
    registry.actor("/npm").get("/demo").await.expect(503);
    let ready = registry.actor("").get("/readyz").await.expect(503).text();
    assert!(ready.contains("users cannot be looked up now"), "{ready}");
    assert_eq!(fs::read(database(&registry)).expect("it is there"), b"", "nor does the host make one");
    registry.terminate().await;
    expect_refusals(&registry, "is empty, and the host does not create a new one").await;
    fs::write(database(&registry), whole).expect("it is there");
    registry.start_again().await;
    publisher.at(registry.url("/npm")).get("/-/whoami").await.expect(200);
}

#[tokio::test]
async fn commands_refuse_the_database_of_another_registry() {
    let (mut registry, other) = (Registry::npm().await, Registry::npm().await);
    registry.publisher().await;
    other.publisher().await;
    fs::copy(database(&other), database(&registry)).expect("as `cp` writes it");
    expect_refusals(&registry, "do not belong to the storage").await;
    registry.terminate().await;
    expect_refusals(&registry, "do not belong to the storage").await;
}

#[tokio::test]
async fn a_token_is_revoked_also_while_the_storage_is_away() {
    let registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    publisher.get("/-/whoami").await.expect(200);
    let listed = registry.order(&["token", "list", "publisher"]).await.expect(0);
    let id = listed.split('\t').next().expect("it has one").to_owned();
    let (root, aside) = (registry.home().objects(), registry.home().path().join("aside"));
    fs::rename(&root, &aside).expect("it is moved");
    for _ in 0..2 {
        registry.order(&["token", "list"]).await.expect(0);
        fs::create_dir_all(&root).expect("the mount point of a disk that is away");
    }
    registry.order(&["token", "revoke", &id]).await.expect(0);
    assert!(fs::read_dir(&root).expect("it is there").next().is_none(), "nothing is made in it");
    until("the token to be gone", || async {
        (publisher.get("/-/whoami").await.status == 401).then_some(())
    })
    .await;
}

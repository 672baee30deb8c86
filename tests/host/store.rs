//! A registry uses its own store only: a folder that disappears, another one in its place, users
//! that are gone, a second host, a disk that cannot be written to.
#![allow(clippy::panic, clippy::expect_used, reason = "a test may fail loudly")]

use packhouse_tests::npm::{Package, noise};
use packhouse_tests::tmpfs::{ReadOnly, Tmpfs};
use packhouse_tests::{Actor, Answer, Backend, Options, Registry};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

fn expect_away(answer: Answer) {
    let answer = answer.expect(503);
    assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// Reads, publishes and commands; none of them says that nothing is there, or makes anything.
async fn expect_all_away(registry: &Registry, publisher: &Actor) {
    for path in ["/demo", "/unknown", "/demo/-/demo-1.0.0.tgz"] {
        let answer = publisher.get(path).await;
        assert!(answer.header("content-type").contains("json"), "in the plugin's shape: {answer:?}");
        expect_away(answer);
    }
    let package = Package::new("demo", "2.0.0");
    expect_away(publisher.put(&package.path(), &package.publish()).await);
    expect_away(registry.actor("").get("/readyz").await);
    registry.actor("").get("/healthz").await.expect(200);
    for command in [&["verify"][..], &["gc", "--dry-run"], &["gc"], &["reindex"]] {
        let ended = registry.order(command).await;
        assert_eq!(ended.code, Some(2), "{command:?}: {}{}", ended.stdout, ended.stderr);
        let lines: Vec<_> = ended.stderr.lines().filter(|line| line.starts_with("packhouse: ")).collect();
        assert_eq!(lines.len(), 1, "one sentence: {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_storage_folder_that_disappears_is_503_and_comes_back_without_a_restart() {
    let mut registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    let package = Package::new("demo", "1.0.0");
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    let (root, aside) = (registry.home().objects(), registry.home().path().join("aside"));

    fs::rename(&root, &aside).expect("it is moved");
    expect_all_away(&registry, &publisher).await;
    assert!(!root.exists(), "nobody makes it again");
    fs::create_dir(&root).expect("the mount point of a disk that is away");
    expect_all_away(&registry, &publisher).await;
    assert!(is_empty(&root), "nothing is made in it");
    assert!(registry.logs().contains("packhouse store adopt"), "it says what to do: {}", registry.logs());

    registry.restart().await;
    let publisher = publisher.at(registry.url("/npm"));
    expect_all_away(&registry, &publisher).await;
    assert!(is_empty(&root), "nor by the next start");

    fs::remove_dir(&root).expect("it is empty");
    fs::rename(&aside, &root).expect("it is moved back");
    let file = publisher.get(&package.tarball_path()).await.expect(200);
    assert!(file.body == package.tarball(), "the same bytes");
    registry.actor("").get("/readyz").await.expect(200);
    registry.order(&["verify"]).await.expect(0);
}

#[tokio::test]
async fn a_store_whose_users_are_gone_is_used_again_when_the_operator_says_so() {
    let mut registry = Registry::npm().await;
    let package = Package::new("demo", "1.0.0");
    registry.publisher().await.put(&package.path(), &package.publish()).await.expect(201);
    registry.terminate().await;
    let users = registry.home().path().join("users");
    fs::remove_dir_all(&users).expect("the users are gone");
    for command in ["verify", "gc"] {
        let ended = registry.order(&[command]).await;
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains("another user database"), "{}", ended.stderr);
        assert!(!users.exists(), "{command} makes no users");
    }
    registry.start_again().await;
    let anybody = registry.actor("/npm");
    expect_away(anybody.get("/demo").await);
    expect_away(anybody.get("/unknown").await);
    expect_away(registry.actor("").get("/readyz").await);
    registry.terminate().await;
    registry.order(&["store", "adopt"]).await.expect(0);
    registry.start_again().await;
    let file = registry.actor("/npm").get(&package.tarball_path()).await.expect(200);
    assert!(file.body == package.tarball(), "the same bytes");
    registry.order(&["verify"]).await.expect(0);
}

/// Nothing is said of credentials, whether they are right or wrong, and what anybody may read is
/// still there.
async fn expect_no_users(registry: &Registry, publisher: &Actor, path: &str) {
    let nobody = registry.actor("/npm");
    expect_away(publisher.get(path).await);
    expect_away(nobody.clone().with_password("publisher", "wrong").get(path).await);
    expect_away(nobody.with_token("0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0").get(path).await);
    let package = Package::new("demo", "2.0.0");
    expect_away(publisher.put(&package.path(), &package.publish()).await);
    expect_away(registry.actor("").get("/readyz").await);
}

#[tokio::test]
async fn users_that_disappear_while_a_host_runs_are_503_and_come_back() {
    let registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    let package = Package::new("demo", "1.0.0");
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    let (users, aside) = (registry.home().path().join("users"), registry.home().path().join("aside"));
    let file = users.join("packhouse.sqlite");

    fs::rename(&users, &aside).expect("they are moved");
    packhouse_tests::wait::until("the file to be missed", || async {
        (publisher.get("/-/whoami").await.status == 503).then_some(())
    })
    .await;
    expect_no_users(&registry, &publisher, "/demo").await;
    registry.actor("/npm").get("/demo").await.expect(200);
    assert!(!users.exists(), "nobody makes them again");
    let told = registry.logs().lines().filter(|line| line.contains("packhouse.sqlite` is gone")).count();
    assert_eq!(told, 1, "{}", registry.logs());

    fs::create_dir(&users).expect("a new folder");
    fs::write(&file, "").expect("a new file");
    expect_no_users(&registry, &publisher, "/demo").await;
    assert_eq!(fs::read(&file).expect("it is there"), b"", "nothing is made in it");

    fs::remove_dir_all(&users).expect("the new ones go");
    fs::rename(&aside, &users).expect("they are moved back");
    publisher.get("/-/whoami").await.expect(200);
    registry.actor("").get("/readyz").await.expect(200);
}

#[tokio::test]
async fn a_store_that_remembers_users_gets_no_new_ones() {
    let mut registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    let package = Package::new("demo", "1.0.0");
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    registry.terminate().await;
    let (users, aside) = (registry.home().path().join("users"), registry.home().path().join("aside"));
    fs::rename(&users, &aside).expect("they are moved");
    for command in [&["user", "list"][..], &["token", "create", "publisher"]] {
        let ended = registry.order(command).await;
        assert_eq!(ended.code, Some(2), "{command:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("is gone") && ended.stderr.contains("store adopt"), "{}", ended.stderr);
    }
    registry.start_again().await;
    expect_no_users(&registry, &publisher.at(registry.url("/npm")), "/demo").await;
    assert!(registry.logs().contains("packhouse store adopt"), "{}", registry.logs());
    assert!(!users.exists(), "nothing is made");

    // As an earlier version, or another program, would have made it.
    registry.terminate().await;
    fs::create_dir(&users).expect("a folder");
    let other = Registry::npm().await;
    fs::copy(other.home().path().join("users/packhouse.sqlite"), users.join("packhouse.sqlite"))
        .expect("a copy");
    registry.start_again().await;
    expect_away(registry.actor("").get("/readyz").await);
    registry.terminate().await;

    fs::remove_dir_all(&users).expect("the new ones go");
    fs::rename(&aside, &users).expect("they are moved back");
    registry.start_again().await;
    publisher.at(registry.url("/npm")).get("/-/whoami").await.expect(200);
}

#[tokio::test]
async fn a_store_is_not_adopted_beside_a_server_that_uses_it() {
    let registry = Registry::npm().await;
    let ended = registry.order(&["store", "adopt"]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("stop every server"), "{}", ended.stderr);
}

#[tokio::test]
async fn files_of_the_host_that_others_can_write_to_end_the_start() {
    let mut registry = Registry::npm().await;
    registry.terminate().await;
    for file in ["plugins/npm.wasm", "users/packhouse.sqlite", "registry.toml"] {
        let path = registry.home().path().join(file);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("our own file");
        let ended = registry.order(&["serve"]).await;
        assert_eq!(ended.code, Some(2), "{file}: {}", ended.stderr);
        assert!(ended.stderr.contains(file) && ended.stderr.contains("chmod"), "{}", ended.stderr);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("our own file");
    }
}

#[tokio::test]
async fn a_folder_of_the_configuration_that_others_can_write_to_ends_the_start() {
    let mut registry = Registry::npm().await;
    registry.terminate().await;
    // Nothing else of the host lies there.
    let (named, own) = (registry.home().path().join("registry.toml"), registry.home().path().join("conf"));
    fs::create_dir(&own).expect("a new folder");
    fs::rename(&named, own.join("registry.toml")).expect("our own file");
    std::os::unix::fs::symlink("conf/registry.toml", &named).expect("our own folder");
    for (mode, is_safe) in [(0o757, false), (0o755, true)] {
        fs::set_permissions(&own, fs::Permissions::from_mode(mode)).expect("our own folder");
        let ended = registry.order(&["verify"]).await;
        assert_eq!(ended.code == Some(0), is_safe, "{mode:o}: {}", ended.stderr);
        assert!(is_safe || ended.stderr.contains("can replace it"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_second_host_on_one_folder_does_not_start() {
    let registry = Registry::npm().await;
    fs::remove_file(registry.home().objects().join(".packhouse/host.lock")).expect("a file of the host");
    let ended = registry.order(&["serve"]).await;
    assert_eq!(ended.code, Some(2), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("hosts = \"many\""), "{}", ended.stderr);
    registry.actor("").get("/readyz").await.expect(200);
}

#[tokio::test]
async fn what_is_the_hosts_own_may_not_lie_among_the_objects() {
    let text = "[storage]\nroot = \"data\"\n[plugins]\ncache = \"data/cache\"\n";
    let ended = Registry::refuse(Options::npm().whole(text)).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("[plugins] cache") && ended.stderr.contains("storage folder"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_damaged_user_database_is_named_as_damaged() {
    let mut registry = Registry::npm().await;
    registry.terminate().await;
    let file = registry.home().path().join("users/packhouse.sqlite");
    for log in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{log}", file.display()));
    }
    fs::write(&file, noise(1, 40_000)).expect("it is damaged");
    for command in [&["serve"][..], &["verify"], &["user", "list"]] {
        let ended = registry.order(command).await;
        assert_eq!(ended.code, Some(2), "{command:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("is damaged") && ended.stderr.contains("backup"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_read_only_store_is_verified_and_readiness_says_that_writes_fail() {
    let Some(disk) = Tmpfs::mount(32) else { return };
    let disk = Arc::new(disk);
    let registry = Registry::start(Options::npm().on(Backend::Small(Arc::clone(&disk)))).await;
    let publisher = registry.publisher().await;
    let package = Package::new("demo", "1.0.0");
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    let view = ReadOnly::cover(disk.path());
    let told = registry.order(&["verify"]).await.expect(0);
    assert!(told.contains("all is well"), "{told}");
    let told = registry.order(&["gc", "--dry-run", "--older-than", "0s"]).await.expect(0);
    assert!(told.contains("looked at 2 objects") || told.contains("looked at 1 object"), "{told}");
    publisher.get(&package.tarball_path()).await.expect(200);
    packhouse_tests::wait::until("readiness to say so", || async {
        let ready = registry.actor("").get("/readyz").await;
        (ready.status == 503).then_some(())
    })
    .await;
    drop(view);
    packhouse_tests::wait::until("the store to be ready again", || async {
        let ready = registry.actor("").get("/readyz").await;
        (ready.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn users_on_a_read_only_disk_sign_in_and_readiness_says_that_writes_fail() {
    let registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    publisher.get("/-/whoami").await.expect(200);
    let users = registry.home().path().join("users");
    let view = ReadOnly::cover(&users);
    readiness(&registry, 503).await;
    publisher.get("/-/whoami").await.expect(200);
    drop(view);
    readiness(&registry, 200).await;
    assert!(registry.logs().contains("users cannot be looked up"), "{}", registry.logs());
}

/// The host opens the file while it can only be read.
#[tokio::test]
async fn users_are_ready_again_when_the_disk_takes_writes_after_a_start_on_a_read_only_one() {
    let mut registry = Registry::npm().await;
    let users = registry.home().path().join("users");
    registry.terminate().await;
    let view = ReadOnly::cover(&users);
    registry.start_again().await;
    readiness(&registry, 503).await;
    drop(view);
    readiness(&registry, 200).await;
}

async fn readiness(registry: &Registry, status: u16) {
    packhouse_tests::wait::until("readiness to change", || async {
        let ready = registry.actor("").get("/readyz").await;
        (ready.status == status).then_some(())
    })
    .await;
}

/// Deleting is what makes room, and needs none.
#[tokio::test]
async fn gc_makes_room_on_a_disk_without_a_byte_left() {
    let Some(disk) = Tmpfs::mount(12) else { return };
    let disk = Arc::new(disk);
    let registry = Registry::start(Options::npm().on(Backend::Small(Arc::clone(&disk)))).await;
    let orphan = registry.home().objects().join("npm/packages/gone/gone-1.0.0.tgz");
    let publisher = registry.publisher().await;
    let package = Package::new("demo", "1.0.0");
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    let staged = registry.home().objects().join(".packhouse/staging/left-by-a-crash");
    fs::write(&staged, noise(2, 3_000_000)).expect("there is room");
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(48);
    let file = fs::File::options().write(true).open(&staged).expect("it is there");
    file.set_modified(long_ago).expect("a file of ours");
    drop(file);
    let rest = disk.path().join("rest");
    let filled = fs::write(&rest, vec![0; 12 << 20]);
    assert!(filled.is_err(), "the disk is full");
    let next = Package::new("demo", "1.0.1").file("data.bin", noise(3, 1_000_000));
    publisher.put(&next.path(), &next.publish()).await.expect(507);
    registry.order(&["gc", "--older-than", "0s"]).await.expect(0);
    assert!(!staged.exists() && !orphan.exists(), "it made room");
    publisher.put(&next.path(), &next.publish()).await.expect(201);
}

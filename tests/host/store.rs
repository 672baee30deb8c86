//! A registry uses its own store only: a folder that disappears, another one in its place, users
//! that are gone, a second host, a disk that cannot be written to.
#![allow(clippy::panic, clippy::expect_used, reason = "a test may fail loudly")]

use packhouse_tests::npm::{Package, noise};
use packhouse_tests::tmpfs::Tmpfs;
use packhouse_tests::{Actor, Answer, Backend, Options, Registry};
use std::fs;
use std::path::Path;
use std::process::Command;
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
        assert!(ended.stderr.contains("other users"), "{}", ended.stderr);
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

#[tokio::test]
async fn a_second_host_on_one_folder_does_not_start() {
    let registry = Registry::npm().await;
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

fn remount(disk: &Path, how: &str) {
    let mut mount = Command::new("mount");
    mount.args(["-o", &format!("remount,{how}")]).arg(disk);
    assert!(mount.status().is_ok_and(|status| status.success()), "remounted {how}");
}

#[tokio::test]
async fn a_read_only_store_is_verified_and_readiness_says_that_writes_fail() {
    let Some(disk) = Tmpfs::mount(32) else { return };
    let disk = Arc::new(disk);
    let registry = Registry::start(Options::npm().on(Backend::Small(Arc::clone(&disk)))).await;
    let publisher = registry.publisher().await;
    let package = Package::new("demo", "1.0.0");
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    remount(disk.path(), "ro");
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
    remount(disk.path(), "rw");
    packhouse_tests::wait::until("the store to be ready again", || async {
        let ready = registry.actor("").get("/readyz").await;
        (ready.status == 200).then_some(())
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
    let rest = disk.path().join("rest");
    let filled = fs::write(&rest, vec![0; 12 << 20]);
    assert!(filled.is_err(), "the disk is full");
    let next = Package::new("demo", "1.0.1").file("data.bin", noise(3, 1_000_000));
    publisher.put(&next.path(), &next.publish()).await.expect(507);
    registry.order(&["gc", "--older-than", "0s"]).await.expect(0);
    assert!(!staged.exists() && !orphan.exists(), "it made room");
    publisher.put(&next.path(), &next.publish()).await.expect(201);
}

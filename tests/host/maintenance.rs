//! `packhouse gc`, `reindex` and `verify` as their administrator meets them, on a plugin
//! whose objects are easy to lay out by hand.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::npm::hexadecimal_sha256;
use packhouse_tests::registry::{built, files_below};
use packhouse_tests::{Backend, Options, Registry};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

const MOUNT: &str = "[mount.caretaker]\n[maintenance]\ngc = \"off\"\n";
const DAYS: Duration = Duration::from_hours(48);

async fn registry() -> Registry {
    Registry::start(Options::mounts(MOUNT).plugin("caretaker")).await
}

/// An object as somebody left it there so long ago. Gives its path.
fn lay_down(registry: &Registry, key: &str, bytes: &[u8], age: Duration) -> PathBuf {
    let path = registry.home().objects().join(key);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
    path
}

fn blob(registry: &Registry, content: &str, age: Duration) -> String {
    let key = format!("caretaker/blobs/{}", hexadecimal_sha256(content.as_bytes()));
    lay_down(registry, &key, content.as_bytes(), age);
    key
}

fn named_blob(registry: &Registry, content: &str) -> String {
    let key = blob(registry, content, DAYS);
    lay_down(registry, &key.replace("/blobs/", "/names/"), b"", DAYS);
    key
}

/// Left-overs, some of them recent, and named blobs.
async fn with_left_overs(left_over: u32) -> (Registry, Vec<String>) {
    let registry = registry().await;
    for number in 0..left_over {
        blob(&registry, &format!("left over {number}"), DAYS);
    }
    let mut kept: Vec<_> = (0..5).map(|number| named_blob(&registry, &format!("named {number}"))).collect();
    kept.extend(kept.iter().map(|key| key.replace("/blobs/", "/names/")).collect::<Vec<_>>());
    kept.extend((0..3).map(|number| blob(&registry, &format!("recent {number}"), Duration::ZERO)));
    kept.sort();
    (registry, kept)
}

/// Everything, but for the empty files that are locked.
fn whole_store(registry: &Registry) -> Vec<(String, Vec<u8>)> {
    let folder = registry.home().objects();
    let files = files_below(&folder).into_iter().filter(|key| !key.starts_with(".packhouse/locks/"));
    files.map(|key| (key.clone(), std::fs::read(folder.join(key)).unwrap())).collect()
}

#[tokio::test]
async fn gc_removes_what_nothing_names_once_it_is_older_than_the_grace() {
    let (registry, kept) = with_left_overs(25).await;
    let refused = registry.order(&["gc"]).await;
    assert_eq!(refused.code, Some(1), "25 of 38 objects are too many without an order");
    assert!(refused.stderr.contains("nothing names 25 of 38 objects"), "{}", refused.stderr);
    assert_eq!(registry.keys().len(), kept.len() + 25);
    let said = registry.order(&["gc", "--many"]).await.expect(0);
    assert_eq!(registry.keys(), kept);
    let removed = said.lines().filter(|line| line.starts_with("caretaker: removed caretaker/blobs/"));
    assert_eq!(removed.count(), 25, "{said}");
    assert!(said.contains("looked at 33 objects, removed 25 objects"), "{said}");
    assert!(said.contains("3 objects") && said.contains("stay for now"), "{said}");
    let again = registry.order(&["gc", "caretaker"]).await.expect(0);
    assert!(again.contains("removed nothing"), "{again}");
}

#[tokio::test]
async fn a_symbolic_link_is_named_and_nothing_is_removed_that_it_may_stand_for() {
    let registry = registry().await;
    let kept = named_blob(&registry, "named");
    let left_over = blob(&registry, "left over", DAYS);
    let objects = registry.home().objects();
    let odd = objects.join("caretaker/names/odd");
    std::os::unix::fs::symlink("elsewhere", &odd).unwrap();
    // The name of a blob, which somebody has moved elsewhere.
    let named = kept.replace("/blobs/", "/names/");
    let (name, moved) = (objects.join(&named), registry.home().path().join("moved"));
    std::fs::rename(&name, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &name).unwrap();
    let told = registry.order(&["verify"]).await.expect(1);
    assert!(told.contains("caretaker: damaged: caretaker/names/odd: it is a symbolic link"), "{told}");
    assert!(told.contains("caretaker: looked at "), "it went on: {told}");
    // The plugin lists no such folder.
    let aside = objects.join("caretaker/aside");
    std::fs::create_dir(&aside).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", aside.join("link")).unwrap();
    let told = registry.order(&["verify"]).await.expect(1);
    assert!(told.contains("caretaker: damaged: caretaker/aside/link: it is a symbolic link"), "{told}");
    assert!(told.contains("caretaker: looked at 0 objects, read 0 B; damaged: 3"), "{told}");
    let told = registry.order(&["gc", "--dry-run"]).await;
    assert!(told.stdout.contains(&format!("would remove {left_over}")), "{}{}", told.stdout, told.stderr);
    let told = registry.order(&["gc"]).await.expect(1);
    assert!(told.contains(&format!("damaged: {named}: it is a symbolic link")), "{told}");
    assert!(registry.keys().contains(&kept), "it stays");
    std::fs::remove_file(&name).unwrap();
    std::fs::rename(&moved, &name).unwrap();
    let told = registry.order(&["gc", "--dry-run"]).await.expect(1);
    assert!(told.contains("damaged: caretaker/aside/link"), "{told}");
    for link in [odd, aside.join("link")] {
        std::fs::remove_file(link).unwrap();
    }
    registry.order(&["gc"]).await.expect(0);
    assert!(registry.keys().contains(&kept) && !registry.keys().contains(&left_over));
}

#[tokio::test]
async fn a_document_that_cannot_be_written_is_named() {
    let registry = registry().await;
    named_blob(&registry, "named");
    lay_down(&registry, "caretaker/index/odd", b"", DAYS);
    let told = registry.order(&["reindex"]).await.expect(1);
    assert!(told.contains("caretaker: damaged: caretaker/index: it could not be changed"), "{told}");
}

#[tokio::test]
async fn a_few_per_cent_go_without_an_order_and_a_few_more_do_not() {
    let registry = registry().await;
    for number in 0..400 {
        named_blob(&registry, &format!("named {number}"));
    }
    for number in 0..42 {
        blob(&registry, &format!("left over {number}"), DAYS);
    }
    let before = registry.keys();
    assert_eq!(before.len(), 842);
    registry.order(&["gc"]).await.expect(0);
    assert_eq!(registry.keys().len(), 800, "42 of 842 are 4.99 per cent");
    for number in 0..43 {
        blob(&registry, &format!("more left over {number}"), DAYS);
    }
    let refused = registry.order(&["gc"]).await;
    assert_eq!((refused.code, registry.keys().len()), (Some(1), 843), "{}", refused.stderr);
    assert!(refused.stderr.contains("--many"), "{}", refused.stderr);
}

#[tokio::test]
async fn the_grace_is_chosen_by_the_command_or_the_configuration() {
    let (registry, kept) = with_left_overs(4).await;
    registry.order(&["gc", "--older-than", "72h"]).await.expect(0);
    assert_eq!(registry.keys().len(), kept.len() + 4);
    // Times may be up to two seconds early, so what was just written may need another look.
    let patience = Instant::now() + Duration::from_mins(1);
    while registry.keys().len() > kept.len() - 3 {
        registry.order(&["gc", "--older-than", "0s"]).await.expect(0);
        assert!(Instant::now() < patience, "it never goes: {:?}", registry.keys());
    }
    let options = Options::mounts("[mount.caretaker]\n[maintenance]\ngc = \"off\"\nolder_than = \"72h\"\n");
    let registry = Registry::start(options.plugin("caretaker")).await;
    blob(&registry, "two days old", DAYS);
    registry.order(&["gc"]).await.expect(0);
    assert_eq!(registry.keys().len(), 1);
}

#[tokio::test]
async fn a_dry_run_says_what_would_go_and_changes_nothing_at_all() {
    let (registry, _) = with_left_overs(25).await;
    lay_down(&registry, ".packhouse/staging/0123", b"of a host that crashed", DAYS);
    lay_down(&registry, "caretaker/index", b"outdated", DAYS);
    let before = whole_store(&registry);
    let said = registry.order(&["gc", "--dry-run"]).await.expect(0);
    assert_eq!(said.lines().filter(|line| line.contains("would remove caretaker/blobs/")).count(), 25);
    assert!(said.contains("uploads and staging: would remove 1 left-over"), "{said}");
    let said = registry.order(&["reindex", "--dry-run"]).await.expect(0);
    assert!(said.contains("would rebuild caretaker/index"), "{said}");
    registry.order(&["verify"]).await.expect(0);
    assert_eq!(whole_store(&registry), before);

    let said = registry.order(&["gc", "--many"]).await.expect(0);
    assert!(said.contains("uploads and staging: removed 1 left-over"), "{said}");
    assert!(!whole_store(&registry).iter().any(|(key, _)| key.contains("staging")));
}

#[tokio::test]
async fn verify_finds_a_flipped_byte_and_a_missing_object() {
    let registry = registry().await;
    let blobs: Vec<_> = (0..25).map(|number| named_blob(&registry, &format!("blob {number}"))).collect();
    let sound = registry.order(&["verify"]).await.expect(0);
    assert!(sound.contains("looked at 25 objects") && sound.contains("all is well"), "{sound}");

    lay_down(&registry, &blobs[3], b"blob 2", DAYS);
    std::fs::remove_file(registry.home().objects().join(&blobs[11])).unwrap();
    let before = whole_store(&registry);
    let said = registry.order(&["verify", "caretaker"]).await.expect(1);
    let damaged: Vec<_> = said.lines().filter(|line| line.starts_with("caretaker: damaged: ")).collect();
    assert_eq!(damaged.len(), 2, "{said}");
    assert!(damaged.iter().any(|line| line.contains(&blobs[3])), "{said}");
    assert!(damaged.iter().any(|line| line.contains(&blobs[11]) && line.contains("missing")), "{said}");
    assert_eq!(whole_store(&registry), before);
}

#[tokio::test]
async fn reindex_restores_what_is_derived_byte_for_byte() {
    let registry = registry().await;
    for number in 0..30 {
        named_blob(&registry, &format!("blob {number}"));
    }
    registry.order(&["reindex"]).await.expect(0);
    let index = registry.home().objects().join("caretaker/index");
    let right = std::fs::read(&index).unwrap();
    assert_eq!(String::from_utf8_lossy(&right).lines().count(), 30);
    for wrong in [None, Some("half of i")] {
        match wrong {
            None => std::fs::remove_file(&index).unwrap(),
            Some(text) => std::fs::write(&index, text).unwrap(),
        }
        let said = registry.order(&["reindex"]).await.expect(0);
        assert!(said.contains("rebuilt caretaker/index"), "{said}");
        assert_eq!(std::fs::read(&index).unwrap(), right);
    }
    let said = registry.order(&["reindex"]).await.expect(0);
    assert!(said.contains("rebuilt nothing"), "{said}");
}

#[tokio::test]
async fn a_gc_that_was_killed_is_finished_by_the_next_when_its_lease_has_expired() {
    let (registry, kept) = with_left_overs(1000).await;
    registry.order_and_kill(&["gc", "--many"], "removed caretaker/blobs/").await;
    assert!(registry.keys().len() > kept.len(), "it was killed in its middle");
    let ended = registry.order(&["gc", "--many"]).await;
    assert!(ended.stderr.contains("is collecting in this store"), "{}", ended.stderr);
    ended.expect(0);
    assert_eq!(registry.keys(), kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_both_end_well() {
    let (registry, kept) = with_left_overs(200).await;
    let (one, other) = tokio::join!(registry.order(&["gc", "--many"]), registry.order(&["gc", "--many"]));
    let said = one.expect(0) + &other.expect(0);
    assert_eq!(said.lines().filter(|line| line.contains("removed caretaker/blobs/")).count(), 200);
    assert_eq!(registry.keys(), kept);
}

#[tokio::test]
async fn a_host_collects_by_itself_and_serves_meanwhile() {
    let mounts = "[mount.caretaker]\n[maintenance]\ngc = \"1s\"\n";
    let options = Options::mounts(mounts).plugin("caretaker").server("hosts = \"many\"");
    let registry = Registry::start(options).await;
    let named = named_blob(&registry, "named");
    let two = registry.second_process().await;
    for round in 0..3 {
        for number in 0..15 {
            blob(&registry, &format!("left over {round} {number}"), DAYS);
        }
        let patience = Instant::now() + Duration::from_mins(1);
        while registry.keys().len() > 2 {
            registry.actor("/caretaker").get("/").await.expect(200);
            two.actor("/caretaker").get("/").await.expect(200);
            assert!(Instant::now() < patience, "{}\n{}", registry.logs(), two.logs());
        }
    }
    assert_eq!(registry.keys(), [named.clone(), named.replace("/blobs/", "/names/")]);
}

#[tokio::test]
async fn a_host_collects_nothing_of_a_mount_whose_settings_its_plugin_refuses() {
    let mounts =
        "[mount.caretaker]\nfeatures = { unknown = true }\n[mount.objects]\n[maintenance]\ngc = \"1s\"\n";
    // A host does not start with such settings, but the plugin may come later.
    let registry = Registry::start(Options::mounts(mounts).plugin("objects")).await;
    let left_over = blob(&registry, "left over", DAYS);
    std::fs::copy(built("caretaker"), registry.home().plugins().join("caretaker.wasm")).unwrap();
    let logs =
        registry.logs_with("caretaker: it is not looked after while its plugin refuses its settings").await;
    assert!(logs.contains("[mount.caretaker] features holds `unknown`"), "{logs}");
    assert_eq!(registry.keys(), [left_over]);
}

#[tokio::test]
async fn what_cannot_be_done_is_a_sentence_and_exit_code_2() {
    let registry = Registry::start(
        Options::mounts(&format!("{MOUNT}[mount.objects]\n")).plugin("caretaker").plugin("objects"),
    );
    let registry = registry.await;
    for (arguments, words) in [
        (vec!["gc", "nowhere"], vec!["nowhere", "there is caretaker, npm, objects"]),
        (vec!["verify", "objects"], vec!["objects", "does not support maintenance"]),
    ] {
        let ended = registry.order(&arguments).await;
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(words.iter().all(|word| ended.stderr.contains(word)), "{}", ended.stderr);
    }
    let said = registry.order(&["gc"]).await.expect(0);
    assert!(said.contains("objects: its plugin does not support maintenance"), "{said}");

    let memory = Registry::start(Options::mounts(MOUNT).plugin("caretaker").on(Backend::Memory)).await;
    for arguments in [vec!["gc"], vec!["reindex"], vec!["verify"]] {
        let ended = memory.order(&arguments).await;
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains("memory"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_bucket_is_looked_after_like_a_folder() {
    let registry = Registry::start(Options::mounts(MOUNT).plugin("caretaker").on(Backend::s3())).await;
    let named = named_blob(&registry, "named");
    blob(&registry, "recent", Duration::ZERO);
    for number in 0..25 {
        blob(&registry, &format!("left over {number}"), DAYS);
    }
    let dry = registry.order(&["gc", "--dry-run"]).await.expect(0);
    assert!(dry.contains("would remove 25 objects"), "{dry}");
    let said = registry.order(&["gc", "--many"]).await.expect(0);
    assert!(said.contains("removed 25 objects") && said.contains("1 object"), "{said}");
    assert_eq!(registry.keys().len(), 3);
    registry.order(&["reindex"]).await.expect(0);
    registry.order(&["verify"]).await.expect(0);
    std::fs::write(registry.home().objects().join(&named), "other").unwrap();
    registry.order(&["verify"]).await.expect(1);
}

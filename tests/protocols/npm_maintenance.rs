//! `packhouse gc` and `verify` on npm's bucket: what a killed publish leaves, and what is
//! published while it is collected.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::npm::{self, Package};
use packhouse_tests::races::rounds;
use packhouse_tests::{Actor, Registry};
use std::time::{Duration, SystemTime};

/// Kills the registry while it publishes, until a tarball is there that nothing names.
async fn leave_a_tarball(registry: &mut Registry, publisher: &Actor) -> Package {
    for round in 0..200 {
        let package =
            Package::new("demo", &format!("2.0.{round}")).file("data.bin", npm::noise(round, 300_000));
        let key = package.tarball_key();
        let attempt = {
            let (publisher, package) = (publisher.at(registry.url("/npm")), package.clone());
            tokio::spawn(async move {
                let body = package.publish().to_string();
                publisher.try_send(http::Method::PUT, &package.path(), body).await
            })
        };
        while !registry.home().objects().join(&key).is_file() && !attempt.is_finished() {
            tokio::task::yield_now().await;
        }
        registry.kill().await;
        let _ = attempt.await;
        registry.start_again().await;
        let is_named = registry.actor("/npm").get(&format!("/demo/{}", package.version)).await;
        if registry.keys().contains(&key) && !is_named.status.is_success() {
            return package;
        }
    }
    panic!("no kill came between a tarball and its packument");
}

fn make_older(registry: &Registry, key: &str, age: Duration) {
    let file = std::fs::File::options().write(true).open(registry.home().objects().join(key)).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}

/// The package was first published long ago, before any of the files that are made older.
fn begin_earlier(registry: &Registry) {
    let file = registry.home().objects().join("npm/packages/demo/index.json");
    let mut packument: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    packument["time"]["created"] = "2020-01-01T00:00:00.000Z".into();
    std::fs::write(file, packument.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_publish_left_goes_after_the_grace_and_not_before() {
    let mut registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    let first = Package::new("demo", "1.0.0");
    publisher.put(&first.path(), &first.publish()).await.expect(201);
    let left_over = leave_a_tarball(&mut registry, &publisher).await;

    let before = registry.keys();
    for grace in ["24h", "0s"] {
        let said = registry.order(&["gc", "--older-than", grace]).await.expect(0);
        assert!(said.contains("stays for now"), "its publish might still name it: {said}");
        assert_eq!(registry.keys(), before);
    }
    begin_earlier(&registry);
    make_older(&registry, &left_over.tarball_key(), Duration::from_hours(25));
    let dry = registry.order(&["gc", "--dry-run"]).await.expect(0);
    assert!(dry.contains(&format!("would remove {}", left_over.tarball_key())), "{dry}");
    assert_eq!(registry.keys(), before);
    let said = registry.order(&["gc"]).await.expect(0);
    assert!(said.contains(&format!("removed {}", left_over.tarball_key())), "{said}");
    assert_eq!(registry.keys().len(), before.len() - 1, "and no mark stays: {:?}", registry.keys());

    registry.order(&["verify"]).await.expect(0);
    let publisher = publisher.at(registry.url("/npm"));
    publisher.put(&left_over.path(), &left_over.publish()).await.expect(201);
    assert!(publisher.get(&left_over.tarball_path()).await.expect(200).body == left_over.tarball());
}

/// What a crash left there long ago is published anew while it is collected.
#[tokio::test(flavor = "multi_thread")]
async fn a_publish_of_the_same_bytes_never_loses_to_a_collection() {
    let registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    for round in 0..rounds(200, 10) {
        let package = Package::new("demo", &format!("1.0.{round}"));
        let tarball = registry.home().objects().join(package.tarball_key());
        std::fs::create_dir_all(tarball.parent().unwrap()).unwrap();
        std::fs::write(&tarball, package.tarball()).unwrap();
        make_older(&registry, &package.tarball_key(), Duration::from_hours(48));
        let (document, path) = (package.publish(), package.path());
        let (ended, answer) =
            tokio::join!(registry.order(&["gc", "--orphans"]), publisher.put(&path, &document));
        ended.expect(0);
        if answer.status.is_success() {
            assert!(publisher.get(&package.tarball_path()).await.expect(200).body == package.tarball());
        } else {
            // It came while the tarball was being removed, and was told to try again.
            assert!(matches!(answer.status.as_u16(), 409 | 503), "{answer:?}\n{}", registry.logs());
            publisher.put(&path, &document).await.expect(201);
        }
    }
    registry.order(&["verify"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn collecting_without_a_grace_takes_nothing_from_publishes_under_way() {
    let registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let publisher = publisher.clone();
            tokio::spawn(async move {
                for number in 0..rounds(100, 12) {
                    let package = Package::new(&format!("demo-{writer}"), &format!("1.0.{number}"));
                    publisher.put(&package.path(), &package.publish()).await.expect(201);
                }
            })
        })
        .collect();
    let mut collections = 0;
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) || collections == 0 {
        registry.order(&["gc", "--older-than", "0s"]).await.expect(0);
        collections += 1;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let said = registry.order(&["verify"]).await.expect(0);
    let objects = 4 + 4 * rounds(100, 12);
    assert!(said.contains(&format!("looked at {objects} objects")), "{said}");
}

#[tokio::test]
async fn verify_names_a_flipped_byte_and_a_missing_tarball() {
    let registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    let packages = ["1.0.0", "1.1.0", "1.2.0"].map(|version| Package::new("@acme/tools", version));
    for package in &packages {
        publisher.put(&package.path(), &package.publish()).await.expect(201);
    }
    registry.order(&["verify"]).await.expect(0);
    let objects = registry.home().objects();
    let mut bytes = packages[0].tarball();
    bytes[30] ^= 0x40;
    std::fs::write(objects.join(packages[0].tarball_key()), bytes).unwrap();
    std::fs::remove_file(objects.join(packages[2].tarball_key())).unwrap();
    let said = registry.order(&["verify"]).await.expect(1);
    assert!(said.contains(&format!("damaged: {}", packages[0].tarball_key())), "{said}");
    assert!(said.contains(&format!("damaged: {}: it is missing", packages[2].tarball_key())), "{said}");
    assert!(!said.contains(&packages[1].tarball_key()), "{said}");
    assert!(said.contains("damaged: 2"), "{said}");
}

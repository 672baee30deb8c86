//! Hosts whose clock is away from the store's. What another publisher is about to name stays,
//! and what a crash left is replaced after the grace, both by the store's clock alone.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::cargo::Crate;
use packhouse_tests::maven::{self, Release};
use packhouse_tests::npm::Package;
use packhouse_tests::object_store::Faults;
use packhouse_tests::pypi::Distribution;
use packhouse_tests::rubygems::Gem;
use packhouse_tests::{Answer, Backend, Options, Registry};
use std::time::{Duration, SystemTime};

/// Of the store's clock. S3 refuses signatures that are 15 minutes away.
const AWAY: i64 = 14 * 60;
const MOUNTS: &str = "[mount.npm]\n[mount.cargo]\n[mount.pypi]\n[mount.maven]\n[mount.rubygems]\n";
const OTHER: &[u8] = b"bytes that somebody else is about to publish";

async fn start(clock_ahead: i64) -> Registry {
    let (backend, _) = Backend::faulty_s3(Faults { clock_ahead, ..Faults::default() });
    let options = ["cargo", "pypi", "maven", "rubygems"];
    let options = options.into_iter().fold(Options::mounts(MOUNTS), Options::plugin);
    Registry::start(options.anonymous(&["*:*:*:*"]).on(backend)).await
}

/// The same release of each protocol that names its files by version (Composer's and OCI's have the
/// names of their digests): how its publish was answered.
async fn publish(registry: &Registry) -> [(&'static str, Answer); 5] {
    let package = Package::new("demo", "1.0.0");
    let release = Release::new("demo", "1.0");
    [
        ("npm", registry.actor("/npm").put(&package.path(), &package.publish()).await),
        ("cargo", Crate::new("demo", "1.0.0").publish(&registry.actor("/cargo")).await),
        ("pypi", Distribution::wheel("demo", "1.0").upload(&registry.actor("/pypi")).await),
        ("maven", maven::put(&registry.actor("/maven"), &release.path(".jar"), release.jar()).await),
        ("rubygems", Gem::new("demo", "1.0").push(&registry.actor("/rubygems")).await),
    ]
}

/// Where the files of that release lie.
fn keys() -> [String; 5] {
    [
        Package::new("demo", "1.0.0").tarball_key(),
        "cargo/crates/demo/demo-1.0.0.crate".to_owned(),
        Distribution::wheel("demo", "1.0").key(),
        format!("maven/artifacts{}", Release::new("demo", "1.0").path(".jar")),
        "rubygems/gems/demo-1.0.gem".to_owned(),
    ]
}

/// A file of the bucket, so old by this machine's clock, which dates them.
fn put(registry: &Registry, key: &str, bytes: &[u8], age: Duration) {
    let path = registry.home().objects().join(key);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(&path, bytes).expect("a file");
    let file = std::fs::File::options().write(true).open(&path).expect("the file");
    file.set_modified(SystemTime::now() - age).expect("its time");
}

/// Other bytes under the keys of that release, which no document names.
async fn leave(registry: &Registry, age: Duration) {
    // Without a document of ours, PyPI and Maven take what lies there for an earlier system's.
    Distribution::wheel("demo", "2.0").upload(&registry.actor("/pypi")).await.expect(200);
    let release = Release::new("demo", "1.0");
    maven::put(&registry.actor("/maven"), &release.path(".pom"), release.pom()).await.expect(201);
    for key in keys() {
        put(registry, &key, OTHER, age);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_just_now_is_not_replaced_whatever_the_hosts_clock_says() {
    for away in [-AWAY, AWAY] {
        let registry = start(away).await;
        leave(&registry, Duration::ZERO).await;
        for (protocol, answer) in publish(&registry).await {
            assert_eq!(answer.status, 409, "{protocol}, the store is {away} s ahead: {answer:?}");
        }
        for key in keys() {
            let there = std::fs::read(registry.home().objects().join(&key)).expect("the file");
            assert!(there == OTHER, "{key}, the store is {away} s ahead: other bytes were stored");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_long_ago_is_replaced_whatever_the_hosts_clock_says() {
    for away in [-AWAY, AWAY] {
        let registry = start(away).await;
        leave(&registry, Duration::from_mins(7)).await;
        for (protocol, answer) in publish(&registry).await {
            assert!(answer.status.is_success(), "{protocol}, the store is {away} s ahead: {answer:?}");
        }
    }
}

/// The reservation of a crate's name is valid for the grace, and no longer.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_somebody_is_publishing_stays_theirs_whatever_the_hosts_clock_says() {
    for away in [-AWAY, AWAY] {
        let registry = start(away).await;
        for (age, expected) in [(0, 409), (7, 200)] {
            let owners = br#"{"name":"a_crate","owners":[]}"#;
            put(&registry, "cargo/owners/a-crate.json", owners, Duration::from_mins(age));
            let answer = Crate::new("a-crate", "1.0.0").publish(&registry.actor("/cargo")).await;
            assert_eq!(answer.status, expected, "{age} min, the store is {away} s ahead: {answer:?}");
        }
    }
}

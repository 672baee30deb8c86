//! Publishers at the same moment, in one process and in two, and processes that are killed.
//! Every run has a sample; `cargo xtask test --tier soak` has it all.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::engine::Kind;
use packhouse_tests::npm::{self, Package};
use packhouse_tests::races::{at_once, contend, in_full, kill_during, rounds};
use packhouse_tests::{Actor, Answer, Backend, Options, Registry};
use serde_json::{Map, Value};

/// Several processes on one directory.
async fn shared() -> Registry {
    shared_on(Backend::FileSystem).await
}

async fn shared_on(backend: Backend) -> Registry {
    Registry::start(Options::npm().on(backend).server("hosts = \"many\"")).await
}

async fn publish(by: Actor, package: Package) -> Answer {
    by.put(&package.path(), &package.publish()).await
}

fn versions(document: &Value) -> usize {
    document["versions"].as_object().map_or(0, Map::len)
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_writers_of_one_package_lose_nothing_through_one_process() {
    let registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    for round in 0..rounds(20, 1) {
        thirty_two_writers(std::slice::from_ref(&publisher), &format!("demo-{round}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_writers_of_one_package_lose_nothing_through_two_processes() {
    two_processes(&shared().await, rounds(20, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_writers_of_one_package_lose_nothing_through_two_processes_on_versitygw() {
    let Some(backend) = Backend::engine(Kind::VersityGw).await else { return };
    two_processes(&shared_on(backend).await, rounds(10, 1)).await;
}

async fn two_processes(first: &Registry, rounds: u64) {
    let second = first.second_process().await;
    let publisher = first.publisher().await;
    let both = [publisher.clone(), publisher.at(second.url("/npm"))];
    for round in 0..rounds {
        thirty_two_writers(&both, &format!("demo-{round}")).await;
    }
}

async fn thirty_two_writers(publishers: &[Actor], name: &str) {
    let answers = at_once(32, |number| {
        let publisher = publishers[number % publishers.len()].clone();
        publish(publisher, Package::new(name, &format!("1.0.{number}")))
    });
    for answer in answers.await {
        assert!(answer.status.is_success(), "{answer:?}");
    }
    for publisher in publishers {
        let document = publisher.get(&format!("/{name}")).await.expect(200).json();
        assert_eq!(versions(&document), 32, "{document}");
        for number in 0..32 {
            let package = Package::new(name, &format!("1.0.{number}"));
            let file = publisher.get(&package.tarball_path()).await.expect(200);
            assert_eq!(
                document["versions"][&package.version]["dist"]["integrity"],
                npm::integrity(&file.body)
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_publishers_of_one_version_one_wins_and_the_bytes_are_the_winners() {
    let first = shared().await;
    let second = first.second_process().await;
    let publisher = first.publisher().await;
    let both = [publisher.clone(), publisher.at(second.url("/npm"))];
    for round in 0..rounds(200, 10) {
        let packages = [0, 1].map(|side| {
            Package::new("demo", &format!("1.0.{round}")).file("side.txt", format!("{side}, round {round}"))
        });
        let answers = at_once(2, |side| publish(both[side].clone(), packages[side].clone())).await;
        let winners: Vec<_> = (0..2).filter(|&side| answers[side].status.is_success()).collect();
        assert_eq!(winners.len(), 1, "round {round}: exactly one wins: {answers:?}");
        let loser = &answers[1 - winners[0]];
        assert!(matches!(loser.status.as_u16(), 403 | 409), "round {round}: {loser:?}");

        let won = &packages[winners[0]];
        for reader in &both {
            let document = reader.get("/demo").await.expect(200).json();
            let served = reader.get(&won.tarball_path()).await.expect(200);
            assert_eq!(document["versions"][&won.version]["dist"]["integrity"], npm::integrity(&served.body));
            assert!(served.body == won.tarball(), "round {round}: what is served is the winner's");
        }
    }
}

/// Kills at a different moment each round, which the seed chooses.
#[tokio::test(flavor = "multi_thread")]
async fn a_publish_that_a_kill_cut_short_succeeds_after_the_restart() {
    let mut registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    for round in 0..rounds(100, 6) {
        let package =
            Package::new("demo", &format!("1.0.{round}")).file("data.bin", npm::noise(round, 400_000));
        let before = registry.keys().len();
        let attempt = {
            let (publisher, package) = (publisher.at(registry.url("/npm")), package.clone());
            tokio::spawn(async move {
                let body = package.publish().to_string();
                publisher.try_send(http::Method::PUT, &package.path(), body).await
            })
        };
        let told = kill_during(round, &mut registry, before, attempt).await;

        let publisher = publisher.at(registry.url("/npm"));
        let there = publisher.get(&format!("/demo/{}", package.version)).await.status.is_success();
        assert!(
            there || !told.is_ok_and(|answer| answer.status.is_success()),
            "round {round}: what was confirmed stays"
        );
        let again = publish(publisher.clone(), package.clone()).await;
        assert_eq!(again.status.as_u16(), if there { 403 } else { 201 }, "round {round}: {again:?}");
        assert!(publisher.get(&package.tarball_path()).await.expect(200).body == package.tarball());
    }
    let document = publisher.at(registry.url("/npm")).get("/demo").await.expect(200).json();
    assert_eq!(versions(&document) as u64, rounds(100, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_and_publishes_at_the_same_moment_do_not_undo_each_other() {
    let registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    publish(publisher.clone(), Package::new("demo", "1.0.0")).await.expect(201);
    let many = if in_full() { 64 } else { 16 };
    let answers = at_once(many, |number| {
        let publisher = publisher.clone();
        async move {
            if number % 2 == 0 {
                publish(publisher, Package::new("demo", &format!("2.0.{number}"))).await
            } else {
                let path = format!("/-/package/demo/dist-tags/tag-{number}");
                publisher.put(&path, &serde_json::json!("1.0.0")).await
            }
        }
    });
    for answer in answers.await {
        assert!(answer.status.is_success(), "{answer:?}");
    }
    let document = publisher.get("/demo").await.expect(200).json();
    assert_eq!(versions(&document), 1 + many / 2);
    let tags = document["dist-tags"].as_object().map_or(0, Map::len);
    assert_eq!(tags, 1 + many / 2, "`latest` and one for each");
}

/// Unpublishing all of a package, or one of its versions, while others publish into it.
#[tokio::test(flavor = "multi_thread")]
async fn publishers_and_unpublishers_of_one_package_never_break_it() {
    let first = shared().await;
    let second = first.second_process().await;
    let owner = first.publisher().await;
    let both = [owner.clone(), owner.at(second.url("/npm"))];
    for round in 0..rounds(20, 2) {
        let name = format!("demo-{round}");
        let (hosts, package) = (both.clone(), name.clone());
        contend(move |number, turn| {
            let (by, name) = (hosts[number % 2].clone(), package.clone());
            async move {
                if number > 2 {
                    return publish(by, Package::new(&name, &format!("{number}.{turn}.0"))).await;
                }
                let there = by.get(&format!("/{name}?write=true")).await;
                if !there.status.is_success() {
                    return there;
                }
                let mut document = there.json();
                let revision = document["_rev"].as_str().unwrap_or_default().to_owned();
                let path = format!("/{name}/-rev/{revision}");
                if number < 2 {
                    return by.delete(&path).await;
                }
                // All versions but the newest of them.
                if let Some(versions) = document["versions"].as_object_mut().filter(|all| all.len() > 1) {
                    let oldest = versions.keys().next().cloned();
                    oldest.and_then(|oldest| versions.remove(&oldest));
                }
                by.put(&path, &document).await
            }
        })
        .await;
        publish(both[0].clone(), Package::new(&name, "99.0.0")).await.expect(201);
        let document = both[1].get(&format!("/{name}")).await.expect(200).json();
        assert!(document["versions"]["99.0.0"].is_object(), "{document}");
    }
    first.order(&["verify"]).await.expect(0);
}

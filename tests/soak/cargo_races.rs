//! Publishers of crates at the same moment, in one process and in two, and processes that are
//! killed. Every run has a sample; `cargo xtask test --tier soak` has it all.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::cargo::{self, Crate};
use packhouse_tests::engine::Kind;
use packhouse_tests::npm::noise;
use packhouse_tests::races::{at_once, kill_during, rounds};
use packhouse_tests::{Actor, Answer, Backend, Options, Registry};

/// Several processes on one store, here a directory.
async fn shared() -> Registry {
    shared_on(Backend::FileSystem).await
}

async fn shared_on(backend: Backend) -> Registry {
    Registry::start(Options::cargo().on(backend).server("hosts = \"many\"")).await
}

async fn publish(by: Actor, version: Crate) -> Answer {
    version.publish(&by).await
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_writers_of_one_crate_lose_nothing_on_the_file_system() {
    thirty_two_writers(Backend::FileSystem).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_writers_of_one_crate_lose_nothing_on_versitygw() {
    let Some(backend) = Backend::engine(Kind::VersityGw).await else { return };
    thirty_two_writers(backend).await;
}

/// Through two processes.
async fn thirty_two_writers(backend: Backend) {
    let first = shared_on(backend).await;
    let second = first.second_process().await;
    let publisher = first.crate_publisher().await;
    let both = [publisher.clone(), publisher.at(second.url("/cargo"))];
    for round in 0..rounds(20, 2) {
        let name = format!("demo-{round}");
        let answers = at_once(32, |number| {
            publish(both[number % 2].clone(), Crate::new(&name, &format!("1.0.{number}")))
        });
        for answer in answers.await {
            answer.expect(200);
        }
        for reader in &both {
            let index = reader.get(&cargo::index_path(&name)).await.expect(200);
            let lines = cargo::lines(&index);
            assert_eq!(lines.len(), 32, "round {round}: {}", index.text());
            for line in lines {
                let version = Crate::new(&name, line["vers"].as_str().unwrap_or_default());
                let file = reader.get(&version.download_path()).await.expect(200);
                assert_eq!(line["cksum"], cargo::checksum(&file.body));
            }
        }
        let owners = publisher.get(&format!("/api/v1/crates/{name}/owners")).await.expect(200).json();
        assert_eq!(owners["users"].as_array().map(Vec::len), Some(1), "{owners}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_new_crates_at_once_are_all_found() {
    let first = shared().await;
    let second = first.second_process().await;
    let publisher = first.crate_publisher().await;
    let both = [publisher.clone(), publisher.at(second.url("/cargo"))];
    let answers = at_once(32, |number| {
        publish(both[number % 2].clone(), Crate::new(&format!("new-{number}"), "1.0.0"))
    });
    for answer in answers.await {
        answer.expect(200);
    }
    for reader in &both {
        let found = reader.get("/api/v1/crates?q=new&per_page=100").await.expect(200).json();
        assert_eq!(found["meta"]["total"], 32, "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_publishers_of_one_version_one_wins_and_the_bytes_are_the_winners() {
    let first = shared().await;
    let second = first.second_process().await;
    let publisher = first.crate_publisher().await;
    let both = [publisher.clone(), publisher.at(second.url("/cargo"))];
    for round in 0..rounds(200, 10) {
        let versions = [0, 1].map(|side| {
            Crate::new("demo", &format!("1.0.{round}")).file("side.txt", format!("{side}, round {round}"))
        });
        let answers = at_once(2, |side| publish(both[side].clone(), versions[side].clone())).await;
        let winners: Vec<_> = (0..2).filter(|&side| answers[side].status.is_success()).collect();
        assert_eq!(winners.len(), 1, "round {round}: exactly one wins: {answers:?}");
        assert_eq!(answers[1 - winners[0]].status.as_u16(), 409, "round {round}: {answers:?}");

        let won = &versions[winners[0]];
        for reader in &both {
            let lines = cargo::lines(&reader.get(&won.index_path()).await.expect(200));
            let line = lines.last().expect("it was published");
            let served = reader.get(&won.download_path()).await.expect(200);
            assert_eq!(line["cksum"], cargo::checksum(&served.body));
            assert!(served.body == won.archive(), "round {round}: what is served is the winner's");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_spellings_of_one_new_name_one_wins() {
    let first = shared().await;
    let second = first.second_process().await;
    let publisher = first.crate_publisher().await;
    let both = [publisher.clone(), publisher.at(second.url("/cargo"))];
    for round in 0..rounds(100, 10) {
        let names = [format!("twin-of-{round}"), format!("twin_of-{round}")];
        let answers = at_once(2, |side| publish(both[side].clone(), Crate::new(&names[side], "1.0.0"))).await;
        let winners = answers.iter().filter(|answer| answer.status.is_success()).count();
        assert_eq!(winners, 1, "round {round}: {answers:?}");
    }
}

/// Kills at a different moment each round.
#[tokio::test(flavor = "multi_thread")]
async fn a_publish_that_a_kill_cut_short_succeeds_after_the_restart() {
    let mut registry = Registry::start(Options::cargo()).await;
    let publisher = registry.crate_publisher().await;
    for round in 0..rounds(100, 6) {
        let version = Crate::new("demo", &format!("1.0.{round}")).file("data.bin", noise(round, 400_000));
        let before = registry.keys().len();
        let attempt = {
            let (publisher, body) = (publisher.at(registry.url("/cargo")), version.body());
            tokio::spawn(
                async move { publisher.try_send(http::Method::PUT, "/api/v1/crates/new", body).await },
            )
        };
        let told = kill_during(round, &mut registry, before, attempt).await;

        let publisher = publisher.at(registry.url("/cargo"));
        let there = publisher.get(&version.download_path()).await.status.is_success();
        assert!(
            there || !told.is_ok_and(|answer| answer.status.is_success()),
            "round {round}: what was confirmed stays"
        );
        let again = version.publish(&publisher).await;
        assert_eq!(again.status.as_u16(), if there { 409 } else { 200 }, "round {round}: {again:?}");
        assert!(publisher.get(&version.download_path()).await.expect(200).body == version.archive());
    }
    let index = publisher.at(registry.url("/cargo")).get(&cargo::index_path("demo")).await.expect(200);
    assert_eq!(cargo::versions(&index).len() as u64, rounds(100, 6));
}

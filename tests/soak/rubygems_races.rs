//! Publishers of gems at the same moment, in one process and in two, and processes that are
//! killed. Every run has a sample; `cargo xtask test --tier soak` has it all.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use http::Method;
use packhouse_tests::engine::Kind;
use packhouse_tests::npm::noise;
use packhouse_tests::races::{at_once, contend, kill_during, rounds};
use packhouse_tests::rubygems::{Gem, md5, push, versions};
use packhouse_tests::{Actor, Answer, Backend, Options, Registry};

/// Several processes on one store, here a directory.
async fn shared() -> Registry {
    shared_on(Backend::FileSystem).await
}

async fn shared_on(backend: Backend) -> Registry {
    Registry::start(Options::rubygems().on(backend).server("hosts = \"many\"")).await
}

async fn publish(by: Actor, gem: Gem) -> Answer {
    gem.push(&by).await
}

/// What the list says of each gem is what the gem's page is, on this host.
async fn assert_sums_agree(reader: &Actor) {
    let list = reader.get("/versions").await.expect(200).text();
    for (name, (listed, sum)) in versions(&list) {
        let page = reader.get(&format!("/info/{name}")).await.expect(200).text();
        assert_eq!(md5(page.as_bytes()), sum, "{name}: {list}");
        let lines = page.lines().skip(1).map(|line| line.split(' ').next().unwrap_or_default());
        assert_eq!(
            lines.collect::<std::collections::BTreeSet<_>>(),
            listed.iter().map(String::as_str).collect(),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_publishers_of_one_gem_lose_nothing_on_the_file_system() {
    thirty_two_publishers(Backend::FileSystem).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_publishers_of_one_gem_lose_nothing_on_versitygw() {
    let Some(backend) = Backend::engine(Kind::VersityGw).await else { return };
    thirty_two_publishers(backend).await;
}

/// Through two processes, while others read the list.
async fn thirty_two_publishers(backend: Backend) {
    let first = shared_on(backend).await;
    let second = first.second_process().await;
    let publisher = first.gem_publisher().await;
    let both = [publisher.clone(), publisher.at(second.url("/rubygems"))];
    for round in 0..rounds(20, 2) {
        let name = format!("demo-{round}");
        let answers = at_once(32, |number| {
            let (by, gem) = (both[number % 2].clone(), Gem::new(&name, &format!("1.0.{number}")));
            async move {
                let answer = gem.push(&by).await;
                by.get("/versions").await.expect(200);
                answer
            }
        });
        for answer in answers.await {
            answer.expect(200);
        }
        for reader in &both {
            let list = reader.get("/versions").await.expect(200).text();
            assert_eq!(versions(&list)[&name].0.len(), 32, "round {round}: {list}");
            assert_sums_agree(reader).await;
            for number in 0..32 {
                let gem = Gem::new(&name, &format!("1.0.{number}"));
                assert!(reader.get(&gem.path()).await.expect(200).body == gem.file_content());
            }
        }
        let owners = publisher.get(&format!("/api/v1/gems/{name}/owners.json")).await.expect(200).json();
        assert_eq!(owners.as_array().map(Vec::len), Some(1), "{owners}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_new_gems_at_once_are_all_listed() {
    let first = shared().await;
    let second = first.second_process().await;
    let publisher = first.gem_publisher().await;
    let both = [publisher.clone(), publisher.at(second.url("/rubygems"))];
    let answers =
        at_once(32, |number| publish(both[number % 2].clone(), Gem::new(&format!("new-{number}"), "1.0.0")));
    for answer in answers.await {
        answer.expect(200);
    }
    for reader in &both {
        let list = reader.get("/versions").await.expect(200).text();
        assert_eq!(versions(&list).len(), 32, "{list}");
        assert_eq!(reader.get("/names").await.expect(200).text().lines().count(), 33);
        assert_sums_agree(reader).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_publishers_of_one_version_one_wins_and_the_bytes_are_the_winners() {
    let first = shared().await;
    let second = first.second_process().await;
    let publisher = first.gem_publisher().await;
    let both = [publisher.clone(), publisher.at(second.url("/rubygems"))];
    for round in 0..rounds(200, 10) {
        let gems = [0, 1].map(|side| {
            Gem::new("demo", &format!("1.0.{round}")).file("side.txt", format!("{side}, round {round}"))
        });
        let answers = at_once(2, |side| publish(both[side].clone(), gems[side].clone())).await;
        let winners: Vec<_> = (0..2).filter(|&side| answers[side].status.is_success()).collect();
        assert_eq!(winners.len(), 1, "round {round}: exactly one wins: {answers:?}");
        assert_eq!(answers[1 - winners[0]].status.as_u16(), 409, "round {round}: {answers:?}");
        let won = &gems[winners[0]];
        for reader in &both {
            assert!(reader.get(&won.path()).await.expect(200).body == won.file_content());
        }
    }
    assert_sums_agree(&both[1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_gems_with_one_file_name_and_of_two_spellings_one_wins() {
    let first = shared().await;
    let second = first.second_process().await;
    let publisher = first.gem_publisher().await;
    let both = [publisher.clone(), publisher.at(second.url("/rubygems"))];
    for round in 0..rounds(100, 10) {
        let gems =
            [Gem::new(&format!("twin{round}-1"), "2"), Gem::new(&format!("twin{round}"), "1").platform("2")];
        let answers = at_once(2, |side| publish(both[side].clone(), gems[side].clone())).await;
        let winners = answers.iter().filter(|answer| answer.status.is_success()).count();
        assert_eq!(winners, 1, "round {round}: {answers:?}");
        let names = [format!("Case{round}"), format!("case{round}")];
        let answers = at_once(2, |side| publish(both[side].clone(), Gem::new(&names[side], "1.0.0"))).await;
        let winners = answers.iter().filter(|answer| answer.status.is_success()).count();
        assert_eq!(winners, 1, "round {round}: {answers:?}");
    }
    assert_sums_agree(&both[0]).await;
}

/// Kills at a different moment each round.
#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_a_kill_cut_short_succeeds_after_the_restart() {
    let mut registry = Registry::start(Options::rubygems()).await;
    let publisher = registry.gem_publisher().await;
    for round in 0..rounds(100, 6) {
        let gem = Gem::new("demo", &format!("1.0.{round}")).file("data.bin", noise(round, 400_000));
        let before = registry.keys().len();
        let attempt = {
            let (publisher, body) = (publisher.at(registry.url("/rubygems")), gem.file_content());
            tokio::spawn(async move { publisher.try_send(http::Method::POST, "/api/v1/gems", body).await })
        };
        let told = kill_during(round, &mut registry, before, attempt).await;

        let publisher = publisher.at(registry.url("/rubygems"));
        let there = publisher.get(&gem.path()).await.status.is_success();
        let confirmed = told.is_ok_and(|answer| answer.status.is_success());
        assert!(there || !confirmed, "round {round}: what was confirmed stays");
        if there {
            let list = publisher.get("/versions").await.expect(200).text();
            assert!(versions(&list)["demo"].0.contains(&gem.version), "round {round}: {list}");
        }
        let again = push(&publisher, gem.file_content()).await;
        assert_eq!(again.status.as_u16(), if there { 409 } else { 200 }, "round {round}: {again:?}");
        assert!(publisher.get(&gem.path()).await.expect(200).body == gem.file_content());
        assert_sums_agree(&publisher).await;
    }
    let list = publisher.at(registry.url("/rubygems")).get("/versions").await.expect(200).text();
    assert_eq!(versions(&list)["demo"].0.len() as u64, rounds(100, 6));
}

/// Yanks of versions, and yanks that are taken back, while others publish into the same gem.
#[tokio::test(flavor = "multi_thread")]
async fn publishers_and_yankers_of_one_gem_never_break_it() {
    let first = shared().await;
    let second = first.second_process().await;
    let owner = first.gem_publisher().await;
    let both = [owner.clone(), owner.at(second.url("/rubygems"))];
    for round in 0..rounds(20, 2) {
        let name = format!("demo-{round}");
        let (hosts, gem) = (both.clone(), name.clone());
        contend(move |number, turn| {
            let (by, name) = (hosts[number % 2].clone(), gem.clone());
            async move {
                let form = format!("gem_name={name}&version=3.{turn}");
                match number {
                    0 | 1 => by.send(Method::DELETE, "/api/v1/gems/yank", form).await,
                    2 => by.send(Method::PUT, "/api/v1/gems/unyank", form).await,
                    _ => publish(by, Gem::new(&name, &format!("{number}.{turn}"))).await,
                }
            }
        })
        .await;
        publish(both[0].clone(), Gem::new(&name, "99.0")).await.expect(200);
        let page = both[1].get(&format!("/info/{name}")).await.expect(200).text();
        assert!(page.contains("99.0"), "{page}");
    }
    assert_sums_agree(&both[0]).await;
    first.order(&["verify"]).await.expect(0);
}

//! Uploads at the same moment, through one process and through two, and processes that are
//! killed. Every run has a sample; `cargo xtask test --tier soak` has it all.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::collections::HashSet;

use packhouse_tests::composer::{Library, versions};
use packhouse_tests::races::{at_once, contend, kill_during, rounds};
use packhouse_tests::{Actor, Backend, Options, Registry, engine};
use serde_json::json;

/// Those that keep what they promise while others write: a file system, and the S3 server of
/// others where it is installed.
async fn shared_stores() -> Vec<Backend> {
    let engine = Backend::engine(engine::Kind::VersityGw).await;
    [Some(Backend::FileSystem), engine].into_iter().flatten().collect()
}

/// Two processes on one bucket, and the same publisher at both.
async fn two_hosts(backend: Backend) -> (Registry, Registry, [Actor; 2]) {
    let first = Registry::start(Options::composer().on(backend).server("hosts = \"many\"")).await;
    let second = first.second_process().await;
    let publisher = first.php_publisher().await;
    let both = [publisher.clone(), publisher.at(second.url("/composer"))];
    (first, second, both)
}

/// The bytes that a version's address gives.
async fn downloaded(by: &Actor, version: &serde_json::Value) -> Vec<u8> {
    let url = version["dist"]["url"].as_str().unwrap_or_default();
    let (_, path) = url.split_once("/composer").unwrap_or_else(|| panic!("{url}"));
    by.get(path).await.expect(200).body.to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_versions_at_once_through_two_hosts_lose_none() {
    for backend in shared_stores().await {
        let (_first, _second, both) = two_hosts(backend).await;
        for round in 0..rounds(10, 1) {
            let name = format!("acme/demo-{round}");
            let libraries: Vec<Library> =
                (0..32).map(|number| Library::psr4(&name, &format!("1.{number}.0"))).collect();
            let answers = at_once(32, |number| {
                let (by, library) = (both[number % 2].clone(), libraries[number].clone());
                async move { library.upload(&by).await }
            });
            for answer in answers.await {
                answer.expect(201);
            }
            for by in &both {
                let listed = versions(by, &format!("/p2/{name}.json")).await;
                assert_eq!(listed.len(), 32, "{listed:?}");
                for version in &listed {
                    let library = libraries.iter().find(|library| version["version"] == library.version);
                    let library = library.unwrap_or_else(|| panic!("{version}"));
                    assert!(downloaded(by, version).await == library.content);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_new_packages_at_once_are_all_listed() {
    for backend in shared_stores().await {
        let (_first, _second, both) = two_hosts(backend).await;
        for round in 1..=rounds(10, 1) {
            let answers = at_once(32, |number| {
                let by = both[number % 2].clone();
                let library = Library::psr4(&format!("acme/demo-{round}-{number}"), "1.0.0");
                async move { library.upload(&by).await }
            });
            for answer in answers.await {
                answer.expect(201);
            }
            for by in &both {
                let root = by.get("/packages.json").await.expect(200).json();
                let count = root["available-packages"].as_array().map_or(0, Vec::len) as u64;
                assert_eq!(count, 32 * round, "{root}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_with_one_version_and_other_bytes_exactly_one_wins() {
    for backend in shared_stores().await {
        let (_first, _second, both) = two_hosts(backend).await;
        for round in 0..rounds(20, 2) {
            let name = format!("acme/demo-{round}");
            let libraries: Vec<Library> = (0..16)
                .map(|number| Library::psr4_with(&name, "1.0.0", &json!({ "x-who": number })))
                .collect();
            let answers = at_once(16, |number| {
                let (by, library) = (both[number % 2].clone(), libraries[number].clone());
                async move { library.upload(&by).await }
            })
            .await;
            let won: Vec<usize> = (0..16).filter(|number| answers[*number].status.as_u16() == 201).collect();
            assert_eq!(won.len(), 1, "{answers:?}");
            assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 201 | 409)), "{answers:?}");
            for by in &both {
                let listed = versions(by, &format!("/p2/{name}.json")).await;
                assert_eq!((listed.len(), &listed[0]["x-who"]), (1, &json!(won[0])));
                assert!(downloaded(by, &listed[0]).await == libraries[won[0]].content);
            }
        }
    }
}

/// Clients ask with the time that they were told: each change has another one, later than all before.
#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_is_published_many_times_at_once_has_a_new_time_each_time() {
    let (_first, _second, both) = two_hosts(Backend::FileSystem).await;
    let answers = at_once(16, |number| {
        let by = both[number % 2].clone();
        let library = Library::psr4_with("acme/demo", "dev-main", &json!({ "x-who": number }));
        async move {
            library.upload(&by).await.expect(201);
            let answer = by.get("/p2/acme/demo~dev.json").await.expect(200);
            let who = answer.json()["packages"]["acme/demo"][0]["x-who"].to_string();
            (answer.header("last-modified").to_owned(), who)
        }
    })
    .await;
    let states: HashSet<(String, String)> = answers.into_iter().collect();
    let times: HashSet<&String> = states.iter().map(|(time, _)| time).collect();
    assert_eq!(times.len(), states.len(), "no two states have one time: {states:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_confirmed_stays_when_the_process_is_killed() {
    let mut registry = Registry::start(Options::composer()).await;
    let publisher = registry.php_publisher().await;
    for round in 0..rounds(60, 6) {
        let library = Library::psr4("acme/demo", &format!("1.{round}.0"));
        let before = registry.keys().len();
        let attempt = tokio::spawn({
            let (by, library) = (publisher.at(registry.url("/composer")), library.clone());
            async move { by.try_send(http::Method::PUT, &library.path(), library.content).await }
        });
        let told = kill_during(round, &mut registry, before, attempt).await;

        let by = publisher.at(registry.url("/composer"));
        let there = by.get("/p2/acme/demo.json").await;
        let is_there = there.status.is_success()
            && versions(&by, "/p2/acme/demo.json").await.iter().any(|it| it["version"] == library.version);
        let confirmed = told.is_ok_and(|answer| answer.status.is_success());
        assert!(is_there || !confirmed, "round {round}: what was confirmed stays");
        // The same again is never refused.
        assert!(library.upload(&by).await.status.is_success(), "round {round}");
    }
    let by = publisher.at(registry.url("/composer"));
    let listed = versions(&by, "/p2/acme/demo.json").await;
    assert_eq!(listed.len() as u64, rounds(60, 6));
}

/// Deletions of all of a package, and of its last version, while others publish into it.
#[tokio::test(flavor = "multi_thread")]
async fn publishers_and_deleters_of_one_package_never_break_it() {
    for backend in shared_stores().await {
        let (first, second, _) = two_hosts(backend).await;
        let user = first.user("owner", &["composer:package:*:*"]).await;
        let owner = first.actor("/composer").with_password(&user.name, &user.password);
        let both = [owner.clone(), owner.at(second.url("/composer"))];
        for round in 0..rounds(20, 2) {
            let name = format!("acme/demo-{round}");
            let (hosts, package) = (both.clone(), name.clone());
            contend(move |number, turn| {
                let (by, name) = (hosts[number % 2].clone(), package.clone());
                async move {
                    match number {
                        0 | 1 => by.delete(&format!("/packages/{name}")).await,
                        2 => by.delete(&format!("/packages/{name}/3.{turn}.0")).await,
                        _ => Library::psr4(&name, &format!("{number}.{turn}.0")).upload(&by).await,
                    }
                }
            })
            .await;
            Library::psr4(&name, "99.0.0").upload(&both[0]).await.expect(201);
            let listed = versions(&both[1], &format!("/p2/{name}.json")).await;
            assert!(listed.iter().any(|version| version["version"] == "99.0.0"), "{listed:?}");
        }
        first.order(&["verify"]).await.expect(0);
    }
}

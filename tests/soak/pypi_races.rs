//! Uploads at the same moment, through one process and through two, and processes that are
//! killed. Every run has a sample; `cargo xtask test --tier soak` has it all.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::pypi::{self, Distribution};
use packhouse_tests::races::{at_once, contend, kill_during, rounds};
use packhouse_tests::{Actor, Backend, Options, Registry, engine};
use serde_json::Value;

const JSON: &str = "application/vnd.pypi.simple.v1+json";

/// Those that keep what they promise while others write: a file system, and the S3 server of
/// others where it is installed.
async fn shared_stores() -> Vec<Backend> {
    let engine = Backend::engine(engine::Kind::VersityGw).await;
    [Some(Backend::FileSystem), engine].into_iter().flatten().collect()
}

/// Two processes on one bucket, and the same publisher at both.
async fn two_hosts(backend: Backend) -> (Registry, Registry, [Actor; 2]) {
    let first = Registry::start(Options::pypi().on(backend).server("hosts = \"many\"")).await;
    let second = first.second_process().await;
    let uploader = first.uploader().await;
    let both = [uploader.clone(), uploader.at(second.url("/pypi"))];
    (first, second, both)
}

async fn page(by: &Actor, path: &str) -> Value {
    by.clone().with_header("accept", JSON).get(path).await.expect(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_versions_at_once_through_two_hosts_lose_none() {
    for backend in shared_stores().await {
        let (_first, _second, both) = two_hosts(backend).await;
        for round in 0..rounds(10, 1) {
            let name = format!("demo-{round}");
            let answers = at_once(32, |number| {
                let by = both[number % 2].clone();
                let wheel = Distribution::wheel(&name, &format!("1.{number}"));
                async move { wheel.upload(&by).await }
            });
            for answer in answers.await {
                answer.expect(200);
            }
            for by in &both {
                let listed = page(by, &format!("/simple/{name}/")).await;
                assert_eq!(listed["versions"].as_array().map(Vec::len), Some(32), "{listed}");
                for file in listed["files"].as_array().map(Vec::as_slice).unwrap_or_default() {
                    let path = format!("/packages/{name}/{}", file["filename"].as_str().unwrap_or_default());
                    let bytes = by.get(&path).await.expect(200).body;
                    assert_eq!(file["hashes"]["sha256"], pypi::sha256(&bytes));
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_new_projects_at_once_are_all_listed() {
    for backend in shared_stores().await {
        let (_first, _second, both) = two_hosts(backend).await;
        for round in 1..=rounds(10, 1) {
            let answers = at_once(32, |number| {
                let by = both[number % 2].clone();
                let wheel = Distribution::wheel(&format!("project-{round}-{number}"), "1.0");
                async move { wheel.upload(&by).await }
            });
            for answer in answers.await {
                answer.expect(200);
            }
            for by in &both {
                let listed = page(by, "/simple/").await;
                let count = listed["projects"].as_array().map_or(0, Vec::len) as u64;
                assert_eq!(count, 32 * round, "{listed}");
                let html = by.get("/simple/").await.expect(200).text();
                assert_eq!(html.matches("<a href=").count() as u64, 32 * round);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_with_one_name_and_other_bytes_exactly_one_wins() {
    for backend in shared_stores().await {
        let (_first, _second, both) = two_hosts(backend).await;
        for round in 0..rounds(20, 2) {
            let name = format!("demo-{round}");
            let uploads: Vec<Distribution> = (0..16)
                .map(|number| {
                    let content = number.to_string();
                    Distribution::wheel_with(&name, "1.0", "", &[("who.txt", content.as_bytes())])
                })
                .collect();
            let answers = at_once(16, |number| {
                let (by, wheel) = (both[number % 2].clone(), uploads[number].clone());
                async move { wheel.upload(&by).await }
            })
            .await;
            let won: Vec<usize> = (0..16).filter(|number| answers[*number].status.as_u16() == 200).collect();
            assert_eq!(won.len(), 1, "{answers:?}");
            assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 200 | 409)), "{answers:?}");
            let winner = &uploads[won[0]];
            for by in &both {
                let listed = page(by, &format!("/simple/{name}/")).await;
                assert_eq!(listed["files"][0]["hashes"]["sha256"], winner.sha256());
                assert!(by.get(&winner.path()).await.expect(200).body == winner.content);
                let metadata = by.get(&format!("{}.metadata", winner.path())).await.expect(200);
                let stated = &listed["files"][0]["core-metadata"]["sha256"];
                assert_eq!(*stated, pypi::sha256(&metadata.body));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn yanks_and_uploads_at_once_do_not_undo_each_other() {
    let (_first, _second, both) = two_hosts(Backend::FileSystem).await;
    for version in 0..8 {
        Distribution::wheel("demo", &format!("1.{version}")).upload(&both[0]).await.expect(200);
    }
    let answers = at_once(16, |number| {
        let by = both[number % 2].clone();
        async move {
            if number < 8 {
                by.put(&format!("/pypi/demo/1.{number}/yank?reason=old"), &Value::Null).await
            } else {
                Distribution::wheel("demo", &format!("2.{number}")).upload(&by).await
            }
        }
    });
    for answer in answers.await {
        answer.expect(200);
    }
    let listed = page(&both[1], "/simple/demo/").await;
    let files = listed["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    assert_eq!(files.len(), 16);
    assert_eq!(files.iter().filter(|file| file["yanked"] == "old").count(), 8, "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_was_killed_never_blocks_the_next() {
    let mut registry = Registry::start(Options::pypi()).await;
    let uploader = registry.uploader().await;
    for round in 0..rounds(60, 6) {
        let wheel = Distribution::wheel("demo", &format!("1.{round}"));
        let by = uploader.at(registry.url("/pypi"));
        let before = registry.keys().len();
        let attempt = tokio::spawn({
            let (by, form) = (by.clone(), wheel.form());
            async move {
                let content_type = "multipart/form-data; boundary=----------------packhouse-test";
                let by = by.with_header("content-type", content_type);
                by.try_send(http::Method::POST, "/legacy/", form).await
            }
        });
        let told = kill_during(round, &mut registry, before, attempt).await;

        let by = uploader.at(registry.url("/pypi"));
        let there = by.get(&wheel.path()).await.status.is_success();
        let confirmed = told.is_ok_and(|answer| answer.status.is_success());
        assert!(there || !confirmed, "round {round}: what was confirmed stays");
        wheel.upload(&by).await.expect(200);
        assert!(by.get(&wheel.path()).await.expect(200).body == wheel.content);
    }
    let listed = page(&uploader.at(registry.url("/pypi")), "/simple/demo/").await;
    assert_eq!(listed["versions"].as_array().map(Vec::len), usize::try_from(rounds(60, 6)).ok());
}

/// Deletions of a project, of its versions and of its files, while others upload into it.
#[tokio::test(flavor = "multi_thread")]
async fn uploaders_and_deleters_of_one_project_never_break_it() {
    for backend in shared_stores().await {
        let (first, _second, both) = two_hosts(backend).await;
        for round in 0..rounds(20, 2) {
            let name = format!("demo-{round}");
            let (hosts, project) = (both.clone(), name.clone());
            contend(move |number, turn| {
                let (by, name) = (hosts[number % 2].clone(), project.clone());
                let wheel = |number: usize| Distribution::wheel(&name, &format!("{number}.{turn}"));
                let (ours, theirs) = (wheel(number), wheel(3));
                async move {
                    match number {
                        0 => by.delete(&format!("/pypi/{name}")).await,
                        1 => by.delete(&format!("/pypi/{name}/4.{turn}")).await,
                        2 => by.delete(&theirs.path()).await,
                        _ => ours.upload(&by).await,
                    }
                }
            })
            .await;
            Distribution::wheel(&name, "99.0").upload(&both[0]).await.expect(200);
            let listed = page(&both[1], &format!("/simple/{name}/")).await;
            assert!(
                listed["versions"].as_array().is_some_and(|all| all.contains(&"99.0".into())),
                "{listed}"
            );
        }
        first.order(&["verify"]).await.expect(0);
    }
}

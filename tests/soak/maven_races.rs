//! Deployments at the same moment, through one process and through two, and processes that are
//! killed. Every run has a sample; `cargo xtask test --tier soak` has it all.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::maven::{self, Release, metadata, put, sha1, versions};
use packhouse_tests::races::{at_once, contend, kill_during, rounds};
use packhouse_tests::{Actor, Backend, Options, Registry, engine};

/// Those that keep what they promise while others write: a file system, and the S3 server of
/// others where it is installed.
async fn shared_stores() -> Vec<Backend> {
    let engine = Backend::engine(engine::Kind::VersityGw).await;
    [Some(Backend::FileSystem), engine].into_iter().flatten().collect()
}

/// Two processes on one bucket, and the same deployer at both.
async fn two_hosts(backend: Backend) -> (Registry, Registry, [Actor; 2]) {
    let first = Registry::start(Options::maven().on(backend).server("hosts = \"many\"")).await;
    let second = first.second_process().await;
    let deployer = first.deployer().await;
    let both = [deployer.clone(), deployer.at(second.url("/maven"))];
    (first, second, both)
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_versions_at_once_through_two_hosts_lose_none() {
    for backend in shared_stores().await {
        let (_first, _second, both) = two_hosts(backend).await;
        for round in 0..rounds(10, 1) {
            let name = format!("demo-{round}");
            let deployed = at_once(32, |number| {
                let by = both[number % 2].clone();
                let release = Release::new(&name, &format!("1.{number}"));
                // A client also writes what it has read, with its own version in it.
                let stale = format!(
                    "<metadata><groupId>com.example</groupId><artifactId>{name}</artifactId><versioning><versions><version>1.{number}</version></versions></versioning></metadata>"
                );
                async move {
                    release.deploy(&by).await;
                    put(&by, &metadata(&release.name), stale).await.expect(201);
                }
            });
            deployed.await;
            for by in &both {
                let listed = by.get(&metadata(&name)).await.expect(200).text();
                let expected: Vec<String> = (0..32).map(|number| format!("1.{number}")).collect();
                assert_eq!(versions(&listed), expected, "{listed}");
                assert!(listed.contains("<release>1.31</release>"), "{listed}");
                for version in expected {
                    let release = Release::new(&name, &version);
                    assert_eq!(by.get(&release.path(".jar")).await.expect(200).text(), release.jar());
                    let sum = by.get(&release.path(".jar.sha1")).await.expect(200).text();
                    assert_eq!(sum, sha1(release.jar().as_bytes()));
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_files_of_one_snapshot_at_once_lose_none() {
    for backend in shared_stores().await {
        let (_first, _second, both) = two_hosts(backend).await;
        let path = |number: usize, ending: &str| {
            format!("/com/example/demo/1-SNAPSHOT/demo-1-20260101.1200{number:02}-1{ending}")
        };
        at_once(32, |number| {
            let by = both[number % 2].clone();
            let jar = path(number, &format!("-os{number}.jar"));
            let pom = path(number, ".pom");
            async move {
                // The checksum at the same moment as its file.
                let content = format!("jar {number}");
                let beside = format!("{jar}.sha1");
                let sum = put(&by, &beside, sha1(content.as_bytes()));
                let (sum, file) = tokio::join!(sum, put(&by, &jar, content.clone()));
                sum.expect(201);
                file.expect(201);
                put(&by, &pom, maven::pom("demo", "1-SNAPSHOT")).await.expect(201);
            }
        })
        .await;
        for by in &both {
            let listed = by.get("/com/example/demo/1-SNAPSHOT/maven-metadata.xml").await.expect(200).text();
            for number in 0..32 {
                let expected = format!(
                    "<classifier>os{number}</classifier>\n        <extension>jar</extension>\n        <value>1-20260101.1200{number:02}-1</value>"
                );
                assert!(listed.contains(&expected), "{number}: {listed}");
            }
            assert!(listed.contains("<timestamp>20260101.120031</timestamp>"), "{listed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_plugins_of_one_group_at_once_lose_none() {
    let (_first, _second, both) = two_hosts(Backend::FileSystem).await;
    at_once(32, |number| {
        let by = both[number % 2].clone();
        let plugins = format!("<metadata><plugins><plugin><prefix>p{number}</prefix><artifactId>p{number}-maven-plugin</artifactId></plugin></plugins></metadata>");
        let plugin = Release::new(&format!("p{number}-maven-plugin"), "1.0");
        async move {
            plugin.deploy(&by).await;
            put(&by, "/com/example/maven-metadata.xml", plugins).await.expect(201)
        }
    })
    .await;
    let listed = both[1].get("/com/example/maven-metadata.xml").await.expect(200).text();
    assert_eq!(listed.matches("<prefix>").count(), 32, "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_with_one_name_and_other_bytes_exactly_one_wins() {
    for backend in shared_stores().await {
        let (_first, _second, both) = two_hosts(backend).await;
        for round in 0..rounds(20, 2) {
            let release = Release::new(&format!("demo-{round}"), "1.0");
            let path = release.path(".jar");
            let answers = at_once(16, |number| {
                let (by, path) = (both[number % 2].clone(), path.clone());
                async move { put(&by, &path, format!("jar {number}")).await }
            })
            .await;
            let won: Vec<usize> = (0..16).filter(|number| answers[*number].status.as_u16() == 201).collect();
            assert_eq!(won.len(), 1, "{answers:?}");
            assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 201 | 409)), "{answers:?}");
            let winner = format!("jar {}", won[0]);
            for by in &both {
                let served = by.get(&path).await.expect(200);
                assert_eq!(served.text(), winner);
                assert_eq!(served.header("x-checksum-sha1"), sha1(winner.as_bytes()));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_and_deployments_at_once_do_not_undo_each_other() {
    let (_first, _second, both) = two_hosts(Backend::FileSystem).await;
    for version in 0..8 {
        Release::new("demo", &format!("1.{version}")).deploy(&both[0]).await;
    }
    at_once(16, |number| {
        let by = both[number % 2].clone();
        async move {
            if number < 8 {
                by.delete(&format!("/com/example/demo/1.{number}")).await.expect(204);
            } else {
                Release::new("demo", &format!("2.{number}")).deploy(&by).await;
            }
        }
    })
    .await;
    let listed = both[1].get(&metadata("demo")).await.expect(200).text();
    let expected: Vec<String> = (8..16).map(|number| format!("2.{number}")).collect();
    assert_eq!(versions(&listed), expected, "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_was_killed_never_blocks_the_next() {
    let mut registry = Registry::start(Options::maven()).await;
    let deployer = registry.deployer().await;
    for round in 0..rounds(60, 6) {
        let release = Release::new("demo", &format!("1.{round}"));
        let by = deployer.at(registry.url("/maven"));
        let before = registry.keys().len();
        let attempt = tokio::spawn({
            let (by, path, content) = (by.clone(), release.path(".pom"), release.pom());
            async move { by.try_send(http::Method::PUT, &path, content).await }
        });
        let told = kill_during(round, &mut registry, before, attempt).await;

        let by = deployer.at(registry.url("/maven"));
        let there = by.get(&release.path(".pom")).await.status.is_success();
        let confirmed = told.is_ok_and(|answer| answer.status.is_success());
        assert!(there || !confirmed, "round {round}: what was confirmed stays");
        let again = put(&by, &release.path(".pom"), release.pom()).await;
        assert!(again.status.is_success(), "{again:?}");
        assert_eq!(by.get(&release.path(".pom")).await.expect(200).text(), release.pom());
    }
    let by = deployer.at(registry.url("/maven"));
    let listed = by.get(&metadata("demo")).await.expect(200).text();
    assert_eq!(Some(versions(&listed).len()), usize::try_from(rounds(60, 6)).ok(), "{listed}");
}

/// Deletions of an artifact, of its versions and of their files, while others deploy into it.
#[tokio::test(flavor = "multi_thread")]
async fn deployers_and_deleters_of_one_artifact_never_break_it() {
    for backend in shared_stores().await {
        let (first, _second, both) = two_hosts(backend).await;
        for round in 0..rounds(20, 2) {
            let name = format!("demo-{round}");
            let (hosts, artifact) = (both.clone(), name.clone());
            contend(move |number, turn| {
                let (by, name) = (hosts[number % 2].clone(), artifact.clone());
                async move {
                    // Three versions, which come and go, so that there are always two of one document.
                    let release = Release::new(&name, &format!("1.{}", turn % 3));
                    match number {
                        0 => by.delete(&format!("/com/example/{name}/")).await,
                        1 => by.delete(&format!("/com/example/{name}/{}", release.version)).await,
                        2 => by.delete(&release.path(".jar")).await,
                        _ => {
                            let file = release.path(&format!("-{number}-{turn}.jar"));
                            put(&by, &file, format!("file of {number}, {turn}")).await
                        }
                    }
                }
            })
            .await;
            let last = Release::new(&name, "99.0");
            last.deploy(&both[0]).await;
            assert_eq!(both[1].get(&last.path(".jar")).await.expect(200).text(), last.jar());
        }
        first.order(&["verify"]).await.expect(0);
    }
}

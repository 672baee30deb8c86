//! Two hosts on one bucket that loses answers: a write is made, its answer does not come, and
//! the other host writes the same document before it is asked for again. Every change that was
//! made is answered as one. Every run has a sample; `cargo xtask test --tier soak` has it all.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use http::Method;
use packhouse_tests::cargo::{self, Crate};
use packhouse_tests::composer::{self, Library};
use packhouse_tests::maven::{self, Release};
use packhouse_tests::npm::{self, Package};
use packhouse_tests::object_store::{Faults, ObjectStore};
use packhouse_tests::oci::{Hand, Image};
use packhouse_tests::pypi::{self, Distribution};
use packhouse_tests::races::{at_once, rounds};
use packhouse_tests::rubygems::{self, Gem};
use packhouse_tests::{Actor, Backend, Options, Registry};
use std::sync::Arc;

/// Of so many writes the answer of one is lost.
const LOSES_ONE_IN: usize = 4;
/// At one moment, half of them through each host.
const WRITERS: usize = 16;

struct Hosts {
    first: Registry,
    second: Registry,
    store: Arc<ObjectStore>,
}

impl Hosts {
    async fn start(options: Options) -> Self {
        let faults = Faults { loses_one_in: LOSES_ONE_IN, ..Faults::default() };
        let (backend, store) = Backend::faulty_s3(faults);
        let first = Registry::start(options.on(backend).server("hosts = \"many\"")).await;
        let second = first.second_process().await;
        Self { first, second, store }
    }

    fn both(&self, by: &Actor, base: &str) -> [Actor; 2] {
        [by.clone(), by.at(self.second.url(base))]
    }

    /// The bucket was as bad as it was meant to be.
    fn lost_some(&self) {
        assert!(self.store.lost() > 0, "no answer was lost: {}", self.first.logs());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_of_a_package_whose_answers_were_lost_are_published() {
    let hosts = Hosts::start(Options::npm()).await;
    let both = hosts.both(&hosts.first.publisher().await, "/npm");
    for round in 0..rounds(12, 2) {
        let name = format!("demo-{round}");
        let answers = at_once(WRITERS, |number| {
            let (by, package) = (both[number % 2].clone(), Package::new(&name, &format!("1.0.{number}")));
            async move { by.put(&package.path(), &package.publish()).await }
        });
        for answer in answers.await {
            answer.expect(201);
        }
        let document = both[0].get(&format!("/{name}")).await.expect(200).json();
        assert_eq!(document["versions"].as_object().map(serde_json::Map::len), Some(WRITERS));
        for number in 0..WRITERS {
            let package = Package::new(&name, &format!("1.0.{number}"));
            let file = both[1].get(&package.tarball_path()).await.expect(200);
            let named = &document["versions"][&package.version]["dist"]["integrity"];
            assert_eq!(*named, npm::integrity(&file.body));
        }
        tags_come_and_go(&both, &name).await;
    }
    hosts.lost_some();
}

async fn tags_come_and_go(both: &[Actor; 2], name: &str) {
    let path = |number: usize| format!("/-/package/{name}/dist-tags/tag-{number}");
    for removes in [false, true] {
        let answers = at_once(WRITERS, |number| {
            let (by, path) = (both[number % 2].clone(), path(number));
            async move {
                if removes {
                    by.delete(&path).await
                } else {
                    by.put(&path, &serde_json::json!("1.0.0")).await
                }
            }
        });
        for answer in answers.await {
            assert!(answer.status.is_success(), "removes: {removes}: {answer:?}");
        }
    }
    let document = both[0].get(&format!("/{name}")).await.expect(200).json();
    assert_eq!(document["dist-tags"].as_object().map(serde_json::Map::len), Some(1), "{document}");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_of_a_crate_whose_answers_were_lost_are_published() {
    let hosts = Hosts::start(Options::cargo()).await;
    let both = hosts.both(&hosts.first.crate_publisher().await, "/cargo");
    for round in 0..rounds(12, 2) {
        let name = format!("demo-{round}");
        let answers = at_once(WRITERS, |number| {
            let (by, version) = (both[number % 2].clone(), Crate::new(&name, &format!("1.0.{number}")));
            async move { version.publish(&by).await }
        });
        for answer in answers.await {
            answer.expect(200);
        }
        let index = both[1].get(&cargo::index_path(&name)).await.expect(200);
        let lines = cargo::lines(&index);
        assert_eq!(lines.len(), WRITERS, "{}", index.text());
        for line in lines {
            let version = Crate::new(&name, line["vers"].as_str().unwrap_or_default());
            let file = both[0].get(&version.download_path()).await.expect(200);
            assert_eq!(line["cksum"], cargo::checksum(&file.body));
        }
        let answers = at_once(WRITERS, |number| {
            let by = both[number % 2].clone();
            let path = format!("/api/v1/crates/{name}/1.0.{number}/yank");
            async move { by.delete(&path).await }
        });
        for answer in answers.await {
            answer.expect(200);
        }
    }
    hosts.lost_some();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_project_whose_answers_were_lost_are_published_and_deleted() {
    let hosts = Hosts::start(Options::pypi()).await;
    let both = hosts.both(&hosts.first.uploader().await, "/pypi");
    for round in 0..rounds(12, 2) {
        let name = format!("demo-{round}");
        let wheel = |number: usize| Distribution::wheel(&name, &format!("1.{number}"));
        let answers = at_once(WRITERS, |number| {
            let (by, wheel) = (both[number % 2].clone(), wheel(number));
            async move { wheel.upload(&by).await }
        });
        for answer in answers.await {
            answer.expect(200);
        }
        for number in 0..WRITERS {
            let file = both[1].get(&wheel(number).path()).await.expect(200);
            assert_eq!(pypi::sha256(&file.body), wheel(number).sha256());
        }
        let answers = at_once(WRITERS, |number| {
            let (by, path) = (both[number % 2].clone(), wheel(number).path());
            async move { by.delete(&path).await }
        });
        for answer in answers.await {
            answer.expect(204);
        }
        both[0].get(&format!("/simple/{name}/")).await.expect(404);
    }
    hosts.lost_some();
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_of_a_repository_whose_answers_were_lost_are_pushed_and_deleted() {
    let hosts = Hosts::start(Options::open_oci()).await;
    let pusher = hosts.first.actor("/v2");
    for round in 0..rounds(12, 2) {
        let hand = Hand::new(&pusher, &format!("team/demo-{round}"));
        let hands = [hand.clone(), hand.at(hosts.second.url("/v2"))];
        let image = Image::new("demo");
        let answers = at_once(WRITERS, |number| {
            let (hand, image) = (hands[number % 2].clone(), image.clone());
            async move { hand.try_push(&image, &format!("tag-{number:02}")).await }
        });
        for answer in answers.await {
            answer.expect("an answer").expect(201);
        }
        assert_eq!(hand.tags().await.len(), WRITERS);
        let both = [pusher.clone(), pusher.at(hosts.second.url("/v2"))];
        let answers = at_once(WRITERS, |number| {
            let (by, path) = (both[number % 2].clone(), hand.path(&format!("/manifests/tag-{number:02}")));
            async move { by.send(Method::DELETE, &path, "").await }
        });
        for answer in answers.await {
            answer.expect(202);
        }
        assert_eq!(hand.tags().await, Vec::<String>::new());
    }
    hosts.lost_some();
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_of_an_artifact_whose_answers_were_lost_are_deployed_and_deleted() {
    let hosts = Hosts::start(Options::maven()).await;
    let both = hosts.both(&hosts.first.deployer().await, "/maven");
    for round in 0..rounds(12, 2) {
        let name = format!("demo-{round}");
        let release = |number: usize| Release::new(&name, &format!("1.{number}"));
        let deployments = at_once(WRITERS, |number| {
            let (by, release) = (both[number % 2].clone(), release(number));
            async move {
                let jar = maven::put(&by, &release.path(".jar"), release.jar()).await;
                (jar, maven::put(&by, &release.path(".pom"), release.pom()).await)
            }
        });
        for (jar, pom) in deployments.await {
            jar.expect(201);
            pom.expect(201);
        }
        let listed = both[1].get(&maven::metadata(&name)).await.expect(200).text();
        assert_eq!(maven::versions(&listed).len(), WRITERS, "{listed}");
        for number in 0..WRITERS {
            let file = both[0].get(&release(number).path(".jar")).await.expect(200);
            assert_eq!(file.text(), release(number).jar());
        }
        let answers = at_once(WRITERS, |number| {
            let by = both[number % 2].clone();
            let path = format!("/com/example/{name}/1.{number}");
            async move { by.delete(&path).await }
        });
        for answer in answers.await {
            answer.expect(204);
        }
        both[0].get(&maven::metadata(&name)).await.expect(404);
    }
    hosts.lost_some();
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_of_a_php_package_whose_answers_were_lost_are_uploaded_and_deleted() {
    let hosts = Hosts::start(Options::composer()).await;
    let both = hosts.both(&hosts.first.php_publisher().await, "/composer");
    for round in 0..rounds(12, 2) {
        let name = format!("acme/demo-{round}");
        let answers = at_once(WRITERS, |number| {
            let (by, library) = (both[number % 2].clone(), Library::psr4(&name, &format!("1.{number}.0")));
            async move { library.upload(&by).await }
        });
        for answer in answers.await {
            answer.expect(201);
        }
        let path = format!("/p2/{name}.json");
        let listed = composer::versions(&both[1], &path).await;
        assert_eq!(listed.len(), WRITERS, "{listed:?}");
        for version in &listed {
            let dist =
                format!("/dists/{name}/{}.zip", version["dist"]["reference"].as_str().unwrap_or_default());
            let found = both[0].get(&dist).await.expect(200);
            let library = Library::psr4(&name, version["version"].as_str().unwrap_or_default());
            assert!(found.body == library.content, "{version}");
        }
        let answers = at_once(WRITERS, |number| {
            let by = both[number % 2].clone();
            let path = format!("/packages/{name}/1.{number}.0");
            async move { by.delete(&path).await }
        });
        for answer in answers.await {
            assert!(answer.status.is_success(), "{answer:?}");
        }
        assert_eq!(both[0].get(&path).await.status, 404);
    }
    hosts.lost_some();
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_of_a_gem_whose_answers_were_lost_are_pushed_and_yanked() {
    let hosts = Hosts::start(Options::rubygems()).await;
    let both = hosts.both(&hosts.first.gem_publisher().await, "/rubygems");
    for round in 0..rounds(12, 2) {
        let name = format!("demo-{round}");
        let answers = at_once(WRITERS, |number| {
            let (by, gem) = (both[number % 2].clone(), Gem::new(&name, &format!("1.{number}")));
            async move { gem.push(&by).await }
        });
        for answer in answers.await {
            answer.expect(200);
        }
        for by in &both {
            gem_is_listed(by, &name, WRITERS).await;
            for number in 0..WRITERS {
                let gem = Gem::new(&name, &format!("1.{number}"));
                assert!(by.get(&gem.path()).await.expect(200).body == gem.file_content());
            }
        }
        let answers = at_once(WRITERS - 1, |number| {
            let by = both[number % 2].clone();
            let form = format!("gem_name={name}&version=1.{number}");
            async move { by.send(Method::DELETE, "/api/v1/gems/yank", form).await }
        });
        for answer in answers.await {
            answer.expect(200);
        }
        for by in &both {
            gem_is_listed(by, &name, 1).await;
        }
    }
    hosts.lost_some();
}

/// With so many versions; the list and the page agree.
async fn gem_is_listed(by: &Actor, name: &str, expected: usize) {
    let list = by.get("/versions").await.expect(200).text();
    let (listed, sum) = rubygems::versions(&list)[name].clone();
    assert_eq!(listed.len(), expected, "{list}");
    assert_eq!(rubygems::md5(&by.get(&format!("/info/{name}")).await.expect(200).body), sum);
}

/// Of two publishers with other bytes one wins, as on a bucket that loses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_publishers_of_one_version_one_wins_although_answers_are_lost() {
    let hosts = Hosts::start(Options::npm()).await;
    let both = hosts.both(&hosts.first.publisher().await, "/npm");
    for round in 0..rounds(100, 8) {
        let packages = [0, 1].map(|side| {
            Package::new("demo", &format!("1.0.{round}")).file("side.txt", format!("{side}, round {round}"))
        });
        let answers = at_once(2, |side| {
            let (by, package) = (both[side].clone(), packages[side].clone());
            async move { by.put(&package.path(), &package.publish()).await }
        })
        .await;
        let winners: Vec<_> = (0..2).filter(|&side| answers[side].status.is_success()).collect();
        assert_eq!(winners.len(), 1, "round {round}: exactly one wins: {answers:?}");
        let won = &packages[winners[0]];
        let served = both[0].get(&won.tarball_path()).await.expect(200);
        assert!(served.body == won.tarball(), "round {round}: what is served is the winner's");
    }
    hosts.lost_some();
}

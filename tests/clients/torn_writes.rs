//! A connection to the bucket that ends in the middle of a write, with an orderly end: the
//! server must not take what came for the whole, and nothing is acknowledged that is not there.
#![allow(clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::cargo::{self, Crate};
use packhouse_tests::composer::{self, Library};
use packhouse_tests::cutter::Cutter;
use packhouse_tests::engine::{Engine, Kind};
use packhouse_tests::maven::{self, Release};
use packhouse_tests::npm::{Package, noise};
use packhouse_tests::oci::{Hand, Image};
use packhouse_tests::pypi::Distribution;
use packhouse_tests::rubygems::{self, Gem};
use packhouse_tests::{Backend, Options, Registry, wait};
use std::sync::Arc;

const SIZE: usize = 900_000;

/// With all protocols, and the proxy before its bucket.
async fn registry() -> Option<(Registry, Cutter, Arc<Engine>)> {
    let engine = Engine::start(Kind::VersityGw).await?;
    let cutter = Cutter::before(engine.port()).await;
    let backend = Backend::Engine(Arc::clone(&engine), cutter.port());
    let mounts = "[mount.npm]\n[mount.cargo]\n[mount.oci]\ngrants = [\"/v2\"]\n[mount.pypi]\n[mount.maven]\n\
                  [mount.composer]\n[mount.rubygems]\n";
    let others = ["cargo", "oci", "pypi", "maven", "composer", "rubygems"];
    let options = others.into_iter().fold(Options::mounts(mounts), Options::plugin);
    let options = options.anonymous(&["*:*:*:read", "*:*:*:pull"]).on(backend);
    Some((Registry::start(options).await, cutter, engine))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_verifies_checksums_is_trusted_without_a_warning() {
    let Some((registry, ..)) = registry().await else { return };
    assert!(!registry.logs().contains("ignores both"), "{}", registry.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_npm_publish_survives_a_cut_in_each_of_its_objects() {
    let Some((registry, cutter, _engine)) = registry().await else { return };
    let publisher = registry.publisher().await;
    let cuts = [("/index.json", 20), ("/index.json", 200), ("/demo-", 1), ("/demo-", 458_752)];
    for (number, (path, bytes)) in (0_u64..).zip(cuts) {
        let package = package(number);
        cutter.cut(path, bytes);
        publisher.put(&package.path(), &package.publish()).await.expect(201);
        assert!(cutter.is_done(), "{path} was written");
        for number in 0..=number {
            let package = self::package(number);
            let file = publisher.get(&package.tarball_path()).await.expect(200);
            assert!(file.body == package.tarball(), "{path}: other bytes in {}", package.version);
        }
    }
    registry.order(&["verify"]).await.expect(0);
}

fn package(number: u64) -> Package {
    Package::new("demo", &format!("1.0.{number}")).file("data.bin", noise(number, SIZE))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cargo_publish_survives_a_cut_in_each_of_its_objects() {
    let Some((registry, cutter, _engine)) = registry().await else { return };
    let publisher = registry.crate_publisher().await;
    let cuts = [("/owners/", 3), ("/index/", 10), ("/index/", 150), ("/crates/", 99_000)];
    for (number, (path, bytes)) in (0_u64..).zip(cuts) {
        let version =
            |number: u64| Crate::new("demo", &format!("1.0.{number}")).file("data.bin", noise(number, SIZE));
        cutter.cut(path, bytes);
        version(number).publish(&publisher).await.expect(200);
        assert!(cutter.is_done(), "{path} was written");
        let index = publisher.get(&version(number).index_path()).await.expect(200);
        assert_eq!(cargo::versions(&index).len() as u64, number + 1, "{path}: versions are lost");
        for number in 0..=number {
            let file = publisher.get(&version(number).download_path()).await.expect(200);
            assert!(file.body == version(number).archive(), "{path}: other bytes in 1.0.{number}");
        }
    }
    registry.order(&["verify"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oci_push_survives_a_cut_in_each_of_its_objects() {
    let Some((registry, cutter, _engine)) = registry().await else { return };
    let hand = Hand::new(&registry.pusher().await, "team/app");
    let image =
        |number: u64| Image::of(&format!("of-{number}"), "amd64", &[("data.bin", &noise(number, 9_500_000))]);
    let cuts = [
        ("/blobs/", 40),
        ("/manifests/", 100),
        ("/tags/", 10),
        ("/session.json", 30),
        ("/.packhouse/", 1_000_000),
    ];
    for (number, (path, bytes)) in (0_u64..).zip(cuts) {
        cutter.cut(path, bytes);
        hand.push(&image(number), &format!("v{number}")).await;
        assert!(cutter.is_done(), "{path} was written");
        for number in 0..=number {
            hand.expect_whole(&image(number), &format!("v{number}"), path).await;
        }
    }
    registry.order(&["verify"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pypi_upload_survives_a_cut_in_each_of_its_objects() {
    let Some((registry, cutter, _engine)) = registry().await else { return };
    let user = registry.user("uploader", &["pypi:package:*:write"]).await;
    let uploader = registry.actor("/pypi").with_password("__token__", &user.token);
    for (number, (path, bytes)) in (0_u64..).zip([("/pypi/packages/", 500), ("/pypi/", 30)]) {
        let file = Distribution::wheel("demo", &format!("1.{number}"));
        cutter.cut(path, bytes);
        file.upload(&uploader).await.expect(200);
        assert!(cutter.is_done(), "{path} was written");
        let found = uploader.get(&file.path()).await.expect(200);
        assert_eq!(packhouse_tests::pypi::sha256(&found.body), file.sha256(), "{path}: other bytes");
    }
    registry.order(&["verify"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_maven_deployment_survives_a_cut_in_each_of_its_objects() {
    let Some((registry, cutter, _engine)) = registry().await else { return };
    let deployer = registry.deployer().await;
    let cuts =
        [("/names/", 3), ("/versions/", 30), ("/artifacts/", 458_752), ("/metadata/", 60), (".pom", 100)];
    for (number, (path, bytes)) in (0_u64..).zip(cuts) {
        let release = |number: u64| Release::new("demo", &format!("1.{number}"));
        let jar = |number: u64| noise(number, SIZE);
        cutter.cut(path, bytes);
        maven::put(&deployer, &release(number).path(".jar"), jar(number)).await.expect(201);
        maven::put(&deployer, &release(number).path(".pom"), release(number).pom()).await.expect(201);
        assert!(cutter.is_done(), "{path} was written");
        let listed = deployer.get(&maven::metadata("demo")).await.expect(200).text();
        assert_eq!(maven::versions(&listed).len() as u64, number + 1, "{path}: versions are lost");
        for number in 0..=number {
            let found = deployer.get(&release(number).path(".jar")).await.expect(200);
            assert!(found.body == jar(number), "{path}: other bytes in 1.{number}");
            let found = deployer.get(&release(number).path(".pom")).await.expect(200);
            assert_eq!(found.text(), release(number).pom(), "{path}");
        }
    }
    registry.order(&["verify"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_composer_upload_survives_a_cut_in_each_of_its_objects() {
    let Some((registry, cutter, _engine)) = registry().await else { return };
    let publisher = registry.php_publisher().await;
    let cuts = [(".zip", 458_752), ("/demo/metadata.json", 20), ("/demo/metadata.json", 300), (".zip", 1)];
    for (number, (path, bytes)) in (0_u64..).zip(cuts) {
        let library = |number: u64| {
            Library::psr4("acme/demo", &format!("1.{number}.0")).file("data.bin", &noise(number, SIZE))
        };
        cutter.cut(path, bytes);
        library(number).upload(&publisher).await.expect(201);
        assert!(cutter.is_done(), "{path} was written");
        let listed = composer::versions(&publisher, "/p2/acme/demo.json").await;
        assert_eq!(listed.len() as u64, number + 1, "{path}: versions are lost");
        // The newest one is the first.
        for (number, version) in (0..=number).rev().zip(&listed) {
            let reference = version["dist"]["reference"].as_str().unwrap_or_default();
            let found = publisher.get(&format!("/dists/acme/demo/{reference}.zip")).await.expect(200);
            assert!(found.body == library(number).content, "{path}: other bytes in 1.{number}.0");
        }
    }
    registry.order(&["verify"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rubygems_push_survives_a_cut_in_each_of_its_objects() {
    let Some((registry, cutter, _engine)) = registry().await else { return };
    let publisher = registry.gem_publisher().await;
    let cuts = [
        ("/gems/", 458_752),
        ("/packages/", 20),
        ("/packages/", 300),
        ("/info/", 10),
        ("/gems/", 1),
        ("/recent.json", 20),
    ];
    for (number, (path, bytes)) in (0_u64..).zip(cuts) {
        let gem =
            |number: u64| Gem::new("demo", &format!("1.{number}")).file("data.bin", noise(number, SIZE));
        cutter.cut(path, bytes);
        gem(number).push(&publisher).await.expect(200);
        let list = publisher.get("/versions").await.expect(200).text();
        assert!(cutter.is_done(), "{path} was written");
        let (listed, sum) = rubygems::versions(&list)["demo"].clone();
        assert_eq!(listed.len() as u64, number + 1, "{path}: versions are lost: {list}");
        let page = publisher.get("/info/demo").await.expect(200);
        assert_eq!(rubygems::md5(&page.body), sum, "{path}");
        for number in 0..=number {
            let found = publisher.get(&gem(number).path()).await.expect(200);
            assert!(found.body == gem(number).file_content(), "{path}: other bytes in 1.{number}");
        }
    }
    registry.order(&["verify"]).await.expect(0);
}

/// The kernel ends the connections of a process that is killed in good order.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_in_the_middle_of_a_write_leaves_no_part_of_it() {
    let Some((mut registry, cutter, _engine)) = registry().await else { return };
    let publisher = registry.publisher().await;
    publisher.put(&package(0).path(), &package(0).publish()).await.expect(201);
    for (number, (path, bytes)) in (1_u64..).zip([("/demo-", 458_752), ("/index.json", 200)]) {
        cutter.hold(path, bytes);
        let (by, package) = (publisher.at(registry.url("/npm")), package(number));
        let publish = tokio::spawn(async move {
            by.request(http::Method::PUT, &package.path()).json(&package.publish()).send().await.is_err()
        });
        cutter.done().await;
        registry.kill().await;
        assert!(publish.await.is_ok_and(|is_lost| is_lost), "it has no answer");
        registry.start_again().await;
        let key = self::package(number).tarball_key();
        wait::until("the server to have done with the connection", || async {
            let folder = registry.home().objects();
            let size = std::fs::metadata(folder.join(&key)).map(|file| file.len()).ok();
            let whole = self::package(number).tarball().len() as u64;
            assert!(size.is_none_or(|size| size == whole), "{size:?} bytes are left under {key}");
            let by = publisher.at(registry.url("/npm"));
            let document = by.get("/demo").await.expect(200).json();
            document["versions"]["1.0.0"].is_object().then_some(())
        })
        .await;
    }
    let by = publisher.at(registry.url("/npm"));
    for number in 1..3 {
        by.put(&package(number).path(), &package(number).publish()).await.expect(201);
        let file = by.get(&package(number).tarball_path()).await.expect(200);
        assert!(file.body == package(number).tarball(), "other bytes");
    }
    registry.order(&["verify"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_killed_in_the_middle_of_a_write_leaves_no_part_of_it() {
    let Some((registry, cutter, engine)) = registry().await else { return };
    let publisher = registry.publisher().await;
    publisher.put(&package(0).path(), &package(0).publish()).await.expect(201);
    for (number, (path, bytes)) in (1_u64..).zip([("/demo-", 458_752), ("/index.json", 200)]) {
        cutter.hold(path, bytes);
        let (by, package) = (publisher.at(registry.url("/npm")), package(number));
        let publish = tokio::spawn(async move { by.put(&package.path(), &package.publish()).await });
        cutter.done().await;
        engine.kill_and_start().await;
        cutter.lead_to(engine.port());
        let answer = publish.await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(answer.status, 201, "it is tried again: {answer:?}");
        for number in 0..=number {
            let package = self::package(number);
            let file = publisher.get(&package.tarball_path()).await.expect(200);
            assert!(file.body == package.tarball(), "{path}: other bytes in {}", package.version);
        }
    }
    registry.order(&["verify"]).await.expect(0);
}

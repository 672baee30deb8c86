//! What the start-up probe finds out about the S3 servers of others, and that the proxy between
//! spoils the way as it is told.
#![allow(clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::engine::{Engine, Kind};
use packhouse_tests::npm::Package;
use packhouse_tests::toxiproxy::Toxiproxy;
use packhouse_tests::{Backend, Options, Registry};
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_bucket_that_ignores_conditional_writes_is_refused_to_many_hosts() {
    let Some(backend) = Backend::engine(Kind::S3rver).await else { return };
    let ended = Registry::refuse(Options::npm().on(backend).server("hosts = \"many\"")).await;
    assert_eq!(ended.code, Some(2), "{}{}", ended.stdout, ended.stderr);
    let sentence = ended.stderr.to_lowercase();
    assert!(sentence.contains("conditional writes") && sentence.contains("hosts = \"one\""), "{sentence}");
}

#[tokio::test]
async fn one_host_works_on_a_bucket_that_ignores_conditional_writes() {
    let Some(backend) = Backend::engine(Kind::S3rver).await else { return };
    let registry = Registry::start(Options::npm().on(backend)).await;
    publish_and_read(&registry, "1.0.0").await;
}

#[tokio::test]
async fn many_hosts_work_on_a_bucket_that_honours_conditional_writes() {
    for kind in [Kind::VersityGw, Kind::Moto] {
        let Some(backend) = Backend::engine(kind).await else { return };
        let first = Registry::start(Options::npm().on(backend).server("hosts = \"many\"")).await;
        let second = first.second_process().await;
        let package = publish_and_read(&first, "1.0.0").await;
        let file = second.actor("/npm").get(&package.tarball_path()).await.expect(200);
        assert!(file.body == package.tarball(), "{kind:?}: the same bytes through the other host");
        if kind == Kind::VersityGw {
            assert_eq!(first.keys(), [package.tarball_key(), package.index_key(), package.proof_key()]);
        }
    }
}

#[tokio::test]
async fn a_proxy_between_host_and_bucket_delays_refuses_and_heals() {
    let Some(proxies) = Toxiproxy::start().await else { return };
    let Some(engine) = Engine::start(Kind::VersityGw).await else { return };
    let proxy = proxies.before(engine.port()).await;
    let registry = Registry::start(Options::npm().on(Backend::Engine(engine, proxy.port()))).await;
    publish_and_read(&registry, "1.0.0").await;

    proxy.delay(Duration::from_millis(300)).await;
    let started = Instant::now();
    registry.actor("/npm").get("/unknown").await.expect(404);
    assert!(started.elapsed() > Duration::from_millis(300), "after {:?}", started.elapsed());
    proxy.refuse().await;
    registry.actor("/npm").get("/not-looked-for-before").await.expect(503);
    proxy.heal().await;
    registry.actor("/npm").get("/not-looked-for-before").await.expect(404);
}

async fn publish_and_read(registry: &Registry, version: &str) -> Package {
    let publisher = registry.publisher().await;
    let package = Package::new("demo", version);
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    let file = publisher.get(&package.tarball_path()).await.expect(200);
    assert!(file.body == package.tarball(), "the same bytes");
    package
}

//! How the process ends, and what does not end it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::npm::{Package, noise};
use packhouse_tests::sockets::connect_slowly;
use packhouse_tests::{Options, Registry, wait};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_does_not_end_the_process() {
    let registry = Registry::npm().await;
    registry.signal("HUP").await;
    wait::until("that it says so", || async { registry.logs().contains("SIGHUP").then_some(()) }).await;
    registry.actor("").get("/healthz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_draining_at_once() {
    let mut registry =
        Registry::start(Options::npm().limits("drain = \"10m\"\nidle_timeout = \"10m\"")).await;
    let publisher = registry.publisher().await;
    let package = Package::new("demo", "1.0.0").file("data.bin", noise(7, 8_000_000));
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    let mut socket = connect_slowly(&registry.address(), 1).await;
    let ask = format!("GET /npm{} HTTP/1.1\r\nhost: x\r\n\r\n", package.tarball_path());
    socket.write_all(ask.as_bytes()).await.unwrap();
    socket.readable().await.unwrap();

    registry.signal("TERM").await;
    wait::until("that it drains", || async {
        registry.logs().contains("finishes the requests in flight").then_some(())
    })
    .await;
    let started = Instant::now();
    let status = registry.terminate().await;
    assert!(status.success(), "{status}");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

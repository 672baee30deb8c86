//! The suite of the storage crate, on the S3 servers of others: one suite judges every store.
#![allow(clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::engine::{Engine, Kind};
use std::path::PathBuf;
use tokio::process::Command;

/// Of the stories that run on every store; a suite that finds less has lost some.
const STORIES: usize = 30;

/// The test program of `packhouse-storage`, as `cargo xtask test` built it.
fn program() -> PathBuf {
    std::env::var_os("PACKHOUSE_STORAGE_TESTS").map_or_else(
        || panic!("PACKHOUSE_STORAGE_TESTS is not set: run this by `cargo xtask test`"),
        PathBuf::from,
    )
}

async fn passes_on(kind: Kind) {
    let Some(engine) = Engine::start(kind).await else { return };
    let mut suite = Command::new(program());
    suite.args(["on_s3", "--test-threads", "2"]).env("PACKHOUSE_STORAGE_SUITE_S3", engine.address());
    let output = suite.kill_on_drop(true).output().await.unwrap_or_else(|error| panic!("{error}"));
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{kind:?}: {told}\n{}", engine.output());
    let passed = told.lines().filter(|line| line.starts_with("test tests::") && line.ends_with("... ok"));
    let passed = passed.count();
    assert!(passed >= STORIES, "{kind:?}: only {passed} stories: {told}");
}

#[tokio::test]
async fn the_storage_suite_passes_on_versitygw() {
    passes_on(Kind::VersityGw).await;
}

#[tokio::test]
async fn the_storage_suite_passes_on_moto() {
    passes_on(Kind::Moto).await;
}

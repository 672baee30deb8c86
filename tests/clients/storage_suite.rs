//! The suite of the storage crate, on the services of others: one suite judges every store.
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

/// The tests whose name contains `filter`, on an engine that the suite finds by `variable`.
async fn passes_on(kind: Kind, filter: &str, variable: &str) {
    let Some(engine) = Engine::start(kind).await else { return };
    let mut suite = Command::new(program());
    suite.args([filter, "--include-ignored", "--test-threads", "2"]).env(variable, engine.address());
    let output = suite.kill_on_drop(true).output().await.unwrap_or_else(|error| panic!("{error}"));
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{kind:?}: {told}\n{}", engine.output());
    let passed = told.lines().filter(|line| line.starts_with("test tests::") && line.ends_with("... ok"));
    let passed = passed.count();
    assert!(passed >= STORIES, "{kind:?}: only {passed} stories: {told}");
}

const S3: &str = "PACKHOUSE_STORAGE_SUITE_S3";
const AZURE: &str = "PACKHOUSE_STORAGE_SUITE_AZURE";

#[tokio::test]
async fn the_storage_suite_passes_on_versitygw() {
    passes_on(Kind::VersityGw, "on_s3", S3).await;
}

#[tokio::test]
async fn the_storage_suite_passes_on_moto() {
    passes_on(Kind::Moto, "on_s3", S3).await;
}

#[tokio::test]
async fn the_storage_suite_passes_on_azurite() {
    passes_on(Kind::Azurite, "on_azure", AZURE).await;
}

//! The official suite judges us: nothing fails, nothing is skipped, with everything turned on
//! that it leaves out by default.
#![allow(clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::clients::{Desk, conformance};
use packhouse_tests::engine::Kind;
use packhouse_tests::registry::OCI_SPARSE;
use packhouse_tests::{Backend, Options};

/// As many as the version in use has; fewer would mean that groups were left out.
const TESTS: u64 = 1_000;

async fn nothing_fails(options: Options, login: bool) {
    let desk = Desk::on(options, login).await;
    let Some(verdict) = conformance::judge(&desk.registry, desk.user.as_ref()).await else { return };
    assert!(verdict.others.is_empty() && verdict.groups.is_empty(), "{verdict:#?}\n{}", desk.registry.logs());
    assert!(verdict.tests >= TESTS, "only {} tests", verdict.tests);
}

fn sparse() -> Options {
    Options::oci_mounts(OCI_SPARSE)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_passes_with_login_on_the_file_system() {
    nothing_fails(sparse(), true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_passes_without_login_on_the_file_system() {
    nothing_fails(sparse().open(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_passes_with_login_on_versitygw() {
    let Some(backend) = Backend::engine(Kind::VersityGw).await else { return };
    nothing_fails(sparse().on(backend), true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_passes_without_login_on_moto() {
    let Some(backend) = Backend::engine(Kind::Moto).await else { return };
    nothing_fails(sparse().open().on(backend), false).await;
}

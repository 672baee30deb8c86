//! Plugins come, go and change while requests run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use packhouse_tests::registry::built;
use packhouse_tests::swaps::{swap_under_load, until};
use packhouse_tests::{Options, Registry};
use serde_json::Value;

const MOUNTS: &str = "[mount.objects]\n";
/// A newer line of the contract, which this host does not speak.
const NEWER_LINE: &str = r#"(component (import "packhouse:plugin/storage@0.2.0" (instance)))"#;
/// A function that this host's 0.1 does not have yet.
const NEWER_FUNCTION: &str =
    r#"(component (import "packhouse:plugin/storage@0.1.0" (instance (export "teleport" (func)))))"#;
/// An interface that this host's 0.1 does not have yet.
const NEWER_INTERFACE: &str =
    r#"(component (import "packhouse:plugin/portals@0.1.7" (instance (export "open" (func)))))"#;
/// A component that is a program.
const COMMAND: &str = r#"(component (instance $run) (export "wasi:cli/run@0.2.6" (instance $run)))"#;
/// A component that exports nothing that a host could call.
const NO_PLUGIN: &str = "(component)";

async fn registry() -> Registry {
    Registry::start(Options::mounts(MOUNTS).plugin("objects")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_swaps_under_load_lose_no_request() {
    let registry = registry().await;
    swap_under_load(&registry, "objects", "/objects/hello", 50).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_is_dropped_in_is_served_at_its_own_path() {
    let registry = Registry::start(Options::mounts("").plugin("objects")).await;
    registry.actor("/hostile").get("/well").await.expect(404);
    std::fs::copy(built("hostile"), registry.home().plugins().join("hostile.wasm")).unwrap();
    until(&registry, "hostile", |line| line["generation"] == 1).await;
    let answer = registry.actor("/hostile").get("/well").await;
    assert_eq!(answer.expect(200).text(), "well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_whose_file_is_removed_stops_after_a_while_and_one_written_again_does_not() {
    let registry = registry().await;
    let file = registry.home().plugins().join("objects.wasm");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    registry.actor("/objects").get("/hello").await.expect(200);
    std::fs::write(&file, &bytes).unwrap();
    until(&registry, "objects", |line| line["generation"] == 1).await;
    std::fs::remove_file(&file).unwrap();
    until(&registry, "objects", |line| line["state"] == "missing").await;
    let gone = registry.actor("/objects").get("/hello").await.expect(503).text();
    assert!(gone.contains("objects") && gone.contains("missing"), "{gone}");
    std::fs::write(&file, &bytes).unwrap();
    until(&registry, "objects", |line| line["generation"] == 2).await;
    registry.actor("/objects").get("/hello").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_of_a_plugin_that_no_mount_names_go_on_when_its_file_comes_back() {
    let registry = Registry::start(Options::mounts("").plugin("objects")).await;
    let file = registry.home().plugins().join("objects.wasm");
    for generation in 1..=3 {
        until(&registry, "objects", |line| line["generation"] == generation).await;
        let bytes = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        until(&registry, "objects", Value::is_null).await;
        std::fs::write(&file, &bytes).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_that_cannot_serve_are_reported_with_their_reason() {
    let registry = registry().await;
    let folder = registry.home().plugins();
    let of_file = |name: &str| std::fs::read(built(name)).unwrap();
    let cases: [(&str, Vec<u8>, &str); 10] = [
        (
            "newer",
            NEWER_LINE.into(),
            "it is built for packhouse:plugin/storage@0.2.0, but this host supports",
        ),
        ("function", NEWER_FUNCTION.into(), "the function `teleport` of `packhouse:plugin/storage@0.1.0`"),
        ("interface", NEWER_INTERFACE.into(), "the interface `packhouse:plugin/portals@0.1.7`"),
        ("command", COMMAND.into(), "it is a command (it exports wasi:cli/run@0.2.6) and not a plugin"),
        ("other", NO_PLUGIN.into(), "it is a component and not a plugin"),
        ("module", b"\0asm\x01\0\0\0".to_vec(), "it is a core module and not a component"),
        ("text", b"no component at all".to_vec(), "it is not WebAssembly"),
        ("half", of_file("objects")[..20_000].to_vec(), "it is damaged, or was not copied to its end"),
        ("claimant", of_file("claimant"), "/-/packhouse"),
        ("panicking", of_file("panicking"), "the table of endpoints has two entries for /-/all"),
    ];
    for (name, bytes, reason) in cases {
        std::fs::write(folder.join(format!("{name}.wasm")), bytes).unwrap();
        let line = until(&registry, name, |line| line["state"] == "refused").await;
        let said = line["last_error"].as_str().unwrap();
        assert!(said.contains(reason), "{name}: {said}");
        assert_eq!(line["generation"], Value::Null, "{name} does not serve");
        registry.actor("/objects").get("/hello").await.expect(200);
    }
}

//! Plugins come, go and change while requests run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use packhouse_tests::registry::built;
use packhouse_tests::{Actor, Options, Registry};
use serde_json::Value;

const MOUNTS: &str = "[mount.objects]\n";
/// A newer line of the contract, which this host does not speak.
const NEWER_LINE: &str = r#"(component (import "packhouse:plugin/storage@0.2.0" (instance)))"#;
/// A function that this host's 0.1 does not have yet.
const NEWER_FUNCTION: &str =
    r#"(component (import "packhouse:plugin/storage@0.1.0" (instance (export "teleport" (func)))))"#;
/// A component that exports nothing that a host could call.
const NO_PLUGIN: &str = "(component)";

async fn registry() -> Registry {
    Registry::start(Options::mounts(MOUNTS).plugin("objects")).await
}

/// The line of a plugin on the status page.
async fn status(registry: &Registry, plugin: &str) -> Value {
    let page = registry.actor("").get("/-/packhouse/plugins").await.expect(200).json();
    let lines = page["plugins"].as_array().unwrap();
    lines.iter().find(|line| line["name"] == plugin).cloned().unwrap_or(Value::Null)
}

/// Waits until the status of a plugin is as wanted.
async fn until(registry: &Registry, plugin: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        let line = status(registry, plugin).await;
        if wanted(&line) {
            return line;
        }
        assert!(Instant::now() < patience, "it stays {line}\n{}", registry.logs());
        tokio::task::yield_now().await;
    }
}

/// The same plugin with other bytes: a custom section at its end, as tools add them.
fn variant(plugin: &str, number: u8) -> Vec<u8> {
    let mut bytes = std::fs::read(built(plugin)).unwrap();
    bytes.extend([0, 3, 1, b'v', number]);
    bytes
}

/// Writes beside and renames, as a careful deployment does.
fn replace(file: &Path, bytes: &[u8]) {
    let beside = file.with_extension("new");
    std::fs::write(&beside, bytes).unwrap();
    std::fs::rename(beside, file).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_swaps_under_load_lose_no_request() {
    let registry = registry().await;
    let file = registry.home().plugins().join("objects.wasm");
    let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let load: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(read_until(registry.actor("/objects"), Arc::clone(&stop), Arc::clone(&answers)))
        })
        .collect();
    let mut good = 1;
    for swap in 0..50_u8 {
        if swap % 2 == 0 {
            replace(&file, &variant("objects", swap));
            good += 1;
            let line = until(&registry, "objects", |line| line["generation"] == good).await;
            assert_eq!(line["last_error"], Value::Null);
        } else {
            // A plain copy that stops in the middle.
            std::fs::write(&file, &variant("objects", swap)[..10_000]).unwrap();
            let line = until(&registry, "objects", |line| line["last_error"].is_string()).await;
            assert_eq!(line["generation"], good, "the generation before goes on");
        }
    }
    stop.store(true, Ordering::Relaxed);
    for reader in load {
        reader.await.expect("no request failed");
    }
    assert!(answers.load(Ordering::Relaxed) > 1000, "it was load: {answers:?} answers");
    assert!(registry.logs().contains("the generation before goes on"), "the log says so too");
}

async fn read_until(actor: Actor, stop: Arc<AtomicBool>, answers: Arc<AtomicU64>) {
    while !stop.load(Ordering::Relaxed) {
        actor.get("/hello").await.expect(200);
        answers.fetch_add(1, Ordering::Relaxed);
    }
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
    until(&registry, "objects", Value::is_null).await;
    let gone = registry.actor("/objects").get("/hello").await.expect(404).text();
    assert!(gone.contains("objects") && gone.contains("removed"), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_that_cannot_serve_are_reported_with_their_reason() {
    let registry = registry().await;
    let folder = registry.home().plugins();
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("newer", NEWER_LINE.into(), "packhouse:plugin/storage@0.2.0"),
        ("function", NEWER_FUNCTION.into(), "contract"),
        ("empty", NO_PLUGIN.into(), "contract"),
        ("text", b"no component at all".to_vec(), "no WASM component"),
        ("claimant", std::fs::read(built("claimant")).unwrap(), "/-/packhouse"),
    ];
    for (name, bytes, reason) in cases {
        std::fs::write(folder.join(format!("{name}.wasm")), bytes).unwrap();
        let line = until(&registry, name, |line| line["last_error"].is_string()).await;
        let said = line["last_error"].as_str().unwrap();
        assert!(said.contains(reason), "{name}: {said}");
        assert_eq!(line["generation"], Value::Null, "{name} does not serve");
        registry.actor("/objects").get("/hello").await.expect(200);
    }
}

//! A plugin of another protocol never gets at what a mount has stored.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::registry::built;
use packhouse_tests::swaps::{replace, status, until, variant};
use packhouse_tests::{Options, Registry};
use serde_json::{Value, json};
use std::path::PathBuf;

const MOUNT: &str = "[mount.objects]\n[maintenance]\ngc = \"off\"\n";
/// Where the protocol of the mount's storage is recorded.
const RECORD: &str = ".packhouse/prefixes/objects.json";

async fn registry() -> Registry {
    Registry::start(Options::mounts(MOUNT).plugin("objects")).await
}

fn file(registry: &Registry) -> PathBuf {
    registry.home().plugins().join("objects.wasm")
}

/// Copies another plugin over the one of the mount.
fn copy_over(registry: &Registry, plugin: &str) {
    std::fs::copy(built(plugin), file(registry)).unwrap();
}

fn names_both(text: &str) {
    assert!(text.contains("`caretaker`") && text.contains("`objects`"), "both protocols: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_to_another_protocol_is_refused_and_the_generation_before_goes_on() {
    let registry = registry().await;
    copy_over(&registry, "caretaker");
    let line = until(&registry, "objects", |line| line["state"] == "refused").await;
    names_both(line["problem"].as_str().unwrap());
    assert_eq!((&line["generation"], &line["protocol"]), (&json!(1), &json!("objects")), "{line}");
    assert_eq!(line["mounts"][0]["state"], "serving");
    registry.actor("/objects").get("/hello").await.expect(200);
    let logs = registry.logs_with("the previous generation continues to serve").await;
    names_both(
        logs.lines().find(|line| line.contains("the previous generation continues to serve")).unwrap(),
    );
    assert_eq!(registry.actor("").get("/readyz").await.expect(200).text(), "ready\n");

    replace(&file(&registry), &variant("objects", 7));
    until(&registry, "objects", |line| line["generation"] == 2 && line["state"] == "serving").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_a_plugin_of_another_protocol_refuses_the_mount_and_its_maintenance() {
    let mut registry = registry().await;
    assert!(registry.terminate().await.success());
    copy_over(&registry, "caretaker");
    registry.start_again().await;
    let refused = registry.actor("/objects").get("/hello").await.expect(503);
    names_both(&refused.text());
    refused.header("retry-after").parse::<u32>().unwrap();
    let line = status(&registry, "objects").await;
    assert_eq!(line["state"], "refused", "{line}");
    let problem = line["problem"].as_str().unwrap();
    names_both(problem);
    assert!(problem.contains("another `prefix`") && problem.contains(RECORD), "what to do: {problem}");
    let logs = registry.logs_with("[mount.objects]: it answers 503").await;
    names_both(logs.lines().find(|line| line.contains("it answers 503")).unwrap());
    let ready = registry.actor("").get("/readyz").await.expect(200).text();
    assert!(ready.starts_with("degraded\n") && ready.contains("[mount.objects]"), "{ready}");

    for order in [&["gc"][..], &["gc", "--dry-run"], &["gc", "objects"], &["verify"], &["reindex"]] {
        let ended = registry.order(order).await;
        assert_eq!(ended.code, Some(1), "{order:?}: {}{}", ended.stdout, ended.stderr);
        names_both(&ended.stderr);
    }

    // What brings the right one back is no swap to another protocol.
    assert!(problem.starts_with("`objects.wasm` is the plugin of another protocol"), "{problem}");
    assert_eq!(line["generation"], Value::Null, "it does not serve");
    copy_over(&registry, "objects");
    let line = until(&registry, "objects", |line| line["state"] == "serving").await;
    assert_eq!(line["lost"], json!([]), "nothing is compared with a file that never served");
    assert!(!registry.logs().contains("no longer offers"), "{}", registry.logs());
    registry.actor("/objects").get("/hello").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_a_record_is_adopted_and_the_record_is_the_hosts_own() {
    let mut registry = registry().await;
    let record = registry.home().objects().join(RECORD);
    let content: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    assert_eq!(content, json!({ "prefix": "objects", "protocol": "objects", "marked": true }));
    assert!(registry.keys().is_empty(), "nothing lies where the plugin could see it");

    // As a version before wrote it.
    assert!(registry.terminate().await.success());
    std::fs::remove_file(&record).unwrap();
    registry.start_again().await;
    registry.actor("/objects").get("/hello").await.expect(200);
    assert!(record.is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_comes_back_with_another_protocol_is_refused_too() {
    let registry = registry().await;
    std::fs::remove_file(file(&registry)).unwrap();
    until(&registry, "objects", |line| line["state"] == "missing").await;
    copy_over(&registry, "caretaker");
    let line = until(&registry, "objects", |line| line["state"] == "refused").await;
    names_both(line["problem"].as_str().unwrap());
    registry.actor("/objects").get("/hello").await.expect(503);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_generation_no_longer_offers_is_reported() {
    let registry = registry().await;
    copy_over(&registry, "shrunken");
    let line = until(&registry, "objects", |line| line["generation"] == 2).await;
    let lost =
        ["the action `write` of the scope `object`", "the feature `greeting`", "the address `/greetings`"];
    assert_eq!(line["lost"], json!(lost), "{line}");
    assert_eq!(line["state"], "serving");
    let logs = registry.logs_with("no longer offers").await;
    assert!(lost.iter().all(|lost| logs.contains(lost)), "{logs}");
    assert_eq!(registry.actor("/objects").get("/any").await.expect(200).text(), "less");
}

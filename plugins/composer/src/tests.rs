//! Stories of the protocol, told through actors against the host in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use packhouse_plugin::testing::{Host, Reply};
use serde_json::{Map, Value, json};

use crate::{Composer, samples};

mod hostile;
mod kept;
mod lost_answers;
mod maintenance;
mod names;
mod older;
mod permissions;
mod publish;
mod read;
mod refused;

/// Reads are public; ann may do everything, bob may read, cat may write one package.
fn host() -> Host {
    Host::new()
        .base_url("https://registry.example.com/composer")
        .anonymous_grants(&["composer:*:*:read"])
        .user("ann", &["composer:package:*:write"])
        .user("bob", &["composer:package:*:read"])
        .user("cat", &["composer:package:acme/lib:write"])
}

/// Uploads as ann.
fn upload(host: &Host, path: &str, dist: Vec<u8>) -> Reply {
    host.as_user("ann").put(path).body(dist).send::<Composer>()
}

/// Uploads a version of `acme/lib` and expects it to succeed.
fn published(host: &Host, version: &str) -> Vec<u8> {
    let dist = samples::library("acme/lib", &json!({ "description": format!("lib {version}") }));
    let reply = upload(host, &format!("/packages/acme/lib?version={version}"), dist.clone());
    assert_eq!(reply.status(), 201, "{}", reply.text());
    dist
}

fn get(host: &Host, path: &str) -> Reply {
    host.anonymous().get(path).send::<Composer>()
}

fn delete(host: &Host, path: &str) -> Reply {
    host.as_user("ann").delete(path).send::<Composer>()
}

/// Of a document of metadata all versions, as Composer expands them.
fn versions(reply: &Reply) -> Vec<Map<String, Value>> {
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let json = reply.json();
    let packages = json["packages"].as_object().unwrap();
    assert_eq!(packages.len(), 1);
    let listed = packages.values().next().unwrap().as_array().expect("a list").clone();
    if json.get("minified").is_none() {
        return listed.into_iter().map(|version| version.as_object().unwrap().clone()).collect();
    }
    let mut expanded: Vec<Map<String, Value>> = Vec::new();
    for version in listed {
        let mut now = expanded.last().cloned().unwrap_or_default();
        for (key, value) in version.as_object().unwrap() {
            if value == "__unset" {
                now.remove(key);
            } else {
                now.insert(key.clone(), value.clone());
            }
        }
        expanded.push(now);
    }
    expanded
}

/// Which versions there are of `acme/lib`.
fn names(host: &Host, path: &str) -> Vec<String> {
    versions(&get(host, path)).iter().map(|version| version["version"].as_str().unwrap().to_owned()).collect()
}

/// The path of a dist of `acme/lib`.
fn dist_path(host: &Host, path: &str, version: &str) -> String {
    let found = versions(&get(host, path)).into_iter().find(|found| found["version"] == version).unwrap();
    let url = found["dist"]["url"].as_str().unwrap();
    url.strip_prefix("https://registry.example.com/composer").unwrap().to_owned()
}

/// A refusal with a sentence, and nothing stored.
#[track_caller]
fn assert_refused(host: &Host, reply: &Reply, status: u16, sentence: &str) {
    assert_eq!(reply.status(), status, "{}", reply.text());
    let json = reply.json();
    let message = json["message"].as_str().unwrap();
    assert!(message.contains(sentence), "{message:?} should say {sentence:?}");
    assert_eq!(json["status"], "error");
    assert_eq!(json.get("warning").is_some(), status != 404, "Composer prints it");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(host.objects(), Vec::<String>::new());
    assert_eq!(host.staged(), 0);
}

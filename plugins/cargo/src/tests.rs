//! Stories of the protocol, told through actors against the host in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::fmt::Write as _;

use packhouse_plugin::digests;
use packhouse_plugin::testing::{Actor, Host, Reply};
use serde_json::{Value, json};

use crate::{Cargo, samples};

mod hostile;
mod lost;
mod lost_answers;
mod maintenance;
mod names;
mod older;
mod owners;
mod publish;
mod read;
mod search;
mod spelling;
mod yank;

/// Reads are public; ann may do everything, bob may read.
fn host() -> Host {
    private_host().anonymous_grants(&["cargo:*:*:read"])
}

/// Nobody may do anything without signing in.
fn private_host() -> Host {
    Host::new()
        .base_url("https://registry.example.com/cargo")
        .user("ann", &["cargo:crate:*:write"])
        .user("bob", &["cargo:crate:*:read"])
        .user("eve", &[])
}

/// Everything that cargo makes of a crate before it is published.
struct Publish {
    name: String,
    version: String,
    request: Value,
    file: Vec<u8>,
}

impl Publish {
    fn new(name: &str, version: &str) -> Self {
        Self::with_manifest(name, version, "description = \"a crate\"\n")
    }

    /// `rest` follows name and version in `Cargo.toml`.
    fn with_manifest(name: &str, version: &str, rest: &str) -> Self {
        let manifest = format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\n{rest}");
        Self::with_file(name, version, samples::crate_file(name, version, &manifest))
    }

    fn with_file(name: &str, version: &str, file: Vec<u8>) -> Self {
        let request = json!({
            "name": name, "vers": version, "deps": [], "features": {}, "authors": [],
            "description": "a crate", "documentation": null, "homepage": null, "readme": "# Long",
            "readme_file": "README.md", "keywords": [], "categories": [], "license": "MIT",
            "license_file": null, "repository": null, "badges": {}, "links": null, "rust_version": null,
        });
        Self { name: name.to_owned(), version: version.to_owned(), request, file }
    }

    fn body(&self) -> Vec<u8> {
        samples::publish_body(&self.request.to_string(), &self.file)
    }

    fn send(&self, actor: &Actor) -> Reply {
        send(actor, &self.body())
    }

    /// Publishes and expects it to succeed.
    fn done(self, host: &Host) -> Self {
        let reply = self.send(&host.as_user("ann"));
        assert_eq!(reply.status(), 200, "{}", reply.text());
        self
    }

    fn key(&self) -> String {
        format!("crates/{0}/{0}-{1}.crate", self.name, self.version)
    }
}

fn send(actor: &Actor, body: &[u8]) -> Reply {
    actor.put("/api/v1/crates/new").body(body).send::<Cargo>()
}

fn get(host: &Host, path: &str) -> Reply {
    host.anonymous().get(path).send::<Cargo>()
}

/// The lines of an index file.
fn lines(host: &Host, path: &str) -> Vec<Value> {
    let reply = get(host, path);
    assert_eq!(reply.status(), 200, "{}", reply.text());
    reply.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn versions(host: &Host, path: &str) -> Vec<String> {
    lines(host, path).iter().map(|line| line["vers"].as_str().unwrap().to_owned()).collect()
}

fn sha256(bytes: &[u8]) -> String {
    digests::of(bytes, &["sha256"]).unwrap()[0].hex.clone()
}

/// Refused in cargo's shape with this sentence.
#[track_caller]
fn assert_told(reply: &Reply, status: u16, sentence: &str) {
    assert_eq!(reply.status(), status, "{}", reply.text());
    let body = reply.json();
    let told = body["errors"][0]["detail"].as_str().unwrap_or_else(|| panic!("no sentence: {body}"));
    assert!(told.contains(sentence), "{told:?} should say {sentence:?}");
}

/// The same, and nothing stored.
#[track_caller]
fn assert_refused(host: &Host, reply: &Reply, status: u16, sentence: &str) {
    assert_told(reply, status, sentence);
    assert_eq!(host.objects(), Vec::<String>::new());
    assert_eq!(host.staged(), 0);
}

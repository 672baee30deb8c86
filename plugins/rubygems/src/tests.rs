//! Stories of the protocol, told through actors against the host in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use packhouse_plugin::digests;
use packhouse_plugin::testing::{Actor, Host, Reply};

use crate::{RubyGems, catalog, samples};

mod hostile;
mod maintenance;
mod names;
mod older;
mod publish;
mod read;

/// Reads are public; ann may do everything, bob may read.
fn host() -> Host {
    private_host().anonymous_grants(&["rubygems:*:*:read"])
}

/// Nobody may do anything without signing in.
fn private_host() -> Host {
    Host::new()
        .base_url("https://registry.example.com/rubygems")
        .user("ann", &["rubygems:gem:*:write"])
        .user("bob", &["rubygems:gem:*:read"])
        .user("eve", &[])
}

fn push(actor: &Actor, gem: &[u8]) -> Reply {
    actor.post("/api/v1/gems").header("content-type", "application/octet-stream").body(gem).send::<RubyGems>()
}

/// Pushes a gem that says nothing special, and expects it to succeed.
fn pushed(host: &Host, name: &str, version: &str) -> Vec<u8> {
    pushed_gem(host, samples::gem(name, version))
}

fn pushed_gem(host: &Host, gem: Vec<u8>) -> Vec<u8> {
    let reply = push(&host.as_user("ann"), &gem);
    assert_eq!(reply.status(), 200, "{}", reply.text());
    gem
}

fn get(host: &Host, path: &str) -> Reply {
    host.anonymous().get(path).send::<RubyGems>()
}

fn text(host: &Host, path: &str) -> String {
    let reply = get(host, path);
    assert_eq!(reply.status(), 200, "{}", reply.text());
    reply.text()
}

/// The lines of `/versions` behind its header.
fn list(host: &Host) -> Vec<String> {
    text(host, "/versions").lines().skip(2).map(str::to_owned).collect()
}

fn md5(text: impl AsRef<[u8]>) -> String {
    digests::of(text.as_ref(), &["md5"]).unwrap()[0].hex.clone()
}

fn sha256(bytes: &[u8]) -> String {
    digests::of(bytes, &["sha256"]).unwrap()[0].hex.clone()
}

/// The last line of each gem in the list has the MD5 of the gem's page.
#[track_caller]
fn assert_sums_agree(host: &Host) {
    let mut last = std::collections::BTreeMap::new();
    for line in list(host) {
        let words: Vec<&str> = line.split(' ').collect();
        last.insert(words[0].to_owned(), words[2].to_owned());
    }
    for (name, sum) in last {
        assert_eq!(md5(text(host, &format!("/info/{name}"))), sum, "{name}");
    }
}

/// Refused in a line of text that says this.
#[track_caller]
fn assert_told(reply: &Reply, status: u16, sentence: &str) {
    assert_eq!(reply.status(), status, "{}", reply.text());
    assert!(reply.header("content-type").unwrap().starts_with("text/plain"));
    let told = reply.text();
    assert!(told.contains(sentence), "{told:?} should say {sentence:?}");
    assert_eq!(told.trim_end().lines().count(), 1, "{told:?}");
}

/// The same, and nothing stored.
#[track_caller]
fn assert_refused(host: &Host, reply: &Reply, status: u16, sentence: &str) {
    assert_told(reply, status, sentence);
    assert_eq!(host.objects(), Vec::<String>::new());
    assert_eq!(host.staged(), 0);
}

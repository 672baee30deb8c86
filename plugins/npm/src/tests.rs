//! Stories of the protocol, told through actors against the host in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use packhouse_plugin::testing::{Actor, Host, Reply};
use packhouse_plugin::{Digest, digests};
use serde_json::{Value, json};

use crate::{Npm, integrity, samples};

mod hostile;
mod large;
mod login;
mod lost;
mod lost_answers;
mod maintenance;
mod older;
mod owners;
mod publish;
mod read;
mod unpublish;

/// Reads are public; ann may do everything, bob may read.
fn host() -> Host {
    private_host().anonymous_grants(&["npm:*:*:read"])
}

/// Nobody may do anything without signing in.
fn private_host() -> Host {
    Host::new()
        .base_url("https://registry.example.com/npm")
        .user("eve", &[])
        .user("ann", &["npm:package:*:write"])
        .email("ann", "ann@example.com")
        .password("ann", "secret")
        .user("bob", &["npm:package:*:read"])
        .password("bob", "secret")
        .grant("login")
}

/// Everything that a client makes of a package before it is published.
struct Publish {
    name: String,
    version: String,
    tarball: Vec<u8>,
    body: Value,
}

impl Publish {
    fn new(name: &str, version: &str) -> Self {
        let package_json = json!({ "name": name, "version": version }).to_string();
        Self::with_tarball(name, version, samples::tarball(&package_json))
    }

    fn with_tarball(name: &str, version: &str, tarball: Vec<u8>) -> Self {
        let computed = digests(&tarball);
        let file = format!("{name}-{version}.tgz");
        let body = json!({
            "_id": name,
            "name": name,
            "description": "a package",
            "dist-tags": { "latest": version },
            "versions": { version: {
                "name": name,
                "version": version,
                "description": "a package",
                "dependencies": { "left-pad": "^1.0.0" },
                "readme": "long text",
                "scripts": { "postinstall": "node a.js" },
                "dist": {
                    "integrity": integrity::text(&computed[1]),
                    "shasum": computed[0].hex,
                    "tarball": format!("http://elsewhere.example.com/{name}/-/{file}"),
                },
            } },
            "access": "public",
            "_attachments": { file: {
                "content_type": "application/octet-stream",
                "data": base64(&tarball),
                "length": tarball.len(),
            } },
        });
        Self { name: name.to_owned(), version: version.to_owned(), tarball, body }
    }

    fn tag(mut self, tag: &str) -> Self {
        self.body["dist-tags"] = json!({ tag: self.version });
        self
    }

    fn manifest(&mut self) -> &mut Value {
        &mut self.body["versions"][&self.version]
    }

    fn attachment(&mut self) -> &mut Value {
        let file = format!("{}-{}.tgz", self.name, self.version);
        &mut self.body["_attachments"][file]
    }

    fn path(&self) -> String {
        format!("/{}", self.name.replace('/', "%2f"))
    }

    fn send(&self, actor: &Actor) -> Reply {
        actor.put(&self.path()).json(&self.body).send::<Npm>()
    }

    /// Publishes and expects it to succeed.
    fn done(self, host: &Host) -> Self {
        let reply = self.send(&host.as_user("ann"));
        assert_eq!(reply.status(), 201, "{}", reply.text());
        self
    }
}

fn digests(bytes: &[u8]) -> Vec<Digest> {
    digests::of(bytes, &[digests::SHA1, digests::SHA512]).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    let text = integrity::text(&Digest::from_bytes("x", bytes));
    text.strip_prefix("x-").unwrap().to_owned()
}

fn get(host: &Host, path: &str) -> Reply {
    host.anonymous().get(path).send::<Npm>()
}

/// A refusal in npm's shape, and nothing stored.
fn assert_refused(host: &Host, reply: &Reply, status: u16, sentence: &str) {
    assert_eq!(reply.status(), status, "{}", reply.text());
    let body = reply.json();
    let error = if status == 404 { &body["reason"] } else { &body["error"] };
    let error = error.as_str().unwrap_or_else(|| panic!("no sentence: {body}"));
    assert!(error.contains(sentence), "{error:?} should say {sentence:?}");
    assert_eq!(host.objects(), Vec::<String>::new());
    assert_eq!(host.staged(), 0);
}

//! Stories of the protocol, told through actors against the host in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use packhouse_plugin::digests;
use packhouse_plugin::testing::{Actor, FormField, Host, Reply};
use serde_json::{Value, json};

use crate::{Pypi, samples};

mod change;
mod damage;
mod found;
mod hostile;
mod lost_answers;
mod maintenance;
mod older;
mod publish;
mod read;
mod wheels;

/// Reads are public; ann may do everything, bob may read, cat may write without deleting.
fn host() -> Host {
    Host::new()
        .base_url("https://registry.example.com/pypi")
        .anonymous_grants(&["pypi:*:*:read"])
        .user("ann", &["pypi:package:*:write"])
        .user("bob", &["pypi:package:*:read"])
}

/// The form of an upload, as twine sends it.
#[derive(Clone)]
struct Upload {
    fields: Vec<(String, String)>,
    filename: String,
    content: Vec<u8>,
}

impl Upload {
    fn wheel(name: &str, version: &str) -> Self {
        let filename = format!("{}-{version}-py3-none-any.whl", name.replace('-', "_"));
        Self::of(name, version, "bdist_wheel", &filename, samples::wheel(name, version))
    }

    fn sdist(name: &str, version: &str) -> Self {
        let filename = format!("{}-{version}.tar.gz", name.replace('-', "_"));
        Self::of(name, version, "sdist", &filename, samples::sdist(name, version))
    }

    fn of(name: &str, version: &str, filetype: &str, filename: &str, content: Vec<u8>) -> Self {
        let digests = digests(&content);
        let fields = [
            (":action", "file_upload"),
            ("protocol_version", "1"),
            ("metadata_version", "2.1"),
            ("name", name),
            ("version", version),
            ("filetype", filetype),
            ("classifiers", "A"),
            ("classifiers", "B"),
            ("comment", ""),
            ("sha256_digest", &digests[0]),
            ("md5_digest", &digests[1]),
            ("blake2_256_digest", &digests[2]),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { fields, filename: filename.to_owned(), content }
    }

    fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self
    }

    /// Other bytes under the same name, with digests to them.
    fn content(self, content: Vec<u8>) -> Self {
        let digests = digests(&content);
        let upload = Self { content, ..self };
        upload
            .field("sha256_digest", &digests[0])
            .field("md5_digest", &digests[1])
            .field("blake2_256_digest", &digests[2])
    }

    fn sha256(&self) -> String {
        digests(&self.content)[0].clone()
    }

    fn send(&self, actor: &Actor) -> Reply {
        let mut fields: Vec<FormField<'_>> = self
            .fields
            .iter()
            .map(|(name, value)| FormField { name, filename: None, content: value.as_bytes() })
            .collect();
        fields.push(FormField { name: "content", filename: Some(&self.filename), content: &self.content });
        actor.post("/legacy/").form(&fields).send::<Pypi>()
    }

    /// Uploads and expects it to succeed.
    fn done(self, host: &Host) -> Self {
        let reply = self.send(&host.as_user("ann"));
        assert_eq!(reply.status(), 200, "{}", reply.text());
        self
    }
}

/// SHA-256, MD5 and BLAKE2b-256.
fn digests(bytes: &[u8]) -> [String; 3] {
    let computed = digests::of(bytes, &[digests::SHA256, digests::MD5, digests::BLAKE2B256]).unwrap();
    [0, 1, 2].map(|index| computed[index].hex.clone())
}

fn get(host: &Host, path: &str) -> Reply {
    host.anonymous().get(path).send::<Pypi>()
}

/// A page of the simple API as JSON.
fn page(host: &Host, path: &str) -> Value {
    let reply = host.anonymous().get(path).header("accept", JSON).send::<Pypi>();
    assert_eq!(reply.status(), 200, "{path}: {}", reply.text());
    assert_eq!(reply.header("content-type"), Some(JSON));
    reply.json()
}

fn names(page: &Value) -> Vec<String> {
    let files = page["files"].as_array().unwrap();
    files.iter().map(|file| file["filename"].as_str().unwrap().to_owned()).collect()
}

const JSON: &str = "application/vnd.pypi.simple.v1+json";

/// A refusal with a sentence, and nothing stored.
#[track_caller]
fn assert_refused(host: &Host, reply: &Reply, status: u16, sentence: &str) {
    assert_eq!(reply.status(), status, "{}", reply.text());
    assert!(reply.text().contains(sentence), "{:?} should say {sentence:?}", reply.text());
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(reply.reason(), Some(reply.text().trim()), "twine shows the reason phrase");
    assert_eq!(host.objects(), Vec::<String>::new());
    assert_eq!(host.staged(), 0);
}

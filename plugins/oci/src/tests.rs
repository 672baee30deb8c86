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
use serde_json::{Value, json};

use crate::Oci;
use crate::document::{IMAGE_INDEX, IMAGE_MANIFEST};

mod blobs;
mod collection;
mod damage;
mod earlier;
mod hostile;
mod losses;
mod lost_answers;
mod lost_tags;
mod maintenance;
mod older;
mod permissions;
mod publish;
mod read;
mod referrers;
mod swapped_tags;
mod tokens;
mod uploads;

/// Reading is public; ann may do everything, bob may push below `bob/`.
fn host() -> Host {
    Host::new()
        .base_url("https://registry.example.com/oci")
        .anonymous_grants(&["oci:*:*:pull"])
        .user("ann", &["oci:repository:*:push", "oci:repository:*:delete"])
        .user("bob", &["oci:repository:bob/*:push"])
}

fn digest(bytes: impl AsRef<[u8]>) -> String {
    digests::of(bytes.as_ref(), &[digests::SHA256]).unwrap()[0].to_string()
}

fn sha512(bytes: impl AsRef<[u8]>) -> String {
    digests::of(bytes.as_ref(), &[digests::SHA512]).unwrap()[0].to_string()
}

fn hex(digest: &str) -> &str {
    digest.split_once(':').unwrap().1
}

/// Uploads a blob with one request.
fn upload(by: &Actor, repository: &str, bytes: impl AsRef<[u8]>) -> String {
    let digest = digest(&bytes);
    let reply =
        by.post(&format!("/v2/{repository}/blobs/uploads/?digest={digest}")).body(&bytes).send::<Oci>();
    assert_eq!(reply.status(), 201, "{}", reply.text());
    digest
}

fn get(host: &Host, path: &str) -> Reply {
    host.anonymous().get(path).send::<Oci>()
}

fn descriptor(bytes: impl AsRef<[u8]>) -> Value {
    let bytes = bytes.as_ref();
    json!({ "mediaType": "application/x", "digest": digest(bytes), "size": bytes.len() })
}

/// An image of a config and one layer.
fn image(layer: &str) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": descriptor("{}"),
        "layers": [descriptor(layer)],
    })
}

fn index(children: &[&Value]) -> Value {
    let children: Vec<Value> = children
        .iter()
        .map(|child| {
            let text = child.to_string();
            json!({ "mediaType": child["mediaType"], "digest": digest(&text), "size": text.len() })
        })
        .collect();
    json!({ "schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": children })
}

fn put(by: &Actor, repository: &str, reference: &str, manifest: &Value) -> Reply {
    let kind = manifest["mediaType"].as_str().unwrap_or("application/json").to_owned();
    let request = by.put(&format!("/v2/{repository}/manifests/{reference}"));
    request.header("content-type", &kind).body(manifest.to_string()).send::<Oci>()
}

/// Uploads an image's blobs and pushes it; gives its digest.
fn push(host: &Host, repository: &str, reference: &str, layer: &str) -> String {
    let ann = host.as_user("ann");
    upload(&ann, repository, "{}");
    upload(&ann, repository, layer);
    let reply = put(&ann, repository, reference, &image(layer));
    assert_eq!(reply.status(), 201, "{}", reply.text());
    digest(image(layer).to_string())
}

/// A refusal in the protocol's own shape.
fn assert_refused(reply: &Reply, status: u16, code: &str, sentence: &str) {
    assert_eq!(reply.status(), status, "{}", reply.text());
    let error = &reply.json()["errors"][0];
    assert_eq!(error["code"], code, "{error}");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.contains(sentence), "{message:?} should say {sentence:?}");
    assert_eq!(reply.header("docker-distribution-api-version"), Some("registry/2.0"));
}

//! What nobody sends to a registry by mistake: names, digests, paths and bodies that could
//! mean something else. Nothing of it is stored.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use http::Method;
use packhouse_tests::oci::{Image, MANIFEST, sha256};
#[allow(unused_imports, reason = "the tier of clients runs these stories on other stores")]
use packhouse_tests::on_every_backend as on_every;
use packhouse_tests::{Answer, Options, Registry};
use serde_json::json;

crate::on_every! { Options::oci() =>
    names_and_digests_that_are_none_are_refused
    bodies_that_are_none_are_refused
}

fn refused(answer: Answer, status: u16, code: &str) {
    let answer = answer.expect(status);
    let error = &answer.json()["errors"][0];
    assert_eq!(error["code"], code, "{answer:?}");
    assert!(error["message"].as_str().is_some_and(|message| message.len() > 10), "{answer:?}");
}

async fn names_and_digests_that_are_none_are_refused(registry: Registry) {
    let pusher = registry.pusher().await;
    let digest = sha256(b"x");
    for name in
        ["a%2fb", "%2e%2e%2fa", "a/%2e%2e%2fb", "A", "a%00", "tags.json", "a/tags.json", "a+b", "-a", "a..b"]
    {
        refused(pusher.get(&format!("/{name}/blobs/{digest}")).await, 400, "NAME_INVALID");
        refused(pusher.get(&format!("/{name}/tags/list")).await, 400, "NAME_INVALID");
        let path = format!("/{name}/blobs/uploads/?digest={digest}");
        refused(pusher.send(Method::POST, &path, "x").await, 400, "NAME_INVALID");
        refused(pusher.put(&format!("/{name}/manifests/v1"), &json!({})).await, 400, "NAME_INVALID");
    }
    let long = "a".repeat(256);
    refused(pusher.get(&format!("/{long}/tags/list")).await, 400, "NAME_INVALID");
    for digest in ["sha256:..", "sha256:%2e%2e%2fx", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:00", "x"]
    {
        refused(pusher.get(&format!("/a/blobs/{digest}")).await, 400, "DIGEST_INVALID");
        let path = format!("/a/blobs/uploads/?digest={digest}");
        refused(pusher.send(Method::POST, &path, "x").await, 400, "DIGEST_INVALID");
    }
    for tag in [".a", "-a", "a%2fb", "%c3%a4", &"a".repeat(129)] {
        refused(pusher.put(&format!("/a/manifests/{tag}"), &json!({})).await, 400, "MANIFEST_INVALID");
    }
    refused(pusher.get("/a/manifests/sha256:00").await, 400, "DIGEST_INVALID");
    refused(pusher.get("/a/nothing/here").await, 404, "UNSUPPORTED");
    refused(pusher.send(Method::PATCH, "/a/tags/list", "").await, 405, "UNSUPPORTED");
    nothing_is_stored(&registry);
}

async fn bodies_that_are_none_are_refused(registry: Registry) {
    let pusher = registry.pusher().await.with_header("content-type", MANIFEST);
    let deep = "[".repeat(200_000);
    for body in ["", "null", "[]", "{", "{}", "\u{0}", deep.as_str(), r#"{"schemaVersion":1,"fsLayers":[]}"#]
    {
        refused(pusher.send(Method::PUT, "/a/manifests/v1", body.to_owned()).await, 400, "MANIFEST_INVALID");
    }
    let image = Image::new("demo");
    let missing = pusher.send(Method::PUT, "/a/manifests/v1", image.manifest.bytes.clone()).await;
    refused(missing, 404, "MANIFEST_BLOB_UNKNOWN");
    let other = format!("/a/manifests/{}", sha256(b"other"));
    refused(pusher.send(Method::PUT, &other, image.manifest.bytes.clone()).await, 400, "DIGEST_INVALID");
    let large = vec![b' '; (8 << 20) + 1];
    refused(pusher.send(Method::PUT, "/a/manifests/v1", large).await, 413, "MANIFEST_INVALID");
    refused(pusher.get("/a/tags/list").await, 404, "NAME_UNKNOWN");
    nothing_is_stored(&registry);
}

/// But the marks of repositories that were looked at.
fn nothing_is_stored(registry: &Registry) {
    if matches!(registry.backend(), packhouse_tests::Backend::FileSystem) {
        let mut keys = registry.keys();
        keys.retain(|key| !key.starts_with("oci/adopted/"));
        assert_eq!(keys, Vec::<String>::new());
    }
}

//! What npm clients should not send: refused in npm's own shape, and nothing is stored.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use http::Method;
use packhouse_tests::npm::{self, Package};
use packhouse_tests::slow::Pace;
use packhouse_tests::{Actor, Answer, Registry, slow};
use serde_json::{Value, json};
use std::time::Duration;

struct Desk {
    registry: Registry,
    publisher: Actor,
}

async fn desk() -> Desk {
    let registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    Desk { registry, publisher }
}

impl Desk {
    /// A 4xx with a sentence where npm looks for it; the bucket is as empty as before.
    #[track_caller]
    fn refused(&self, answer: &Answer) {
        assert!(answer.status.is_client_error(), "{answer:?}");
        let sentence = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(sentence.len() > 3, "npm shows `error`: {answer:?}");
        assert_eq!(self.registry.keys(), Vec::<String>::new(), "after {answer:?}");
    }

    async fn refuses(&self, path: &str, document: &Value) {
        let answer = self.publisher.put(path, document).await;
        self.refused(&answer);
    }
}

/// A publish of `demo@1.0.0` with something changed.
fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut document = Package::new("demo", "1.0.0").publish();
    change(&mut document);
    document
}

fn dist(document: &mut Value) -> &mut Value {
    &mut document["versions"]["1.0.0"]["dist"]
}

fn attachment(document: &mut Value) -> &mut Value {
    &mut document["_attachments"]["demo-1.0.0.tgz"]
}

#[tokio::test]
async fn json_that_is_none_is_refused() {
    let desk = desk().await;
    let whole = Package::new("demo", "1.0.0").publish().to_string();
    let half = whole[..whole.len() / 2].to_owned();
    for body in ["", "{", "null", "[]", "\"text\"", "{\"name\": \"demo\"", "not json", &half] {
        let answer = desk.publisher.send(Method::PUT, "/demo", body.to_owned()).await;
        desk.refused(&answer);
    }
}

#[tokio::test]
async fn ten_megabytes_of_nested_json_are_refused() {
    let desk = desk().await;
    for piece in ["[", "{\"a\":"] {
        let nested = piece.repeat(10_000_000 / piece.len());
        for body in [nested.clone(), format!("{{\"name\":\"demo\",\"versions\":{nested}")] {
            let answer = desk.publisher.send(Method::PUT, "/demo", body).await;
            desk.refused(&answer);
        }
    }
    desk.publisher.get("/-/ping").await.expect(200);
}

#[tokio::test]
async fn digests_that_are_not_the_archives_are_refused() {
    let desk = desk().await;
    desk.refuses("/demo", &changed(|document| dist(document)["shasum"] = json!(npm::shasum(b"other")))).await;
    desk.refuses("/demo", &changed(|document| dist(document)["integrity"] = json!(npm::integrity(b"other"))))
        .await;
    desk.refuses("/demo", &changed(|document| dist(document)["integrity"] = json!("sha512-nonsense"))).await;
    desk.refuses("/demo", &changed(|document| attachment(document)["length"] = json!(3))).await;
}

#[tokio::test]
async fn archives_that_are_none_are_refused() {
    let desk = desk().await;
    let package = Package::new("demo", "1.0.0");
    for bytes in [b"no archive".to_vec(), Vec::new(), package.tarball()[..60].to_vec()] {
        desk.refuses("/demo", &package.publish_of(&bytes)).await;
    }
    desk.refuses("/demo", &changed(|document| attachment(document)["data"] = json!("%%% no base64 %%%")))
        .await;
    // What is inside must be what was said outside.
    let inside = Package::new("other", "1.0.0").tarball();
    desk.refuses("/demo", &package.publish_of(&inside)).await;
    let inside = Package::new("demo", "1.0.1").tarball();
    desk.refuses("/demo", &package.publish_of(&inside)).await;
}

#[tokio::test]
async fn names_and_versions_that_are_none_are_refused() {
    let desk = desk().await;
    let long = "a".repeat(300);
    for name in
        ["UPPER CASE", ".hidden", "_under", "a b", "node_modules", "favicon.ico", "@/x", "@acme/", &long]
    {
        let path = format!("/{}", name.replace(' ', "%20").replace('/', "%2f"));
        desk.refuses(&path, &Package::new(name, "1.0.0").publish()).await;
    }
    for version in ["", "one", "1.0", "1.0.0/../../x", "v1.0.0 ", "1.0.0\u{0}"] {
        desk.refuses("/demo", &Package::new("demo", version).publish()).await;
    }
    desk.refuses("/demo", &Package::new("other", "1.0.0").publish()).await;
    for tag in ["1.0.0", "a b", "a/b"] {
        desk.refuses("/demo", &Package::new("demo", "1.0.0").tag(tag).publish()).await;
    }
}

#[tokio::test]
async fn paths_that_climb_lead_nowhere() {
    let desk = desk().await;
    let user = desk.registry.user("climber", &["npm:package:*:write"]).await;
    let body = Package::new("demo", "1.0.0").publish().to_string();
    // By hand: a client library would tidy these up.
    for path in [
        "/npm/%2e%2e",
        "/npm/../npm/demo/../x",
        "/npm/..%2f..%2fetc",
        "/npm/@acme%2f..",
        "/npm/%2e%2e%2fdemo",
        "/npm/demo%00",
        "/npm/a%2fb",
        "/npm/.packhouse",
        "/npm/demo/-/%2e%2e",
        "/npm/demo/-/..%2findex.json",
    ] {
        let address = desk.registry.address();
        let at_once = Pace { piece: body.len(), every: Duration::from_millis(1) };
        let status = slow::put(&address, path, &user.token, body.as_bytes(), at_once).await;
        let status = status.unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(status.is_client_error(), "{path}: {status}");
        assert_eq!(desk.registry.keys(), Vec::<String>::new(), "{path}");
    }
    for path in ["/demo/-/..%2findex.json", "/demo/-/index.json", "/demo%00"] {
        let answer = desk.publisher.get(path).await;
        assert!(answer.status.is_client_error(), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_cut_off_leaves_nothing() {
    let desk = desk().await;
    let user = desk.registry.user("cut", &["npm:package:*:write"]).await;
    let package = Package::new("demo", "1.0.0").file("data.bin", npm::noise(1, 300_000));
    let body = package.publish().to_string();
    for sent in [1, body.len() / 4, body.len() / 2, body.len() - 1] {
        let address = desk.registry.address();
        slow::put_and_break_off(&address, "/npm/demo", &user.token, body.as_bytes(), sent)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    }
    // The same publish goes through at once.
    desk.publisher.put("/demo", &package.publish()).await.expect(201);
    assert_eq!(desk.registry.keys(), [package.tarball_key(), package.index_key(), package.proof_key()]);
}

#[tokio::test]
async fn the_version_that_exists_wins() {
    let desk = desk().await;
    let package = Package::new("demo", "1.0.0");
    desk.publisher.put("/demo", &package.publish()).await.expect(201);
    let before = desk.publisher.get("/demo").await.expect(200).json();
    let other = package.clone().file("other.js", "other");
    desk.publisher.put("/demo", &other.publish()).await.expect(403);
    assert_eq!(desk.publisher.get("/demo").await.expect(200).json(), before);
    assert_eq!(desk.registry.keys(), [package.tarball_key(), package.index_key(), package.proof_key()]);
}

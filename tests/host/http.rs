//! What HTTP asks of every registry, whatever its protocol is: preconditions of requests that change
//! something (RFC 9110, section 13), `OPTIONS *`, and failures that a client of JSON can read.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "a test may fail loudly")]

use futures_util::future::join_all;
use http::Method;
use packhouse_tests::npm::Package;
use packhouse_tests::pypi::Distribution;
use packhouse_tests::sockets::{connect_from, exchange, header, status};
use packhouse_tests::{Actor, Answer, Options, Registry};
use serde_json::json;

async fn publish(by: &Actor, version: &str, lines: &[(&'static str, &str)]) -> Answer {
    let package = Package::new("demo", version);
    let by = lines.iter().fold(by.clone(), |by, (name, value)| by.with_header(name, value));
    by.put(&package.path(), &package.publish()).await
}

async fn etag(actor: &Actor) -> String {
    actor.get("/demo").await.expect(200).header("etag").to_owned()
}

async fn versions(actor: &Actor) -> Vec<String> {
    let document = actor.get("/demo").await.expect(200).json();
    document["versions"].as_object().expect("versions").keys().cloned().collect()
}

#[tokio::test]
async fn a_change_is_made_in_the_state_that_it_was_sent_for_alone() {
    let registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    let none = publish(&publisher, "1.0.0", &[("if-match", "*")]).await.expect(412);
    assert!(none.json()["error"].as_str().is_some_and(|error| error.contains("If-Match")), "{none:?}");
    assert_eq!(registry.keys(), Vec::<String>::new(), "nothing is left of it");
    publish(&publisher, "1.0.0", &[("if-none-match", "*")]).await.expect(201);
    let first = etag(&publisher).await;
    publish(&publisher, "1.1.0", &[("if-none-match", "*")]).await.expect(412);
    publish(&publisher, "1.1.0", &[("if-match", "\"other\"")]).await.expect(412);
    assert_eq!(versions(&publisher).await, ["1.0.0"]);
    publish(&publisher, "1.1.0", &[("if-match", &first)]).await.expect(201);
    let second = etag(&publisher).await;
    publish(&publisher, "1.2.0", &[("if-match", &first)]).await.expect(412);
    // A condition of reads alone.
    publish(&publisher, "1.2.0", &[("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT")]).await.expect(201);
    let document = publisher.get("/demo").await.expect(200);
    let remove = format!("/demo/-rev/{}", document.json()["_rev"].as_str().expect("a revision"));
    publisher.clone().with_header("if-match", &second).delete(&remove).await.expect(412);
    assert_eq!(versions(&publisher).await, ["1.0.0", "1.1.0", "1.2.0"]);
}

/// RFC 9110, section 13.2.1: preconditions do not matter where the request fails without them.
#[tokio::test]
async fn other_reasons_to_refuse_a_change_come_first() {
    let registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    publish(&publisher, "1.0.0", &[]).await.expect(201);
    let wrong = [("if-match", "\"other\"")];
    publish(&registry.actor("/npm"), "1.1.0", &wrong).await.expect(401);
    let reader = registry.user("rita", &["npm:package:*:read"]).await;
    publish(&registry.actor("/npm").with_token(&reader.token), "1.1.0", &wrong).await.expect(403);
    let by = publisher.clone().with_header("if-match", "\"other\"");
    by.put("/demo", &json!([])).await.expect(400);
    publish(&publisher, "1.0.0", &wrong).await.expect(403);
    let document = publisher.get("/demo").await.expect(200).json();
    assert_eq!(document["versions"].as_object().map(serde_json::Map::len), Some(1));
}

#[tokio::test]
async fn of_changes_for_the_same_state_one_is_made() {
    let registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    publish(&publisher, "1.0.0", &[]).await.expect(201);
    let state = etag(&publisher).await;
    let changes =
        (1..=8).map(|minor| {
            let (publisher, state) = (publisher.clone(), state.clone());
            async move {
                publish(&publisher, &format!("1.{minor}.0"), &[("if-match", &state)]).await.status.as_u16()
            }
        });
    let mut statuses = join_all(changes).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 412, 412, 412, 412, 412, 412, 412]);
    assert_eq!(versions(&publisher).await.len(), 2);
}

#[tokio::test]
async fn a_client_of_json_is_told_in_json_why_it_failed() {
    let registry = Registry::start(Options::pypi()).await;
    let uploader = registry.uploader().await;
    Distribution::wheel("demo", "1.0").upload(&uploader).await.expect(200);
    let conditional = uploader.clone().with_header("if-match", "\"other\"");
    let json = conditional.get("/pypi/demo/json").await.expect(412);
    assert_eq!(json.header("content-type"), "application/json");
    assert!(json.json()["message"].as_str().is_some_and(|message| !message.is_empty()), "{json:?}");
    let text = conditional.get("/simple/demo/").await.expect(412);
    assert!(text.header("content-type").starts_with("text/plain"), "{text:?}");
    // What the host answers without the plugin.
    let anybody = registry.actor("").with_header("accept", "application/json");
    for (answer, expected) in [
        (anybody.get("/nowhere").await, 404),
        (anybody.send(Method::from_bytes(b"get").expect("a method"), "/pypi/pypi/demo/json", "").await, 501),
    ] {
        let answer = answer.expect(expected);
        assert_eq!(answer.header("content-type"), "application/json");
        assert!(answer.json()["message"].is_string(), "{answer:?}");
    }
    assert!(
        registry.actor("").get("/nowhere").await.expect(404).header("content-type").starts_with("text/plain")
    );
}

#[tokio::test]
async fn options_of_the_server_are_told() {
    let registry = Registry::npm().await;
    let mut socket = connect_from(&registry.address(), 1).await;
    let answer = exchange(&mut socket, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status(&answer), 204, "{answer}");
    let allow = header(&answer, "allow").unwrap_or_default();
    assert!(allow.contains("GET, HEAD") && allow.contains("PUT"), "{answer}");
    let mut socket = connect_from(&registry.address(), 1).await;
    let answer = exchange(&mut socket, "GET * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(matches!(status(&answer), 400 | 404), "{answer}");
}

/// Ignored, a wrong header would make links that lead elsewhere.
#[tokio::test]
async fn what_a_trusted_proxy_says_wrongly_is_refused_and_logged() {
    let lines =
        "trusted_proxies = [\"127.0.0.1\"]\nforwarded = [\"x-forwarded-proto\", \"x-forwarded-host\"]\n";
    let registry = Registry::start(Options::npm().server(lines)).await;
    let anybody = registry.actor("");
    for (name, value) in
        [("x-forwarded-host", "a/b"), ("x-forwarded-host", "<a>"), ("x-forwarded-proto", "ftp")]
    {
        for _ in 0..10 {
            let answer = anybody.clone().with_header(name, value).get("/npm/-/ping").await.expect(400);
            assert!(answer.text().to_ascii_lowercase().contains(name), "{answer:?}");
        }
    }
    anybody.with_header("x-forwarded-host", "a.example.com").get("/npm/-/ping").await.expect(200);
    let logs = registry.logs_with("GET /npm/-/ping 200").await;
    let remarks = logs.lines().filter(|line| line.contains("sent an invalid x-forwarded-host")).count();
    assert!((1..=5).contains(&remarks), "{remarks} in {logs}");
    assert!(logs.contains("sent an invalid x-forwarded-proto") && !logs.contains("<a>"), "{logs}");
}

//! npm over HTTP by hand: what is published is read, by whom it may be; the same stories on
//! every store.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use http::Method;
use packhouse_tests::npm::{self, Package};
#[allow(unused_imports, reason = "the tier of clients runs these stories on other stores")]
use packhouse_tests::on_every_backend as on_every;
use packhouse_tests::{Actor, Registry};
use serde_json::{Value, json};

const ABBREVIATED: &str = "application/vnd.npm.install-v1+json";

crate::on_every! {
    what_is_published_is_served
    a_scope_is_spelled_in_three_ways
    an_abbreviated_document_is_what_installing_needs
    a_document_and_a_file_are_revalidated_and_read_in_parts
    a_version_is_published_once_and_stays_as_it_was
    a_search_finds_what_was_published
    who_may_do_what_is_told_apart
}

async fn publish(by: &Actor, package: &Package) {
    let answer = by.put(&package.path(), &package.publish()).await;
    assert!(answer.status.is_success(), "{answer:?}");
}

async fn what_is_published_is_served(registry: Registry) {
    let (publisher, anybody) = (registry.publisher().await, registry.actor("/npm"));
    let package = Package::new("demo", "1.0.0").field("description", json!("A demo"));
    publish(&publisher, &package).await;

    let document = anybody.get("/demo").await.expect(200).json();
    assert_eq!(document["name"], "demo");
    assert_eq!(document["dist-tags"], json!({"latest": "1.0.0"}));
    let dist = &document["versions"]["1.0.0"]["dist"];
    assert_eq!(dist["tarball"], registry.url("/npm/demo/-/demo-1.0.0.tgz"), "not what the client said");
    assert_eq!(dist["integrity"], npm::integrity(&package.tarball()));
    assert_eq!(dist["shasum"], npm::shasum(&package.tarball()));
    assert!(document["time"]["1.0.0"].is_string(), "{document}");

    assert_eq!(anybody.get("/demo/latest").await.expect(200).json()["version"], "1.0.0");
    assert_eq!(anybody.get("/demo/1.0.0").await.expect(200).json()["description"], "A demo");
    let file = anybody.get("/demo/-/demo-1.0.0.tgz").await.expect(200);
    assert!(file.body == package.tarball(), "the same bytes");
    anybody.get("/demo/2.0.0").await.expect(404);
    anybody.get("/demo/-/demo-2.0.0.tgz").await.expect(404);
    anybody.get("/other").await.expect(404);
}

async fn a_scope_is_spelled_in_three_ways(registry: Registry) {
    let (publisher, anybody) = (registry.publisher().await, registry.actor("/npm"));
    let package = Package::new("@acme/tools", "1.0.0");
    publish(&publisher, &package).await;
    for path in ["/@acme/tools", "/@acme%2ftools", "/@acme%2Ftools"] {
        assert_eq!(anybody.get(path).await.expect(200).json()["name"], "@acme/tools", "{path}");
        let version = anybody.get(&format!("{path}/1.0.0")).await.expect(200);
        assert_eq!(version.json()["version"], "1.0.0", "{path}");
    }
    let file = anybody.get("/@acme/tools/-/tools-1.0.0.tgz").await.expect(200);
    assert!(file.body == package.tarball(), "the same bytes");
    anybody.get("/tools").await.expect(404);
}

async fn an_abbreviated_document_is_what_installing_needs(registry: Registry) {
    let (publisher, anybody) = (registry.publisher().await, registry.actor("/npm"));
    let package = Package::new("demo", "1.0.0")
        .field("description", json!("long words"))
        .field("dependencies", json!({"left": "^1.0.0"}));
    publish(&publisher, &package).await;

    let accepts = format!("{ABBREVIATED}; q=1.0, application/json; q=0.8, */*");
    let short = anybody.clone().with_header("accept", &accepts).get("/demo").await.expect(200);
    assert!(short.header("content-type").starts_with(ABBREVIATED), "{short:?}");
    assert!(short.header("vary").to_lowercase().contains("accept"), "{short:?}");
    let version = &short.json()["versions"]["1.0.0"];
    assert_eq!(version["dependencies"], json!({"left": "^1.0.0"}));
    assert_eq!(version["description"], Value::Null);

    let long = anybody.with_header("accept", "application/json").get("/demo").await.expect(200);
    assert!(long.header("vary").to_lowercase().contains("accept"), "{long:?}");
    assert_eq!(long.json()["versions"]["1.0.0"]["description"], "long words");
}

async fn a_document_and_a_file_are_revalidated_and_read_in_parts(registry: Registry) {
    let (publisher, anybody) = (registry.publisher().await, registry.actor("/npm"));
    let package = Package::new("demo", "1.0.0");
    publish(&publisher, &package).await;
    for path in ["/demo", "/demo/-/demo-1.0.0.tgz"] {
        let first = anybody.get(path).await.expect(200);
        let again = anybody.clone().with_header("if-none-match", first.header("etag"));
        again.get(path).await.expect(304);
        let head = anybody.head(path).await.expect(200);
        assert_eq!(head.header("content-length"), first.header("content-length"), "{path}");
        assert!(head.body.is_empty());
    }
    let part = anybody.with_header("range", "bytes=2-5").get("/demo/-/demo-1.0.0.tgz").await.expect(206);
    assert_eq!(part.body, package.tarball()[2..6]);
    assert_eq!(part.header("content-range"), format!("bytes 2-5/{}", package.tarball().len()));
}

async fn a_version_is_published_once_and_stays_as_it_was(registry: Registry) {
    let (publisher, anybody) = (registry.publisher().await, registry.actor("/npm"));
    let package = Package::new("demo", "1.0.0");
    publish(&publisher, &package).await;
    let other = package.clone().file("more.js", "different");
    let refused = publisher.put(&other.path(), &other.publish()).await.expect(403);
    let sentence = refused.json()["error"].as_str().unwrap_or_default().to_lowercase();
    assert!(sentence.contains("cannot publish over the previously published versions"), "{sentence}");
    assert!(anybody.get(&package.tarball_path()).await.expect(200).body == package.tarball());
}

async fn a_search_finds_what_was_published(registry: Registry) {
    let publisher = registry.publisher().await;
    for name in ["violin", "viola", "@acme/drum"] {
        let described = Package::new(name, "1.0.0").field("description", json!("an instrument"));
        publish(&publisher, &described).await;
    }
    let names = |found: &Value| -> Vec<String> {
        let objects = found["objects"].as_array().cloned().unwrap_or_default();
        let mut names: Vec<_> = objects
            .iter()
            .filter_map(|object| object["package"]["name"].as_str().map(str::to_owned))
            .collect();
        names.sort();
        names
    };
    let found = publisher.get("/-/v1/search?text=viol&size=20&from=0&quality=0.65").await.expect(200).json();
    assert_eq!(names(&found), ["viola", "violin"]);
    let all = publisher.get("/-/v1/search?text=instrument&size=2").await.expect(200).json();
    assert_eq!((all["total"].as_u64(), names(&all).len()), (Some(3), 2));
}

async fn who_may_do_what_is_told_apart(registry: Registry) {
    let anybody = registry.actor("/npm");
    let package = Package::new("demo", "1.0.0");
    let refused = anybody.put("/demo", &package.publish()).await.expect(401);
    assert!(refused.headers.contains_key("www-authenticate"), "{refused:?}");
    let unknown = anybody.clone().with_token("5b1e9a52-0000-4000-8000-000000000000");
    unknown.put("/demo", &package.publish()).await.expect(401);

    let reader = registry.user("reader", &["npm:package:*:read"]).await;
    anybody.clone().with_token(&reader.token).put("/demo", &package.publish()).await.expect(403);
    let other = registry.user("other", &["npm:package:@other/*:write"]).await;
    anybody.clone().with_token(&other.token).put("/demo", &package.publish()).await.expect(403);
    anybody.get("/demo").await.expect(404);

    let writer = registry.user("writer", &["npm:package:demo:write"]).await;
    let by_password = anybody.clone().with_password(&writer.name, &writer.password);
    assert_eq!(by_password.get("/-/whoami").await.expect(200).json()["username"], "writer");
    publish(&by_password, &package).await;
    let wrong = anybody.clone().with_password(&writer.name, "wrong");
    wrong.get("/demo").await.expect(401);
    wrong.send(Method::GET, "/-/whoami", "").await.expect(401);
    anybody.get("/-/ping").await.expect(200);
}

//! Cargo's registry protocol over HTTP by hand: what is published is read, by whom it may be;
//! the same stories on every store.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use http::Method;
use packhouse_tests::cargo::{self, Crate};
#[allow(unused_imports, reason = "the tier of clients runs these stories on other stores")]
use packhouse_tests::on_every_backend as on_every;
use packhouse_tests::{Actor, Options, Registry};
use serde_json::{Value, json};

crate::on_every! {
    Options::cargo() =>
    what_is_published_is_served
    the_index_lies_at_the_root_and_below_index
    an_index_file_and_a_crate_are_revalidated_and_read_in_parts
    a_version_is_published_once_and_stays_as_it_was
    a_version_is_yanked_and_unyanked
    names_that_are_too_much_alike_are_one
    owners_are_listed_and_may_publish
    a_search_finds_what_was_published
    who_may_do_what_is_told_apart
}

fn told(answer: &packhouse_tests::Answer) -> String {
    answer.json()["errors"][0]["detail"].as_str().unwrap_or_default().to_owned()
}

async fn what_is_published_is_served(registry: Registry) {
    let (owner, anybody) = (registry.crate_publisher().await, registry.actor("/cargo"));
    let demo = Crate::new("Demo", "1.0.0");
    let answer = demo.publish(&owner).await.expect(200).json();
    assert_eq!(answer, json!({"warnings": {"invalid_categories": [], "invalid_badges": [], "other": []}}));

    let mut line = cargo::lines(&anybody.get(&demo.index_path()).await.expect(200)).remove(0);
    let published = line["pubtime"].take();
    assert_eq!(published.as_str().map(str::len), Some("2026-01-01T00:00:00Z".len()), "{published}");
    let expected = json!({
        "name": "Demo", "vers": "1.0.0", "deps": [], "cksum": cargo::checksum(&demo.archive()),
        "features": {}, "yanked": false, "links": null, "pubtime": null, "index_lines": 1,
        "crate_size": demo.archive().len(),
    });
    assert_eq!(line, expected);
    let file = anybody.get(&demo.download_path()).await.expect(200);
    assert!(file.body == demo.archive(), "the same bytes");
    assert_eq!(file.header("content-type"), "application/gzip");
    anybody.get("/de/mo/demo2").await.expect(404);
    anybody.get("/api/v1/crates/Demo/2.0.0/download").await.expect(404);
}

async fn the_index_lies_at_the_root_and_below_index(registry: Registry) {
    let (publisher, anybody) = (registry.crate_publisher().await, registry.actor("/cargo"));
    for (name, path) in [("a", "/1/a"), ("ab", "/2/ab"), ("abc", "/3/a/abc"), ("a-b_c", "/a-/b_/a-b_c")] {
        Crate::new(name, "1.0.0").publish(&publisher).await.expect(200);
        let first = anybody.get(path).await.expect(200);
        assert_eq!(cargo::versions(&first), ["1.0.0"]);
        assert!(first.header("content-type").starts_with("text/plain"), "{first:?}");
        let second = anybody.get(&format!("/index{path}")).await.expect(200);
        assert_eq!(first.text(), second.text());
    }
    let configuration = json!({"dl": registry.url("/cargo/api/v1/crates"), "api": registry.url("/cargo")});
    for path in ["/config.json", "/index/config.json"] {
        assert_eq!(anybody.get(path).await.expect(200).json(), configuration);
    }
}

async fn an_index_file_and_a_crate_are_revalidated_and_read_in_parts(registry: Registry) {
    let (publisher, anybody) = (registry.crate_publisher().await, registry.actor("/cargo"));
    let demo = Crate::new("demo", "1.0.0");
    demo.publish(&publisher).await.expect(200);
    for path in [demo.index_path(), demo.download_path()] {
        let first = anybody.get(&path).await.expect(200);
        anybody.clone().with_header("if-none-match", first.header("etag")).get(&path).await.expect(304);
        let since = anybody.clone().with_header("if-modified-since", first.header("last-modified"));
        since.get(&path).await.expect(304);
        let head = anybody.head(&path).await.expect(200);
        assert_eq!(head.header("content-length"), first.header("content-length"), "{path}");
        assert!(head.body.is_empty());
    }
    let before = anybody.get(&demo.index_path()).await.expect(200);
    Crate::new("demo", "1.1.0").publish(&publisher).await.expect(200);
    let again = anybody.clone().with_header("if-none-match", before.header("etag"));
    assert_eq!(cargo::versions(&again.get(&demo.index_path()).await.expect(200)), ["1.0.0", "1.1.0"]);
    let part = anybody.with_header("range", "bytes=2-5").get(&demo.download_path()).await.expect(206);
    assert_eq!(part.body, demo.archive()[2..6]);
}

async fn a_version_is_published_once_and_stays_as_it_was(registry: Registry) {
    let (publisher, anybody) = (registry.crate_publisher().await, registry.actor("/cargo"));
    let demo = Crate::new("demo", "1.0.0");
    demo.publish(&publisher).await.expect(200);
    for again in [demo.clone(), demo.clone().file("more.rs", "different"), Crate::new("demo", "1.0.0+build")]
    {
        let refused = again.publish(&publisher).await.expect(409);
        assert!(told(&refused).contains("`demo@1.0.0` is already uploaded"), "{refused:?}");
    }
    assert!(anybody.get(&demo.download_path()).await.expect(200).body == demo.archive());
    assert_eq!(cargo::versions(&anybody.get(&demo.index_path()).await.expect(200)), ["1.0.0"]);
}

async fn a_version_is_yanked_and_unyanked(registry: Registry) {
    let (publisher, anybody) = (registry.crate_publisher().await, registry.actor("/cargo"));
    let demo = Crate::new("demo", "1.0.0");
    demo.publish(&publisher).await.expect(200);
    Crate::new("demo", "1.1.0").publish(&publisher).await.expect(200);
    let before = cargo::lines(&anybody.get(&demo.index_path()).await.expect(200));
    let done = publisher.delete("/api/v1/crates/demo/1.0.0/yank").await.expect(200);
    assert_eq!(done.json(), json!({"ok": true}));
    let lines = cargo::lines(&anybody.get(&demo.index_path()).await.expect(200));
    assert_eq!((&lines[0]["yanked"], &lines[1]["yanked"]), (&json!(true), &json!(false)));
    anybody.get(&demo.download_path()).await.expect(200);
    publisher.put("/api/v1/crates/demo/1.0.0/unyank", &Value::Null).await.expect(200);
    assert_eq!(cargo::lines(&anybody.get(&demo.index_path()).await.expect(200)), before);
    publisher.delete("/api/v1/crates/demo/3.0.0/yank").await.expect(404);
    anybody.delete("/api/v1/crates/demo/1.0.0/yank").await.expect(401);
}

async fn names_that_are_too_much_alike_are_one(registry: Registry) {
    let publisher = registry.crate_publisher().await;
    Crate::new("My_Crate", "1.0.0").publish(&publisher).await.expect(200);
    for name in ["my_crate", "My-Crate", "MY-CRATE"] {
        let refused = Crate::new(name, "2.0.0").publish(&publisher).await.expect(409);
        assert!(told(&refused).contains("the crate is called My_Crate here"), "{refused:?}");
        publisher.get(&format!("/api/v1/crates/{name}/2.0.0/download")).await.expect(404);
    }
}

async fn owners_are_listed_and_may_publish(registry: Registry) {
    let (publisher, path) = (registry.crate_publisher().await, "/api/v1/crates/demo/owners");
    Crate::new("demo", "1.0.0").publish(&publisher).await.expect(200);
    let friend = registry.user("friend", &[]).await;
    let by_friend = publisher.clone().with_token(&friend.token);
    Crate::new("demo", "1.1.0").publish(&by_friend).await.expect(403);
    let added = publisher.put(path, &json!({"users": ["friend"]})).await.expect(200).json();
    assert_eq!(added["ok"], true);
    Crate::new("demo", "1.1.0").publish(&by_friend).await.expect(200);
    let listed = registry.actor("/cargo").get(path).await.expect(200).json();
    let logins: Vec<_> =
        listed["users"].as_array().into_iter().flatten().map(|user| &user["login"]).collect();
    assert_eq!(logins, ["publisher", "friend"]);
    let removed = publisher.send(Method::DELETE, path, json!({"users": ["friend"]}).to_string()).await;
    removed.expect(200);
    Crate::new("demo", "1.2.0").publish(&by_friend).await.expect(403);
    let refused = publisher.put(path, &json!({"users": ["stranger"]})).await.expect(400);
    assert!(told(&refused).contains("there is no user stranger here"), "{refused:?}");
}

async fn a_search_finds_what_was_published(registry: Registry) {
    let publisher = registry.crate_publisher().await;
    for name in ["violin", "viola", "drum"] {
        let described = Crate::new(name, "1.0.0").line("description = \"an instrument\"");
        described.publish(&publisher).await.expect(200);
    }
    let found = publisher.get("/api/v1/crates?q=viol&per_page=1").await.expect(200).json();
    let expected = json!({
        "crates": [{"name": "viola", "max_version": "1.0.0", "description": "an instrument"}],
        "meta": {"total": 2},
    });
    assert_eq!(found, expected);
    let all = publisher.get("/api/v1/crates?q=instrument").await.expect(200).json();
    assert_eq!(all["meta"]["total"], 3);
}

async fn who_may_do_what_is_told_apart(registry: Registry) {
    let anybody = registry.actor("/cargo");
    let demo = Crate::new("demo", "1.0.0");
    let refused = demo.publish(&anybody).await.expect(401);
    let challenge = format!("Cargo login_url=\"{}\"", registry.url("/cargo/me"));
    assert_eq!(refused.header("www-authenticate"), challenge);
    assert!(anybody.get("/me").await.expect(200).text().contains("packhouse token create"));

    let reader = registry.user("reader", &["cargo:crate:*:read"]).await;
    demo.publish(&anybody.clone().with_token(&reader.token)).await.expect(403);
    let other = registry.user("other", &["cargo:crate:other-*:write"]).await;
    demo.publish(&anybody.clone().with_token(&other.token)).await.expect(403);
    let unknown = anybody.clone().with_token("5b1e9a52-0000-4000-8000-000000000000");
    demo.publish(&unknown).await.expect(401);
    unknown.get("/config.json").await.expect(401);

    // Cargo sends the token with nothing before it; others use the usual schemes.
    let writer = registry.user("writer", &["cargo:crate:demo:write"]).await;
    bare(&anybody, &writer.token, &demo).await;
    Crate::new("demo", "1.1.0").publish(&anybody.clone().with_token(&writer.token)).await.expect(200);
    let by_password = anybody.clone().with_password(&writer.name, &writer.password);
    Crate::new("demo", "1.2.0").publish(&by_password).await.expect(200);
    by_password.delete("/api/v1/crates/demo/1.2.0/yank").await.expect(200);
}

async fn bare(actor: &Actor, token: &str, version: &Crate) {
    let by = actor.clone().with_header("authorization", token);
    version.publish(&by).await.expect(200);
}

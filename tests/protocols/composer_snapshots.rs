//! What a Composer registry answers, whole, as `tests/snapshots/composer/*.http` has it; the same on
//! every store.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use http::Method;
use packhouse_tests::composer::{Library, versions};
use packhouse_tests::on_every_backend as on_every;
use packhouse_tests::{Options, Registry, Snapshot};
use serde_json::json;

on_every! {
    Options::composer() =>
    uploading
    reading
    finding
    deleting
    abandoning_and_advising
    refusing_uploads
    refusing_callers
}

fn library(version: &str) -> Library {
    Library::psr4_with("acme/lib", version, &json!({ "x-own": { "b": 1, "a": 2 }, "keywords": ["hello"] }))
}

async fn uploading(registry: Registry) {
    let publisher = registry.php_publisher().await;
    let mut told = Snapshot::new("composer/uploading", &registry);
    told.add("a version", library("1.0.0").upload(&publisher).await);
    told.add("the same again", library("1.0.0").upload(&publisher).await);
    let other = Library { version: "v1.0".to_owned(), ..library("1.0.0-other") };
    told.add("other bytes for the version, in another spelling", other.upload(&publisher).await);
    told.add("a branch", library("dev-main").upload(&publisher).await);
    let other = Library { version: "dev-main".to_owned(), ..library("dev-main-2") };
    told.add("other bytes for the branch", other.upload(&publisher).await);
    told.check();
}

async fn reading(registry: Registry) {
    let publisher = registry.php_publisher().await;
    // One of each: of a second one the answer shows the time only if a second has passed.
    for version in ["1.10.0", "dev-main"] {
        library(version).upload(&publisher).await.expect(201);
    }
    let anybody = registry.actor("/composer");
    let mut told = Snapshot::new("composer/reading", &registry);
    told.add("the repository", anybody.get("/packages.json").await);
    let metadata = told.add("the releases", anybody.get("/p2/acme/lib.json").await);
    let modified = metadata.header("last-modified").to_owned();
    let again = anybody.clone().with_header("if-modified-since", &modified);
    told.add("the releases, which the client has", again.get("/p2/acme/lib.json").await);
    told.add("the branches", anybody.get("/p2/acme/lib~dev.json").await);
    told.add("a package that is elsewhere", anybody.get("/p2/acme/none.json").await);
    let newest = &versions(&anybody, "/p2/acme/lib.json").await[0];
    let path = format!("/dists/acme/lib/{}.zip", newest["dist"]["reference"].as_str().unwrap_or_default());
    told.add("the head of a dist", anybody.head(&path).await);
    told.add("the first bytes of a dist", anybody.clone().with_header("range", "bytes=0-3").get(&path).await);
    told.add("a dist that is not there", anybody.get("/dists/acme/lib/abc.zip").await);
    told.check();
}

async fn finding(registry: Registry) {
    let publisher = registry.php_publisher().await;
    library("1.0.0").upload(&publisher).await.expect(201);
    let log = json!({ "provide": { "psr/log-implementation": "1.0" }, "type": "composer-plugin" });
    Library::psr4_with("acme/log", "1.0.0", &log).upload(&publisher).await.expect(201);
    let anybody = registry.actor("/composer");
    let mut told = Snapshot::new("composer/finding", &registry);
    told.add("all names", anybody.get("/packages/list.json").await);
    told.add("some names", anybody.get("/packages/list.json?filter=*/lo*").await);
    told.add("by a keyword", anybody.get("/search.json?q=hello&type=").await);
    told.add("by a type, page by page", anybody.get("/search.json?q=acme&per_page=1").await);
    told.add("what provides a package", anybody.get("/providers/psr/log-implementation.json").await);
    let downloads = json!({ "downloads": [{ "name": "acme/lib", "version": "1.0.0.0" }] });
    told.add("what was installed", anybody.post("/downloads/", &downloads).await);
    told.check();
}

async fn deleting(registry: Registry) {
    let publisher = registry.php_publisher().await;
    for version in ["1.0.0", "1.1.0", "dev-feature/x"] {
        library(version).upload(&publisher).await.expect(201);
    }
    let mut told = Snapshot::new("composer/deleting", &registry);
    told.add("a version", publisher.delete("/packages/acme/lib/v1.1").await);
    told.add("a version that is gone", publisher.delete("/packages/acme/lib/1.1.0").await);
    told.add("a branch", publisher.delete("/packages/acme/lib/dev-feature/x").await);
    told.add("a package", publisher.delete("/packages/acme/lib").await);
    told.add("a package that is gone", publisher.delete("/packages/acme/lib").await);
    told.add("what is left", publisher.get("/p2/acme/lib.json").await);
    told.check();
}

async fn abandoning_and_advising(registry: Registry) {
    let publisher = registry.php_publisher().await;
    library("1.0.0").upload(&publisher).await.expect(201);
    let mut told = Snapshot::new("composer/abandoning-and-advising", &registry);
    let path = "/packages/acme/lib/abandoned";
    told.add("abandoned", publisher.put(path, &json!({ "replacement": "acme/new" })).await);
    told.add("what clients read", publisher.get("/p2/acme/lib.json").await);
    told.add("taken up", publisher.delete(path).await);
    let advisory = json!({ "title": "Greets everybody", "affectedVersions": "<1.1", "cve": "CVE-2026-0001",
                           "reportedAt": "2026-01-01T00:00:00+00:00" });
    let path = "/security-advisories/acme/lib/PH-1";
    told.add("an advisory", publisher.put(path, &advisory).await);
    told.add("what is none", publisher.put(path, &json!({ "title": "x", "affectedVersions": "?" })).await);
    let anybody = registry.actor("/composer");
    told.add("what `composer audit` reads", anybody.get("/security-advisories/?packages[]=acme/lib").await);
    told.add("an advisory goes", publisher.delete(path).await);
    told.check();
}

async fn refusing_uploads(registry: Registry) {
    let publisher = registry.php_publisher().await;
    let mut told = Snapshot::new("composer/refusing-uploads", &registry);
    let put = |path: &'static str, body: Vec<u8>| publisher.send(Method::PUT, path, body);
    let sound = library("1.0.0").content.to_vec();
    told.add("no archive", put("/packages/acme/lib?version=1", b"<?php".to_vec()).await);
    told.add(
        "an archive that is cut off",
        put("/packages/acme/lib?version=1", sound[..sound.len() - 1].to_vec()).await,
    );
    told.add("no version", put("/packages/acme/lib", sound.clone()).await);
    told.add("a bad version", put("/packages/acme/lib?version=one", sound.clone()).await);
    told.add("another package", put("/packages/acme/other?version=1", sound.clone()).await);
    told.add("a name in upper case", put("/packages/Acme/Lib?version=1", sound.clone()).await);
    told.add("a reserved name", put("/packages/acme/con?version=1", sound).await);
    told.check();
}

async fn refusing_callers(registry: Registry) {
    let reader = registry.user("reader", &["composer:package:*:read"]).await;
    let mut told = Snapshot::new("composer/refusing-callers", &registry);
    let anybody = registry.actor("/composer");
    told.add("nobody uploads", library("1.0.0").upload(&anybody).await);
    let reader = anybody.clone().with_password(&reader.name, &reader.password);
    told.add("a reader uploads", library("1.0.0").upload(&reader).await);
    told.add("a wrong password", anybody.with_password("reader", "wrong").get("/packages.json").await);
    told.check();
}

//! PyPI over HTTP by hand: what is uploaded is listed and read, by whom it may be; the same
//! stories on every store.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

#[allow(unused_imports, reason = "the tier of clients runs these stories on other stores")]
use packhouse_tests::on_every_backend as on_every;
use packhouse_tests::pypi::{self, Distribution};
use packhouse_tests::{Actor, Options, Registry};
use serde_json::{Value, json};

const JSON: &str = "application/vnd.pypi.simple.v1+json";
const HTML: &str = "application/vnd.pypi.simple.v1+html";

crate::on_every! { Options::pypi() =>
    what_is_uploaded_is_listed_and_read
    the_root_addresses_are_the_same_registry
    the_same_again_is_fine_and_other_bytes_are_not
    a_page_is_negotiated_and_revalidated
    a_file_is_read_in_parts_and_never_compressed
    yanking_and_deleting
    who_may_do_what_is_told_apart
    wheels_of_thousands_of_files
}

async fn page(by: &Actor, path: &str) -> Value {
    by.clone().with_header("accept", JSON).get(path).await.expect(200).json()
}

async fn what_is_uploaded_is_listed_and_read(registry: Registry) {
    let (uploader, anybody) = (registry.uploader().await, registry.actor("/pypi"));
    let wheel = Distribution::wheel("Demo.Tools", "1.0");
    let sdist = Distribution::sdist("Demo.Tools", "1.0");
    for distribution in [&wheel, &sdist] {
        distribution.upload(&uploader).await.expect(200);
    }
    let listed = page(&anybody, "/simple/demo-tools/").await;
    assert_eq!(listed["meta"]["api-version"], "1.4");
    assert_eq!(listed["versions"], json!(["1.0"]));
    let file = &listed["files"][0];
    assert_eq!(file["url"], registry.url(&format!("/pypi{}", wheel.path())));
    assert_eq!(file["hashes"], json!({"sha256": wheel.sha256()}));
    assert_eq!((&file["size"], &file["yanked"]), (&json!(wheel.content.len()), &json!(false)));
    assert_eq!(file["requires-python"], ">=3.8");
    assert!(file["upload-time"].as_str().is_some_and(|time| time.ends_with('Z')), "{file}");

    let metadata = anybody.get(&format!("{}.metadata", wheel.path())).await.expect(200);
    assert_eq!(metadata.text(), pypi::metadata("Demo.Tools", "1.0", ""));
    assert_eq!(file["core-metadata"], json!({"sha256": pypi::sha256(&metadata.body)}));
    for distribution in [&wheel, &sdist] {
        let file = anybody.get(&distribution.path()).await.expect(200);
        assert!(file.body == distribution.content, "the same bytes");
    }
    assert_eq!(page(&anybody, "/simple/").await["projects"], json!([{"name": "demo-tools"}]));
    let about = anybody.get("/pypi/demo-tools/json").await.expect(200).json();
    assert_eq!(about["info"]["summary"], "The project Demo.Tools");
    assert_eq!(about["urls"].as_array().map(Vec::len), Some(2));
    for path in ["/simple/other/", "/packages/demo-tools/demo_tools-2.0.tar.gz", "/pypi/other/json"] {
        anybody.get(path).await.expect(404);
    }
}

async fn the_root_addresses_are_the_same_registry(registry: Registry) {
    let uploader = registry.uploader().await;
    let root = uploader.at(registry.url(""));
    for (number, (by, path)) in
        [(&uploader, "/legacy/"), (&uploader, "/pypi/legacy/"), (&root, "/legacy/"), (&root, "/pypi/legacy/")]
            .into_iter()
            .enumerate()
    {
        Distribution::wheel("demo", &format!("1.{number}")).upload_to(by, path).await.expect(200);
    }
    let listed = page(&root, "/simple/demo/").await;
    assert_eq!(listed["versions"], json!(["1.0", "1.1", "1.2", "1.3"]));
    assert_eq!(page(&uploader, "/simple/demo/").await, listed);
    root.get("/packages/demo/demo-1.0-py3-none-any.whl").await.expect(200);
    // A client that follows is led to the page, whichever address it has asked.
    for (by, path) in [(&root, "/simple/Demo"), (&root, "/simple/demo"), (&uploader, "/simple/DEMO/")] {
        assert_eq!(page(by, path).await, listed, "{path}");
    }
    assert_eq!(root.get("/pypi/demo/json").await.expect(200).json()["info"]["version"], "1.3");
    assert_eq!(page(&root, "/simple/").await["projects"], json!([{"name": "demo"}]));
}

async fn the_same_again_is_fine_and_other_bytes_are_not(registry: Registry) {
    let uploader = registry.uploader().await;
    let wheel = Distribution::wheel("demo", "1.0");
    wheel.upload(&uploader).await.expect(200);
    wheel.upload(&uploader).await.expect(200);
    let other = Distribution::wheel_with("demo", "1.0", "", &[("more.py", b"1")]);
    let refused = other.upload(&uploader).await.expect(409);
    assert!(refused.text().contains("File already exists"), "{}", refused.text());
    assert!(uploader.get(&wheel.path()).await.expect(200).body == wheel.content);
}

async fn a_page_is_negotiated_and_revalidated(registry: Registry) {
    let (uploader, anybody) = (registry.uploader().await, registry.actor("/pypi"));
    Distribution::wheel("demo", "1.0").upload(&uploader).await.expect(200);
    let pip = format!("{JSON}, {HTML}; q=0.1, text/html; q=0.01");
    for (accept, content_type) in [("*/*", "text/html"), (HTML, HTML), (&pip, JSON)] {
        for path in ["/simple/", "/simple/demo/"] {
            let asked = anybody.clone().with_header("accept", accept);
            let answer = asked.get(path).await.expect(200);
            assert!(answer.header("content-type").starts_with(content_type), "{accept}: {answer:?}");
            assert!(answer.header("vary").to_lowercase().contains("accept"), "{answer:?}");
            let again = asked.with_header("if-none-match", answer.header("etag"));
            again.get(path).await.expect(304);
        }
    }
    let by_format = anybody.get(&format!("/simple/demo/?format={}", JSON.replace('+', "%2B"))).await;
    assert_eq!(by_format.expect(200).header("content-type"), JSON);
    anybody.clone().with_header("accept", "image/png").get("/simple/demo/").await.expect(406);
    let html = anybody.get("/simple/demo/").await.expect(200);
    let head = anybody.head("/simple/demo/").await.expect(200);
    assert_eq!(head.header("content-length"), html.body.len().to_string());
    let before = html.header("etag").to_owned();
    Distribution::wheel("demo", "1.1").upload(&uploader).await.expect(200);
    let changed = anybody.with_header("if-none-match", &before).get("/simple/demo/").await.expect(200);
    assert!(changed.text().contains("demo-1.1-py3-none-any.whl"), "{}", changed.text());
}

async fn a_file_is_read_in_parts_and_never_compressed(registry: Registry) {
    let (uploader, anybody) = (registry.uploader().await, registry.actor("/pypi"));
    let wheel = Distribution::wheel_with("demo", "1.0", "", &[("large.txt", &b"x".repeat(100_000))]);
    wheel.upload(&uploader).await.expect(200);
    let part = anybody.clone().with_header("range", "bytes=-22").get(&wheel.path()).await.expect(206);
    assert!(part.body == wheel.content[wheel.content.len() - 22..], "the end of the archive");
    let asked = anybody.with_header("accept-encoding", "gzip, br, zstd");
    let whole = asked.get(&wheel.path()).await.expect(200);
    assert_eq!(whole.header("content-encoding"), "");
    assert_eq!(whole.header("content-length"), wheel.content.len().to_string());
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let again = asked.with_header("if-none-match", whole.header("etag"));
    again.get(&wheel.path()).await.expect(304);
}

async fn yanking_and_deleting(registry: Registry) {
    let uploader = registry.uploader().await;
    for version in ["1.0", "1.1"] {
        Distribution::wheel("demo", version).upload(&uploader).await.expect(200);
    }
    uploader.put("/pypi/demo/1.1/yank", &json!({"reason": "broken"})).await.expect(200);
    assert_eq!(page(&uploader, "/simple/demo/").await["files"][1]["yanked"], "broken");
    assert_eq!(uploader.get("/pypi/demo/json").await.expect(200).json()["info"]["version"], "1.0");
    uploader.delete("/pypi/demo/1.1/yank").await.expect(200);
    assert_eq!(page(&uploader, "/simple/demo/").await["files"][1]["yanked"], false);

    uploader.put("/pypi/demo/status", &json!({"status": "archived", "reason": "done"})).await.expect(200);
    let status = page(&uploader, "/simple/demo/").await["project-status"].clone();
    assert_eq!(status, json!({"status": "archived", "reason": "done"}));
    Distribution::wheel("demo", "1.2").upload(&uploader).await.expect(403);

    uploader.delete("/packages/demo/demo-1.1-py3-none-any.whl").await.expect(204);
    uploader.get("/packages/demo/demo-1.1-py3-none-any.whl").await.expect(404);
    uploader.delete("/pypi/demo").await.expect(204);
    uploader.get("/simple/demo/").await.expect(404);
    assert_eq!(page(&uploader, "/simple/").await["projects"], json!([]));
    Distribution::wheel("demo", "1.0").upload(&uploader).await.expect(200);
}

async fn who_may_do_what_is_told_apart(registry: Registry) {
    let anybody = registry.actor("/pypi");
    let wheel = Distribution::wheel("demo", "1.0");
    let refused = wheel.upload(&anybody).await.expect(401);
    assert!(refused.header("www-authenticate").starts_with("Basic"), "{refused:?}");
    let reader = registry.user("reader", &["pypi:package:*:read"]).await;
    let refused = wheel.upload(&anybody.clone().with_password(&reader.name, &reader.password)).await;
    assert!(refused.expect(403).text().contains("pypi:package:demo:write"));
    let other = registry.user("other", &["pypi:package:other-*:write"]).await;
    wheel.upload(&anybody.clone().with_password(&other.name, &other.password)).await.expect(403);
    anybody.get("/simple/demo/").await.expect(404);

    let writer = registry.user("writer", &["pypi:package:demo:write"]).await;
    // As all clients do it with a token.
    let by_token = anybody.clone().with_password("__token__", &writer.token);
    wheel.upload(&by_token).await.expect(200);
    by_token.get("/simple/demo/").await.expect(200);
    let wrong = anybody.clone().with_password(&writer.name, "wrong");
    Distribution::wheel("demo", "1.1").upload(&wrong).await.expect(401);
    anybody.delete("/pypi/demo").await.expect(401);
}

/// What looking at so many entries asks of the plugin stays within its limits.
async fn wheels_of_thousands_of_files(registry: Registry) {
    let uploader = registry.uploader().await;
    let names: Vec<String> = (0..3000).map(|number| format!("demo/module_{number}.py")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"pass\n".as_slice())).collect();
    for version in 0..3 {
        let wheel = Distribution::wheel_with("demo", &format!("1.{version}"), "", &files);
        wheel.upload(&uploader).await.expect(200);
    }
    assert_eq!(page(&uploader, "/simple/demo/").await["files"].as_array().map(Vec::len), Some(3));
}

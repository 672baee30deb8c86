//! What a PyPI registry answers, whole, as `tests/snapshots/pypi/*.http` has it; the same on
//! every store.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::on_every_backend as on_every;
use packhouse_tests::pypi::{Distribution, send_form};
use packhouse_tests::{Options, Registry, Snapshot};
use serde_json::{Value, json};

const JSON: &str = "application/vnd.pypi.simple.v1+json";
const HTML: &str = "application/vnd.pypi.simple.v1+html";

on_every! {
    Options::pypi() =>
    uploading
    reading
    reading_files
    the_json_api
    redirecting
    yanking
    a_projects_status
    deleting
    refusing_uploads
    refusing_callers
    refusing_paths
}

mod in_private {
    use super::*;

    #[tokio::test]
    async fn a_private_registry() {
        super::a_private_registry(Registry::start(Options::pypi().anonymous(&[])).await).await;
    }
}

fn wheel() -> Distribution {
    Distribution::wheel("Demo.Tools", "1.0")
}

fn sdist() -> Distribution {
    Distribution::sdist("Demo.Tools", "1.0")
}

async fn uploading(registry: Registry) {
    let uploader = registry.uploader().await;
    let mut told = Snapshot::new("pypi/uploading", &registry);
    told.add("a wheel", wheel().upload(&uploader).await);
    told.add("its source distribution, at the root", {
        sdist().upload_to(&uploader.at(registry.url("")), "/legacy/").await
    });
    told.add("the wheel again", wheel().upload(&uploader).await);
    let other = Distribution::wheel_with("Demo.Tools", "1.0", "", &[("more.py", b"1")]);
    told.add("other bytes under its name", other.upload(&uploader).await);
    let second = Distribution::sdist("demo-tools", "1.0.0");
    told.add("a second source distribution of the version", second.upload(&uploader).await);
    told.check();
}

async fn reading(registry: Registry) {
    let (uploader, anybody) = (registry.uploader().await, registry.actor("/pypi"));
    let wheel = wheel().attested();
    for distribution in [&wheel, &sdist()] {
        distribution.upload(&uploader).await.expect(200);
    }
    let mut told = Snapshot::new("pypi/reading", &registry);
    let as_json = anybody.clone().with_header("accept", JSON);
    for path in ["/simple/", "/simple/demo-tools/"] {
        told.add(&format!("{path} for a browser"), anybody.get(path).await);
        told.add(&format!("the head of {path}"), anybody.head(path).await);
        let page = told.add(&format!("{path} as JSON"), as_json.get(path).await);
        let same = as_json.clone().with_header("if-none-match", page.header("etag"));
        told.add(&format!("{path} for who has it"), same.get(path).await);
        if !page.header("last-modified").is_empty() {
            let since = anybody.clone().with_header("if-modified-since", page.header("last-modified"));
            told.add(&format!("{path} for who has it by its date"), since.get(path).await);
        }
        let html = anybody.clone().with_header("accept", &format!("{JSON}; q=0.1, {HTML}; q=0.2"));
        told.add(&format!("{path} as HTML of a version"), html.get(path).await);
        let asked = format!("{path}?format={}", JSON.replace('+', "%2B"));
        told.add(&format!("{path} as JSON by its query"), anybody.get(&asked).await);
        let image = anybody.clone().with_header("accept", "image/png");
        told.add(&format!("{path} as an image"), image.get(path).await);
    }
    told.check();
}

async fn reading_files(registry: Registry) {
    let (uploader, anybody) = (registry.uploader().await, registry.actor("/pypi"));
    let (wheel, sdist) = (wheel().attested(), sdist());
    for distribution in [&wheel, &sdist] {
        distribution.upload(&uploader).await.expect(200);
    }
    let mut told = Snapshot::new("pypi/reading-files", &registry);
    let file = told.add("a wheel", anybody.get(&wheel.path()).await);
    told.add("its head", anybody.head(&wheel.path()).await);
    let with = |name, value: &str| anybody.clone().with_header(name, value);
    told.add("its end", with("range", "bytes=-22").get(&wheel.path()).await);
    told.add("behind its end", with("range", "bytes=99999-").get(&wheel.path()).await);
    told.add("compressed", with("accept-encoding", "gzip").get(&wheel.path()).await);
    told.add("for who has it", with("if-none-match", file.header("etag")).get(&wheel.path()).await);
    let since = with("if-modified-since", file.header("last-modified"));
    told.add("for who has it by its date", since.get(&wheel.path()).await);
    told.add("its metadata", anybody.get(&format!("{}.metadata", wheel.path())).await);
    told.add("its attestations", anybody.get(&format!("{}.provenance", wheel.path())).await);
    let integrity = |file: &Distribution| format!("/integrity/demo-tools/1.0/{}/provenance", file.filename);
    told.add("the same where others look", anybody.get(&integrity(&wheel)).await);
    told.add("a source distribution", anybody.get(&sdist.path()).await);
    told.add("its metadata", anybody.get(&format!("{}.metadata", sdist.path())).await);
    told.add("attestations that it has none of", anybody.get(&integrity(&sdist)).await);
    told.check();
}

async fn the_json_api(registry: Registry) {
    let (uploader, anybody) = (registry.uploader().await, registry.actor("/pypi"));
    for distribution in [wheel(), sdist(), Distribution::wheel("Demo.Tools", "1.1rc1")] {
        distribution.upload(&uploader).await.expect(200);
    }
    let mut told = Snapshot::new("pypi/json-api", &registry);
    told.add("a project", anybody.get("/demo-tools/json").await);
    told.add("a version", anybody.get("/pypi/demo-tools/1.1rc1/json").await);
    told.add("a version that is not there", anybody.get("/demo-tools/2.0/json").await);
    told.add("no version", anybody.get("/demo-tools/latest/json").await);
    told.add("a project that is not there", anybody.get("/none/json").await);
    told.check();
}

async fn redirecting(registry: Registry) {
    let uploader = registry.uploader().await;
    wheel().upload(&uploader).await.expect(200);
    let (below, root) = (registry.actor("/pypi").staying(), registry.actor("").staying());
    let mut told = Snapshot::new("pypi/redirecting", &registry);
    for (by, path) in [
        (&below, "/simple"),
        (&below, "/simple/demo-tools"),
        (&below, "/simple/Demo_Tools/"),
        (&below, "/simple/Demo.Tools?format=text/html"),
        (&below, "/packages/Demo.Tools/Demo_Tools-1.0-py3-none-any.whl"),
        (&below, "/Demo.Tools/json"),
        (&below, "/Demo.Tools/1.0/json"),
        (&root, "/simple"),
        (&root, "/simple/DEMO--TOOLS/"),
        (&root, "/packages/Demo.Tools/Demo_Tools-1.0-py3-none-any.whl"),
    ] {
        told.add("another address", by.get(path).await);
    }
    told.check();
}

async fn yanking(registry: Registry) {
    let uploader = registry.uploader().await;
    for distribution in [wheel(), sdist()] {
        distribution.upload(&uploader).await.expect(200);
    }
    let as_json = uploader.clone().with_header("accept", JSON);
    let version = "/pypi/demo-tools/1.0/yank";
    let mut told = Snapshot::new("pypi/yanking", &registry);
    told.add("yank", uploader.put(version, &json!({"reason": "it <breaks> \"all\" & 'more'"})).await);
    told.add("its page", uploader.get("/simple/demo-tools/").await);
    told.add("its page as JSON", as_json.get("/simple/demo-tools/").await);
    told.add("yank again for no reason", uploader.put(version, &json!({})).await);
    told.add("unyank", uploader.delete(version).await);
    let file = format!("{}/yank", wheel().path());
    told.add("yank one file", uploader.put(&format!("{file}?reason=old"), &Value::Null).await);
    told.add("its page", uploader.get("/simple/demo-tools/").await);
    told.add("a reason of two lines", uploader.put(version, &json!({"reason": "a\nb"})).await);
    told.add("no JSON", uploader.send(http::Method::PUT, version, "{").await);
    told.add("a version that is not there", uploader.put("/pypi/demo-tools/2.0/yank", &json!({})).await);
    told.add("a project that is not there", uploader.put("/pypi/none/2.0/yank", &json!({})).await);
    told.add("nobody", registry.actor("/pypi").delete(version).await);
    told.check();
}

async fn a_projects_status(registry: Registry) {
    let uploader = registry.uploader().await;
    wheel().upload(&uploader).await.expect(200);
    let as_json = uploader.clone().with_header("accept", JSON);
    let set = |status: Value| {
        let uploader = uploader.clone();
        async move { uploader.put("/pypi/demo-tools/status", &status).await }
    };
    let mut told = Snapshot::new("pypi/status", &registry);
    told.add("archive it", set(json!({"status": "archived", "reason": "see <demo> & co"})).await);
    told.add("its page", uploader.get("/simple/demo-tools/").await);
    told.add("its page as JSON", as_json.get("/simple/demo-tools/").await);
    told.add("upload to it", Distribution::wheel("Demo.Tools", "1.1").upload(&uploader).await);
    told.add("quarantine it", set(json!({"status": "quarantined"})).await);
    told.add("its page as JSON", as_json.get("/simple/demo-tools/").await);
    told.add("its file", uploader.get(&wheel().path()).await);
    told.add("no such status", set(json!({"status": "gone"})).await);
    told.add(
        "a reason with control characters",
        set(json!({"status": "active", "reason": "\u{1b}[2J"})).await,
    );
    told.add("active again", set(json!({"status": "active"})).await);
    told.add("its page as JSON", as_json.get("/simple/demo-tools/").await);
    told.check();
}

async fn deleting(registry: Registry) {
    let uploader = registry.uploader().await;
    for version in ["1.0", "1.1", "1.2"] {
        Distribution::wheel("Demo.Tools", version).upload(&uploader).await.expect(200);
    }
    let mut told = Snapshot::new("pypi/deleting", &registry);
    told.add("a file", uploader.delete(&wheel().path()).await);
    told.add("the same again", uploader.delete(&wheel().path()).await);
    told.add("reading it", uploader.get(&wheel().path()).await);
    told.add("a version", uploader.delete("/pypi/demo-tools/1.1").await);
    told.add("what is left", uploader.clone().with_header("accept", JSON).get("/simple/demo-tools/").await);
    told.add("the project", uploader.delete("/pypi/demo-tools").await);
    told.add("the same again", uploader.delete("/pypi/demo-tools").await);
    told.add("its page", uploader.get("/simple/demo-tools/").await);
    told.add("all projects", uploader.get("/simple/").await);
    told.check();
    assert_eq!(uploader.get("/simple/").await.expect(200).text().matches("<a ").count(), 0);
}

/// Each with what is wrong in it.
async fn refusing_uploads(registry: Registry) {
    let uploader = registry.uploader().await;
    let of = |filetype, filename: &str, content: Vec<u8>| {
        Distribution::of("Demo.Tools", "1.0", filetype, filename, content)
    };
    let as_wheel = |content: &[u8]| of("bdist_wheel", &wheel().filename, content.to_vec());
    let mut told = Snapshot::new("pypi/refusing-uploads", &registry);
    told.add("no form", uploader.post("/legacy/", &json!({})).await);
    told.add("an empty body", send_form(&uploader, "/legacy/", "").await);
    let whole = wheel().form();
    told.add("a form without its end", {
        send_form(&uploader, "/legacy/", whole[..whole.len() - 4].to_vec()).await
    });
    for (what, distribution) in [
        ("another action", wheel().field(":action", "verify")),
        ("no name", wheel().field("name", "")),
        ("a name that is none", wheel().field("name", "../demo")),
        ("a version that is none", wheel().field("version", "latest")),
        ("another version in the form", wheel().field("version", "1.1")),
        ("another kind in the form", wheel().field("filetype", "sdist")),
        ("another SHA-256", wheel().field("sha256_digest", &"0".repeat(64))),
        ("another MD5", wheel().field("md5_digest", &"0".repeat(32))),
        ("another BLAKE2b", wheel().field("blake2_256_digest", &"0".repeat(64))),
        ("attestations that are none", wheel().field("attestations", "{}")),
        ("a file name that leads elsewhere", wheel().called("../Demo_Tools-1.0-py3-none-any.whl")),
        ("a file of another kind", wheel().called("Demo_Tools-1.0.exe")),
        ("a file of another project", wheel().called("other-1.0-py3-none-any.whl")),
        ("a wheel that is no zip", as_wheel(b"no archive")),
        ("a wheel of another version", as_wheel(&Distribution::wheel("Demo.Tools", "1.1").content)),
        ("a wheel without metadata", as_wheel(&packhouse_tests::pypi::zip(&[("a.py", b"1")]))),
        ("a wheel with a path trick", {
            Distribution::wheel_with("Demo.Tools", "1.0", "", &[("../evil.py", b"1")])
        }),
        ("a wheel with a file twice", {
            Distribution::wheel_with("Demo.Tools", "1.0", "", &[("a.py", b"1"), ("a.py", b"2")])
        }),
        ("a source distribution that is none", of("sdist", &sdist().filename, b"no archive".to_vec())),
        ("a source distribution that is cut off", {
            of("sdist", &sdist().filename, sdist().content[..300].to_vec())
        }),
    ] {
        told.add(what, distribution.upload(&uploader).await);
    }
    told.check();
    uploader.get("/simple/demo-tools/").await.expect(404);
    assert_eq!(uploader.get("/simple/").await.expect(200).text().matches("<a ").count(), 0);
}

async fn refusing_callers(registry: Registry) {
    let uploader = registry.uploader().await;
    wheel().upload(&uploader).await.expect(200);
    let reader = registry.user("reader", &["pypi:package:*:read"]).await;
    let nobody = registry.actor("/pypi");
    let wrong = nobody.clone().with_password(&reader.name, "wrong");
    let reader = nobody.clone().with_password(&reader.name, &reader.password);
    let next = Distribution::wheel("Demo.Tools", "1.1");
    let mut told = Snapshot::new("pypi/refusing-callers", &registry);
    for (who, by) in [("nobody", &nobody), ("a wrong password", &wrong), ("a reader", &reader)] {
        told.add(&format!("{who} uploads"), next.upload(by).await);
        told.add(&format!("{who} yanks"), by.put("/pypi/demo-tools/1.0/yank", &json!({})).await);
        told.add(&format!("{who} deletes"), by.delete(&wheel().path()).await);
    }
    told.check();
}

async fn refusing_paths(registry: Registry) {
    let uploader = registry.uploader().await;
    wheel().upload(&uploader).await.expect(200);
    let anybody = registry.actor("/pypi");
    let mut told = Snapshot::new("pypi/refusing-paths", &registry);
    for path in [
        "/",
        "/simple/none/",
        "/simple/demo%2ftools/",
        "/simple/demo%00/",
        "/simple/-demo-/",
        "/packages/demo-tools/Demo_Tools-2.0-py3-none-any.whl",
        "/packages/demo-tools/..%2f..%2fmetadata%2fdemo-tools%2fmetadata.json",
        "/packages/demo-tools/metadata.json",
        "/metadata/demo-tools/metadata.json",
        "/legacy/",
    ] {
        told.add("nothing that is served", anybody.get(path).await);
    }
    told.add("a method that is none", anybody.put("/simple/", &Value::Null).await);
    told.check();
}

async fn a_private_registry(registry: Registry) {
    let uploader = registry.uploader().await;
    wheel().upload(&uploader).await.expect(200);
    let nobody = registry.actor("/pypi");
    let other = registry.user("other", &["pypi:package:other:read"]).await;
    let other = nobody.clone().with_password("__token__", &other.token);
    let mut told = Snapshot::new("pypi/private", &registry);
    for (who, by) in [("nobody", &nobody), ("who may not", &other), ("who may", &uploader)] {
        told.add(&format!("{who} asks for all projects"), by.get("/simple/").await);
        told.add(&format!("{who} asks for a project"), by.get("/simple/demo-tools/").await);
        told.add(&format!("{who} asks for one that is not there"), by.get("/simple/none/").await);
        told.add(&format!("{who} asks for a file"), by.get(&wheel().path()).await);
    }
    told.check();
}

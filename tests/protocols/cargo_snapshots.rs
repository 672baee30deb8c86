//! What a Cargo registry answers, whole, as `tests/snapshots/cargo/*.http` has it; the same on
//! every store.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use http::Method;
use packhouse_tests::cargo::{self, Crate};
use packhouse_tests::on_every_backend as on_every;
use packhouse_tests::{Actor, Answer, Options, Registry, Snapshot};
use serde_json::{Value, json};

on_every! {
    Options::cargo() =>
    publishing
    reading
    yanking
    owning
    searching
    refusing_uploads
    refusing_callers
    refusing_paths
}

mod in_private {
    use super::*;

    #[tokio::test]
    async fn a_private_registry() {
        super::a_private_registry(Registry::start(Options::cargo().anonymous(&[])).await).await;
    }
}

/// A renamed dependency, a feature with `dep:`, `links` and `rust-version`.
fn detailed() -> Crate {
    let dependency = |name: &str, requirement: &str, optional: bool, alias: Option<&str>| {
        json!({"name": name, "version_req": requirement, "features": ["std"], "optional": optional,
               "default_features": false, "target": null, "kind": "normal", "registry": null,
               "explicit_name_in_toml": alias})
    };
    Crate::new("My_Crate", "1.2.3-rc.1+build.5")
        .line("links = \"z\"\nrust-version = \"1.85\"\n[features]\ndefault = [\"json\"]\njson = [\"dep:serde\"]\nplain = []")
        .line("[dependencies.serde]\nversion = \"1\"\noptional = true\ndefault-features = false\nfeatures = [\"std\"]")
        .line("[dependencies.heart]\npackage = \"acme-core\"\nversion = \"=0.1.0\"\ndefault-features = false\nfeatures = [\"std\"]")
        .field("links", json!("z"))
        .field("rust_version", json!("1.85"))
        .field("features", json!({"default": ["json"], "json": ["dep:serde"], "plain": []}))
        .field("deps", json!([
            dependency("serde", "^1", true, None),
            dependency("acme-core", "=0.1.0", false, Some("heart")),
        ]))
}

async fn publishing(registry: Registry) {
    let publisher = registry.crate_publisher().await;
    let mut told = Snapshot::new("cargo/publishing", &registry);
    told.add("a new crate", detailed().publish(&publisher).await);
    told.add("its line in the index", publisher.get("/my/_c/my_crate").await);
    told.add("the same version once more", detailed().publish(&publisher).await);
    let build = Crate::new("My_Crate", "1.2.3-rc.1+build.6");
    told.add("a version that differs in build metadata only", build.publish(&publisher).await);
    told.add("another spelling of the name", Crate::new("my-crate", "2.0.0").publish(&publisher).await);
    told.check();
}

async fn reading(registry: Registry) {
    let publisher = registry.crate_publisher().await;
    let anybody = registry.actor("/cargo");
    let demo = Crate::new("Demo", "1.0.0");
    demo.publish(&publisher).await.expect(200);
    let mut told = Snapshot::new("cargo/reading", &registry);
    told.add("the configuration", anybody.get("/config.json").await);
    told.add("the configuration below /index", anybody.get("/index/config.json").await);
    let index = told.add("an index file", anybody.get(&demo.index_path()).await);
    told.add("the same below /index", anybody.get(&format!("/index{}", demo.index_path())).await);
    told.add("its head", anybody.head(&demo.index_path()).await);
    let same = anybody.clone().with_header("if-none-match", index.header("etag"));
    told.add("the same for who has it", same.get(&demo.index_path()).await);
    let since = anybody.clone().with_header("if-modified-since", index.header("last-modified"));
    told.add("the same for who has it by its date", since.get(&demo.index_path()).await);
    let file = told.add("a crate", anybody.get(&demo.download_path()).await);
    let part = anybody.clone().with_header("range", "bytes=0-9");
    told.add("a part of it", part.get(&demo.download_path()).await);
    let same = anybody.clone().with_header("if-none-match", file.header("etag"));
    told.add("the same for who has it", same.get(&demo.download_path()).await);
    told.add("how to get a token", anybody.get("/me").await);
    told.check();
}

async fn yanking(registry: Registry) {
    let publisher = registry.crate_publisher().await;
    Crate::new("demo", "1.0.0+b").publish(&publisher).await.expect(200);
    let mut told = Snapshot::new("cargo/yanking", &registry);
    told.add("yank", publisher.delete("/api/v1/crates/demo/1.0.0+b/yank").await);
    told.add("its line", publisher.get("/de/mo/demo").await);
    told.add("yank again", publisher.delete("/api/v1/crates/demo/1.0.0%2Bb/yank").await);
    told.add("unyank", publisher.put("/api/v1/crates/demo/1.0.0+b/unyank", &Value::Null).await);
    told.add("its line", publisher.get("/de/mo/demo").await);
    told.add("a version that is not there", publisher.delete("/api/v1/crates/demo/1.0.0/yank").await);
    told.add("a crate that is not there", publisher.delete("/api/v1/crates/none/1.0.0/yank").await);
    told.add("nobody", registry.actor("/cargo").delete("/api/v1/crates/demo/1.0.0+b/yank").await);
    told.check();
}

async fn owning(registry: Registry) {
    let (publisher, path) = (registry.crate_publisher().await, "/api/v1/crates/demo/owners");
    registry.user("friend", &[]).await;
    Crate::new("demo", "1.0.0").publish(&publisher).await.expect(200);
    let users = |names: &[&str]| json!({"users": names});
    let remove = |names: &[&str]| publisher.send(Method::DELETE, path, users(names).to_string());
    let mut told = Snapshot::new("cargo/owning", &registry);
    told.add("the first publisher is listed", publisher.get(path).await);
    told.add("add", publisher.put(path, &users(&["friend"])).await);
    told.add("both are listed", publisher.get(path).await);
    told.add("add again", publisher.put(path, &users(&["friend"])).await);
    told.add("add a stranger", publisher.put(path, &users(&["stranger"])).await);
    told.add("add nobody", publisher.put(path, &users(&[])).await);
    told.add("remove", remove(&["friend"]).await);
    told.add("remove who is none", remove(&["friend"]).await);
    told.add("remove the last one", remove(&["publisher"]).await);
    told.add("of a crate that is not there", publisher.get("/api/v1/crates/none/owners").await);
    told.check();
}

async fn searching(registry: Registry) {
    let publisher = registry.crate_publisher().await;
    for name in ["violin", "Viola"] {
        let described = Crate::new(name, "1.0.0").line("description = \"an instrument\"");
        described.publish(&publisher).await.expect(200);
    }
    let mut told = Snapshot::new("cargo/searching", &registry);
    told.add("a page of one", publisher.get("/api/v1/crates?q=viol&per_page=1").await);
    told.add("the next page", publisher.get("/api/v1/crates?q=viol&per_page=1&page=2").await);
    told.add("nothing", publisher.get("/api/v1/crates?q=drum").await);
    told.check();
}

/// Each with what is wrong in it.
async fn refusing_uploads(registry: Registry) {
    let publisher = registry.crate_publisher().await;
    let demo = || Crate::new("demo", "1.0.0");
    let (request, file) = (demo().request().to_string(), demo().archive());
    let mut told = Snapshot::new("cargo/refusing-uploads", &registry);
    let upload = |body: Vec<u8>| publisher.send(Method::PUT, "/api/v1/crates/new", body);
    told.add("no body", upload(Vec::new()).await);
    let short = demo().body();
    told.add("the last byte is missing", upload(short[..short.len() - 1].to_vec()).await);
    told.add("no JSON", upload(cargo::body("{", &file)).await);
    told.add("no gzip", upload(cargo::body(&request, b"no gzip")).await);
    told.add("no name", upload(demo().field("name", json!("../demo")).body()).await);
    told.add("a name of Windows", upload(demo().field("name", json!("nul")).body()).await);
    told.add("no version", upload(demo().field("vers", json!("1.0")).body()).await);
    told.add("another version in the file", upload(demo().field("vers", json!("2.0.0")).body()).await);
    let hidden = demo().line("[dependencies]\nevil = \"1\"");
    told.add("a dependency that is hidden", upload(hidden.body()).await);
    told.add("another `links`", upload(demo().field("links", json!("z")).body()).await);
    let rust = demo().line("rust-version = \"1.85\"").field("rust_version", json!("1.60"));
    told.add("another `rust-version`", upload(rust.body()).await);
    told.add("a feature of its own", upload(demo().field("features", json!({"x": []})).body()).await);
    told.check();
    assert_nothing_stored(&publisher).await;
}

async fn assert_nothing_stored(by: &Actor) {
    let found = by.get("/api/v1/crates?q=").await.expect(200).json();
    assert_eq!(found["meta"]["total"], 0, "{found}");
    by.get("/de/mo/demo").await.expect(404);
}

async fn refusing_callers(registry: Registry) {
    let publisher = registry.crate_publisher().await;
    Crate::new("demo", "1.0.0").publish(&publisher).await.expect(200);
    let reader = registry.user("reader", &["cargo:crate:*:read"]).await;
    let nobody = registry.actor("/cargo");
    let reader = nobody.clone().with_token(&reader.token);
    let wrong = nobody.clone().with_token("5b1e9a52-0000-4000-8000-000000000000");
    let next = Crate::new("demo", "1.1.0");
    let mut told = Snapshot::new("cargo/refusing-callers", &registry);
    told.add("nobody publishes", next.publish(&nobody).await);
    told.add("a reader publishes", next.publish(&reader).await);
    told.add("a wrong token publishes", next.publish(&wrong).await);
    told.add("a wrong token reads", wrong.get("/config.json").await);
    told.add("a reader yanks", reader.delete("/api/v1/crates/demo/1.0.0/yank").await);
    let owners = json!({"users": ["reader"]});
    told.add("a reader adds an owner", reader.put("/api/v1/crates/demo/owners", &owners).await);
    told.check();
}

async fn refusing_paths(registry: Registry) {
    let publisher = registry.crate_publisher().await;
    Crate::new("demo", "1.0.0").publish(&publisher).await.expect(200);
    let anybody = registry.actor("/cargo");
    let mut told = Snapshot::new("cargo/refusing-paths", &registry);
    let asked = |path: &'static str| {
        let anybody = anybody.clone();
        async move { anybody.get(path).await }
    };
    told.add("the root", asked("/").await);
    told.add("a crate that is not there", asked("/no/ne/none").await);
    told.add("in letters that are not lower case", asked("/De/mo/Demo").await);
    told.add("in another folder", asked("/mo/de/demo").await);
    told.add("a version that is not there", asked("/api/v1/crates/demo/2.0.0/download").await);
    told.add("no version", asked("/api/v1/crates/demo/latest/download").await);
    told.add("an escaped slash", asked("/api/v1/crates/demo/..%2f1.0.0/download").await);
    told.add("an escaped NUL", asked("/de/mo/demo%00").await);
    told.add("an object of ours", asked("/owners/demo.json").await);
    told.add("a method that is none", anybody.post("/api/v1/crates/new", &Value::Null).await);
    told.check();
}

async fn a_private_registry(registry: Registry) {
    let publisher = registry.crate_publisher().await;
    let demo = Crate::new("demo", "1.0.0");
    demo.publish(&publisher).await.expect(200);
    let nobody = registry.actor("/cargo");
    let other = registry.user("other", &["cargo:crate:other:read"]).await;
    let other = nobody.clone().with_token(&other.token);
    let mut told = Snapshot::new("cargo/private", &registry);
    for (who, actor) in [("nobody", &nobody), ("who may not", &other), ("who may", &publisher)] {
        let asks = |path: String| async move { actor.get(&path).await };
        let mut add = |what: &str, answer: Answer| told.add(&format!("{who} asks for {what}"), answer);
        add("the configuration", asks("/config.json".to_owned()).await);
        add("an index file", asks(demo.index_path()).await);
        add("an index file that is not there", asks("/no/ne/none".to_owned()).await);
        add("a crate", asks(demo.download_path()).await);
        add("the owners", asks("/api/v1/crates/demo/owners".to_owned()).await);
    }
    told.check();
}

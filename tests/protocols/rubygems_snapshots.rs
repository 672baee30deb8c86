//! What a registry of gems answers, whole, as `tests/snapshots/rubygems/*.http` has it; the same on
//! every store.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use http::Method;
use packhouse_tests::on_every_backend as on_every;
use packhouse_tests::rubygems::{Gem, md5};
use packhouse_tests::{Actor, Answer, Options, Registry, Snapshot};

on_every! {
    Options::rubygems() =>
    pushing
    reading
    yanking
    owning
    telling
    refusing_callers
    refusing_paths
}

fn detailed() -> Gem {
    Gem::new("acme-app", "1.10.0.rc1").platform("x86_64-linux").needs("rack", "2.0").needs("acme-core", "0")
}

/// Times are in the files of the compact index, so their digests differ from run to run.
fn add_file(told: Snapshot, what: &str, answer: Answer) -> Snapshot {
    let digest =
        answer.headers.get("repr-digest").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let mut told =
        told.hide(&md5(&answer.body), "{md5}").hide(digest.as_deref().unwrap_or("no digest"), "{digest}");
    told.add(what, answer);
    told
}

async fn pushing(registry: Registry) {
    let publisher = registry.gem_publisher().await;
    let mut told = Snapshot::new("rubygems/pushing", &registry);
    told.add("a new gem", detailed().push(&publisher).await);
    let mut told = add_file(told, "its page", publisher.get("/info/acme-app").await);
    told.add("the same version once more", detailed().push(&publisher).await);
    told.add(
        "a version that is the same one",
        Gem::new("acme-app", "1.10.rc1").platform("x86_64-linux").push(&publisher).await,
    );
    told.add("the version for another platform", Gem::new("acme-app", "1.10.0.rc1").push(&publisher).await);
    told.add("another spelling of the name", Gem::new("Acme-App", "1.0").push(&publisher).await);
    told.check();
}

async fn reading(registry: Registry) {
    let publisher = registry.gem_publisher().await;
    let anybody = registry.actor("/rubygems");
    let demo = Gem::new("demo", "1.0.0");
    demo.push(&publisher).await.expect(200);
    let page = anybody.get("/info/demo").await.expect(200);
    let list = anybody.get("/versions").await.expect(200);
    let told = Snapshot::new("rubygems/reading", &registry);
    let told = add_file(told, "a page", page.clone());
    let told = add_file(told, "the list", list.clone());
    let told = add_file(told, "its head", anybody.head("/versions").await);
    let same = anybody.clone().with_header("if-none-match", list.header("etag"));
    let told = add_file(told, "the list for who has it", same.get("/versions").await);
    let mut told = add_file(told, "the names", anybody.get("/names").await);

    Gem::new("demo", "1.1.0").push(&publisher).await.expect(200);
    let behind = |answer: &Answer| {
        let range = format!("bytes={}-", answer.body.len() - 1);
        anybody.clone().with_header("if-none-match", answer.header("etag")).with_header("range", &range)
    };
    let sums = |answer: Answer| (md5(&answer.body), answer.header("repr-digest").to_owned());
    for (what, path, before) in [("the page", "/info/demo", &page), ("the list", "/versions", &list)] {
        let (sum, digest) = sums(anybody.get(path).await);
        told = told.hide(&sum, "{md5}").hide(&digest, "{digest}");
        told.add(&format!("what is new in {what}"), behind(before).get(path).await.expect(206));
        let other = behind(before).with_header("if-none-match", "\"00000000000000000000000000000000\"");
        told.add(&format!("{what} for who has something else"), other.get(path).await.expect(200));
    }
    told.add("a gem", anybody.get(&demo.path()).await);
    told.add("a part of it", anybody.clone().with_header("range", "bytes=0-9").get(&demo.path()).await);
    told.add("all versions", anybody.get("/specs.4.8.gz").await);
    told.add("the latest versions", anybody.get("/latest_specs.4.8.gz").await);
    told.add("no pre-releases", anybody.get("/prerelease_specs.4.8.gz").await);
    told.add("a specification", anybody.get("/quick/Marshal.4.8/demo-1.0.0.gemspec.rz").await);
    told.add("the root", anybody.get("/").await);
    told.check();
}

async fn yanking(registry: Registry) {
    let publisher = registry.gem_publisher().await;
    Gem::new("demo", "1.0.0").push(&publisher).await.expect(200);
    Gem::new("demo", "1.0.0").platform("java").push(&publisher).await.expect(200);
    let form = |body: &'static str| publisher.send(Method::DELETE, "/api/v1/gems/yank", body);
    let mut told = Snapshot::new("rubygems/yanking", &registry);
    told.add("yank for one platform", form("gem_name=demo&version=1.0.0&platform=java").await);
    told.add("its file", publisher.get("/gems/demo-1.0.0-java.gem").await);
    told.add("yank again", form("gem_name=demo&version=1.0.0&platform=java").await);
    let unyank = "/api/v1/gems/unyank?gem_name=demo&version=1.0.0&platform=java";
    told.add("unyank", publisher.send(Method::PUT, unyank, "").await);
    told.add("unyank again", publisher.send(Method::PUT, unyank, "").await);
    told.add("a version that is not there", form("gem_name=demo&version=2").await);
    told.add("a gem that is not there", form("gem_name=none&version=2").await);
    told.add("no version", form("gem_name=demo").await);
    told.add("no gem", form("version=1").await);
    told.check();
}

async fn owning(registry: Registry) {
    let (publisher, path) = (registry.gem_publisher().await, "/api/v1/gems/demo/owners");
    registry.user("friend", &[]).await;
    Gem::new("demo", "1.0.0").push(&publisher).await.expect(200);
    let mut told = Snapshot::new("rubygems/owning", &registry);
    told.add("the first publisher is listed", publisher.get(&format!("{path}.yaml")).await);
    told.add("add", publisher.send(Method::POST, path, "email=friend").await);
    told.add("both are listed", publisher.get(&format!("{path}.json")).await);
    told.add("add again", publisher.send(Method::POST, path, "email=friend").await);
    told.add("add a stranger", publisher.send(Method::POST, path, "email=stranger").await);
    told.add("add nobody", publisher.send(Method::POST, path, "").await);
    told.add("remove", publisher.send(Method::DELETE, path, "email=friend").await);
    told.add("remove who is none", publisher.send(Method::DELETE, path, "email=friend").await);
    told.add("remove the last one", publisher.send(Method::DELETE, path, "email=publisher").await);
    told.add("of a gem that is not there", publisher.get("/api/v1/gems/none/owners.json").await);
    told.check();
}

async fn telling(registry: Registry) {
    let publisher = registry.gem_publisher().await;
    Gem::new("violin", "1.0").needs("wood", "1.2").push(&publisher).await.expect(200);
    Gem::new("viola", "1.0.pre").push(&publisher).await.expect(200);
    let mut told = Snapshot::new("rubygems/telling", &registry);
    told.add("a gem", publisher.get("/api/v1/gems/violin.json").await);
    told.add("its versions", publisher.get("/api/v1/versions/violin.json").await);
    told.add("its latest version", publisher.get("/api/v1/versions/violin/latest.json").await);
    told.add("a search", publisher.get("/api/v1/search.json?query=viola").await);
    told.add("nothing", publisher.get("/api/v1/search.json?query=drum").await);
    told.add("what it needs", publisher.get("/api/v1/dependencies.json?gems=violin,none").await);
    told.add("the same in Marshal", publisher.get("/api/v1/dependencies?gems=violin,none").await);
    told.add("a gem that is not there", publisher.get("/api/v1/gems/none.json").await);
    told.check();
}

async fn yank(by: &Actor) -> Answer {
    by.send(Method::DELETE, "/api/v1/gems/yank", "gem_name=demo&version=1.0.0").await
}

async fn refusing_callers(registry: Registry) {
    let publisher = registry.gem_publisher().await;
    Gem::new("demo", "1.0.0").push(&publisher).await.expect(200);
    let reader = registry.user("reader", &["rubygems:gem:*:read"]).await;
    let nobody = registry.actor("/rubygems");
    let reader = nobody.clone().with_token(&reader.token);
    let wrong = nobody.clone().with_token("5b1e9a52-0000-4000-8000-000000000000");
    let next = Gem::new("demo", "1.1.0");
    let mut told = Snapshot::new("rubygems/refusing-callers", &registry);
    told.add("nobody pushes", next.push(&nobody).await);
    told.add("a reader pushes", next.push(&reader).await);
    told.add("a wrong token pushes", next.push(&wrong).await);
    told.add("a wrong token reads", wrong.get("/versions").await);
    told.add("nobody yanks", yank(&nobody).await);
    told.add("a reader yanks", yank(&reader).await);
    told.add(
        "a reader adds an owner",
        reader.send(Method::POST, "/api/v1/gems/demo/owners", "email=reader").await,
    );
    told.add("nobody asks for a key", nobody.get("/api/v1/api_key").await);
    told.add("a scope for a key", publisher.send(Method::PUT, "/api/v1/api_key", "yank_rubygem=true").await);
    told.check();
}

async fn refusing_paths(registry: Registry) {
    let publisher = registry.gem_publisher().await;
    Gem::new("demo", "1.0.0").push(&publisher).await.expect(200);
    let anybody = registry.actor("/rubygems");
    let mut told = Snapshot::new("rubygems/refusing-paths", &registry);
    let asked = |path: &'static str| {
        let anybody = anybody.clone();
        async move { anybody.get(path).await }
    };
    told.add("a gem that is not there", asked("/info/none").await);
    told.add("in other letters", asked("/info/Demo").await);
    told.add("a version that is not there", asked("/gems/demo-2.0.0.gem").await);
    told.add("no version", asked("/gems/demo.gem").await);
    told.add("an escaped slash", asked("/gems/..%2fdemo-1.0.0.gem").await);
    told.add("an escaped NUL", asked("/info/demo%00").await);
    told.add("an object of ours", asked("/packages/demo.json").await);
    told.add("a method that is none", anybody.delete("/api/v1/gems").await);
    told.check();
}

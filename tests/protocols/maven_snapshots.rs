//! What a Maven repository answers, whole, as `tests/snapshots/maven/*.http` has it; the same on
//! every store.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::maven::{Release, metadata, pom, put, sha1};
use packhouse_tests::on_every_backend as on_every;
use packhouse_tests::{Options, Registry, Snapshot};

on_every! {
    Options::maven() =>
    deploying
    reading
    snapshots
    listing
    deleting
    refusing_files
    refusing_callers
}

mod in_private {
    use super::*;

    #[tokio::test]
    async fn a_private_registry() {
        super::a_private_registry(Registry::start(Options::maven().anonymous(&[])).await).await;
    }
}

fn demo() -> Release {
    Release::new("demo", "1.0")
}

async fn deploying(registry: Registry) {
    let deployer = registry.deployer().await;
    let demo = demo();
    let mut told = Snapshot::new("maven/deploying", &registry);
    told.add("a jar", put(&deployer, &demo.path(".jar"), demo.jar()).await);
    told.add("its checksum", put(&deployer, &demo.path(".jar.sha1"), sha1(demo.jar().as_bytes())).await);
    told.add("another checksum", put(&deployer, &demo.path(".jar.sha1"), sha1(b"other")).await);
    told.add(
        "the checksum of a POM that is to come",
        put(&deployer, &demo.path(".pom.sha1"), sha1(demo.pom().as_bytes())).await,
    );
    told.add("the POM", put(&deployer, &demo.path(".pom"), demo.pom()).await);
    told.add("the jar again", put(&deployer, &demo.path(".jar"), demo.jar()).await);
    told.add("other bytes", put(&deployer, &demo.path(".jar"), "other").await);
    let theirs = "<metadata><groupId>com.example</groupId><artifactId>demo</artifactId><versioning><versions><version>1.0</version></versions></versioning></metadata>";
    told.add("the client's metadata", put(&deployer, &metadata("demo"), theirs).await);
    told.add(
        "its checksum",
        put(&deployer, &format!("{}.sha1", metadata("demo")), sha1(theirs.as_bytes())).await,
    );
    let plugins = "<metadata><plugins><plugin><name>Demo</name><prefix>demo</prefix><artifactId>demo</artifactId></plugin></plugins></metadata>";
    told.add("a plugin of the group", put(&deployer, "/com/example/maven-metadata.xml", plugins).await);
    told.check();
}

async fn reading(registry: Registry) {
    let (deployer, anybody) = (registry.deployer().await, registry.actor("/maven"));
    let demo = demo();
    demo.deploy(&deployer).await;
    let signature = format!("{}.asc", demo.path(".tar.gz"));
    put(&deployer, &demo.path(".tar.gz"), "packed").await.expect(201);
    put(&deployer, &signature, "signature").await.expect(201);
    put(&deployer, &demo.path(".module"), "{}").await.expect(201);
    let mut told = Snapshot::new("maven/reading", &registry);
    let with = |name, value: &str| anybody.clone().with_header(name, value);
    let file = told.add("a jar", anybody.get(&demo.path(".jar")).await);
    told.add("its head", anybody.head(&demo.path(".jar")).await);
    told.add("its start", with("range", "bytes=0-2").get(&demo.path(".jar")).await);
    told.add("for who has it", with("if-none-match", file.header("etag")).get(&demo.path(".jar")).await);
    let since = with("if-modified-since", file.header("last-modified"));
    told.add("for who has it by its date", since.get(&demo.path(".jar")).await);
    for algorithm in ["md5", "sha1", "sha256", "sha512"] {
        told.add(&format!("its {algorithm}"), anybody.get(&demo.path(&format!(".jar.{algorithm}"))).await);
    }
    told.add("the POM", anybody.get(&demo.path(".pom")).await);
    told.add("an archive", with("accept-encoding", "gzip").get(&demo.path(".tar.gz")).await);
    told.add("its signature", anybody.get(&signature).await);
    told.add("Gradle's metadata", anybody.get(&demo.path(".module")).await);
    told.add("prefixes", anybody.get("/.meta/prefixes.txt").await);
    told.add("a file that is not there", anybody.get(&demo.path("-sources.jar")).await);
    told.add("its checksum", anybody.get(&demo.path("-sources.jar.md5")).await);
    told.add("metadata that is not there", anybody.get(&metadata("none")).await);
    told.add("no file", anybody.get("/archetype-catalog.xml").await);
    let read = anybody.get(&metadata("demo")).await.expect(200);
    let stamp = read
        .text()
        .split("<lastUpdated>")
        .nth(1)
        .and_then(|rest| rest.get(..14).map(str::to_owned))
        .unwrap_or_default();
    let sum = sha1(&read.body);
    let mut told = told.hide(&stamp, "MOMENT").hide(&sum, "SHA1");
    told.add("the metadata", read);
    told.add("its checksum", anybody.get(&format!("{}.sha1", metadata("demo"))).await);
    told.check();
}

async fn snapshots(registry: Registry) {
    let (deployer, anybody) = (registry.deployer().await, registry.actor("/maven"));
    let path = |file: &str| format!("/com/example/demo/1-SNAPSHOT/{file}");
    let mut told = Snapshot::new("maven/snapshots", &registry);
    for (build, classifier) in
        [("20260101.120000-1", ""), ("20260102.120000-2", "-linux"), ("20260102.120001-2", "")]
    {
        let jar = path(&format!("demo-1-{build}{classifier}.jar"));
        told.add("a build", put(&deployer, &jar, format!("jar {build}{classifier}")).await);
        told.add(
            "its POM",
            put(&deployer, &path(&format!("demo-1-{build}.pom")), pom("demo", "1-SNAPSHOT")).await,
        );
    }
    let metadata = path("maven-metadata.xml");
    let theirs = "<metadata><groupId>com.example</groupId><artifactId>demo</artifactId><version>1-SNAPSHOT</version></metadata>";
    told.add("the client's metadata", put(&deployer, &metadata, theirs).await);
    told.add("the metadata", anybody.get(&metadata).await);
    told.add("its checksum", anybody.get(&format!("{metadata}.sha1")).await);
    told.add("other bytes for a build", put(&deployer, &path("demo-1-20260101.120000-1.jar"), "other").await);
    told.add("a file without a build", put(&deployer, &path("demo-1-SNAPSHOT.zip"), "one").await);
    told.add("other bytes", put(&deployer, &path("demo-1-SNAPSHOT.zip"), "two").await);
    told.add("the file", anybody.get(&path("demo-1-SNAPSHOT.zip")).await);
    told.check();
}

async fn listing(registry: Registry) {
    let (deployer, anybody) = (registry.deployer().await, registry.actor("/maven").staying());
    let mut told = Snapshot::new("maven/listing", &registry);
    told.add("nothing", anybody.get("/").await);
    demo().deploy(&deployer).await;
    let json = anybody.clone().with_header("accept", "application/json");
    let page = json.get("/com/example/demo/1.0/").await.expect(200).json();
    for file in page["files"].as_array().map(Vec::as_slice).unwrap_or_default() {
        told = told.hide(file["uploaded"].as_str().unwrap_or_default(), "MOMENT");
    }
    for path in ["/", "/com/", "/com/example/demo/", "/com/example/demo/1.0/"] {
        told.add(&format!("{path} for a browser"), anybody.get(path).await);
        told.add(&format!("{path} as JSON"), json.get(path).await);
    }
    told.add("a folder without its slash", anybody.get("/com/example/demo").await);
    told.add("a folder that is not there", anybody.get("/com/example/none/").await);
    told.check();
}

async fn deleting(registry: Registry) {
    let deployer = registry.deployer().await;
    for version in ["1.0", "1.1"] {
        Release::new("demo", version).deploy(&deployer).await;
    }
    let mut told = Snapshot::new("maven/deleting", &registry);
    told.add("a file", deployer.delete(&demo().path(".jar")).await);
    told.add("the same again", deployer.delete(&demo().path(".jar")).await);
    told.add("a checksum", deployer.delete(&demo().path(".pom.sha1")).await);
    told.add("the metadata", deployer.delete(&metadata("demo")).await);
    told.add("a version", deployer.delete("/com/example/demo/1.1").await);
    told.add("an artifact", deployer.delete("/com/example/demo/").await);
    told.add("the same again", deployer.delete("/com/example/demo/").await);
    assert_eq!(registry.actor("/maven").get(&metadata("demo")).await.status.as_u16(), 404);
    told.check();
}

async fn refusing_files(registry: Registry) {
    let deployer = registry.deployer().await;
    let mut told = Snapshot::new("maven/refusing-files", &registry);
    for (what, path, content) in [
        ("another name", "/com/example/demo/1.0/other-1.0.jar", "x"),
        ("another version", "/com/example/demo/1.0/demo-1.1.jar", "x"),
        ("no group", "/demo/1.0/demo-1.0.jar", "x"),
        ("a group with a dot in its path", "/com.example/demo/1.0/demo-1.0.jar", "x"),
        ("a way out", "/com/example/demo/1.0/%2e%2e/%2e%2e/x-1.jar", "x"),
        ("a line end", "/com/example/demo/1.0/demo-1.0.jar%0d%0aa:b", "x"),
        ("no POM", "/com/example/demo/1.0/demo-1.0.pom", "no XML"),
        ("an entity", "/com/example/demo/1.0/demo-1.0.pom", "<!DOCTYPE project [<!ENTITY a 'b'>]><project/>"),
        ("no coordinates", "/com/example/demo/1.0/demo-1.0.pom", "<project/>"),
        ("no checksum", "/com/example/demo/1.0/demo-1.0.pom.md5", "x"),
        ("no metadata", "/com/example/demo/maven-metadata.xml", "<html/>"),
        ("a file at the root", "/archetype-catalog.xml", "<a/>"),
    ] {
        told.add(what, put(&deployer, path, content).await);
    }
    told.add("another POM", put(&deployer, &demo().path(".pom"), pom("demo", "2.0")).await);
    assert_eq!(registry.actor("/maven").get("/").await.text().matches("<a ").count(), 0);
    told.check();
}

async fn refusing_callers(registry: Registry) {
    let demo = demo();
    demo.deploy(&registry.deployer().await).await;
    let user = registry.user("reader", &["maven:artifact:com.other:write"]).await;
    let reader = registry.actor("/maven").with_password(&user.name, &user.password);
    let anybody = registry.actor("/maven");
    let wrong = registry.actor("/maven").with_password(&user.name, "wrong");
    let mut told = Snapshot::new("maven/refusing-callers", &registry);
    for (who, by) in [("nobody", &anybody), ("a reader", &reader), ("a wrong password", &wrong)] {
        told.add(&format!("{who} deploys"), put(by, &demo.path("-sources.jar"), "x").await);
        told.add(&format!("{who} deploys a checksum"), put(by, &demo.path(".jar.md5"), "x").await);
        told.add(&format!("{who} deletes"), by.delete("/com/example/demo/1.0").await);
    }
    told.check();
}

async fn a_private_registry(registry: Registry) {
    let demo = demo();
    demo.deploy(&registry.deployer().await).await;
    let reader = registry.user("reader", &["maven:artifact:com.example:read"]).await;
    let stranger = registry.user("stranger", &["maven:artifact:com.other:read"]).await;
    let as_user =
        |user: &packhouse_tests::User| registry.actor("/maven").with_password(&user.name, &user.password);
    let mut told = Snapshot::new("maven/private", &registry);
    for (who, by) in [
        ("nobody", registry.actor("/maven")),
        ("a stranger", as_user(&stranger)),
        ("a reader", as_user(&reader)),
    ] {
        for path in [demo.path(".jar"), demo.path(".jar.sha1"), "/com/example/".to_owned(), "/".to_owned()] {
            told.add(&format!("{who} asks for {path}"), by.get(&path).await);
        }
        let expected = if who == "a reader" {
            200
        } else if who == "nobody" {
            401
        } else {
            403
        };
        by.get(&metadata("demo")).await.expect(expected);
    }
    told.check();
}

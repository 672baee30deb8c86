//! What a client of a Cargo registry should not send: refused in cargo's own shape, and nothing
//! is stored.
#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use http::Method;
use packhouse_tests::cargo::{self, Crate};
use packhouse_tests::npm::archive_below;
use packhouse_tests::slow::{self, Pace};
use packhouse_tests::{Actor, Answer, Options, Registry, User};
use serde_json::json;
use std::io::Write as _;

struct Desk {
    registry: Registry,
    publisher: Actor,
    user: User,
}

async fn desk() -> Desk {
    let registry = Registry::start(Options::cargo()).await;
    let user = registry.user("publisher", &["cargo:crate:*:write"]).await;
    let publisher = registry.actor("/cargo").with_token(&user.token);
    Desk { registry, publisher, user }
}

impl Desk {
    /// A 4xx with a sentence where cargo looks for it; the bucket is as empty as before.
    #[track_caller]
    fn refused(&self, answer: &Answer, sentence: &str) {
        assert!(answer.status.is_client_error(), "{answer:?}");
        let told = answer.json()["errors"][0]["detail"].as_str().unwrap_or_default().to_owned();
        assert!(told.len() > 3 && told.contains(sentence), "should say {sentence:?}: {answer:?}");
        self.registry.expect_only(&[], answer);
    }

    async fn refuses(&self, body: Vec<u8>, sentence: &str) {
        let answer = self.publisher.send(Method::PUT, "/api/v1/crates/new", body).await;
        self.refused(&answer, sentence);
    }

    /// Published as `demo` 1.0.0.
    async fn refuses_file(&self, file: &[u8], sentence: &str) {
        let request = Crate::new("demo", "1.0.0").request().to_string();
        self.refuses(cargo::body(&request, file), sentence).await;
    }
}

#[tokio::test]
async fn length_prefixes_that_lie_are_refused() {
    let desk = desk().await;
    let whole = Crate::new("demo", "1.0.0").body();
    let second = whole.len() - Crate::new("demo", "1.0.0").archive().len() - 4;
    for (at, lie) in [(0, 5), (0, u32::MAX), (second, 5), (second, u32::MAX)] {
        let mut body = whole.clone();
        body[at..at + 4].copy_from_slice(&lie.to_le_bytes());
        desk.refuses(body, "").await;
    }
    desk.refuses(whole[..whole.len() - 1].to_vec(), "lengths").await;
    desk.refuses([whole.as_slice(), b"x"].concat(), "lengths").await;
    desk.refuses(Vec::new(), "lengths").await;
}

#[tokio::test]
async fn metadata_that_is_none_is_refused() {
    let desk = desk().await;
    let file = Crate::new("demo", "1.0.0").archive();
    let nested = format!("{{\"name\":\"demo\",\"vers\":\"1.0.0\",\"deps\":{}", "[".repeat(5_000_000));
    for (json, sentence) in [
        ("", "JSON"),
        ("{", "JSON"),
        ("null", "must be an object"),
        ("[]", "must be an object"),
        ("{\"name\":\"demo\"}", "vers"),
        (&nested, "`deps"),
    ] {
        desk.refuses(cargo::body(json, &file), sentence).await;
    }
    let large = "x".repeat(9_000_000);
    desk.refuses(cargo::body(&large, &file), "shorten the readme").await;
    desk.publisher.get("/config.json").await.expect(200);
}

#[tokio::test]
async fn names_and_versions_that_lead_elsewhere_are_refused() {
    let desk = desk().await;
    for name in ["../demo", "..", "de/mo", "demo\u{0}", "démo", "nul", "1demo"] {
        let request = Crate::new("demo", "1.0.0").field("name", json!(name));
        desk.refuses(request.body(), "is not a valid crate name").await;
    }
    for version in ["../1.0.0", "1.0", "1.0.0/../../x"] {
        let request = Crate::new("demo", "1.0.0").field("vers", json!(version));
        desk.refuses(request.body(), "is not a valid version").await;
    }
}

#[tokio::test]
async fn a_crate_that_says_something_else_is_refused() {
    let desk = desk().await;
    let other = Crate::new("demo", "1.0.0").field("vers", json!("2.0.0"));
    desk.refuses(other.body(), "not below demo-2.0.0/").await;
    let manifest = |name: &str, version: &str| {
        let text = format!("[package]\nname = {name:?}\nversion = {version:?}\n");
        archive_below("demo-1.0.0", &[("Cargo.toml", text.as_bytes())])
    };
    desk.refuses_file(&manifest("evil", "1.0.0"), "the name: evil in the file, demo in the request").await;
    desk.refuses_file(&manifest("demo", "6.6.6"), "the version: 6.6.6 in the file, 1.0.0 in the request")
        .await;
    let hidden = Crate::new("demo", "1.0.0").line("[dependencies]\nevil = \"1\"");
    desk.refuses(hidden.body(), "the normal dependency on evil").await;
    let invented = Crate::new("demo", "1.0.0").field("features", json!({"extra": []}));
    desk.refuses(invented.body(), "the feature extra").await;
    let dependency = |name: &str, registry: Option<&str>| json!({"name": name, "version_req": "^1", "explicit_name_in_toml": "good", "registry": registry});
    let two = |first, second| {
        let renamed = "[dependencies.good]\npackage = \"serde\"\nversion = \"1\"";
        Crate::new("demo", "1.0.0").line(renamed).field("deps", json!([first, second]))
    };
    let behind = two(dependency("evil", None), dependency("serde", None));
    desk.refuses(behind.body(), "the normal dependency on good is listed twice").await;
    let elsewhere = dependency("serde", Some("sparse+http://127.0.0.1:1/"));
    let elsewhere = two(elsewhere.clone(), elsewhere);
    desk.refuses(elsewhere.body(), "the registry of the normal dependency on good").await;
}

#[tokio::test]
async fn a_manifest_that_is_a_trap_is_refused() {
    let desk = desk().await;
    for line in [
        format!("x = {}", "[".repeat(500_000)),
        format!("x{} = 1", ".x".repeat(400_000)),
        format!("[x{}]", ".x".repeat(400_000)),
        format!(
            "[features]{}",
            (0..60_000).fold("x = []\n".to_owned(), |all, number| all + &format!("[a{number}.b]\n"))
        ),
    ] {
        desk.refuses(Crate::new("demo", "1.0.0").line(&line).body(), "Cargo.toml in the crate").await;
    }
    let long = "x".repeat(1 << 20);
    let large = Crate::new("demo", "1.0.0").line(&format!("description = {long:?}"));
    desk.refuses(large.body(), "is larger than 1048576 bytes").await;
}

#[tokio::test]
async fn archives_that_are_traps_are_refused() {
    let desk = desk().await;
    desk.refuses_file(b"no archive at all", "not a readable gzip file").await;
    let whole = Crate::new("demo", "1.0.0").archive();
    desk.refuses_file(&whole[..whole.len() - 20], "").await;
    desk.refuses_file(&[whole.as_slice(), whole.as_slice()].concat(), "more bytes follow").await;
    let trap = |path: &str| {
        let manifest = Crate::new("demo", "1.0.0").manifest();
        archive_below("demo-1.0.0", &[("Cargo.toml", manifest.as_bytes()), (path, b"x")])
    };
    desk.refuses_file(&trap("../../evil"), "not a valid path on every operating system").await;
    desk.refuses_file(&trap("..\\evil"), "not a valid path on every operating system").await;
    desk.refuses_file(&trap("cargo.toml"), "several Cargo.toml").await;
    desk.refuses_file(&trap(".cargo-ok"), "not a valid path on every operating system").await;
    desk.refuses_file(&trap("Cargo.toml."), "not a valid path on every operating system").await;
    desk.refuses_file(&trap("/etc/hosts"), "not a valid path on every operating system").await;
    let manifest = Crate::new("demo", "1.0.0").manifest();
    let twice = [("Cargo.toml", manifest.as_bytes()), ("build.rs", b"one"), ("build.rs", b"two")];
    desk.refuses_file(&archive_below("demo-1.0.0", &twice), "\"demo-1.0.0/build.rs\" twice").await;
    let without = archive_below("demo-1.0.0", &[("src/lib.rs", b"")]);
    desk.refuses_file(&without, "the crate contains no Cargo.toml").await;
    desk.refuses_file(&archive_below("other-1.0.0", &[("Cargo.toml", b"")]), "not below demo-1.0.0/").await;
    desk.refuses_file(&linked(), "a link or a device").await;
}

/// A crate with a symbolic link out of its folder.
fn linked() -> Vec<u8> {
    let manifest = Crate::new("demo", "1.0.0").manifest();
    let plain = packhouse_tests::npm::gunzip(&archive_below(
        "demo-1.0.0",
        &[("link", b""), ("Cargo.toml", manifest.as_bytes())],
    ));
    let mut plain = plain;
    plain[156] = b'2';
    plain[157..172].copy_from_slice(b"../../etc/hosts");
    plain[148..156].fill(b' ');
    let sum: u32 = plain[..512].iter().map(|&byte| u32::from(byte)).sum();
    plain[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(&plain).expect("memory");
    zipped.finish().expect("memory")
}

#[tokio::test]
async fn a_bomb_is_refused_in_bounded_time_and_memory() {
    let desk = desk().await;
    let plain = desk.registry.peak_memory();
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    // One file of 1 GiB of zeros: a header, and the zeros without the end of the archive.
    let header = packhouse_tests::npm::gunzip(&archive_below("demo-1.0.0", &[("zeros", &[0; 1])]));
    let mut header = header[..512].to_vec();
    header[124..136].copy_from_slice(format!("{:011o}\0", 1_u64 << 30).as_bytes());
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    zipped.write_all(&header).expect("memory");
    let zeros = vec![0; 1 << 20];
    for _ in 0..1024 {
        zipped.write_all(&zeros).expect("memory");
    }
    desk.refuses_file(&zipped.finish().expect("memory"), "unpacks to more than").await;
    let grown = desk.registry.peak_memory().saturating_sub(plain);
    assert!(grown < 100 << 20, "{grown} bytes for a bomb of 1 GiB");
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let desk = desk().await;
    let body = Crate::new("demo", "1.0.0").file("data.bin", packhouse_tests::npm::noise(1, 300_000)).body();
    let (address, path) = (desk.registry.address(), "/cargo/api/v1/crates/new");
    for sent in [3, 300, 100_000] {
        slow::put_and_break_off(&address, path, &desk.user.token, &body, sent).await.expect("it is sent");
    }
    let status = slow::put(&address, path, &desk.user.token, &body, Pace::per_second(600_000)).await;
    assert_eq!(status.expect("an answer").as_u16(), 200);
    assert_eq!(desk.registry.keys().len(), 5, "{:?}", desk.registry.keys());
}

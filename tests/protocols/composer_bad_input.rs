//! Zip archives that nobody should upload: refused in the JSON that Composer prints, and nothing is
//! stored.
#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use http::Method;
use packhouse_tests::composer::{Library, versions};
use packhouse_tests::npm::noise;
use packhouse_tests::pypi::{zip, zip_deflated};
use packhouse_tests::slow;
use packhouse_tests::{Actor, Answer, Options, Registry, User};
use serde_json::{Value, json};

const PATH: &str = "/packages/acme/demo?version=1.0.0";

struct Desk {
    registry: Registry,
    publisher: Actor,
    user: User,
    /// What lies in the bucket.
    keys: Vec<String>,
}

async fn desk() -> Desk {
    let registry = Registry::start(Options::composer()).await;
    let user = registry.user("publisher", &["composer:package:*:write"]).await;
    let publisher = registry.actor("/composer").with_password(&user.name, &user.password);
    Desk { registry, publisher, user, keys: Vec::new() }
}

impl Desk {
    /// In the form that Composer prints; the bucket is as it was.
    #[track_caller]
    fn refused(&self, answer: &Answer, status: u16, sentence: &str) {
        assert_eq!(answer.status.as_u16(), status, "should say {sentence:?}: {answer:?}");
        let told = answer.json();
        assert_eq!(told["status"], "error", "{told}");
        let text = told["message"].as_str().unwrap_or_default();
        assert!(text.len() > 3 && text.contains(sentence), "should say {sentence:?}: {told}");
        assert!(text.lines().count() == 1, "it is the reason phrase too: {text:?}");
        assert!(text.len() < 1000, "what is odd is not said again at length: {} bytes", text.len());
        self.registry.expect_only(&self.keys, answer);
    }

    /// As version 1.0.0 of `acme/demo`.
    async fn refuses(&self, zip: Vec<u8>, sentence: &str) {
        let answer = self.publisher.send(Method::PUT, PATH, zip).await;
        self.refused(&answer, 400, sentence);
    }
}

fn manifest(members: &Value) -> String {
    let mut manifest = json!({ "name": "acme/demo" });
    manifest.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
    manifest.to_string()
}

fn library(members: &Value) -> Vec<u8> {
    zip(&[("composer.json", manifest(members).as_bytes())])
}

/// A library with one more file.
fn with(path: &str, content: &[u8]) -> Vec<u8> {
    zip(&[("composer.json", manifest(&json!({})).as_bytes()), (path, content)])
}

#[tokio::test]
async fn archives_that_are_cut_off_or_damaged_are_refused() {
    let desk = desk().await;
    let whole = with("src/A.php", b"<?php");
    for length in [0, 1, 30, whole.len() / 2, whole.len() - 1] {
        desk.refuses(whole[..length].to_vec(), "not a readable zip archive").await;
    }
    desk.refuses(b"<?php".to_vec(), "not a readable zip archive").await;
    let position = |mark: &[u8]| whole.windows(4).position(|window| window == mark).expect("it is there");
    let directory = position(b"PK\x01\x02");
    // The CRC-32, the packed size and the size, the offset; of the directory, and in front of the file.
    for byte in [directory + 16, directory + 20, directory + 24, directory + 42, 14, 18, 22] {
        let mut damaged = whole.clone();
        damaged[byte] ^= 1;
        desk.refuses(damaged, "zip archive").await;
    }
    // A byte of the file itself.
    let mut damaged = whole.clone();
    damaged[directory - 1] ^= 1;
    desk.refuses(damaged, "zip archive").await;
    desk.refuses([b"GIF89a".as_slice(), &whole].concat(), "zip archive").await;
    desk.refuses([whole.as_slice(), &whole].concat(), "zip archive").await;
}

#[tokio::test]
async fn bombs_are_refused_in_bounded_memory() {
    let desk = desk().await;
    let plain = desk.registry.peak_memory();
    let text = manifest(&json!({}));
    let zeros = vec![0; 256 << 20];
    let bomb = zip_deflated(&[("composer.json", text.as_bytes()), ("zeros", &zeros)]);
    assert!(bomb.len() < 3 << 20, "{} bytes", bomb.len());
    desk.refuses(bomb.clone(), "unpacks to").await;
    // The directory says that it is small.
    let mut lying = bomb;
    for (mark, offset) in [(b"PK\x01\x02", 24), (b"PK\x03\x04", 22)] {
        let last = lying.windows(4).rposition(|window| window == mark).expect("it is there");
        lying[last + offset..last + offset + 4].copy_from_slice(&9_u32.to_le_bytes());
    }
    desk.refuses(lying, "zip archive").await;
    let large = manifest(&json!({ "description": "x".repeat(300_000) }));
    desk.refuses(zip_deflated(&[("composer.json", large.as_bytes())]), "larger than").await;
    desk.refuses(zip_deflated(&[("composer.json", "[".repeat(250_000).as_bytes())]), "composer.json").await;
    let names: Vec<String> = (0..50_010).map(|number| format!("a{number}")).collect();
    let mut many: Vec<(&str, &[u8])> = vec![("composer.json", text.as_bytes())];
    many.extend(names.iter().map(|name| (name.as_str(), b"".as_slice())));
    desk.refuses(zip(&many), "50000").await;
    let grown = desk.registry.peak_memory().saturating_sub(plain);
    assert!(grown < 200 << 20, "{grown} bytes for bombs");
}

#[tokio::test]
async fn paths_and_links_that_lead_elsewhere_are_refused() {
    let desk = desk().await;
    for path in ["../evil.php", "/etc/cron.d/evil", "src/../../evil.php", "..\\evil.php", "C:\\evil.php"] {
        desk.refuses(with(path, b"<?php"), "zip archive").await;
    }
    let manifest = manifest(&json!({}));
    let manifest = manifest.as_bytes();
    let twice = [("composer.json", manifest), ("a.php", b"1".as_slice()), ("a.php", b"2")];
    desk.refuses(zip(&twice), "twice").await;
    desk.refuses(zip(&[("composer.json", manifest), ("composer.json", manifest)]), "twice").await;
    desk.refuses(zip(&[("a/b/composer.json", manifest)]), "no composer.json").await;
    desk.refuses(zip(&[("readme", b"")]), "no composer.json").await;
    for target in ["/etc/passwd", "../../etc"] {
        desk.refuses(linked(target), "link").await;
    }
}

/// A library with a symbolic link to there.
fn linked(target: &str) -> Vec<u8> {
    let mut archive = with("link", target.as_bytes());
    let last = archive.windows(4).rposition(|window| window == b"PK\x01\x02").expect("it is there");
    // Made on Unix, with the mode of a link.
    archive[last + 5] = 3;
    archive[last + 38..last + 42].copy_from_slice(&(0o120_777_u32 << 16).to_le_bytes());
    archive
}

#[tokio::test]
async fn manifests_that_lie_or_are_none_are_refused() {
    let desk = desk().await;
    for (text, sentence) in [
        ("", "composer.json"),
        ("{", "composer.json"),
        ("[]", "composer.json"),
        ("{}", "`name`"),
        ("{\"name\": [\"acme/demo\"]}", "name"),
    ] {
        desk.refuses(zip(&[("composer.json", text.as_bytes())]), sentence).await;
    }
    for (members, sentence) in [
        (json!({ "name": "acme/other" }), "acme/other"),
        (json!({ "name": "acme/de\r\nmo" }), ""),
        (json!({ "name": "../demo" }), ""),
        (json!({ "version": "2.0.0" }), "2.0.0"),
        (json!({ "version": "1.0.0\r\nx: y" }), ""),
        (json!({ "version": [1] }), "`version`"),
        (json!({ "require": { "a/b": "~>1\r\n" } }), ""),
        (json!({ "require": { "a/b": 1 } }), ""),
        (json!({ "autoload": "src/" }), "autoload"),
    ] {
        desk.refuses(library(&members), sentence).await;
    }
}

#[tokio::test]
async fn names_and_versions_with_line_ends_and_ways_out_are_refused() {
    let desk = desk().await;
    let sound = library(&json!({}));
    for path in [
        "/packages/acme/de%0d%0amo?version=1.0.0",
        "/packages/ac%0ame/demo?version=1.0.0",
        "/packages/acme/..%2fdemo?version=1.0.0",
        "/packages/%2e%2e/demo?version=1.0.0",
        "/packages/acme/demo%00?version=1.0.0",
        "/packages/acme/demo?version=1.0.0%0d%0ax:%20y",
        "/packages/acme/demo?version=1.0%0a.0",
        "/packages/acme/demo?version=dev-a%0d%0ab",
        "/packages/acme/demo?version=..%2f..%2fx",
        "/packages/acme/demo?version=",
    ] {
        let answer = desk.publisher.send(Method::PUT, path, sound.clone()).await;
        assert!([400, 404].contains(&answer.status.as_u16()), "{path}: {answer:?}");
        desk.refused(&answer, answer.status.as_u16(), "");
    }
    let long = format!("/packages/acme/{}?version=1.0.0", "x".repeat(2000));
    let answer = desk.publisher.send(Method::PUT, &long, sound.clone()).await;
    desk.refused(&answer, 400, "");
    // Composer trims versions, and so nothing of this is stored.
    let trimmed = "/packages/acme/demo?version=%0d%0a1.0.0%0a";
    desk.publisher.send(Method::PUT, trimmed, sound).await.expect(201);
    let listed = versions(&desk.publisher, "/p2/acme/demo.json").await;
    assert_eq!(listed[0]["version"], "1.0.0", "{listed:?}");
}

/// Composer's names are in lower case.
#[tokio::test]
async fn names_that_differ_by_case_alone_are_refused() {
    let mut desk = desk().await;
    Library::psr4("acme/demo", "1.0.0").upload(&desk.publisher).await.expect(201);
    desk.keys = desk.registry.keys();
    for name in ["Acme/demo", "acme/Demo", "ACME/DEMO"] {
        let answer = Library::psr4(name, "2.0.0").upload(&desk.publisher).await;
        desk.refused(&answer, 400, "");
    }
    for version in ["1.0.0", "v1.0", "1.0.0.0"] {
        let other = Library { version: version.to_owned(), ..Library::psr4("acme/demo", "1.0.0-other") };
        desk.refused(&other.upload(&desk.publisher).await, 409, "");
    }
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let desk = desk().await;
    let dist = with("data.bin", &noise(1, 300_000));
    let (address, path) = (desk.registry.address(), format!("/composer{PATH}"));
    for sent in [3, 600, 100_000] {
        slow::put_and_break_off(&address, &path, &desk.user.token, &dist, sent).await.expect("it is sent");
    }
    desk.registry.until_nothing_is_staged().await;
    desk.refuses(Vec::new(), "").await;
    desk.publisher.send(Method::PUT, PATH, dist).await.expect(201);
}

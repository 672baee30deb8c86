//! A download needs one entry of a document that may have megabytes: it is answered by an
//! instance that could not hold the document.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use futures_util::future::join_all;
use packhouse_tests::npm::hexadecimal_sha256;
use packhouse_tests::oci::{Content, Hand};
use packhouse_tests::{Options, Registry};
use serde_json::{Map, Value, json};

/// Less than each of these documents has.
const MEMORY: &str = "guest_memory = \"4MiB\"\n";
const VERSIONS: usize = 10_000;

fn write(registry: &Registry, key: &str, bytes: &[u8]) {
    let path = registry.home().objects().join(key);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// A packument of 10,000 versions, and the tarballs of some.
fn write_package(registry: &Registry) {
    let mut versions = Map::new();
    for number in 0..VERSIONS {
        let version = format!("1.{number}.0");
        let manifest = json!({
            "name": "large", "version": version, "description": "x".repeat(900),
            "dist": { "shasum": "0".repeat(40), "tarball": "" },
        });
        versions.insert(version, manifest);
    }
    let tags = json!({ "latest": format!("1.{}.0", VERSIONS - 1) });
    let document = json!({ "_id": "large", "name": "large", "dist-tags": tags, "versions": versions });
    write(registry, "npm/packages/large/index.json", document.to_string().as_bytes());
    for number in [0, 5000, VERSIONS - 1, VERSIONS] {
        write(registry, &format!("npm/packages/large/large-1.{number}.0.tgz"), number.to_string().as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_serves_the_files_of_a_package_with_10_000_versions() {
    let registry = Registry::start(Options::npm().limits(MEMORY)).await;
    write_package(&registry);
    let anonymous = registry.actor("/npm");
    for number in [0, 5000, VERSIONS - 1] {
        let answer = anonymous.get(&format!("/large/-/large-1.{number}.0.tgz")).await.expect(200);
        assert_eq!(answer.text(), number.to_string());
    }
    // The bytes are there, and the packument does not name them.
    anonymous.get(&format!("/large/-/large-1.{VERSIONS}.0.tgz")).await.expect(404);
}

/// Asks for one file many times at once, and gives the mebibytes by which the host grew.
async fn growth(options: Options, write: fn(&Registry), mount: &str, path: &str, downloads: usize) -> u64 {
    // On a busy machine the last one waits for longer than the ten seconds of the default.
    let registry = Registry::start(options.limits("queue_timeout = \"2m\"\n")).await;
    write(&registry);
    let anonymous = registry.actor(mount);
    anonymous.get(path).await.expect(200);
    let before = registry.peak_memory();
    for answer in join_all((0..downloads).map(|_| anonymous.get(path))).await {
        answer.expect(200);
    }
    let grown = registry.peak_memory().saturating_sub(before) >> 20;
    println!("{downloads} downloads of {mount}{path} took {grown} MiB");
    grown
}

#[tokio::test(flavor = "multi_thread")]
async fn many_downloads_at_once_leave_the_host_small() {
    let path = "/large/-/large-1.5000.0.tgz";
    let grown = growth(Options::npm(), write_package, "/npm", path, 512).await;
    assert!(grown < 1024, "{grown} MiB");
}

/// With the whole document in each instance they would take from 800 MiB to 2.4 GiB.
#[tokio::test(flavor = "multi_thread")]
async fn many_downloads_of_a_dist_a_gem_or_a_build_leave_the_host_small() {
    let gem = "/gems/large-1.5000.gem";
    let (dist, build) = (format!("/dists/acme/large/{:040x}.zip", 5000), build(5000));
    for grown in [
        growth(Options::composer(), write_dists, "/composer", &dist, 128).await,
        growth(Options::rubygems(), write_gems, "/rubygems", gem, 128).await,
        growth(Options::maven(), write_builds, "/maven", &format!("/{build}"), 128).await,
    ] {
        assert!(grown < 512, "{grown} MiB");
    }
}

/// Versions in the order in which the plugin writes them.
fn write_dists(registry: &Registry) {
    let versions: Vec<Value> = (0..VERSIONS)
        .map(|number| {
            json!({
                "version": format!("1.{number}"), "normalized": format!("1.{number}.0.0"),
                "time": "2026-01-01T00:00:00+00:00", "reference": format!("{number:040x}"),
                "size": number.to_string().len(), "sha1": "0".repeat(40), "sha256": "0".repeat(64),
                "composer": { "name": "acme/large", "description": "x".repeat(900) },
            })
        })
        .collect();
    let versions = Value::from(versions).to_string();
    let head = "\"format\":\"packhouse-composer-1\",\"name\":\"acme/large\",\"modified\":1767225600";
    let document = format!("{{{head},\"versions\":{versions}}}");
    write(registry, "composer/packages/acme/large/metadata.json", document.as_bytes());
    for number in [0, 5000, VERSIONS - 1, VERSIONS] {
        let key = format!("composer/packages/acme/large/{number:040x}.zip");
        write(registry, &key, number.to_string().as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn composer_serves_the_dists_of_a_package_with_10_000_versions() {
    let registry = Registry::start(Options::composer().limits(MEMORY)).await;
    write_dists(&registry);
    let anonymous = registry.actor("/composer");
    for number in [0, 5000, VERSIONS - 1] {
        let answer = anonymous.get(&format!("/dists/acme/large/{number:040x}.zip")).await.expect(200);
        assert_eq!(answer.text(), number.to_string());
    }
    anonymous.get(&format!("/dists/acme/large/{VERSIONS:040x}.zip")).await.expect(404);
}

/// Every tenth version was yanked.
fn write_gems(registry: &Registry) {
    let versions: Vec<Value> = (0..VERSIONS)
        .map(|number| {
            let mut version = json!({
                "slot": format!("1.{number}"),
                "line": format!("1.{number} |checksum:{},created_at:2026-01-01T00:00:00Z", "0".repeat(64)),
                "sha256": "0".repeat(64), "size": number.to_string().len(),
                "created": "2026-01-01T00:00:00Z", "about": { "summary": "x".repeat(500) },
            });
            if number % 10 == 1 {
                version.as_object_mut().unwrap().insert("yanked".to_owned(), json!("2026-01-02T00:00:00Z"));
            }
            version
        })
        .collect();
    let document = format!("{{\"name\":\"large\",\"versions\":{}}}", Value::from(versions));
    write(registry, "rubygems/packages/large.json", document.as_bytes());
    for number in [0, 1, 5000, VERSIONS - 1, VERSIONS] {
        write(registry, &format!("rubygems/gems/large-1.{number}.gem"), number.to_string().as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rubygems_serves_the_files_of_a_gem_with_10_000_versions() {
    let registry = Registry::start(Options::rubygems().limits(MEMORY)).await;
    write_gems(&registry);
    let anonymous = registry.actor("/rubygems");
    for number in [0, 5000, VERSIONS - 1] {
        let answer = anonymous.get(&format!("/gems/large-1.{number}.gem")).await.expect(200);
        assert_eq!(answer.text(), number.to_string());
    }
    let yanked = anonymous.get("/gems/large-1.1.gem").await.expect(404);
    assert!(yanked.text().contains("was yanked"), "{}", yanked.text());
    anonymous.get(&format!("/gems/large-1.{VERSIONS}.gem")).await.expect(404);
}

fn build(number: usize) -> String {
    format!("com/example/large/1-SNAPSHOT/large-1-20260101.{:06}-{number}.jar", 100_000 + number)
}

/// A snapshot whose builds are all kept.
fn write_builds(registry: &Registry) {
    let files: Vec<Value> = (0..VERSIONS)
        .map(|number| {
            json!({
                "name": build(number).rsplit('/').next(), "size": number.to_string().len(),
                "uploaded": "2026-01-01T00:00:00.000Z", "md5": "0".repeat(32), "sha1": "0".repeat(40),
                "sha256": "0".repeat(64), "sha512": "0".repeat(128),
            })
        })
        .collect();
    let head = "\"format\":\"packhouse-maven-1\",\"group\":\"com.example\",\"artifact\":\"large\",\
                \"version\":\"1-SNAPSHOT\",\"listed\":true";
    let document = format!("{{{head},\"files\":{}}}", Value::from(files));
    write(registry, "maven/versions/com.example/large/1-SNAPSHOT.json", document.as_bytes());
    for number in [0, 5000, VERSIONS - 1, VERSIONS] {
        let key = format!("maven/artifacts/{}", build(number));
        write(registry, &key, number.to_string().as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn maven_serves_the_files_of_a_snapshot_with_10_000_builds() {
    let registry = Registry::start(Options::maven().limits(MEMORY)).await;
    write_builds(&registry);
    let anonymous = registry.actor("/maven");
    for number in [0, 5000, VERSIONS - 1] {
        let answer = anonymous.get(&format!("/{}", build(number))).await.expect(200);
        assert_eq!(answer.text(), number.to_string());
        anonymous.get(&format!("/{}.sha1", build(number))).await.expect(200);
    }
    anonymous.get(&format!("/{}", build(VERSIONS))).await.expect(404);
}

const METADATA: &[u8] = b"Name: large";

#[tokio::test(flavor = "multi_thread")]
async fn pypi_serves_the_files_of_a_project_with_10_000_files() {
    let registry = Registry::start(Options::pypi().limits(MEMORY)).await;
    let files: Vec<Value> = (0..VERSIONS)
        .map(|number| {
            json!({
                "filename": format!("large-1.{number}-py3-none-any.whl"), "version": format!("1.{number}"),
                "size": number.to_string().len(), "uploaded": "2026-01-01T00:00:00.000Z",
                "sha256": "0".repeat(64), "md5": "0".repeat(32), "blake2b_256": "0".repeat(64),
                "requires_python": format!(">=3.{}", "0".repeat(400)),
                "metadata_sha256": hexadecimal_sha256(METADATA),
            })
        })
        .collect();
    // In the order in which the plugin writes it.
    let files = Value::from(files).to_string();
    let document = format!("{{\"format\":\"packhouse-pypi-1\",\"name\":\"large\",\"files\":{files}}}");
    write(&registry, "pypi/metadata/large/metadata.json", document.as_bytes());
    let anonymous = registry.actor("/pypi");
    for number in [0, 5000, VERSIONS - 1, VERSIONS] {
        let file = format!("large-1.{number}-py3-none-any.whl");
        write(&registry, &format!("pypi/packages/large/{file}"), number.to_string().as_bytes());
        let metadata = format!("pypi/packages/large/{file}.metadata");
        write(&registry, &metadata, METADATA);
        let expected = if number < VERSIONS { 200 } else { 404 };
        let answer = anonymous.get(&format!("/packages/large/{file}")).await.expect(expected);
        if expected == 200 {
            assert_eq!(answer.text(), number.to_string());
        }
        anonymous.get(&format!("/packages/large/{file}.metadata")).await.expect(expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn oci_resolves_one_of_50_000_tags() {
    let registry = Registry::start(Options::oci().limits(MEMORY)).await;
    let pusher = registry.pusher().await;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [],
    });
    let content = Content::new("application/vnd.oci.image.index.v1+json", manifest.to_string());
    let hand = Hand::new(&pusher, "large");
    hand.try_push_manifest(&content, "latest").await.unwrap().expect(201);
    let key = registry.keys().into_iter().find(|key| key.starts_with("oci/tags/")).unwrap();
    let path = registry.home().objects().join(&key);
    let mut tags: Map<String, Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let digest = tags["latest"].clone();
    tags.extend((0..50_000).map(|number| (format!("tag-{number}"), digest.clone())));
    std::fs::write(&path, Value::from(tags).to_string()).unwrap();
    for tag in ["latest", "tag-0", "tag-49999"] {
        let answer = pusher.get(&format!("/large/manifests/{tag}")).await.expect(200);
        assert_eq!(answer.json(), manifest);
    }
    pusher.get("/large/manifests/tag-50000").await.expect(404);
}

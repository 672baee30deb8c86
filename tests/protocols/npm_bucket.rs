//! The bucket itself: keys exactly as documented, buckets of an earlier system, and a document
//! of ten thousand versions.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::npm::{self, Package};
use packhouse_tests::{Backend, Options, Registry};
use serde_json::{Map, json};

/// In the order of their bytes.
const KEYS_OF_THE_FIXTURE: [&str; 6] = [
    "npm/packages/@acme/tools/index.json",
    "npm/packages/@acme/tools/tools-1.0.0.tgz",
    "npm/packages/@acme/tools/tools-2.0.0-beta.1.tgz",
    "npm/packages/left-pad/index.json",
    "npm/packages/left-pad/left-pad-1.0.0.tgz",
    "npm/packages/left-pad/left-pad-1.1.0.tgz",
];

#[tokio::test]
async fn a_publish_writes_the_documented_keys_and_no_others() {
    for backend in [Backend::FileSystem, Backend::s3()] {
        let registry = Registry::start(Options::npm().on(backend)).await;
        let publisher = registry.publisher().await;
        for package in [Package::new("demo", "1.0.0"), Package::new("@acme/tools", "0.1.0")] {
            publisher.put(&package.path(), &package.publish()).await.expect(201);
        }
        let expected = [
            "npm/packages/@acme/tools/index.json",
            "npm/packages/@acme/tools/tools-0.1.0.tgz",
            "npm/packages/demo/demo-1.0.0.tgz",
            "npm/packages/demo/index.json",
            "npm/proofs/packages/@acme/tools/index.json",
            "npm/proofs/packages/demo/index.json",
        ];
        assert_eq!(registry.keys(), expected);
    }
}

#[tokio::test]
async fn a_bucket_laid_out_by_hand_is_served_and_one_more_publish_adds_two_keys() {
    for backend in [Backend::FileSystem, Backend::s3()] {
        let registry = Registry::start(Options::npm().on(backend)).await;
        registry.home().copy_into_bucket("npm-bucket");
        let publisher = registry.publisher().await;
        let tools = publisher.get("/@acme/tools").await.expect(200).json();
        assert_eq!(tools["dist-tags"], json!({"latest": "1.0.0", "beta": "2.0.0-beta.1"}));
        let dist = &tools["versions"]["1.0.0"]["dist"];
        assert_eq!(dist["tarball"], registry.url("/npm/@acme/tools/-/tools-1.0.0.tgz"));
        let file = publisher.get("/@acme/tools/-/tools-1.0.0.tgz").await.expect(200);
        assert_eq!(dist["integrity"], npm::integrity(&file.body));

        let package = Package::new("@acme/tools", "1.1.0");
        publisher.put(&package.path(), &package.publish()).await.expect(201);
        let mut expected = KEYS_OF_THE_FIXTURE.map(str::to_owned).to_vec();
        expected.push("npm/packages/@acme/tools/tools-1.1.0.tgz".to_owned());
        expected.push("npm/proofs/packages/@acme/tools/index.json".to_owned());
        expected.sort();
        assert_eq!(registry.keys(), expected);
        let tools = publisher.get("/@acme/tools").await.expect(200).json();
        assert_eq!(tools["dist-tags"], json!({"latest": "1.1.0", "beta": "2.0.0-beta.1"}));
        assert_eq!(tools["time"]["1.0.0"], "2024-05-02T12:00:00.000Z", "what was there stays");
    }
}

#[tokio::test]
async fn what_was_stored_outlives_the_process() {
    for backend in [Backend::FileSystem, Backend::s3()] {
        let mut registry = Registry::start(Options::npm().on(backend)).await;
        let publisher = registry.publisher().await;
        let package = Package::new("demo", "1.0.0");
        publisher.put(&package.path(), &package.publish()).await.expect(201);
        registry.restart().await;
        let publisher = publisher.at(registry.url("/npm"));
        assert!(publisher.get(&package.tarball_path()).await.expect(200).body == package.tarball());
        let next = Package::new("demo", "1.0.1");
        publisher.put(&next.path(), &next.publish()).await.expect(201);
    }
}

#[tokio::test]
async fn one_more_version_is_published_to_ten_thousand() {
    let registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    let folder = registry.home().objects().join("npm/packages/many");
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{error}"));
    std::fs::write(folder.join("index.json"), ten_thousand_versions().to_string())
        .unwrap_or_else(|error| panic!("{error}"));

    let package = Package::new("many", "2.0.0");
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    let document = publisher.get("/many").await.expect(200).json();
    assert_eq!(document["versions"].as_object().map(Map::len), Some(10_001));
    assert_eq!(document["dist-tags"]["latest"], "2.0.0");
    assert_eq!(publisher.get("/many/2.0.0").await.expect(200).json()["version"], "2.0.0");
    assert_eq!(publisher.get("/many/1.0.9999").await.expect(200).json()["version"], "1.0.9999");
}

/// As large as such documents are: about 20 MB.
fn ten_thousand_versions() -> serde_json::Value {
    let mut versions = Map::new();
    let mut time = Map::new();
    let dependencies: Map<_, _> =
        (0..20).map(|number| (format!("dependency-{number}"), json!("^1.2.3"))).collect();
    for number in 0..10_000 {
        let version = format!("1.0.{number}");
        time.insert(version.clone(), json!("2024-05-01T12:00:00.000Z"));
        let manifest = json!({
            "name": "many", "version": version, "description": "One of many. ".repeat(20),
            "dependencies": dependencies, "keywords": ["one", "of", "many"], "license": "MIT",
            "dist": {
                "integrity": npm::integrity(version.as_bytes()),
                "shasum": npm::shasum(version.as_bytes()),
                "tarball": format!("https://old-registry.example.com/npm/many/-/many-{version}.tgz"),
            },
            "_npmUser": {"name": "somebody", "email": "somebody@example.com"},
        });
        versions.insert(version, manifest);
    }
    json!({
        "_id": "many", "_rev": "1-0123456789abcdef", "name": "many", "dist-tags": {"latest": "1.0.9999"},
        "versions": versions, "time": time, "readme": "",
    })
}

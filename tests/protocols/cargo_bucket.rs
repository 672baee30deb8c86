//! The bucket itself: keys exactly as documented, buckets of an earlier system, and an index
//! file of ten thousand versions.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::cargo::{self, Crate};
use packhouse_tests::{Backend, Options, Registry, accounts};
use serde_json::json;
use std::fs;
use std::time::{Duration, SystemTime};

/// In the order of their bytes.
const KEYS_OF_THE_FIXTURE: [&str; 6] = [
    "cargo/config.json",
    "cargo/crates/Left_Pad/Left_Pad-1.0.0.crate",
    "cargo/crates/Left_Pad/Left_Pad-1.1.0.crate",
    "cargo/crates/acme-tools/acme-tools-0.1.0.crate",
    "cargo/index/ac/me/acme-tools",
    "cargo/index/le/ft/left_pad",
];

#[tokio::test]
async fn a_publish_writes_the_documented_keys_and_no_others() {
    for backend in [Backend::FileSystem, Backend::s3()] {
        let registry = Registry::start(Options::cargo().on(backend)).await;
        let publisher = registry.crate_publisher().await;
        for (name, version) in [("Demo", "1.0.0"), ("Demo", "1.1.0-rc.1+b"), ("abc", "0.1.0")] {
            Crate::new(name, version).publish(&publisher).await.expect(200);
        }
        let expected = [
            "cargo/config.json",
            "cargo/crates/Demo/Demo-1.0.0.crate",
            "cargo/crates/Demo/Demo-1.1.0-rc.1+b.crate",
            "cargo/crates/abc/abc-0.1.0.crate",
            "cargo/index/3/a/abc",
            "cargo/index/de/mo/demo",
            "cargo/owners/abc.json",
            "cargo/owners/demo.json",
            "cargo/proofs/index/3/a/abc",
            "cargo/proofs/index/de/mo/demo",
        ];
        assert_eq!(registry.keys(), expected);
    }
}

#[tokio::test]
async fn a_bucket_laid_out_by_hand_is_served_and_one_more_publish_adds_two_keys() {
    for backend in [Backend::FileSystem, Backend::s3()] {
        let registry = Registry::start(Options::cargo().on(backend)).await;
        registry.home().copy_into_bucket("cargo-bucket");
        let publisher = registry.crate_publisher().await;
        let stored = fs::read_to_string(registry.home().objects().join("cargo/index/le/ft/left_pad"));
        let index = publisher.get("/le/ft/left_pad").await.expect(200);
        assert_eq!(index.text(), stored.unwrap_or_default(), "as it was found");
        for line in cargo::lines(&index) {
            let path =
                format!("/api/v1/crates/Left_Pad/{}/download", line["vers"].as_str().unwrap_or_default());
            let file = publisher.get(&path).await.expect(200);
            assert_eq!(line["cksum"], cargo::checksum(&file.body));
        }
        let dl = publisher.get("/config.json").await.expect(200).json();
        assert_eq!(dl["dl"], registry.url("/cargo/api/v1/crates"), "not the old address");
        let found = publisher.get("/api/v1/crates?q=pad").await.expect(200).json();
        assert_eq!(
            found["crates"][0],
            json!({"name": "Left_Pad", "max_version": "1.0.0", "description": "Pads to the left"})
        );

        let refused = Crate::new("left-pad", "2.0.0").publish(&publisher).await.expect(409);
        assert!(refused.text().contains("the crate is called Left_Pad here"), "{refused:?}");
        publisher.delete("/api/v1/crates/Left_Pad/1.0.0/yank").await.expect(200);
        publisher.put("/api/v1/crates/Left_Pad/1.0.0/unyank", &json!({})).await.expect(200);
        Crate::new("Left_Pad", "1.2.0").publish(&publisher).await.expect(200);
        let mut expected = KEYS_OF_THE_FIXTURE.map(str::to_owned).to_vec();
        expected.push("cargo/crates/Left_Pad/Left_Pad-1.2.0.crate".to_owned());
        expected.push("cargo/proofs/index/le/ft/left_pad".to_owned());
        expected.sort();
        assert_eq!(registry.keys(), expected);
        let lines = cargo::lines(&publisher.get("/le/ft/left_pad").await.expect(200));
        assert_eq!(lines[0]["comment"], "an unknown member stays", "what was there stays");
        assert_eq!(lines[2]["vers"], "1.2.0");
    }
}

#[tokio::test]
async fn a_bucket_is_reindexed_verified_and_collected() {
    let registry = Registry::start(Options::cargo()).await;
    registry.home().copy_into_bucket("cargo-bucket");
    let publisher = registry.crate_publisher().await;
    let run = |arguments: &'static [&'static str]| accounts::run(registry.home(), arguments, "");
    let told = run(&["reindex", "cargo"]).await;
    for key in ["config.json", "owners/left-pad.json", "owners/acme-tools.json", "catalog.json"] {
        assert!(told.contains(&format!("rebuilt cargo/{key}")), "{key}: {told}");
    }
    assert!(run(&["reindex", "cargo"]).await.contains("rebuilt nothing"));
    assert!(run(&["verify", "cargo"]).await.contains("all is well"));
    let found = publisher.get("/api/v1/crates?q=acme").await.expect(200).json();
    assert_eq!(found["crates"][0]["description"], "Tools of acme");

    let left_over = registry.home().objects().join("cargo/crates/Left_Pad/Left_Pad-9.0.0.crate");
    let written = fs::write(&left_over, "of a publish that a crash ended").and_then(|()| {
        let week_ago = SystemTime::now() - Duration::from_hours(7 * 24);
        fs::File::options().write(true).open(&left_over)?.set_modified(week_ago)
    });
    written.unwrap_or_else(|error| panic!("{error}"));
    let told = run(&["gc", "cargo"]).await;
    assert!(told.contains("removed cargo/crates/Left_Pad/Left_Pad-9.0.0.crate"), "{told}");
    assert!(!left_over.exists());
    Crate::new("Left_Pad", "9.0.0").publish(&publisher).await.expect(200);
    assert!(run(&["verify", "cargo"]).await.contains("all is well"));
}

#[tokio::test]
async fn what_was_stored_outlives_the_process() {
    for backend in [Backend::FileSystem, Backend::s3()] {
        let mut registry = Registry::start(Options::cargo().on(backend)).await;
        let publisher = registry.crate_publisher().await;
        let demo = Crate::new("demo", "1.0.0");
        demo.publish(&publisher).await.expect(200);
        registry.restart().await;
        let publisher = publisher.at(registry.url("/cargo"));
        assert!(publisher.get(&demo.download_path()).await.expect(200).body == demo.archive());
        Crate::new("demo", "1.0.1").publish(&publisher).await.expect(200);
    }
}

#[tokio::test]
async fn one_more_version_is_published_to_ten_thousand() {
    let registry = Registry::start(Options::cargo()).await;
    let publisher = registry.crate_publisher().await;
    write(&registry, "cargo/index/ma/ny/many", &cargo::index_of("many", 10_000));

    let package = Crate::new("many", "2.0.0");
    package.publish(&publisher).await.expect(200);
    let versions = cargo::versions(&publisher.get("/ma/ny/many").await.expect(200));
    assert_eq!((versions.len(), versions.last().map(String::as_str)), (10_001, Some("2.0.0")));
    assert!(publisher.get(&package.download_path()).await.expect(200).body == package.archive());
    publisher.delete("/api/v1/crates/many/1.0.5000/yank").await.expect(200);
    let lines = cargo::lines(&publisher.get("/ma/ny/many").await.expect(200));
    let yanked: Vec<_> =
        lines.iter().filter(|line| line["yanked"] == true).map(|line| &line["vers"]).collect();
    assert_eq!(yanked, ["1.0.5000"]);
}

/// As somebody would by hand.
fn write(registry: &Registry, key: &str, text: &str) {
    let file = registry.home().objects().join(key);
    let written = fs::create_dir_all(file.parent().unwrap_or(&file)).and_then(|()| fs::write(&file, text));
    written.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn a_publish_asks_the_store_for_as_much_whatever_else_is_there() {
    let backend = Backend::s3();
    let Backend::S3(store) = &backend else { panic!("the one that counts") };
    let registry = Registry::start(Options::cargo().on(backend.clone())).await;
    let publisher = registry.crate_publisher().await;
    // So that `config.json` is there.
    Crate::new("first", "1.0.0").publish(&publisher).await.expect(200);
    store.asked();
    let mut asked = Vec::new();
    for name in ["alone", "crowd"] {
        for version in ["1.0.0", "1.1.0"] {
            Crate::new(name, version).publish(&publisher).await.expect(200);
            asked.push(store.cost(&[&cargo::index_path(name)[1..], name]));
        }
        // More than a page of a listing holds.
        for number in 0..1200 {
            let other = format!("cr/ow/crowd-{number}");
            write(&registry, &format!("cargo/index/{other}"), &cargo::index_of(&other[6..], 1));
            write(&registry, &format!("cargo/owners/crowd-{number}.json"), "{\"name\":\"x\",\"owners\":[]}");
        }
    }
    let [new_alone, next_alone, new_in_crowd, next_in_crowd] = asked.as_slice() else { panic!("four") };
    for (alone, in_crowd) in [(new_alone, new_in_crowd), (next_alone, next_in_crowd)] {
        assert_eq!(alone.0, in_crowd.0);
        assert!(in_crowd.1 <= alone.1, "no page of a listing more: {} and {}", alone.1, in_crowd.1);
    }
    assert!(next_alone.0.contains(&"PUT /cargo/index/NAME".to_owned()), "{next_alone:?}");
}

/// A registry whose bucket was damaged: cut, emptied and removed index files, two days after
/// three versions were published.
#[tokio::test]
async fn a_damaged_index_costs_no_crate_and_takes_no_version() {
    let registry = Registry::start(Options::cargo()).await;
    let publisher = registry.crate_publisher().await;
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        Crate::new("demo", version).publish(&publisher).await.expect(200);
    }
    registry.home().age(Duration::from_hours(48));
    let index = registry.home().objects().join("cargo/index/de/mo/demo");
    let whole = fs::read(&index).unwrap_or_default();
    let crates = |registry: &Registry| {
        registry.keys().into_iter().filter(|key| key.starts_with("cargo/crates/")).collect::<Vec<_>>()
    };
    let line_end = whole.iter().position(|byte| *byte == b'\n').unwrap_or_default() + 1;
    for damage in [Some(&whole[..whole.len() / 2]), Some(&whole[..line_end]), Some(&[]), None] {
        match damage {
            Some(bytes) => fs::write(&index, bytes),
            None => fs::remove_file(&index),
        }
        .unwrap_or_else(|error| panic!("{error}"));
        for order in [vec!["gc", "cargo"], vec!["gc", "--older-than", "0s", "cargo"], vec!["verify", "cargo"]]
        {
            let ended = registry.order(&order).await;
            assert_eq!(ended.code, Some(1), "{order:?}: {}{}", ended.stdout, ended.stderr);
            assert!(ended.stdout.contains("index/de/mo/demo"), "{order:?}: {}", ended.stdout);
        }
        assert_eq!(crates(&registry).len(), 3);
        publisher.get("/de/mo/demo").await.expect(500);
        let refused = Crate::new("demo", "2.0.0").publish(&publisher).await;
        assert_eq!(refused.status, 500, "{refused:?}");
        assert!(registry.logs().contains("index/de/mo/demo"), "{}", registry.logs());
    }
    fs::write(&index, &whole).unwrap_or_else(|error| panic!("{error}"));
    assert!(registry.order(&["verify", "cargo"]).await.expect(0).contains("all is well"));
    fs::remove_file(&index).unwrap_or_else(|error| panic!("{error}"));
    let said = registry.order(&["gc", "--orphans", "cargo"]).await.expect(0);
    assert!(said.contains("removed 5 objects"), "three crates, the proof and the list of owners: {said}");
}

#[tokio::test]
async fn a_file_where_a_folder_belongs_is_damage_that_is_logged_and_found() {
    let registry = Registry::start(Options::cargo()).await;
    let publisher = registry.crate_publisher().await;
    Crate::new("other", "1.0.0").publish(&publisher).await.expect(200);
    let objects = registry.home().objects().join("cargo");
    for (what, path) in [("a file", "index/de"), ("a folder", "index/de/mo/demo/file")] {
        let path = objects.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&path)).unwrap_or_else(|error| panic!("{error}"));
        fs::write(&path, "somebody's").unwrap_or_else(|error| panic!("{error}"));
        let refused = Crate::new("demo", "1.0.0").publish(&publisher).await.expect(500);
        assert!(!refused.text().contains("index/"), "{what}: {}", refused.text());
        registry.logs_with("index/de").await;
        let found = registry.order(&["verify", "cargo"]).await;
        assert_eq!(found.code, Some(1), "{what}: {}", found.stdout);
        assert!(found.stdout.contains("damaged: cargo/index/de"), "{what}: {}", found.stdout);
        fs::remove_file(&path).unwrap_or_else(|error| panic!("{error}"));
    }
    Crate::new("demo", "1.0.0").publish(&publisher).await.expect(200);
}

//! What maintenance finds, and leaves alone.

use super::*;

const HOURS: u64 = 3_600_000;

fn document(host: &Host) -> Value {
    serde_json::from_slice(&host.object("packages/acme/lib/metadata.json").unwrap()).unwrap()
}

/// The keys that lie in the package's folder, besides the document.
fn files(host: &Host) -> Vec<String> {
    let keys = host.objects().into_iter();
    keys.filter(|key| key.starts_with("packages/") && !key.ends_with("metadata.json")).collect()
}

#[test]
fn a_healthy_package_is_well_and_stays_as_it_is() {
    let host = host();
    published(&host, "1.0.0");
    published(&host, "dev-main");
    get(&host, "/packages.json");
    host.set_now(host.now() + 48 * HOURS);
    let before = host.objects();
    let verified = host.upkeep().verify::<Composer>().unwrap();
    assert_eq!((verified.damaged, verified.orphans), (Vec::new(), Vec::new()));
    let reindexed = host.upkeep().reindex::<Composer>().unwrap();
    assert_eq!((reindexed.damaged, reindexed.rebuilt), (Vec::new(), Vec::new()));
    assert_eq!(host.upkeep().older_than(0).collect::<Composer>().unwrap().left_over, Vec::<String>::new());
    assert_eq!(host.objects(), before);
}

#[test]
fn what_an_interrupted_publish_left_is_removed() {
    let host = host();
    published(&host, "1.0.0");
    let named = files(&host);
    let reference = "0123456789abcdef0123456789abcdef01234567";
    host.insert(&format!("packages/acme/lib/{reference}.zip"), "left").unwrap();
    host.insert(&format!("packages/acme/lib/{reference}.json"), "left").unwrap();
    assert_eq!(host.upkeep().collect::<Composer>().unwrap().left_over, Vec::<String>::new(), "it is recent");
    host.set_now(host.now() + 48 * HOURS);
    let expected = ["zip", "json"].map(|ending| format!("packages/acme/lib/{reference}.{ending}"));
    assert_eq!(host.upkeep().dry_run().collect::<Composer>().unwrap().left_over, expected);
    assert_eq!(host.upkeep().collect::<Composer>().unwrap().left_over, expected);
    assert_eq!(files(&host), named);
    assert_eq!(host.upkeep().verify::<Composer>().unwrap().orphans, Vec::<String>::new());
}

#[test]
fn nothing_is_removed_without_a_whole_document() {
    let host = host();
    published(&host, "1.0.0");
    host.set_now(host.now() + 48 * HOURS);
    let before = files(&host);
    host.insert("packages/acme/lib/metadata.json", "{\"format\":\"packhouse-composer-1\"").unwrap();
    let collected = host.upkeep().collect::<Composer>().unwrap();
    assert_eq!((collected.left_over, files(&host)), (Vec::new(), before.clone()));
    assert_eq!(collected.damaged.len(), 1);
    host.remove("packages/acme/lib/metadata.json");
    let collected = host.upkeep().collect::<Composer>().unwrap();
    assert_eq!((collected.left_over, files(&host)), (Vec::new(), before));
    assert_eq!(host.upkeep().verify::<Composer>().unwrap().orphans.len(), 2);
}

#[test]
fn a_lost_document_is_made_again_with_its_times() {
    let host = host();
    published(&host, "1.0.0");
    published(&host, "dev-main");
    host.set_now(host.now() + HOURS);
    published(&host, "v1.1.0");
    let second = samples::library("acme/lib", &json!({ "description": "second" }));
    assert_eq!(upload(&host, "/packages/acme/lib?version=dev-main", second).status(), 201);
    let before = document(&host);
    host.set_now(host.now() + 48 * HOURS);
    host.remove("packages/acme/lib/metadata.json");
    let dry = host.upkeep().dry_run().reindex::<Composer>().unwrap();
    assert_eq!(dry.rebuilt, ["packages/acme/lib/metadata.json", "list.json"][..dry.rebuilt.len()]);
    let reindexed = host.upkeep().reindex::<Composer>().unwrap();
    assert_eq!(reindexed.damaged, Vec::<String>::new());
    let after = document(&host);
    let by_version = |document: &Value| {
        let mut versions = document["versions"].as_array().unwrap().clone();
        versions.sort_by_key(|version| version["normalized"].as_str().unwrap().to_owned());
        versions
    };
    assert_eq!(by_version(&after), by_version(&before));
    assert_eq!(after["earlier"], before["earlier"]);
    assert!(after["modified"].as_u64() > before["modified"].as_u64());
    assert_eq!(host.upkeep().reindex::<Composer>().unwrap().rebuilt, Vec::<String>::new());
}

#[test]
fn what_another_system_wrote_is_taken_over() {
    let host = host();
    let by_document = samples::library("acme/lib", &json!({}));
    let by_manifest = samples::library("acme/lib", &json!({ "version": "1.2" }));
    let by_name = samples::library("acme/lib", &json!({ "x": 1 }));
    host.insert("packages/acme/lib/abc.zip", by_document).unwrap();
    host.insert("packages/acme/lib/def.zip", by_manifest).unwrap();
    host.insert("packages/acme/lib/1.3.0.zip", by_name).unwrap();
    host.insert("packages/acme/lib/none.zip", samples::library("acme/lib", &json!({ "y": 1 }))).unwrap();
    let theirs = json!({ "packages": { "acme/lib": [
        { "version": "1.1", "time": "2020-01-02T03:04:05+00:00", "dist": { "reference": "abc" } },
    ] } });
    host.insert("packages/acme/lib/metadata.json", theirs.to_string()).unwrap();
    assert_eq!(get(&host, "/p2/acme/lib.json").status(), 409);
    host.set_now(host.now() + 48 * HOURS);
    let reindexed = host.upkeep().reindex::<Composer>().unwrap();
    assert!(reindexed.rebuilt.contains(&"packages/acme/lib/metadata.json".to_owned()));
    assert_eq!(reindexed.damaged.len(), 1, "one dist has no version: {:?}", reindexed.damaged);
    assert_eq!(names(&host, "/p2/acme/lib.json"), ["1.3.0", "1.2", "1.1"]);
    assert_eq!(versions(&get(&host, "/p2/acme/lib.json"))[2]["time"], "2020-01-02T03:04:05+00:00");
    let path = dist_path(&host, "/p2/acme/lib.json", "1.1");
    assert_eq!((path.as_str(), get(&host, &path).status()), ("/dists/acme/lib/abc.zip", 200));
    assert_eq!(get(&host, "/packages.json").json()["available-packages"], json!(["acme/lib"]));
    published(&host, "2.0.0");
}

#[test]
fn damage_is_told() {
    let host = host();
    published(&host, "1.0.0");
    published(&host, "1.1.0");
    let files = files(&host);
    let zips: Vec<&String> = files.iter().filter(|key| key.strip_suffix(".zip").is_some()).collect();
    host.insert(zips[0], "other bytes").unwrap();
    host.remove(zips[1]);
    host.insert("packages/acme/lib/advisories.json", "{").unwrap();
    host.insert("packages/stray", "…").unwrap();
    let damaged = host.upkeep().verify::<Composer>().unwrap().damaged;
    for key in [zips[0].as_str(), zips[1], "packages/acme/lib/advisories.json", "packages/stray"] {
        assert!(damaged.iter().any(|told| told.contains(key)), "{key}: {damaged:?}");
    }
}

#[test]
fn a_deletion_that_was_killed_is_carried_on() {
    let host = host();
    published(&host, "1.0.0");
    let before = files(&host);
    assert_eq!(delete(&host, "/packages/acme/lib").status(), 200);
    assert_eq!(files(&host), Vec::<String>::new());
    assert_eq!(
        host.objects(),
        ["changed", "deleted/acme/lib.json", "proofs/packages/acme/lib/metadata.json"]
    );
    host.set_now(host.now() + 48 * HOURS);
    host.upkeep().collect::<Composer>().unwrap();
    assert_eq!(host.objects(), ["changed"]);
    assert_eq!(before.len(), 2);
}

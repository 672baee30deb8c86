//! Looking after a bucket: left-overs, derived documents, damage.

use super::*;
use packhouse_plugin::storage::GRACE;
use packhouse_plugin::testing::Outcome;

const DAY: u64 = 24 * 60 * 60 * 1000;

fn collect(host: &Host) -> Outcome {
    host.upkeep().collect::<Cargo>().unwrap()
}

fn line(name: &str, version: &str, checksum: &str) -> String {
    format!("{}\n", json!({ "name": name, "vers": version, "deps": [], "cksum": checksum, "features": {} }))
}

#[test]
fn files_that_no_index_names_are_collected_when_they_are_old() {
    let host = host();
    let named = Publish::new("demo", "1.0.0").done(&host);
    host.insert("crates/demo/demo-2.0.0.crate", "of a crash").unwrap();
    host.insert("crates/gone/gone-1.0.0.crate", "of a crash").unwrap();
    host.insert("crates/demo/readme.txt", "of somebody").unwrap();
    let before = host.objects();
    assert_eq!((collect(&host).kept, host.objects()), (2, before.clone()));
    host.set_now(host.now() + 2 * DAY);
    let dry = host.upkeep().dry_run().collect::<Cargo>().unwrap();
    assert_eq!(dry.left_over, ["crates/demo/demo-2.0.0.crate", "crates/gone/gone-1.0.0.crate"]);
    assert_eq!(host.objects(), before);
    assert_eq!(collect(&host).left_over, dry.left_over);
    let kept: Vec<_> = before.into_iter().filter(|key| !dry.left_over.contains(key)).collect();
    assert_eq!(host.objects(), kept);
    assert_eq!(get(&host, "/api/v1/crates/demo/1.0.0/download").bytes(), named.file);
    assert_eq!(collect(&host).left_over, Vec::<String>::new());
}

#[test]
fn what_is_published_while_files_are_listed_stays() {
    let host = host();
    let publish = Publish::new("demo", "1.0.0");
    host.insert(&publish.key(), &publish.file).unwrap();
    host.set_now(host.now() + 2 * DAY);
    let publish = publish.done(&host);
    assert_eq!(collect(&host).left_over, Vec::<String>::new());
    assert_eq!(host.object(&publish.key()), Some(publish.file));
}

#[test]
fn names_that_were_taken_for_nothing_are_free_again() {
    let host = host();
    Publish::new("demo", "1.0.0").done(&host);
    host.insert("owners/never-was.json", json!({ "name": "never_was", "owners": ["ann"] }).to_string())
        .unwrap();
    host.set_now(host.now() + GRACE);
    assert_eq!(host.upkeep().older_than(0).collect::<Cargo>().unwrap().kept, 1, "it may be under way");
    host.set_now(host.now() + 2 * DAY);
    assert_eq!(collect(&host).left_over, ["owners/never-was.json"]);
    assert!(host.objects().contains(&"owners/demo.json".to_owned()));
}

#[test]
fn derived_documents_of_another_systems_bucket_are_written_once() {
    let host = host();
    host.insert("config.json", r#"{"dl":"https://old.example.com/dl"}"#).unwrap();
    host.insert("index/ol/d_/old_name", line("Old_Name", "1.0.0", "aa")).unwrap();
    host.insert("index/3/a/abc", "no line of an index\n").unwrap();
    let dry = host.upkeep().dry_run().reindex::<Cargo>().unwrap();
    let expected = ["config.json", "owners/old-name.json", "catalog.json"];
    assert_eq!(dry.rebuilt, expected);
    assert_eq!(host.upkeep().reindex::<Cargo>().unwrap().rebuilt, expected);
    assert_eq!(host.object_json("config.json"), json!({ "dl": "crates/{crate}/{crate}-{version}.crate" }));
    assert_eq!(host.object_json("owners/old-name.json"), json!({ "name": "Old_Name", "owners": [] }));
    assert_eq!(host.object_json("catalog.json")["crates"]["old_name"]["newest"], "1.0.0");
    assert_eq!(host.upkeep().reindex::<Cargo>().unwrap().rebuilt, Vec::<String>::new());
    assert_told(&Publish::new("old-name", "1.0.0").send(&host.as_user("ann")), 409, "called Old_Name here");
}

#[test]
fn a_catalog_of_many_crates_is_filled_step_by_step() {
    let host = host();
    for number in 0..700 {
        let name = format!("crate-{number:03}");
        host.insert(&format!("index/cr/at/{name}"), line(&name, "1.0.0", "aa")).unwrap();
    }
    let outcome = host.upkeep().reindex::<Cargo>().unwrap();
    assert_eq!(outcome.rebuilt.len(), 702, "configuration, names and catalog");
    assert_eq!(host.object_json("catalog.json")["crates"].as_object().unwrap().len(), 700);
    let total = |host: &Host| get(host, "/api/v1/crates?q=crate").json()["meta"]["total"].clone();
    assert_eq!(total(&host), 700);
    host.remove("index/cr/at/crate-000");
    assert_eq!(host.upkeep().reindex::<Cargo>().unwrap().rebuilt, ["catalog.json"]);
    assert_eq!(host.object_json("catalog.json")["crates"].as_object().unwrap().len(), 699);
}

#[test]
fn every_file_is_held_against_the_index() {
    let host = host();
    let good = Publish::new("demo", "1.0.0").done(&host);
    let outcome = host.upkeep().verify::<Cargo>().unwrap();
    assert_eq!(outcome.damaged, Vec::<String>::new());
    assert_eq!(
        outcome.checked_bytes,
        (good.file.len() + host.object("index/de/mo/demo").unwrap().len()) as u64
    );
    host.insert(&good.key(), "other bytes").unwrap();
    host.insert(
        "index/3/o/old",
        format!("{}no line\n{}", line("Old", "1.0.0", "aa"), line("other", "1.0.0", "aa")),
    )
    .unwrap();
    let outcome = host.upkeep().verify::<Cargo>().unwrap();
    assert_eq!(
        outcome.damaged,
        ["crates/Old/Old-1.0.0.crate", "index/3/o/old", "index/3/o/old", "crates/demo/demo-1.0.0.crate"]
    );
    for why in ["it is missing", "its line 2 is none", "its line 3 is none", "its SHA-256 is"] {
        assert!(outcome.lines.iter().any(|line| line.contains(why)), "{why}: {:?}", outcome.lines);
    }
}

#[test]
fn a_crate_of_many_versions_is_verified_in_steps() {
    let host = host();
    let (mut file, bytes) = (String::new(), b"the same each time");
    for number in 0..1000 {
        file += &line("demo", &format!("1.0.{number}"), &sha256(bytes));
        host.insert(&format!("crates/demo/demo-1.0.{number}.crate"), bytes).unwrap();
    }
    host.insert("index/de/mo/demo", &file).unwrap();
    host.insert("crates/demo/demo-1.0.777.crate", "damaged").unwrap();
    let outcome = host.upkeep().verify::<Cargo>().unwrap();
    assert_eq!(outcome.damaged, ["crates/demo/demo-1.0.777.crate"]);
    assert!(outcome.steps >= 5, "{} steps", outcome.steps);
    assert_eq!(outcome.checked, 1001);
}

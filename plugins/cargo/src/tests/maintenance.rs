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
    assert_eq!(dry.left_over, ["crates/demo/demo-2.0.0.crate"]);
    assert_eq!(dry.orphans, ["crates/gone/gone-1.0.0.crate"], "no index says that it may go");
    assert_eq!(host.objects(), before);
    let run = collect(&host);
    assert_eq!((run.left_over, run.orphans), (dry.left_over.clone(), dry.orphans.clone()));
    let ordered = host.upkeep().removing_orphans().collect::<Cargo>().unwrap();
    assert_eq!(ordered.left_over, dry.orphans);
    let is_gone = |key: &String| dry.left_over.contains(key) || dry.orphans.contains(key);
    let kept: Vec<_> = before.into_iter().filter(|key| !is_gone(key)).collect();
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

/// A crate of three versions, published three days ago.
fn three_versions(host: &Host) {
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        Publish::new("demo", version).done(host);
    }
    host.set_now(host.now() + 3 * DAY);
}

const INDEX: &str = "index/de/mo/demo";

/// What damage makes of an index of three versions; none for a file that is gone.
fn damages(whole: &[u8]) -> Vec<(&'static str, Option<Vec<u8>>)> {
    let text = String::from_utf8(whole.to_vec()).unwrap();
    let ends: Vec<usize> = text.match_indices('\n').map(|(end, _)| end + 1).collect();
    vec![
        ("cut in a line", Some(whole[..ends[0] + 20].to_vec())),
        ("cut at the end of its first line", Some(whole[..ends[0]].to_vec())),
        ("cut at the end of its second line", Some(whole[..ends[1]].to_vec())),
        ("empty", Some(Vec::new())),
        ("gone", None),
        ("a line that cannot be read", Some(text.replace("{\"name\"", "z\"name\"").into_bytes())),
        ("a version twice", Some(text.replace("\"1.2.0\"", "\"1.1.0\"").into_bytes())),
        ("a version that has no file", Some(text.replace("\"1.2.0\"", "\"1.2.4\"").into_bytes())),
    ]
}

fn damage(host: &Host, bytes: Option<Vec<u8>>) {
    match bytes {
        Some(bytes) => drop(host.insert(INDEX, bytes).unwrap()),
        None => assert!(host.remove(INDEX)),
    }
}

/// As an earlier version left it, which wrote no proof.
fn lose_unproven(host: &Host) {
    for key in [INDEX, &format!("proofs/{INDEX}"), "owners/demo.json"] {
        assert!(host.remove(key));
    }
}

#[test]
fn a_damaged_index_costs_no_crate_and_is_told() {
    let host = host();
    three_versions(&host);
    let whole = host.object(INDEX).unwrap();
    for (what, bytes) in damages(&whole) {
        damage(&host, bytes);
        host.set_now(host.now() + 3 * DAY);
        let before = host.objects();
        let run = collect(&host);
        assert_eq!((run.left_over.len(), host.objects()), (0, before), "{what}");
        assert!(!run.damaged.is_empty() || run.orphans.len() == 3, "{what}: {run:?}");
        let found = host.upkeep().verify::<Cargo>().unwrap();
        assert!(!found.damaged.is_empty() || found.orphans.len() == 3, "{what}: {found:?}");
        host.insert(INDEX, &whole).unwrap();
        assert_eq!(collect(&host).damaged, Vec::<String>::new(), "{what}: restored");
    }
}

#[test]
fn publishing_onto_a_damaged_index_is_refused_and_logged() {
    let host = host();
    three_versions(&host);
    let whole = host.object(INDEX).unwrap();
    // What is wrong between its first and its last line is for `verify` to find, and in an index
    // without a count it is found here too.
    let text = String::from_utf8(whole.clone()).unwrap();
    let uncounted = text.replace("\"index_lines\":3,", "").replace("1.1.0", "1.0.0");
    let mut damages: Vec<_> =
        damages(&whole).into_iter().take(6).filter(|(_, bytes)| bytes.is_some()).collect();
    damages.push(("a version twice", Some(uncounted.into_bytes())));
    for (what, bytes) in damages {
        damage(&host, bytes.clone());
        let logged = host.log().len();
        let ann = host.as_user("ann");
        assert_told(&Publish::new("demo", "2.0.0").send(&ann), 500, "damaged");
        let yank = ann.delete("/api/v1/crates/demo/1.0.0/yank").send::<Cargo>();
        assert_told(&yank, 500, "damaged");
        let lines = host.log();
        assert!(lines[logged..].iter().any(|line| format!("{line:?}").contains(INDEX)), "{what}: {lines:?}");
        assert_eq!(host.object(INDEX), bytes, "{what}");
        assert_eq!(host.object("crates/demo/demo-2.0.0.crate"), None, "{what}");
    }
}

#[test]
fn an_index_without_a_count_gets_one_with_its_next_change() {
    let host = host();
    three_versions(&host);
    let text = String::from_utf8(host.object(INDEX).unwrap()).unwrap();
    // As a host of an earlier version writes it: without a stamp too.
    let lines_of = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n";
    let uncounted = lines_of(&text.replace("\"index_lines\":3,", ""));
    host.insert(INDEX, &uncounted).unwrap();
    assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, Vec::<String>::new());
    assert_eq!(host.object(INDEX), Some(uncounted.clone().into_bytes()));
    assert_eq!(host.as_user("ann").delete("/api/v1/crates/demo/1.1.0/yank").send::<Cargo>().status(), 200);
    assert!(lines(&host, "/de/mo/demo")[0]["index_lines"] == 3);
    host.insert(INDEX, &uncounted).unwrap();
    Publish::new("demo", "2.0.0").done(&host);
    assert!(lines(&host, "/de/mo/demo")[0]["index_lines"] == 4);
    assert_eq!(
        lines(&host, "/de/mo/demo")[1],
        serde_json::from_str::<Value>(uncounted.lines().nth(1).unwrap()).unwrap()
    );
}

#[test]
fn verify_reports_what_a_collection_would_remove_and_owners_that_are_lost() {
    let host = host();
    three_versions(&host);
    Publish::new("other", "1.0.0").done(&host);
    host.insert("crates/demo/demo-9.0.0.crate", "of a crash").unwrap();
    host.insert("owners/gone.json", r#"{"name":"gone","owners":["ann"]}"#).unwrap();
    host.remove("owners/other.json");
    let found = host.upkeep().verify::<Cargo>().unwrap();
    assert_eq!((found.orphans.len(), found.damaged.len()), (0, 1), "{found:?}: they may be under way");
    host.set_now(host.now() + 3 * GRACE);
    let found = host.upkeep().verify::<Cargo>().unwrap();
    assert_eq!(found.damaged, ["owners/other.json"], "{:?}", found.lines);
    assert_eq!(found.orphans, ["crates/demo/demo-9.0.0.crate", "owners/gone.json"], "{:?}", found.lines);
    host.set_now(host.now() + 3 * DAY);
    assert_eq!(collect(&host).left_over, found.orphans);
}

#[test]
fn verify_reports_a_file_for_a_folder_and_a_folder_for_a_file() {
    let host = host();
    for key in ["index/de/mo/demo/x", "index/ot", "crates/demo", "owners/other.json/x"] {
        host.insert(key, "somebody's").unwrap();
    }
    let found = host.upkeep().verify::<Cargo>().unwrap();
    assert_eq!(found.damaged, ["index/de/mo/demo", "index/ot", "crates/demo", "owners/other.json"]);
    let host = super::host();
    host.insert("crates", "somebody's").unwrap();
    assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, ["crates"]);
}

#[test]
fn a_file_of_another_size_is_not_served_and_is_repaired_by_publishing_the_same() {
    let host = host();
    let demo = Publish::new("demo", "1.0.0").done(&host);
    let path = "/api/v1/crates/demo/1.0.0/download";
    for bytes in [&demo.file[..demo.file.len() - 1], b"", &demo.file[..20]] {
        host.insert(&demo.key(), bytes).unwrap();
        let logged = host.log().len();
        assert_told(&get(&host, path), 500, "damaged");
        assert!(host.log()[logged..].iter().any(|line| format!("{line:?}").contains(&demo.key())));
        assert_eq!(demo.send(&host.as_user("ann")).status(), 200);
        assert_eq!(get(&host, path).bytes(), demo.file);
    }
    // The line of an earlier version names no size.
    host.insert(INDEX, line("demo", "1.0.0", &sha256(&demo.file))).unwrap();
    assert_eq!(get(&host, path).bytes(), demo.file);
    host.insert(&demo.key(), "").unwrap();
    assert_told(&get(&host, path), 500, "damaged");
}

#[test]
fn owners_are_verified_and_stay_where_files_are() {
    let host = host();
    three_versions(&host);
    Publish::new("other", "1.0.0").done(&host);
    damage(&host, None);
    host.insert("owners/other.json", "[").unwrap();
    host.set_now(host.now() + 3 * DAY);
    collect(&host);
    assert!(host.object("owners/demo.json").is_some());
    assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, ["owners/other.json", INDEX]);
    host.insert("owners/other.json", r#"{"name":"demo","owners":["eve"]}"#).unwrap();
    assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, ["owners/other.json", INDEX]);
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
    for why in ["it is missing", "its line 2 is not", "its line 3 is not", "its SHA-256 is"] {
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

#[test]
fn a_damaged_file_is_repaired_by_publishing_the_same_bytes_and_by_no_others() {
    let host = host();
    let demo = Publish::new("demo", "1.0.0").done(&host);
    let ann = host.as_user("ann");
    assert_told(&demo.send(&ann), 409, "already uploaded");
    for damage in [Some("cut off"), None] {
        match damage {
            Some(bytes) => drop(host.insert(&demo.key(), bytes).unwrap()),
            None => assert!(host.remove(&demo.key())),
        }
        let other = Publish::with_manifest("demo", "1.0.0", "description = \"others\"\n");
        assert_told(&other.send(&ann), 409, "already uploaded");
        assert_ne!(host.object(&demo.key()), Some(other.file));
        let before = host.object(INDEX);
        assert_eq!(demo.send(&ann).status(), 200);
        assert_eq!((host.object(&demo.key()), host.object(INDEX)), (Some(demo.file.clone()), before));
        assert_told(&demo.send(&ann), 409, "already uploaded");
    }
    assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn a_file_that_the_index_names_and_that_is_missing_is_a_500_with_a_line_in_the_log() {
    let host = host();
    let demo = Publish::new("demo", "1.0.0").done(&host);
    assert!(host.remove(&demo.key()));
    let path = "/api/v1/crates/demo/1.0.0/download";
    assert_told(&get(&host, path), 500, "damaged");
    assert!(host.log().iter().any(|line| format!("{line:?}").contains(&demo.key())));
    assert_told(&get(&host, "/api/v1/crates/demo/2.0.0/download"), 404, "no version 2.0.0");
}

/// The index that an earlier version wrote was lost, and somebody published the next version before
/// it was noticed.
#[test]
fn what_an_index_without_a_proof_that_was_lost_had_named_stays() {
    let host = host();
    three_versions(&host);
    host.set_now(host.now() + DAY);
    lose_unproven(&host);
    Publish::new("demo", "2.0.0").done(&host);
    host.set_now(host.now() + 3 * DAY);
    let before = host.objects();
    let run = collect(&host);
    assert_eq!((run.left_over, host.objects()), (Vec::new(), before));
    assert_eq!(run.orphans.len(), 3, "{:?}", run.lines);
    assert!(run.lines.iter().any(|line| line.contains("older than its document")), "{:?}", run.lines);
    let ordered = host.upkeep().removing_orphans().collect::<Cargo>().unwrap();
    assert_eq!(ordered.left_over.len(), 3);
}

#[test]
fn other_bytes_do_not_replace_the_last_copy_of_a_version() {
    let host = host();
    let first = Publish::new("demo", "1.0.0").done(&host);
    Publish::new("demo", "1.1.0").done(&host);
    let other = || Publish::with_manifest("demo", "1.0.0", "description = \"others\"\n");
    lose_unproven(&host);
    host.set_now(host.now() + 2 * GRACE);
    // What is refused may take the name.
    let stored = |host: &Host| {
        host.objects().into_iter().filter(|key| !key.starts_with("owners/")).collect::<Vec<_>>()
    };
    let before = stored(&host);
    assert_told(&other().send(&host.as_user("ann")), 500, "damaged");
    assert!(host.log().iter().any(|line| format!("{line:?}").contains("gc --orphans")));
    assert_eq!(stored(&host), before);
    assert_eq!(host.object(&first.key()), Some(first.file));
    // A new version begins an index, which is younger than the file.
    assert!(host.remove("owners/demo.json"));
    Publish::new("demo", "2.0.0").done(&host);
    assert_told(&other().send(&host.as_user("ann")), 500, "damaged");
    // The same bytes may always be published.
    Publish::new("demo", "1.0.0").done(&host);
    assert_eq!(versions(&host, "/de/mo/demo"), ["2.0.0", "1.0.0"]);
}

#[test]
fn owners_that_are_lost_are_reported_by_reindex_and_not_written() {
    let host = host();
    three_versions(&host);
    host.remove("owners/demo.json");
    for _ in 0..2 {
        let run = host.upkeep().reindex::<Cargo>().unwrap();
        assert_eq!(run.damaged, ["owners/demo.json"], "{:?}", run.lines);
        assert_eq!(host.object("owners/demo.json"), None);
    }
}

#[test]
fn a_damaged_index_is_reported_by_reindex_and_its_entry_in_the_catalog_stays() {
    let host = host();
    three_versions(&host);
    Publish::new("other", "1.0.0").done(&host);
    host.upkeep().reindex::<Cargo>().unwrap();
    let newest = |name: &str| host.object_json("catalog.json")["crates"][name]["newest"].clone();
    assert_eq!(newest("demo"), "1.2.0");
    for (bytes, version) in [("", "1.1.0"), ("garbage", "1.2.0"), ("{}", "1.3.0")] {
        host.insert(INDEX, bytes).unwrap();
        Publish::new("other", version).done(&host);
        for run in [host.upkeep().dry_run().reindex::<Cargo>(), host.upkeep().reindex::<Cargo>()] {
            let run = run.unwrap();
            assert_eq!((run.damaged, run.rebuilt), (vec![INDEX.to_owned()], Vec::new()));
        }
        assert_eq!((newest("demo"), newest("other")), ("1.2.0".into(), version.into()));
        let run = host.upkeep().reindex::<Cargo>().unwrap();
        assert_eq!((run.damaged, run.rebuilt), (vec![INDEX.to_owned()], Vec::new()));
        // Neither is it "not there".
        let reply = get(&host, "/api/v1/crates/demo/1.0.0/download");
        assert_told(&reply, 500, "damaged");
    }
}

#[test]
fn owners_of_another_crate_are_damage() {
    let host = host().user("cat", &["cargo:crate:*:owner"]);
    three_versions(&host);
    host.insert("owners/demo.json", r#"{"name":"other","owners":["eve"]}"#).unwrap();
    let body = json!({ "users": ["bob"] });
    let reply = host.as_user("cat").put("/api/v1/crates/demo/owners").json(&body).send::<Cargo>();
    assert_told(&reply, 500, "damaged");
    assert_told(&get(&host, "/api/v1/crates/demo/owners"), 500, "damaged");
    let yank = host.as_user("bob").delete("/api/v1/crates/demo/1.0.0/yank").send::<Cargo>();
    assert_told(&yank, 500, "damaged");
    assert!(host.log().iter().any(|line| format!("{line:?}").contains("owners/demo.json")));
    for run in [host.upkeep().verify::<Cargo>().unwrap(), collect(&host)] {
        assert_eq!(run.damaged, ["owners/demo.json"], "{:?}", run.lines);
    }
}

#[test]
fn a_crate_behind_one_that_fills_a_step_is_verified_too() {
    let host = host();
    // As many versions as one step does.
    let many: String = (0..200).map(|number| line("many", &format!("1.0.{number}"), "aa")).collect();
    host.insert("index/ma/ny/many", many).unwrap();
    host.insert("index/ot/he/other", line("other", "1.0.0", "aa")).unwrap();
    let damaged = host.upkeep().verify::<Cargo>().unwrap().damaged;
    assert_eq!(damaged.len(), 201);
    assert!(damaged.contains(&"crates/other/other-1.0.0.crate".to_owned()));
}

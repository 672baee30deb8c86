//! An index file that was lost: nothing takes it for one that never existed.

use super::*;
use packhouse_plugin::storage::GRACE;

const INDEX: &str = "index/de/mo/demo";
const PROOF: &str = "proofs/index/de/mo/demo";
const FILE: &str = "crates/Demo/Demo-1.0.0.crate";
const OWNERS: &str = "owners/demo.json";
const DAY: u64 = 24 * 60 * 60 * 1000;

/// Two versions, and then the index file is lost.
fn lost_after(milliseconds: u64) -> Host {
    let host = host().user("cat", &["cargo:crate:*:read", "cargo:crate:*:owner"]);
    for version in ["1.0.0", "1.1.0"] {
        Publish::new("Demo", version).done(&host);
    }
    host.set_now(host.now() + milliseconds);
    assert!(host.remove(INDEX));
    host
}

fn other_bytes() -> Publish {
    Publish::with_manifest("Demo", "1.0.0", "description = \"others\"\n")
}

type Request = fn(&Host) -> Reply;

const REQUESTS: [(&str, Request); 12] = [
    ("read", |host| get(host, "/de/mo/demo")),
    ("read below index", |host| get(host, "/index/de/mo/demo")),
    ("download", |host| get(host, "/api/v1/crates/Demo/1.0.0/download")),
    ("list owners", |host| get(host, "/api/v1/crates/Demo/owners")),
    ("publish the same", |host| Publish::new("Demo", "1.0.0").send(&host.as_user("ann"))),
    ("publish other bytes", |host| other_bytes().send(&host.as_user("ann"))),
    ("publish a new version", |host| Publish::new("Demo", "2.0.0").send(&host.as_user("ann"))),
    ("publish in another case", |host| Publish::new("demo", "2.0.0").send(&host.as_user("ann"))),
    ("yank", |host| host.as_user("ann").delete("/api/v1/crates/Demo/1.0.0/yank").send::<Cargo>()),
    ("unyank", |host| host.as_user("ann").put("/api/v1/crates/Demo/1.0.0/unyank").send::<Cargo>()),
    ("add an owner", |host| {
        let body = json!({ "users": ["bob"] });
        host.as_user("cat").put("/api/v1/crates/Demo/owners").json(&body).send::<Cargo>()
    }),
    ("remove an owner", |host| {
        let body = json!({ "users": ["ann"] });
        host.as_user("cat").delete("/api/v1/crates/Demo/owners").json(&body).send::<Cargo>()
    }),
];

#[test]
fn every_request_answers_a_logged_500_and_changes_nothing() {
    for age in [0, 1000, 2 * GRACE, 2 * DAY] {
        for (what, request) in REQUESTS {
            let host = lost_after(age);
            let before = (host.objects(), host.object(FILE), host.object(OWNERS));
            assert_told(&request(&host), 500, "damaged");
            let is_logged = |text: &str| host.log().iter().any(|line| format!("{line:?}").contains(text));
            assert!(is_logged(INDEX) && is_logged("restore it"), "{what}");
            assert_eq!(
                (host.objects(), host.object(FILE), host.object(OWNERS)),
                before,
                "{what} after {age}"
            );
        }
    }
}

#[test]
fn a_name_that_is_too_much_like_it_does_not_take_over_its_owners() {
    for spelled in ["my_crate", "My-Crate"] {
        let host = host();
        Publish::new("my-crate", "1.0.0").done(&host);
        assert!(host.remove("index/my/-c/my-crate"));
        host.set_now(host.now() + DAY);
        let before = (host.objects(), host.object("owners/my-crate.json"));
        assert_told(&Publish::new(spelled, "1.0.0").send(&host.as_user("ann")), 500, "damaged");
        assert_eq!((host.objects(), host.object("owners/my-crate.json")), before, "{spelled}");
    }
}

#[test]
fn maintenance_names_it_and_removes_nothing() {
    for age in [0, 1000, 2 * GRACE, 2 * DAY] {
        for are_files_lost in [false, true] {
            let host = lost_after(age);
            host.upkeep().reindex::<Cargo>().unwrap();
            if are_files_lost {
                for version in ["1.0.0", "1.1.0"] {
                    assert!(host.remove(&format!("crates/Demo/Demo-{version}.crate")));
                }
            }
            let before = host.objects();
            assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, [INDEX]);
            let run = host.upkeep().older_than(0).collect::<Cargo>().unwrap();
            assert_eq!((run.damaged, run.left_over.len()), (vec![INDEX.to_owned()], 0));
            let run = host.upkeep().reindex::<Cargo>().unwrap();
            assert_eq!((run.damaged, run.rebuilt.len()), (vec![INDEX.to_owned()], 0));
            assert_eq!(host.objects(), before);
        }
    }
}

#[test]
fn it_is_restored_or_the_operator_lets_it_go() {
    let host = lost_after(DAY);
    let ordered = host.upkeep().older_than(0).removing_orphans().collect::<Cargo>().unwrap();
    assert_eq!((ordered.left_over.len(), ordered.damaged.len()), (4, 0), "{:?}", ordered.lines);
    assert_eq!(host.objects(), ["config.json"]);
    assert_eq!(get(&host, "/de/mo/demo").status(), 404);
    other_bytes().done(&host);

    let index = host.object(INDEX).unwrap();
    assert!(host.remove(INDEX));
    assert_eq!(get(&host, "/de/mo/demo").status(), 500);
    host.insert(INDEX, index).unwrap();
    assert_eq!(get(&host, "/de/mo/demo").status(), 200);
    assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, Vec::<String>::new());

    // Without the proof, its owners tell that it was there.
    assert!(host.remove(INDEX) && host.remove(PROOF));
    assert_eq!(get(&host, "/de/mo/demo").status(), 404);
    assert_told(&Publish::new("Demo", "3.0.0").send(&host.as_user("ann")), 500, "damaged");
    assert!(host.remove(OWNERS));
    Publish::new("Demo", "3.0.0").done(&host);
}

#[test]
fn a_first_publish_that_was_killed_leaves_the_name_free() {
    let host = host();
    host.insert(OWNERS, json!({ "name": "Demo", "owners": ["bob"] }).to_string()).unwrap();
    host.insert(FILE, other_bytes().file).unwrap();
    assert_eq!(get(&host, "/de/mo/demo").status(), 404);
    host.set_now(host.now() + 2 * GRACE);
    Publish::new("Demo", "1.0.0").done(&host);
    assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn an_index_of_an_earlier_version_gets_its_proof_from_a_publish_or_a_reindex() {
    for how in ["publish", "reindex"] {
        let host = host();
        Publish::new("Demo", "1.0.0").done(&host);
        host.upkeep().reindex::<Cargo>().unwrap();
        assert!(host.remove(PROOF));
        assert_eq!(get(&host, "/de/mo/demo").status(), 200);
        if how == "publish" {
            Publish::new("Demo", "1.1.0").done(&host);
        } else {
            assert!(host.upkeep().reindex::<Cargo>().unwrap().rebuilt.is_empty(), "nothing was wrong");
        }
        assert!(host.remove(INDEX));
        assert_eq!(get(&host, "/de/mo/demo").status(), 500, "{how}");
    }
}

#[test]
fn a_reindex_tells_what_was_wrong_with_the_catalog_and_nothing_else() {
    let host = host();
    Publish::new("Demo", "1.0.0").done(&host);
    let rebuilt = |host: &Host| {
        let dry = host.upkeep().dry_run().reindex::<Cargo>().unwrap().rebuilt;
        let rebuilt = host.upkeep().reindex::<Cargo>().unwrap().rebuilt;
        assert_eq!(dry, rebuilt);
        rebuilt
    };
    assert_eq!(rebuilt(&host), ["catalog.json"], "it was missing");
    let newest = || host.object_json("catalog.json")["crates"]["demo"]["newest"].clone();
    // No publish writes it, so one that is behind is as it should be.
    for version in ["1.1.0", "1.2.0"] {
        Publish::new("Demo", version).done(&host);
        assert_eq!(rebuilt(&host), Vec::<String>::new());
        assert_eq!(newest(), version);
    }
    for damaged in ["", "null", "[]", "{", "{}", r#"{"crates":[]}"#] {
        host.insert("catalog.json", damaged).unwrap();
        assert_eq!(rebuilt(&host), ["catalog.json"], "{damaged}");
        assert_eq!(newest(), "1.2.0");
        assert_eq!(rebuilt(&host), Vec::<String>::new());
    }
}

//! An index file that is an older copy of itself, or has lost a line: nothing is built on it, and
//! nothing of what it had named is replaced.

use super::*;
use packhouse_plugin::ownership::Thing;
use packhouse_plugin::storage::GRACE;
use packhouse_plugin::testing::{Change, Older};

const INDEX: &str = "index/de/mo/demo";
const PROOF: &str = "proofs/index/de/mo/demo";
const OWNERS: &str = "owners/demo.json";
const OWNERS_PROOF: &str = "proofs/owners/demo.json";
const DAY: u64 = 24 * 60 * 60 * 1000;

/// Two versions, and then the index of before the second is restored.
const OLDER: Older = Older {
    document: INDEX,
    begin: || {
        let host = host();
        Publish::new("demo", "1.0.0").done(&host);
        host
    },
    go_on: |host| {
        Publish::new("demo", "1.1.0").done(host);
        host.upkeep().reindex::<Cargo>().unwrap();
    },
};

/// bob owns the crate beside ann, until he is removed; and then the list of before is restored.
const LIST: Older = Older {
    document: OWNERS,
    begin: || {
        let host = host();
        Publish::new("demo", "1.0.0").done(&host);
        change_owners(&host, "PUT", &["bob"]);
        host
    },
    go_on: |host| change_owners(host, "DELETE", &["bob"]),
};

fn owners(actor: &Actor, method: &str, users: &[&str]) -> Reply {
    let path = "/api/v1/crates/demo/owners";
    let request = if method == "PUT" { actor.put(path) } else { actor.delete(path) };
    request.json(&json!({ "users": users })).send::<Cargo>()
}

#[track_caller]
fn change_owners(host: &Host, method: &str, users: &[&str]) {
    let reply = owners(&host.as_user("ann"), method, users);
    assert_eq!(reply.status(), 200, "{}", reply.text());
}

fn other_bytes() -> Publish {
    Publish::with_manifest("demo", "1.1.0", "description = \"others\"\n")
}

#[test]
fn every_change_answers_a_logged_500_and_changes_nothing() {
    OLDER.assert_refused(&[
        ("publish the same", |host| Publish::new("demo", "1.1.0").send(&host.as_user("ann"))),
        ("publish other bytes", |host| other_bytes().send(&host.as_user("ann"))),
        ("publish a new version", |host| Publish::new("demo", "2.0.0").send(&host.as_user("ann"))),
        ("yank", |host| host.as_user("ann").delete("/api/v1/crates/demo/1.0.0/yank").send::<Cargo>()),
    ]);
}

#[test]
fn a_yank_that_an_older_copy_does_not_know_is_lost_and_noticed() {
    let host = host();
    Publish::new("demo", "1.0.0").done(&host);
    for action in ["yank", "unyank"] {
        let older = host.object(INDEX).unwrap();
        let path = format!("/api/v1/crates/demo/1.0.0/{action}");
        let ann = host.as_user("ann");
        let request = if action == "yank" { ann.delete(&path) } else { ann.put(&path) };
        assert_eq!(request.send::<Cargo>().status(), 200);
        let newest = host.object(INDEX).unwrap();
        host.insert(INDEX, older).unwrap();
        assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, [INDEX]);
        assert_told(&Publish::new("demo", "2.0.0").send(&ann), 500, "damaged");
        host.insert(INDEX, newest).unwrap();
        assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, Vec::<String>::new());
    }
}

#[test]
fn a_reindex_undoes_no_yank_and_no_unyank() {
    fn set(host: &Host, version: &str, action: &str) {
        let path = format!("/api/v1/crates/demo/{version}/{action}");
        let ann = host.as_user("ann");
        let request = if action == "yank" { ann.delete(&path) } else { ann.put(&path) };
        assert_eq!(request.send::<Cargo>().status(), 200);
    }
    fn yanks(index: &[u8]) -> Vec<(String, bool)> {
        let lines = crate::document::Index::new(index).lines();
        let mut yanks: Vec<_> = lines.map(|line| (line.vers.to_string(), line.is_yanked())).collect();
        yanks.sort();
        yanks
    }
    let changed = Older {
        begin: || {
            let host = (OLDER.begin)();
            Publish::new("demo", "1.0.1").done(&host);
            set(&host, "1.0.1", "yank");
            host
        },
        go_on: |host| {
            Publish::new("demo", "1.1.0").done(host);
            set(host, "1.1.0", "yank");
            set(host, "1.0.0", "yank");
            set(host, "1.0.1", "unyank");
            // A change that is about something else comes after it.
            Publish::new("demo", "1.2.0").done(host);
            host.upkeep().reindex::<Cargo>().unwrap();
        },
        ..OLDER
    };
    changed.assert_made_anew::<Cargo>(|host, newest| {
        let stored = yanks(&host.object(INDEX).unwrap());
        assert_eq!(stored, yanks(newest));
        let yanked: Vec<&str> =
            stored.iter().filter(|(_, yanked)| *yanked).map(|(version, _)| version.as_str()).collect();
        assert_eq!(yanked, ["1.0.0", "1.1.0"]);
    });
}

#[test]
fn maintenance_names_it_and_removes_nothing() {
    OLDER.assert_kept::<Cargo>();
}

#[test]
fn an_older_list_gives_nobody_back_what_they_had() {
    const BY_BOB: [Change; 4] = [
        ("publish", |host| Publish::new("demo", "1.1.0").send(&host.as_user("bob"))),
        ("yank", |host| host.as_user("bob").delete("/api/v1/crates/demo/1.0.0/yank").send::<Cargo>()),
        ("add an owner", |host| owners(&host.as_user("bob"), "PUT", &["eve"])),
        ("remove an owner", |host| owners(&host.as_user("bob"), "DELETE", &["ann"])),
    ];
    LIST.assert_refused(&BY_BOB);
    LIST.assert_refused(&[
        ("add an owner", |host| owners(&host.as_user("ann"), "PUT", &["eve"])),
        ("add one who is listed", |host| owners(&host.as_user("ann"), "PUT", &["bob"])),
    ]);
    // The first list, and one that an earlier version wrote.
    let first = Older { begin: OLDER.begin, go_on: |host| change_owners(host, "PUT", &["bob"]), ..LIST };
    first.assert_refused(&[("add an owner", |host| owners(&host.as_user("ann"), "PUT", &["eve"]))]);
    let unstamped = Older {
        begin: || {
            let host = (LIST.begin)();
            unstamp(&host, OWNERS);
            assert!(host.remove(OWNERS_PROOF));
            host
        },
        ..LIST
    };
    unstamped.assert_refused(&BY_BOB);
    first.assert_kept::<Cargo>();
    for list in [LIST, unstamped] {
        list.assert_kept::<Cargo>();
        let (host, newest) = list.restored(DAY, true);
        let holder = host.holder("ann");
        assert!(host.disown::<Cargo>(&holder, &Thing::new("crate", "demo")).is_err());
        for user in ["ann", "bob"] {
            let answer = host.owned_by::<Cargo>(&host.holder(user)).unwrap_err().to_string();
            assert!(answer.contains(OWNERS) && answer.contains("it is an older copy"), "{answer}");
            assert!(format!("{:?}", host.log()).contains("it is an older copy"), "{:?}", host.log());
        }
        // Who has a grant needs no list.
        Publish::new("demo", "1.1.0").done(&host);
        // What is stored says nothing else of owners.
        let run = host.upkeep().reindex::<Cargo>().unwrap();
        assert!(!run.rebuilt.contains(&OWNERS.to_owned()));
        assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, [OWNERS]);
        host.insert(OWNERS, newest).unwrap();
        assert_eq!(Publish::new("demo", "1.2.0").send(&host.as_user("bob")).status(), 403);
        change_owners(&host, "PUT", &["eve"]);
        assert_eq!(Publish::new("demo", "1.2.0").send(&host.as_user("eve")).status(), 200);
    }
}

#[test]
fn a_list_without_its_document_is_not_begun_anew() {
    let (host, newest) = LIST.restored(0, true);
    assert!(host.remove(OWNERS));
    assert_told(&owners(&host.as_user("ann"), "PUT", &["eve"]), 500, "damaged");
    assert_eq!(Publish::new("demo", "1.1.0").send(&host.as_user("bob")).status(), 403);
    for run in [host.upkeep().verify::<Cargo>(), host.upkeep().reindex::<Cargo>()] {
        assert_eq!(run.unwrap().damaged, [OWNERS]);
    }
    let run = host.upkeep().older_than(0).removing_orphans().collect::<Cargo>().unwrap();
    assert_eq!((run.damaged, run.left_over.len()), (vec![OWNERS.to_owned()], 0));
    assert!(host.object(OWNERS_PROOF).is_some());
    host.insert(OWNERS, newest).unwrap();
    assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, Vec::<String>::new());
    // The operator begins without the list.
    assert!(host.remove(OWNERS) && host.remove(OWNERS_PROOF));
    change_owners(&host, "PUT", &["eve"]);
}

#[test]
fn a_reindex_protects_the_list_that_an_earlier_version_wrote() {
    let host = host();
    Publish::new("demo", "1.0.0").done(&host);
    change_owners(&host, "PUT", &["bob"]);
    let older = unstamp(&host, OWNERS);
    assert!(host.remove(OWNERS_PROOF));
    change_owners(&host, "DELETE", &["bob"]);
    let newest = unstamp(&host, OWNERS);
    assert!(host.remove(OWNERS_PROOF));
    assert_eq!(Publish::new("demo", "1.1.0").send(&host.as_user("bob")).status(), 403);
    host.upkeep().dry_run().reindex::<Cargo>().unwrap();
    assert_eq!(host.object(OWNERS), Some(newest.clone()));
    host.upkeep().reindex::<Cargo>().unwrap();
    let said: Value = serde_json::from_slice(&newest).unwrap();
    assert_eq!(host.object_json(OWNERS), said);
    let before = host.object_info(OWNERS);
    host.upkeep().reindex::<Cargo>().unwrap();
    assert_eq!(host.object_info(OWNERS), before);
    assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, Vec::<String>::new());
    host.insert(OWNERS, older).unwrap();
    assert_told(&Publish::new("demo", "1.1.0").send(&host.as_user("bob")), 500, "damaged");
    assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, [OWNERS]);
}

#[test]
fn the_list_of_a_crate_that_the_operator_lets_go_goes_with_its_proof() {
    let (host, newest) = LIST.restored(0, true);
    host.insert(OWNERS, newest).unwrap();
    for key in [INDEX, PROOF, "crates/demo/demo-1.0.0.crate"] {
        assert!(host.remove(key));
    }
    host.set_now(host.now() + 2 * DAY);
    let run = host.upkeep().older_than(0).removing_orphans().collect::<Cargo>().unwrap();
    assert_eq!((run.left_over, run.damaged.len()), (vec![OWNERS.to_owned()], 0));
    assert_eq!(host.object(OWNERS_PROOF), None);
    Publish::new("Demo", "1.0.0").done(&host);
}

/// What a publish costs is part of what it promises: see `sdk/tests/proofs.rs`.
#[test]
fn the_proof_of_a_list_costs_one_call_of_the_store() {
    let cost = |publish: &dyn Fn(&Host) -> Reply, host: &Host| {
        let before = host.store_calls();
        assert_eq!(publish(host).status(), 200);
        host.store_calls() - before
    };
    let host = (LIST.begin)();
    let by_grant = cost(&|host| Publish::new("demo", "1.1.0").send(&host.as_user("ann")), &host);
    let by_owner = cost(&|host| Publish::new("demo", "1.2.0").send(&host.as_user("bob")), &host);
    // The list is read three times, and its proof once.
    assert_eq!(by_owner - by_grant, 4);
    let first = cost(&|host| Publish::new("other", "1.0.0").send(&host.as_user("ann")), &host);
    println!("a first version, another one, another one by an owner: {:?}", (first, by_grant, by_owner));
}

/// As an earlier version wrote it.
fn unstamp(host: &Host, key: &str) -> Vec<u8> {
    let text = String::from_utf8(host.object(key).unwrap()).unwrap();
    let lines: String = text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    host.insert(key, &lines).unwrap();
    lines.into_bytes()
}

#[test]
fn a_reindex_makes_the_lost_line_anew_from_the_file() {
    OLDER.assert_made_anew::<Cargo>(|host, newest| {
        let newest = str::from_utf8(newest).unwrap().lines();
        let newest: Vec<Value> = newest.map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines(host, "/de/mo/demo"), newest, "with the time of its publication");
        assert_told(&other_bytes().send(&host.as_user("ann")), 409, "already uploaded");
        Publish::new("demo", "1.2.0").done(host);
    });
}

/// By a hand: the count of lines is right.
#[test]
fn a_version_that_an_index_does_not_name_any_more_keeps_its_bytes() {
    let (host, newest) = OLDER.restored(0, false);
    let text = String::from_utf8(newest).unwrap().replace("\"index_lines\":2", "\"index_lines\":1");
    host.insert(INDEX, text.lines().next().unwrap()).unwrap();
    host.set_now(host.now() + 2 * DAY);
    assert_told(&other_bytes().send(&host.as_user("ann")), 500, "damaged");
    assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, [INDEX]);
    let run = host.upkeep().older_than(0).collect::<Cargo>().unwrap();
    assert_eq!((run.damaged, run.left_over.len()), (vec![INDEX.to_owned()], 0));
    assert_eq!(host.upkeep().reindex::<Cargo>().unwrap().rebuilt, [INDEX]);
    assert_eq!(versions(&host, "/de/mo/demo"), ["1.0.0", "1.1.0"]);
}

#[test]
fn a_crate_whose_index_and_proof_are_lost_keeps_its_name_and_its_owners() {
    for age in [0, 1000, 2 * GRACE, 2 * DAY] {
        for (spelled, by) in [("my_crate", "bob"), ("My-Crate", "bob"), ("my-crate", "bob")] {
            for are_files_lost in [false, true] {
                let host = host().user("bob", &["cargo:crate:*:write"]);
                Publish::new("my-crate", "1.0.0").done(&host);
                assert!(host.remove("index/my/-c/my-crate") && host.remove("proofs/index/my/-c/my-crate"));
                if are_files_lost {
                    assert!(host.remove("crates/my-crate/my-crate-1.0.0.crate"));
                }
                host.set_now(host.now() + age);
                let before = (host.objects(), host.object("owners/my-crate.json"));
                let reply = Publish::new(spelled, "2.0.0").send(&host.as_user(by));
                assert_told(&reply, 500, "damaged");
                assert_eq!((host.objects(), host.object("owners/my-crate.json")), before, "{spelled}");
            }
        }
    }
}

/// A version before 0.1.1 did not write down that a version was published.
#[test]
fn the_files_of_a_crate_tell_that_its_name_is_taken() {
    for spelled in ["my_crate", "my-crate"] {
        let host = host();
        for version in ["1.0.0", "1.1.0"] {
            Publish::new("my-crate", version).done(&host);
        }
        let mut owners = host.object_json("owners/my-crate.json");
        assert_eq!(owners.as_object_mut().unwrap().remove("published"), Some(json!(true)));
        host.insert("owners/my-crate.json", owners.to_string()).unwrap();
        assert!(host.remove("index/my/-c/my-crate") && host.remove("proofs/index/my/-c/my-crate"));
        host.set_now(host.now() + 2 * GRACE);
        assert_told(&Publish::new(spelled, "2.0.0").send(&host.as_user("ann")), 500, "damaged");
        assert_eq!(host.object_json("owners/my-crate.json"), owners);
    }
}

#[test]
fn owners_without_a_crate_that_was_published_are_named_and_stay_until_the_operator_lets_them_go() {
    let host = host();
    Publish::new("demo", "1.0.0").done(&host);
    for key in [INDEX, PROOF, "crates/demo/demo-1.0.0.crate"] {
        assert!(host.remove(key));
    }
    host.set_now(host.now() + 2 * DAY);
    assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, [INDEX]);
    let run = host.upkeep().older_than(0).collect::<Cargo>().unwrap();
    assert_eq!((run.damaged, run.left_over.len()), (vec![INDEX.to_owned()], 0));
    let run = host.upkeep().older_than(0).removing_orphans().collect::<Cargo>().unwrap();
    assert_eq!(run.left_over, [OWNERS]);
    Publish::new("Demo", "1.0.0").done(&host);
}

#[test]
fn a_reindex_writes_down_what_an_index_of_an_earlier_version_names() {
    let (host, newest) = OLDER.restored(0, false);
    host.insert(INDEX, newest).unwrap();
    let newest = String::from_utf8(unstamp(&host, INDEX)).unwrap();
    assert!(host.remove(PROOF));
    assert_eq!(host.upkeep().reindex::<Cargo>().unwrap().rebuilt, Vec::<String>::new());
    let line = newest.replace("\"index_lines\":2", "\"index_lines\":1");
    host.insert(INDEX, line.lines().next().unwrap()).unwrap();
    host.set_now(host.now() + 2 * DAY);
    assert_told(&other_bytes().send(&host.as_user("ann")), 500, "damaged");
    assert_eq!(host.upkeep().reindex::<Cargo>().unwrap().rebuilt, [INDEX]);
    let lines: Vec<Value> = newest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(super::lines(&host, "/de/mo/demo"), lines, "with the time of its publication");
}

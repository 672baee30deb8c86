//! An index file that is an older copy of itself, or has lost a line: nothing is built on it, and
//! nothing of what it had named is replaced.

use super::*;
use packhouse_plugin::storage::GRACE;

/// A request that changes something.
type Request = fn(&Host) -> Reply;

const INDEX: &str = "index/de/mo/demo";
const PROOF: &str = "proofs/index/de/mo/demo";
const LOST: &str = "crates/demo/demo-1.1.0.crate";
const OWNERS: &str = "owners/demo.json";
const DAY: u64 = 24 * 60 * 60 * 1000;

/// Two versions, and then the index of before the second is restored. `is_aged`: at once, and then time
/// goes by.
fn restored(age: u64, is_aged: bool) -> (Host, Vec<u8>) {
    let host = host();
    Publish::new("demo", "1.0.0").done(&host);
    let older = host.object(INDEX).unwrap();
    Publish::new("demo", "1.1.0").done(&host);
    host.upkeep().reindex::<Cargo>().unwrap();
    let newest = host.object(INDEX).unwrap();
    if is_aged {
        host.insert(INDEX, &older).unwrap();
    }
    host.set_now(host.now() + age);
    if !is_aged {
        host.insert(INDEX, &older).unwrap();
    }
    (host, newest)
}

fn other_bytes() -> Publish {
    Publish::with_manifest("demo", "1.1.0", "description = \"others\"\n")
}

#[test]
fn every_change_answers_a_logged_500_and_changes_nothing() {
    for (age, is_aged) in [(0, true), (1000, true), (2 * GRACE, true), (2 * GRACE, false), (2 * DAY, true)] {
        let requests: [(&str, Request); 4] = [
            ("publish the same", |host| Publish::new("demo", "1.1.0").send(&host.as_user("ann"))),
            ("publish other bytes", |host| other_bytes().send(&host.as_user("ann"))),
            ("publish a new version", |host| Publish::new("demo", "2.0.0").send(&host.as_user("ann"))),
            ("yank", |host| host.as_user("ann").delete("/api/v1/crates/demo/1.0.0/yank").send::<Cargo>()),
        ];
        for (what, request) in requests {
            let (host, _) = restored(age, is_aged);
            let before = (host.objects(), host.object(INDEX), host.object(LOST));
            assert_told(&request(&host), 500, "damaged");
            let is_logged = |text: &str| host.log().iter().any(|line| format!("{line:?}").contains(text));
            assert!(is_logged(INDEX) && is_logged("reindex"), "{what}");
            assert_eq!((host.objects(), host.object(INDEX), host.object(LOST)), before, "{what} after {age}");
        }
    }
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
fn maintenance_names_it_and_removes_nothing() {
    for (age, is_aged) in [(0, true), (2 * GRACE, false), (2 * DAY, true), (2 * DAY, false)] {
        let (host, newest) = restored(age, is_aged);
        let before = host.objects();
        assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, [INDEX]);
        for run in [host.upkeep(), host.upkeep().removing_orphans()] {
            let run = run.older_than(0).collect::<Cargo>().unwrap();
            assert_eq!((run.damaged, run.left_over.len()), (vec![INDEX.to_owned()], 0));
        }
        assert_eq!(host.objects(), before);
        host.insert(INDEX, newest).unwrap();
        assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, Vec::<String>::new());
        Publish::new("demo", "1.2.0").done(&host);
    }
}

#[test]
fn a_reindex_makes_the_lost_line_anew_from_the_file() {
    let (host, newest) = restored(2 * DAY, true);
    assert_eq!(host.upkeep().dry_run().reindex::<Cargo>().unwrap().rebuilt, [INDEX]);
    assert_eq!(host.upkeep().reindex::<Cargo>().unwrap().rebuilt, [INDEX]);
    let newest: Vec<Value> =
        String::from_utf8(newest).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines(&host, "/de/mo/demo"), newest, "with the time of its publication");
    for run in [host.upkeep().verify::<Cargo>(), host.upkeep().reindex::<Cargo>()] {
        let run = run.unwrap();
        assert_eq!((run.damaged.len(), run.rebuilt.len()), (0, 0), "{:?}", run.lines);
    }
    assert_told(&other_bytes().send(&host.as_user("ann")), 409, "already uploaded");
    Publish::new("demo", "1.2.0").done(&host);
}

/// By a hand: the count of lines is right.
#[test]
fn a_version_that_an_index_does_not_name_any_more_keeps_its_bytes() {
    let (host, newest) = restored(0, false);
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
    let (host, newest) = restored(0, false);
    let unstamped =
        |text: &str| text.lines().map(|line| format!("{}\n", line.trim_end())).collect::<String>();
    let newest = unstamped(&String::from_utf8(newest).unwrap());
    host.insert(INDEX, &newest).unwrap();
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

//! What must not get lost beside the document: the name on the list, the security advisories, and the notes.

use packhouse_plugin::testing::Older;
use packhouse_plugin::time::{DAY, HOUR};

use super::*;

const DOCUMENT: &str = "packages/acme/lib/metadata.json";
const ADVISORIES: &str = "packages/acme/lib/advisories.json";
const PROOF: &str = "proofs/packages/acme/lib/advisories.json";

fn available(host: &Host) -> Value {
    get(host, "/packages.json").json()["available-packages"].clone()
}

fn publish_other(host: &Host, name: &str) {
    let dist = samples::library(name, &json!({}));
    assert_eq!(upload(host, &format!("/packages/{name}?version=1.0.0"), dist).status(), 201);
}

/// Composer would install it from the next repository.
#[test]
fn a_package_whose_document_is_lost_or_damaged_stays_on_the_list() {
    for (damage, has_files) in [(None, true), (None, false), (Some("{"), true)] {
        let host = host();
        published(&host, "1.0.0");
        assert_eq!(available(&host), json!(["acme/lib"]));
        let document = host.object(DOCUMENT).unwrap();
        match damage {
            Some(damage) => drop(host.insert(DOCUMENT, damage).unwrap()),
            None => assert!(host.remove(DOCUMENT)),
        }
        if !has_files {
            let files = host.objects().into_iter().filter(|key| key.starts_with("packages/acme/lib/"));
            for key in files {
                assert!(host.remove(&key));
            }
        }
        publish_other(&host, "acme/new");
        assert_eq!(available(&host), json!(["acme/lib", "acme/new"]));
        assert_eq!(get(&host, "/p2/acme/lib.json").status(), 500);
        assert_eq!(get(&host, "/search.json?q=lib").json()["total"], 1);
        host.set_now(host.now() + 2 * HOUR);
        assert_eq!(available(&host), json!(["acme/lib", "acme/new"]));
        host.insert(DOCUMENT, document).unwrap();
        assert_eq!(available(&host), json!(["acme/lib", "acme/new"]));
        assert_eq!(delete(&host, "/packages/acme/lib").status(), 200);
        assert_eq!(available(&host), json!(["acme/new"]));
    }
}

#[test]
fn a_package_that_is_missing_from_the_list_is_told_and_comes_back() {
    for is_by_reindex in [true, false] {
        let host = host();
        published(&host, "1.0.0");
        publish_other(&host, "acme/new");
        available(&host);
        host.set_now(host.now() + HOUR / 2);
        assert_eq!(host.upkeep().verify::<Composer>().unwrap().damaged, Vec::<String>::new());
        let mut list = host.object_json("list.json");
        list["packages"] = json!(["acme/new"]);
        host.insert("list.json", list.to_string()).unwrap();
        assert_eq!(available(&host), json!(["acme/new"]));
        let run = host.upkeep().verify::<Composer>().unwrap();
        assert_eq!(run.damaged, ["list.json"]);
        assert!(run.lines.join("\n").contains("acme/lib"), "{:?}", run.lines);
        if is_by_reindex {
            assert_eq!(host.upkeep().reindex::<Composer>().unwrap().rebuilt, ["list.json"]);
        } else {
            publish_other(&host, "acme/third");
        }
        let listed = available(&host);
        assert!(listed.as_array().unwrap().contains(&json!("acme/lib")), "{listed}");
        assert_eq!(host.upkeep().verify::<Composer>().unwrap().damaged, Vec::<String>::new());
    }
}

fn advise(host: &Host, id: &str) -> Reply {
    let advisory = json!({ "title": id, "affectedVersions": "<1.2" }).to_string();
    let path = format!("/security-advisories/acme/lib/{id}");
    host.as_user("ann").put(&path).body(advisory).send::<Composer>()
}

fn audit(host: &Host) -> Reply {
    get(host, "/security-advisories/?packages[]=acme/lib&packages[]=acme/none")
}

const OLDER: Older = Older {
    document: ADVISORIES,
    begin: || {
        let host = host();
        published(&host, "1.0.0");
        assert_eq!(advise(&host, "A-1").status(), 200);
        host
    },
    go_on: |host| assert_eq!(advise(host, "A-2").status(), 200),
};

#[test]
fn older_advisories_are_refused() {
    OLDER.assert_refused(&[
        ("read", audit),
        ("write", |host| advise(host, "A-3")),
        ("write anew", |host| advise(host, "A-1")),
        ("delete", |host| delete(host, "/security-advisories/acme/lib/A-1")),
    ]);
    OLDER.assert_kept::<Composer>();
}

#[test]
fn advisories_that_were_lost_are_told() {
    let host = (OLDER.begin)();
    let document = host.object(ADVISORIES).unwrap();
    assert!(host.remove(ADVISORIES));
    assert_eq!(audit(&host).status(), 500);
    assert_eq!(advise(&host, "A-2").status(), 500);
    assert_eq!(host.upkeep().verify::<Composer>().unwrap().damaged, [ADVISORIES]);
    assert_eq!(host.upkeep().collect::<Composer>().unwrap().damaged, [ADVISORIES]);
    assert_eq!(host.upkeep().reindex::<Composer>().unwrap().damaged, [ADVISORIES]);
    host.insert(ADVISORIES, document).unwrap();
    assert_eq!(advise(&host, "A-2").status(), 200);
    assert_eq!(audit(&host).json()["advisories"]["acme/lib"].as_array().map(Vec::len), Some(2));
}

#[test]
fn advisories_of_an_earlier_version_get_a_proof() {
    let host = (OLDER.begin)();
    let document = host.object(ADVISORIES).unwrap();
    host.insert(ADVISORIES, document.trim_ascii_end()).unwrap();
    assert!(host.remove(PROOF));
    assert_eq!(audit(&host).status(), 200);
    assert_eq!(host.upkeep().reindex::<Composer>().unwrap().damaged, Vec::<String>::new());
    assert!(host.object(PROOF).is_some());
    assert_eq!(audit(&host).status(), 200);
    host.insert(ADVISORIES, document.trim_ascii_end()).unwrap();
    assert_eq!(audit(&host).status(), 500, "a copy without a stamp is older now");
}

#[test]
fn advisories_go_with_their_package() {
    let host = (OLDER.begin)();
    assert_eq!(delete(&host, "/packages/acme/lib").status(), 200);
    assert_eq!((host.object(ADVISORIES), host.object(PROOF)), (None, None));
    published(&host, "1.0.0");
    assert_eq!(audit(&host).json(), json!({ "advisories": {} }));
    assert_eq!(advise(&host, "A-1").status(), 200);
    // What a killed request leaves, with its mark.
    let (advisories, proof) = (host.object(ADVISORIES).unwrap(), host.object(PROOF).unwrap());
    host.remove(ADVISORIES);
    host.remove(PROOF);
    assert_eq!(delete(&host, "/packages/acme/lib").status(), 200);
    host.insert(ADVISORIES, advisories).unwrap();
    host.insert(PROOF, proof).unwrap();
    host.set_now(host.now() + 2 * DAY);
    assert_eq!(host.upkeep().verify::<Composer>().unwrap().orphans, [ADVISORIES]);
    let run = host.upkeep().removing_orphans().collect::<Composer>().unwrap();
    assert_eq!(run.left_over, [ADVISORIES, "deleted/acme/lib.json"]);
    assert_eq!((host.object(ADVISORIES), host.object(PROOF)), (None, None));
    assert_eq!(host.upkeep().verify::<Composer>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn a_note_that_is_lost_or_damaged_is_told_and_written_again() {
    for damage in [None, Some("{"), Some(r#"{"version":"2.0.0","time":"2020-01-02T03:04:05+00:00"}"#)] {
        let host = host();
        published(&host, "1.0.0");
        published(&host, "2.x-dev");
        let another = samples::library("acme/lib", &json!({ "description": "another" }));
        assert_eq!(upload(&host, "/packages/acme/lib?version=2.x-dev", another).status(), 201);
        let is_note = |key: &String| {
            key.starts_with("packages/") && key.strip_suffix(".json").is_some() && key != DOCUMENT
        };
        let notes: Vec<String> = host.objects().into_iter().filter(is_note).collect();
        assert_eq!(notes.len(), 3);
        let before: Vec<Value> = notes.iter().map(|note| host.object_json(note)).collect();
        for note in &notes {
            match damage {
                None => assert!(host.remove(note)),
                Some(damage) => drop(host.insert(note, damage).unwrap()),
            }
        }
        let mut told = host.upkeep().verify::<Composer>().unwrap().damaged;
        told.sort();
        assert_eq!(told, notes, "{damage:?}");
        let dry = host.upkeep().dry_run().reindex::<Composer>().unwrap().rebuilt;
        assert_eq!(dry.len(), 3);
        assert_eq!(host.upkeep().reindex::<Composer>().unwrap().rebuilt, dry);
        assert_eq!(host.upkeep().verify::<Composer>().unwrap().damaged, Vec::<String>::new());
        assert_eq!(host.upkeep().reindex::<Composer>().unwrap().rebuilt, Vec::<String>::new());
        let same = notes.iter().zip(&before).filter(|(note, before)| host.object_json(note) == **before);
        assert_eq!(same.count(), 2, "the document does not say who published an earlier dist of a branch");
    }
}

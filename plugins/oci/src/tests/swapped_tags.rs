//! Documents of tags that are those of another repository, or older copies without a stamp: no push builds
//! on them, maintenance names them, and a reindex sets the repository's own tags again.

use std::fmt::Write;

use super::maintenance::{DAY, collect, has_blob, wait};
use super::*;

const A: &str = "tags/a/tags.json";
const B: &str = "tags/b/tags.json";

/// Two repositories; `b` has a tag more, was tagged later, and has the layers of `a` too.
fn two() -> Host {
    let host = host();
    push(&host, "a", "v1", "one");
    push(&host, "a", "latest", "one");
    wait(&host, 1000);
    for (tag, layer) in [("v1", "two"), ("v2", "three"), ("latest", "one")] {
        push(&host, "b", tag, layer);
    }
    host
}

fn swap(host: &Host) {
    let (a, b) = (host.object(A).unwrap(), host.object(B).unwrap());
    host.insert(A, b).unwrap();
    host.insert(B, a).unwrap();
}

/// Without the stamp, as an editor leaves it.
fn trimmed(document: &[u8]) -> Vec<u8> {
    document.trim_ascii_end().to_vec()
}

type Request = fn(&Host) -> Reply;

const CHANGES: [(&str, Request); 4] = [
    ("push a tag", |host| put(&host.as_user("ann"), "a", "v1", &image("one"))),
    ("push another tag", |host| put(&host.as_user("ann"), "a", "v9", &image("one"))),
    ("delete a tag", |host| host.as_user("ann").delete("/v2/a/manifests/v1").send::<Oci>()),
    ("delete a manifest", |host| {
        let path = format!("/v2/a/manifests/{}", digest(image("one").to_string()));
        host.as_user("ann").delete(&path).send::<Oci>()
    }),
];

#[test]
fn the_tags_of_another_repository_are_not_served_and_not_changed() {
    let reads: [(&str, Request); 3] = [
        ("pull", |host| get(host, "/v2/a/manifests/latest")),
        ("pull a tag that is not there", |host| get(host, "/v2/a/manifests/v9")),
        ("list", |host| get(host, "/v2/a/tags/list")),
    ];
    for (what, request) in reads.iter().chain(&CHANGES) {
        for age in [0, DAY] {
            let host = two();
            swap(&host);
            wait(&host, age);
            let before = host.object(A);
            let reply = request(&host);
            assert_refused(&reply, 500, "UNKNOWN", "damaged");
            let is_logged = host.log().iter().any(|line| format!("{line:?}").contains(A));
            assert!(is_logged, "{what}: {:?}", host.log());
            assert_eq!(host.object(A), before, "{what}");
        }
    }
}

#[test]
fn maintenance_names_them_and_a_reindex_sets_the_own_tags_again() {
    for age in [0, 2 * DAY] {
        let host = two();
        let own = [A, B].map(|key| host.object_json(key));
        swap(&host);
        wait(&host, age);
        let both = [A.to_owned(), B.to_owned()];
        let run = host.upkeep().verify::<Oci>().unwrap();
        assert_eq!(run.damaged, both);
        assert!(run.lines.join("\n").contains("the tags of another repository"), "{:?}", run.lines);
        let run = collect(&host, 0);
        assert!(both.iter().all(|key| run.damaged.contains(key)) && run.left_over.is_empty());
        assert!(has_blob(&host, "two"));
        assert_eq!(host.upkeep().dry_run().reindex::<Oci>().unwrap().rebuilt, both);
        let run = host.upkeep().reindex::<Oci>().unwrap();
        assert_eq!((run.rebuilt.as_slice(), run.damaged.len()), (both.as_slice(), 0), "{:?}", run.lines);
        assert_eq!([A, B].map(|key| host.object_json(key)), own);
        for run in [host.upkeep().verify::<Oci>(), host.upkeep().reindex::<Oci>()] {
            let run = run.unwrap();
            assert_eq!((run.damaged.len(), run.rebuilt.len()), (0, 0), "{:?}", run.lines);
        }
        push(&host, "a", "v9", "one");
    }
}

#[test]
fn many_tags_of_another_repository_are_recognised_too() {
    let host = host();
    let image = push(&host, "a", "v1", "one");
    let mut many = "{".to_owned();
    for number in 0..15_000 {
        write!(many, "\"t{number}\":\"{image}\",").unwrap();
    }
    many.pop();
    many.push('}');
    host.insert(B, many).unwrap();
    push(&host, "b", "v1", "one");
    let many = host.object(B).unwrap();
    assert!(many.len() > packhouse_plugin::PIECE);
    assert_eq!(get(&host, "/v2/b/manifests/v1").status(), 200);
    host.insert(A, many).unwrap();
    assert_refused(&get(&host, "/v2/a/manifests/v1"), 500, "UNKNOWN", "damaged");
    assert_refused(&get(&host, "/v2/a/tags/list"), 500, "UNKNOWN", "damaged");
}

#[test]
fn tags_that_were_copied_beside_manifests_without_a_proof_are_taken_over_by_a_reindex() {
    let host = two();
    let own = host.object_json(A);
    host.insert("tags/c/tags.json", host.object(A).unwrap()).unwrap();
    let manifest = digest(image("one").to_string());
    host.insert(&format!("manifests/c/{manifest}"), image("one").to_string()).unwrap();
    assert_refused(&get(&host, "/v2/c/manifests/v1"), 500, "UNKNOWN", "damaged");
    host.upkeep().reindex::<Oci>().unwrap();
    assert_eq!(host.object_json("tags/c/tags.json"), own);
    assert_eq!(get(&host, "/v2/c/manifests/v1").status(), 200);
}

/// Older copies of the tags of `a` without a stamp, and what they lack.
fn older_without_stamp() -> [(&'static str, Host); 2] {
    let lacking = host();
    push(&lacking, "a", "v1", "one");
    let older = lacking.object(A).unwrap();
    wait(&lacking, 10);
    push(&lacking, "a", "v2", "two");
    lacking.insert(A, trimmed(&older)).unwrap();
    let moved = host();
    push(&moved, "a", "v1", "one");
    let older = moved.object(A).unwrap();
    wait(&moved, 10);
    push(&moved, "a", "v1", "two");
    moved.insert(A, trimmed(&older)).unwrap();
    [("a tag", lacking), ("a newer manifest", moved)]
}

#[test]
fn an_older_copy_without_a_stamp_takes_no_change() {
    for (what, request) in CHANGES {
        for (lacks, host) in older_without_stamp() {
            let before = host.object(A);
            assert_refused(&request(&host), 500, "UNKNOWN", "damaged");
            assert_eq!(host.object(A), before, "{what} where it lacks {lacks}");
        }
    }
}

#[test]
fn maintenance_names_an_older_copy_without_a_stamp_and_a_reindex_sets_the_tags_again() {
    let two = digest(image("two").to_string());
    for (lacks, host) in older_without_stamp() {
        wait(&host, 2 * DAY);
        let only = [A.to_owned()];
        assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, only, "{lacks}");
        let run = collect(&host, 0);
        assert_eq!((run.damaged.as_slice(), run.left_over.len()), (only.as_slice(), 0), "{lacks}");
        assert_eq!(host.upkeep().reindex::<Oci>().unwrap().rebuilt, only, "{lacks}");
        assert!(host.object_json(A).as_object().unwrap().values().any(|digest| *digest == two), "{lacks}");
        for run in [host.upkeep().verify::<Oci>(), host.upkeep().reindex::<Oci>()] {
            let run = run.unwrap();
            assert_eq!((run.damaged.len(), run.rebuilt.len()), (0, 0), "{lacks}: {:?}", run.lines);
        }
        push(&host, "a", "v3", "two");
    }
}

#[test]
fn a_document_without_a_stamp_that_says_what_the_proof_says_is_as_good() {
    let host = two();
    let newest = trimmed(&host.object(A).unwrap());
    host.insert(A, newest).unwrap();
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
    push(&host, "a", "v9", "one");
    assert_eq!(get(&host, "/v2/a/tags/list").json()["tags"], json!(["latest", "v1", "v9"]));
}

//! Documents of tags that were lost, emptied or damaged: nothing takes them for those of a
//! repository without tags, and maintenance names each of them.

use packhouse_plugin::Error;

use super::maintenance::{DAY, collect, has_blob, manifest_key, wait};
use super::*;

const TAGS: &str = "tags/a/tags.json";
const PROOF: &str = "proofs/tags/a/tags.json";
const MINUTE: u64 = 60 * 1000;

/// What becomes of the document; none if it is gone. Whether it holds no tags then.
const DAMAGES: [(Option<&str>, bool); 10] = [
    (None, true),
    (Some(""), true),
    (Some("{}"), true),
    (Some("null"), true),
    (Some("[]"), true),
    (Some("{\"v1\":\"sha256:"), false),
    (Some("garbage"), false),
    (Some("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), false),
    (Some("[{\"v1\":\"sha256:aa\"}]"), false),
    (Some("0"), false),
];

fn damaged(damage: Option<&str>, age: u64) -> Host {
    let host = host();
    push(&host, "a", "v1", "layer");
    wait(&host, age);
    match damage {
        Some(bytes) => drop(host.insert(TAGS, bytes).unwrap()),
        None => assert!(host.remove(TAGS)),
    }
    host
}

type Request = fn(&Host) -> Reply;

const REQUESTS: [(&str, Request); 6] = [
    ("pull", |host| get(host, "/v2/a/manifests/v1")),
    ("pull another", |host| get(host, "/v2/a/manifests/v9")),
    ("list", |host| get(host, "/v2/a/tags/list")),
    ("push the same", |host| put(&host.as_user("ann"), "a", "v1", &image("layer"))),
    ("push another tag", |host| put(&host.as_user("ann"), "a", "v2", &image("layer"))),
    ("delete", |host| host.as_user("ann").delete("/v2/a/manifests/v1").send::<Oci>()),
];

#[test]
fn a_first_push_that_was_cut_short_leaves_no_document_that_looks_lost() {
    for tag in ["v1", &digest(image("layer").to_string())] {
        let host = host();
        host.break_answer(
            &manifest_key("a", &digest(image("layer").to_string())),
            Error::Unavailable("away".to_owned()),
        );
        let ann = host.as_user("ann");
        for blob in ["{}", "layer"] {
            upload(&ann, "a", blob);
        }
        assert_eq!(put(&ann, "a", tag, &image("layer")).status(), 503);
        for age in [0, DAY] {
            wait(&host, age);
            assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
            assert_eq!(collect(&host, 0).damaged, Vec::<String>::new());
        }
        for blob in ["{}", "layer"] {
            upload(&ann, "a", blob);
        }
        assert_eq!(put(&ann, "a", tag, &image("layer")).status(), 201, "{tag}");
    }
}

#[test]
fn every_request_answers_a_logged_500_and_changes_no_tags() {
    for age in [0, 1000, DAY] {
        for (damage, _) in DAMAGES {
            for (what, request) in REQUESTS {
                let host = damaged(damage, age);
                let reply = request(&host);
                assert_refused(&reply, 500, "UNKNOWN", "damaged");
                let is_logged = host.log().iter().any(|line| format!("{line:?}").contains(TAGS));
                assert!(is_logged, "{what}: {damage:?} after {age}");
                assert_eq!(host.object(TAGS), damage.map(|bytes| bytes.as_bytes().to_vec()), "{what}");
            }
        }
    }
}

#[test]
fn maintenance_names_it_and_a_reindex_sets_the_tags_again_that_the_proof_names() {
    for age in [0, 1000, DAY] {
        for (damage, holds_nothing) in DAMAGES {
            let host = damaged(damage, age);
            let only = [TAGS.to_owned()];
            assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, only, "{damage:?} after {age}");
            let run = collect(&host, 0);
            assert_eq!((run.damaged.as_slice(), run.left_over.len()), (only.as_slice(), 0), "{damage:?}");
            assert!(has_blob(&host, "layer"));
            let dry = host.upkeep().dry_run().reindex::<Oci>().unwrap();
            let run = host.upkeep().reindex::<Oci>().unwrap();
            assert_eq!((&dry.damaged, &dry.rebuilt), (&run.damaged, &run.rebuilt));
            assert_eq!(run.damaged, only, "{damage:?} after {age}");
            if holds_nothing {
                assert_eq!(run.rebuilt, only, "{damage:?}");
            } else {
                assert_eq!(run.rebuilt.len(), 0, "it may be restored: {damage:?}");
                assert_eq!(host.object(TAGS), damage.map(|bytes| bytes.as_bytes().to_vec()));
                assert!(run.lines.iter().any(|line| line.contains("remove it and run")), "{:?}", run.lines);
                // As the report says.
                assert!(host.remove(TAGS));
                assert_eq!(host.upkeep().reindex::<Oci>().unwrap().rebuilt, only);
            }
            for run in [host.upkeep().reindex::<Oci>(), host.upkeep().verify::<Oci>()] {
                let run = run.unwrap();
                assert_eq!((run.damaged.len(), run.rebuilt.len()), (0, 0), "{:?}", run.lines);
            }
            assert_eq!(get(&host, "/v2/a/manifests/v1").text(), image("layer").to_string(), "{damage:?}");
            push(&host, "a", "v2", "layer");
            assert_eq!(get(&host, "/v2/a/tags/list").json()["tags"], json!(["v1", "v2"]));
        }
    }
}

#[test]
fn a_reindex_sets_the_newest_tags_again_and_none_that_a_request_has_deleted() {
    for damage in [None, Some("{}"), Some("")] {
        let host = host();
        for (tag, layer) in [("v1", "one"), ("latest", "one"), ("v2", "two"), ("latest", "two")] {
            push(&host, "a", tag, layer);
        }
        push(&host, "a", "gone", "one");
        assert_eq!(host.as_user("ann").delete("/v2/a/manifests/gone").send::<Oci>().status(), 202);
        let newest = host.object_json(TAGS);
        match damage {
            Some(bytes) => drop(host.insert(TAGS, bytes).unwrap()),
            None => assert!(host.remove(TAGS)),
        }
        let run = host.upkeep().reindex::<Oci>().unwrap();
        assert_eq!(
            (run.damaged.as_slice(), run.rebuilt.as_slice()),
            (&[TAGS.to_owned()][..], &[TAGS.to_owned()][..])
        );
        assert!(run.lines.join("\n").contains("3 of its tags are set again"), "{:?}", run.lines);
        assert_eq!(host.object_json(TAGS), newest, "{damage:?}");
    }
}

#[test]
fn a_tag_that_stands_for_no_digest_is_named_by_every_run() {
    let host = damaged(Some(r#"{"v1":"garbage"}"#), DAY);
    let only = [TAGS.to_owned()];
    for run in [host.upkeep().verify::<Oci>(), host.upkeep().collect::<Oci>(), host.upkeep().reindex::<Oci>()]
    {
        let run = run.unwrap();
        assert_eq!((run.damaged.as_slice(), run.rebuilt.len()), (only.as_slice(), 0));
        assert!(run.lines.iter().any(|line| line.contains("v1")), "{:?}", run.lines);
    }
    push(&host, "a", "v1", "layer");
    assert_eq!(host.upkeep().reindex::<Oci>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn tags_that_are_lost_with_everything_else_are_found_by_their_proof() {
    let host = damaged(None, DAY);
    for key in host
        .objects()
        .iter()
        .filter(|key| ["manifests/", "pushed/"].iter().any(|start| key.starts_with(start)))
    {
        assert!(host.remove(key));
    }
    assert_refused(&get(&host, "/v2/a/tags/list"), 500, "UNKNOWN", "damaged");
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, [TAGS]);
    let run = host.upkeep().reindex::<Oci>().unwrap();
    assert_eq!((run.damaged, run.rebuilt), (vec![TAGS.to_owned()], vec![TAGS.to_owned()]));
    assert!(run.lines.join("\n").contains("push them again: v1"), "{:?}", run.lines);
    for run in [host.upkeep().verify::<Oci>(), host.upkeep().reindex::<Oci>()] {
        let run = run.unwrap();
        assert_eq!((run.damaged.len(), run.rebuilt.len()), (0, 0), "{:?}", run.lines);
    }
    push(&host, "a", "v1", "layer");
}

#[test]
fn a_repository_without_tags_has_no_proof_and_is_never_lost() {
    let host = host();
    assert_eq!(get(&host, "/v2/a/tags/list").status(), 404);
    let manifest = push(&host, "a", &digest(image("layer").to_string()), "layer");
    assert_eq!(host.object(PROOF), None);
    // A push under way has not written its tags yet.
    assert!(host.remove(TAGS));
    assert_eq!(get(&host, &format!("/v2/a/manifests/{manifest}")).status(), 200);
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
    push(&host, "a", "v1", "layer");
    let ann = host.as_user("ann");
    assert_eq!(ann.delete("/v2/a/manifests/v1").send::<Oci>().status(), 202);
    assert_eq!(get(&host, "/v2/a/tags/list").json()["tags"], json!([]), "a request removed the last one");
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
}

/// An earlier version left no proof: the record of a push is one once it is old.
#[test]
fn tags_without_a_proof_are_found_by_their_records_and_get_a_proof_from_a_reindex() {
    let host = host();
    push(&host, "a", "v1", "layer");
    assert!(host.remove(PROOF));
    let tags = host.object(TAGS).unwrap();
    assert!(host.remove(TAGS));
    wait(&host, 6 * MINUTE);
    assert_eq!(collect(&host, DAY).damaged, [TAGS]);
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, [TAGS]);
    host.insert(TAGS, tags).unwrap();
    let run = host.upkeep().reindex::<Oci>().unwrap();
    assert_eq!((run.damaged.len(), run.rebuilt.len()), (0, 0), "nothing was wrong");
    assert!(host.object(PROOF).is_some());
}

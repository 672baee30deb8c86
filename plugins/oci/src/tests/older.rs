//! A document of tags that is an older copy of itself: no push builds on it, maintenance names it, and a
//! reindex sets the tags again.

use super::maintenance::{DAY, collect, has_blob, wait};
use super::*;

/// A request that changes something.
type Request = fn(&Host) -> Reply;

const TAGS: &str = "tags/a/tags.json";

/// The tag `v1`, then `v2`, and `latest` of both; and then the document of before `v2` is restored.
/// `is_aged`: at once, and then time goes by. Gives the newest document.
fn restored(age: u64, is_aged: bool) -> (Host, Value) {
    let host = host();
    push(&host, "a", "v1", "one");
    push(&host, "a", "latest", "one");
    let older = host.object(TAGS).unwrap();
    host.set_now(host.now() + 10);
    push(&host, "a", "v2", "two");
    push(&host, "a", "latest", "two");
    let newest = host.object_json(TAGS);
    if is_aged {
        host.insert(TAGS, &older).unwrap();
    }
    wait(&host, age);
    if !is_aged {
        host.insert(TAGS, &older).unwrap();
    }
    (host, newest)
}

#[test]
fn a_change_answers_a_logged_500_and_changes_no_tags() {
    for (age, is_aged) in [(0, true), (1000, true), (DAY, true), (DAY, false)] {
        let requests: [(&str, Request); 4] = [
            ("push the lost tag", |host| put(&host.as_user("ann"), "a", "v2", &image("two"))),
            ("push another tag", |host| put(&host.as_user("ann"), "a", "v3", &image("two"))),
            ("delete a tag", |host| host.as_user("ann").delete("/v2/a/manifests/v1").send::<Oci>()),
            ("delete a manifest", |host| {
                let path = format!("/v2/a/manifests/{}", digest(image("one").to_string()));
                host.as_user("ann").delete(&path).send::<Oci>()
            }),
        ];
        for (what, request) in requests {
            let (host, _) = restored(age, is_aged);
            let before = host.object(TAGS);
            assert_refused(&request(&host), 500, "UNKNOWN", "damaged");
            let is_logged = host.log().iter().any(|line| format!("{line:?}").contains(TAGS));
            assert!(is_logged, "{what} after {age}");
            assert_eq!(host.object(TAGS), before, "{what} after {age}");
        }
    }
}

#[test]
fn maintenance_names_it_and_a_reindex_sets_the_tags_again() {
    for (age, is_aged) in [(0, true), (2 * DAY, true), (2 * DAY, false)] {
        let (host, newest) = restored(age, is_aged);
        let only = [TAGS.to_owned()];
        let run = host.upkeep().verify::<Oci>().unwrap();
        assert_eq!(run.damaged, only);
        assert!(run.lines.join("\n").contains("restore the newest copy"), "what to do: {:?}", run.lines);
        let run = collect(&host, 0);
        assert_eq!((run.damaged.as_slice(), run.left_over.len()), (only.as_slice(), 0));
        assert!(has_blob(&host, "two"));
        let dry = host.upkeep().dry_run().reindex::<Oci>().unwrap();
        let run = host.upkeep().reindex::<Oci>().unwrap();
        assert_eq!((&dry.rebuilt, &run.rebuilt, run.damaged.len()), (&only.to_vec(), &only.to_vec(), 0));
        assert_eq!(host.object_json(TAGS), newest);
        for run in [host.upkeep().verify::<Oci>(), host.upkeep().reindex::<Oci>()] {
            let run = run.unwrap();
            assert_eq!((run.damaged.len(), run.rebuilt.len()), (0, 0), "{:?}", run.lines);
        }
        push(&host, "a", "v3", "three");
    }
}

#[test]
fn a_reindex_brings_back_no_tag_that_a_request_has_deleted() {
    let host = host();
    push(&host, "a", "v1", "one");
    push(&host, "a", "v2", "two");
    let ann = host.as_user("ann");
    assert_eq!(ann.delete("/v2/a/manifests/v2").send::<Oci>().status(), 202);
    let older = host.object(TAGS).unwrap();
    push(&host, "a", "v3", "three");
    let newest = host.object_json(TAGS);
    host.insert(TAGS, older).unwrap();
    host.upkeep().reindex::<Oci>().unwrap();
    assert_eq!(host.object_json(TAGS), newest);
}

#[test]
fn a_tag_whose_manifest_is_lost_too_is_told() {
    let (host, _) = restored(DAY, true);
    assert!(host.remove(&format!("manifests/a/{}", digest(image("two").to_string()))));
    let run = host.upkeep().reindex::<Oci>().unwrap();
    assert!(run.damaged.contains(&TAGS.to_owned()), "{:?}", run.lines);
    assert!(run.lines.iter().any(|line| line.contains("v2")), "{:?}", run.lines);
    push(&host, "a", "v2", "two");
}

#[test]
fn a_healthy_repository_is_silent_however_its_tags_change() {
    let host = host();
    let ann = host.as_user("ann");
    for _ in 0..2 {
        for (tag, layer) in [("v1", "one"), ("v1", "two"), ("v2", "one"), ("v1", "one")] {
            push(&host, "a", tag, layer);
            assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
        }
        for tag in ["v1", "v2"] {
            assert_eq!(ann.delete(&format!("/v2/a/manifests/{tag}")).send::<Oci>().status(), 202);
            assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
        }
        assert_eq!(get(&host, "/v2/a/tags/list").json()["tags"], json!([]));
    }
}

#[test]
fn a_push_that_is_refused_stores_nothing() {
    let (host, _) = restored(DAY, true);
    let ann = host.as_user("ann");
    upload(&ann, "a", "three");
    let before = host.objects();
    assert_eq!(put(&ann, "a", "v3", &image("three")).status(), 500);
    assert_eq!(host.objects(), before);
}

#[test]
fn a_reindex_writes_down_the_tags_of_an_earlier_version() {
    let host = host();
    for tag in ["v1", "v2"] {
        push(&host, "a", tag, "one");
    }
    let earlier = host.object_json(TAGS);
    host.insert(TAGS, earlier.to_string()).unwrap();
    assert!(host.remove("proofs/tags/a/tags.json"));
    assert_eq!(host.upkeep().reindex::<Oci>().unwrap().rebuilt, Vec::<String>::new());
    push(&host, "a", "v3", "three");
    let newest = host.object_json(TAGS);
    push(&host, "a", "v4", "four");
    assert_eq!(host.as_user("ann").delete("/v2/a/manifests/v4").send::<Oci>().status(), 202);
    // An older copy that has lost a tag of the earlier version.
    let mut older = host.object(TAGS).unwrap();
    push(&host, "a", "v5", "five");
    assert_eq!(host.as_user("ann").delete("/v2/a/manifests/v5").send::<Oci>().status(), 202);
    let text = String::from_utf8(older).unwrap();
    let entry = format!("\"v2\":\"{}\",", newest["v2"].as_str().unwrap());
    assert!(text.contains(&entry), "{text}");
    older = text.replace(&entry, "").into_bytes();
    host.insert(TAGS, older).unwrap();
    assert_eq!(host.upkeep().reindex::<Oci>().unwrap().rebuilt, [TAGS]);
    assert_eq!(host.object_json(TAGS), newest);
}

//! Publishes that are refused after they have written their dist, and dists that such publishes and
//! deletions have left: they never become versions.

use packhouse_plugin::time::{DAY, HOUR};

use super::*;

const DOCUMENT: &str = "packages/acme/lib/metadata.json";

fn other() -> Vec<u8> {
    samples::library("acme/lib", &json!({ "description": "other" }))
}

/// The files of the package and their content, besides the document.
fn files(host: &Host) -> Vec<(String, Vec<u8>)> {
    let keys = host.objects().into_iter().filter(|key| key.starts_with("packages/") && key != DOCUMENT);
    keys.map(|key| (key.clone(), host.object(&key).unwrap())).collect()
}

/// What a publish of other bytes of 1.0.0 writes, as a killed host leaves it.
fn leave_other(host: &Host) -> Vec<String> {
    let (left, now) = {
        let elsewhere = self::host();
        elsewhere.set_now(host.now());
        assert_eq!(upload(&elsewhere, "/packages/acme/lib?version=1.0.0", other()).status(), 201);
        (files(&elsewhere), host.now())
    };
    // The host that was created last is the current one.
    host.anonymous().get("/packages.json").send::<Composer>();
    host.set_now(now);
    for (key, bytes) in &left {
        host.insert(key, bytes).unwrap();
    }
    left.into_iter().map(|(key, _)| key).collect()
}

fn listed(host: &Host) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let document = host.object_json(DOCUMENT);
    let versions = document["versions"].as_array().unwrap().iter();
    versions.map(|version| (text(&version["version"]), text(&version["sha256"]))).collect()
}

#[test]
fn a_publish_that_loses_a_race_leaves_nothing() {
    let first = host();
    published(&first, "0.9.0");
    let before = first.object(DOCUMENT).unwrap();
    published(&first, "1.0.0");
    let document = first.object(DOCUMENT).unwrap();
    let kept = files(&first);

    let host = host();
    for (key, bytes) in &kept {
        host.insert(key, bytes).unwrap();
    }
    host.insert(DOCUMENT, before).unwrap();
    host.race(DOCUMENT, document);
    assert_eq!(upload(&host, "/packages/acme/lib?version=1.0.0", other()).status(), 409);
    assert_eq!(files(&host), kept, "and no mark: {:?}", host.objects());
    let marks = host.objects().into_iter().filter(|key| key.starts_with("reclaimed/"));
    assert_eq!(marks.collect::<Vec<_>>(), Vec::<String>::new());
}

/// Somebody restores older copies of the document meanwhile.
#[test]
fn a_publish_that_loses_a_race_leaves_bytes_that_were_acknowledged() {
    let theirs = host();
    published(&theirs, "0.9.0");
    published(&theirs, "1.0.0");
    let older = theirs.object(DOCUMENT).unwrap();

    let host = host();
    published(&host, "0.9.0");
    let before = host.object(DOCUMENT).unwrap();
    assert_eq!(upload(&host, "/packages/acme/lib?version=1.0.0", other()).status(), 201);
    let kept = files(&host);
    host.insert(DOCUMENT, before.trim_ascii_end()).unwrap();
    host.race(DOCUMENT, older.trim_ascii_end());
    assert_eq!(upload(&host, "/packages/acme/lib?version=1.0.0", other()).status(), 409);
    assert_eq!(files(&host), kept);
}

#[test]
fn a_reindex_never_brings_back_a_version_that_was_deleted() {
    let host = host();
    published(&host, "0.9.0");
    published(&host, "1.0.0");
    let left = leave_other(&host);
    assert_eq!(delete(&host, "/packages/acme/lib/1.0.0").status(), 200);
    host.set_now(host.now() + 3 * HOUR);
    let before = host.object(DOCUMENT);
    let run = host.upkeep().reindex::<Composer>().unwrap();
    assert_eq!((run.rebuilt, host.object(DOCUMENT)), (Vec::new(), before));
    host.set_now(host.now() + 2 * DAY);
    assert_eq!(host.upkeep().collect::<Composer>().unwrap().left_over.len(), left.len());
}

#[test]
fn a_package_that_was_deleted_takes_along_what_publishes_have_left() {
    let host = host();
    published(&host, "1.0.0");
    leave_other(&host);
    host.set_now(host.now() + HOUR);
    assert_eq!(delete(&host, "/packages/acme/lib").status(), 200);
    assert_eq!(files(&host), []);
    host.set_now(host.now() + 3 * DAY);
    host.upkeep().collect::<Composer>().unwrap();
    host.upkeep().reindex::<Composer>().unwrap();
    assert_eq!(host.object(DOCUMENT), None);
}

#[test]
fn a_document_that_was_lost_is_made_again_of_the_bytes_that_were_acknowledged() {
    let host = host();
    // Published before, so it would be the first.
    leave_other(&host);
    host.set_now(host.now() + 10_000);
    published(&host, "1.0.0");
    published(&host, "1.1.0");
    let before = listed(&host);
    host.set_now(host.now() + 3 * HOUR);
    assert!(host.remove(DOCUMENT));
    assert_eq!(host.upkeep().reindex::<Composer>().unwrap().damaged, Vec::<String>::new());
    assert_eq!(listed(&host), before);
}

/// Its proof names what was published since.
#[test]
fn a_document_of_an_earlier_version_is_made_again_with_all_its_versions() {
    let host = host();
    published(&host, "1.0.0");
    assert!(host.remove("proofs/packages/acme/lib/metadata.json"));
    let document = host.object(DOCUMENT).unwrap();
    host.insert(DOCUMENT, document.trim_ascii_end()).unwrap();
    host.set_now(host.now() + DAY);
    published(&host, "1.1.0");
    let before = listed(&host);
    assert!(host.remove(DOCUMENT));
    host.set_now(host.now() + DAY);
    assert_eq!(host.upkeep().reindex::<Composer>().unwrap().damaged, Vec::<String>::new());
    let mut after = listed(&host);
    after.sort();
    assert_eq!(after, before);
}

#[test]
fn an_older_copy_is_made_anew_without_what_was_deleted_since() {
    let host = host();
    published(&host, "1.0.0");
    published(&host, "1.1.0");
    let older = host.object(DOCUMENT).unwrap();
    assert_eq!(delete(&host, "/packages/acme/lib/1.0.0").status(), 200);
    assert_eq!(upload(&host, "/packages/acme/lib?version=1.0.0", other()).status(), 201);
    assert_eq!(delete(&host, "/packages/acme/lib/1.1.0").status(), 200);
    let newest = listed(&host);
    host.insert(DOCUMENT, older).unwrap();
    host.set_now(host.now() + DAY);
    let run = host.upkeep().reindex::<Composer>().unwrap();
    assert_eq!((run.damaged, listed(&host)), (Vec::new(), newest));
}

#[test]
fn what_was_copied_beside_a_document_is_taken_over() {
    let host = host();
    published(&host, "1.0.0");
    host.insert("packages/acme/lib/1.3.0.zip", other()).unwrap();
    host.set_now(host.now() + HOUR);
    host.upkeep().reindex::<Composer>().unwrap();
    assert_eq!(names(&host, "/p2/acme/lib.json"), ["1.3.0", "1.0.0"]);
}

/// An operator has restored an older copy, and its stamp is gone.
#[test]
fn other_bytes_of_a_version_that_the_document_has_lost_are_refused() {
    let host = host();
    published(&host, "1.0.0");
    let older = host.object(DOCUMENT).unwrap();
    let dist = published(&host, "1.1.0");
    host.insert(DOCUMENT, older.trim_ascii_end()).unwrap();
    host.set_now(host.now() + 3 * DAY);
    let before = host.objects();
    assert_eq!(upload(&host, "/packages/acme/lib?version=v1.1", other()).status(), 500);
    assert_eq!(host.objects(), before);
    assert_eq!(upload(&host, "/packages/acme/lib?version=1.2.0", other()).status(), 201);
    assert_eq!(upload(&host, "/packages/acme/lib?version=1.1.0", dist).status(), 201, "the same bytes");
    assert_eq!(host.upkeep().verify::<Composer>().unwrap().damaged, Vec::<String>::new());
    assert_eq!(delete(&host, "/packages/acme/lib/1.1.0").status(), 200);
    assert_eq!(upload(&host, "/packages/acme/lib?version=1.1.0", other()).status(), 201, "it was deleted");
}

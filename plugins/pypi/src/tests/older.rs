//! A document that is an older copy of itself, was emptied, or has lost a file: nothing is built on it,
//! and nothing of what it had named is replaced or removed.

use super::maintenance::{DOCUMENT, MINUTE, assert_damaged};
use super::*;
use packhouse_plugin::testing::Older;

const DAY: u64 = 24 * 60 * MINUTE;
const PAGE: &str = "simple/demo/index.html";
const PROOF: &str = "proofs/metadata/demo/metadata.json";
const LOST: &str = "packages/demo/demo-1.0.tar.gz";

/// A wheel and then a source distribution, and then the document of before the second is restored.
const OLDER: Older = Older {
    document: DOCUMENT,
    begin: || {
        let host = host();
        Upload::wheel("demo", "1.0").done(&host);
        host
    },
    go_on: |host| drop(Upload::sdist("demo", "1.0").done(host)),
};

fn other_bytes() -> Upload {
    let info = samples::metadata("demo", "1.0");
    let files = [("demo-1.0/other.py", &b""[..]), ("demo-1.0/PKG-INFO", info.as_bytes())];
    Upload::sdist("demo", "1.0").content(samples::gzip(&samples::tar(&files)))
}

#[test]
fn every_change_answers_a_logged_500_and_changes_nothing() {
    OLDER.assert_refused(&[
        ("upload the same", |host| Upload::sdist("demo", "1.0").send(&host.as_user("ann"))),
        ("upload other bytes", |host| other_bytes().send(&host.as_user("ann"))),
        ("upload a new version", |host| Upload::wheel("demo", "2.0").send(&host.as_user("ann"))),
        ("yank", |host| host.as_user("ann").put("/pypi/demo/1.0/yank").send::<Pypi>()),
        ("delete a version", |host| host.as_user("ann").delete("/pypi/demo/1.0").send::<Pypi>()),
        ("archive", |host| {
            let body = json!({ "status": "archived" });
            host.as_user("ann").put("/pypi/demo/status").json(&body).send::<Pypi>()
        }),
    ]);
}

#[test]
fn a_quarantine_that_an_older_copy_does_not_know_is_noticed() {
    let host = host();
    Upload::wheel("demo", "1.0").done(&host);
    let older = host.object(DOCUMENT).unwrap();
    let body = json!({ "status": "quarantined" });
    assert_eq!(host.as_user("ann").put("/pypi/demo/status").json(&body).send::<Pypi>().status(), 200);
    host.insert(DOCUMENT, older).unwrap();
    assert_eq!(host.upkeep().verify::<Pypi>().unwrap().damaged, [DOCUMENT]);
    assert_damaged(&host, "upload", || Upload::wheel("demo", "2.0").send(&host.as_user("ann")));
}

#[test]
fn maintenance_names_it_and_removes_nothing() {
    OLDER.assert_kept::<Pypi>();
}

#[test]
fn a_reindex_makes_the_lost_entry_anew_from_the_file() {
    OLDER.assert_made_anew::<Pypi>(|host, newest| {
        let newest: Value = serde_json::from_slice(newest).unwrap();
        let mut expected = newest["files"].clone();
        // Nothing else says who uploaded it.
        expected[1].as_object_mut().unwrap().remove("uploader");
        assert_eq!(host.object_json(DOCUMENT)["files"], expected, "with the time of its upload");
        assert_eq!(other_bytes().send(&host.as_user("ann")).status(), 409);
        Upload::wheel("demo", "1.1").done(host);
    });
}

#[test]
fn a_reindex_undoes_no_yank_no_quarantine_and_no_deletion() {
    let changed = Older {
        begin: || {
            let host = host();
            for version in ["0.8", "0.9", "1.0"] {
                Upload::wheel("demo", version).done(&host);
            }
            host
        },
        go_on: |host| {
            let ann = host.as_user("ann");
            assert_eq!(ann.put("/pypi/demo/1.0/yank").send::<Pypi>().status(), 200);
            assert_eq!(ann.delete("/pypi/demo/0.8").send::<Pypi>().status(), 204);
            // A change that is about something else comes after it.
            Upload::sdist("demo", "0.9").done(host);
            let body = json!({ "status": "quarantined" });
            assert_eq!(ann.put("/pypi/demo/status").json(&body).send::<Pypi>().status(), 200);
        },
        ..OLDER
    };
    changed.assert_made_anew::<Pypi>(|host, newest| {
        let newest: Value = serde_json::from_slice(newest).unwrap();
        let stored = host.object_json(DOCUMENT);
        let yanks = |document: &Value| -> Vec<(String, Value)> {
            let files = document["files"].as_array().unwrap().iter();
            files
                .map(|file| (file["filename"].as_str().unwrap().to_owned(), file["yanked"].clone()))
                .collect()
        };
        assert_eq!(yanks(&stored), yanks(&newest));
        assert!(yanks(&stored).iter().any(|(_, yanked)| yanked.is_string()));
        assert_eq!(stored["status"], newest["status"]);
    });
}

#[test]
fn a_document_that_was_emptied_is_damaged_at_any_age() {
    for age in [0, 1000, MINUTE, 10 * MINUTE, 2 * DAY] {
        for has_page in [true, false] {
            let host = host();
            let upload = Upload::wheel("demo", "1.0").done(&host);
            let mut document = host.object_json(DOCUMENT);
            document["files"] = json!([]);
            host.insert(DOCUMENT, document.to_string()).unwrap();
            host.set_now(host.now() + age);
            if !has_page {
                assert!(host.remove(PAGE));
            }
            let before = host.objects();
            let other = samples::wheel_with("demo-1.0", &samples::metadata("demo", "1.0"), &[("o.py", b"")]);
            let ann = host.as_user("ann");
            assert_damaged(&host, "emptied", || upload.clone().content(other.clone()).send(&ann));
            assert_damaged(&host, "emptied", || Upload::wheel("demo", "2.0").send(&ann));
            assert_damaged(&host, "emptied", || get(&host, "/simple/demo/"));
            assert_eq!(host.upkeep().verify::<Pypi>().unwrap().damaged, [DOCUMENT]);
            let run = host.upkeep().older_than(0).collect::<Pypi>().unwrap();
            assert_eq!((run.left_over.len(), run.damaged), (0, vec![DOCUMENT.to_owned()]));
            assert_eq!(host.objects(), before);
        }
    }
}

#[test]
fn a_document_and_its_page_that_are_lost_are_noticed_by_the_proof() {
    let host = host();
    let upload = Upload::wheel("demo", "1.0").done(&host);
    let whole = host.object(DOCUMENT).unwrap();
    for replaced in [None, Some(r#"{"name":"demo","releases":{}}"#)] {
        host.remove(PAGE);
        match replaced {
            None => assert!(host.remove(DOCUMENT)),
            Some(other) => drop(host.insert(DOCUMENT, other).unwrap()),
        }
        assert_damaged(&host, "read", || get(&host, "/simple/demo/"));
        assert_damaged(&host, "upload", || upload.send(&host.as_user("ann")));
        assert_eq!(host.upkeep().verify::<Pypi>().unwrap().damaged, [DOCUMENT]);
        let run = host.upkeep().older_than(0).collect::<Pypi>().unwrap();
        assert_eq!((run.left_over.len(), run.damaged), (0, vec![DOCUMENT.to_owned()]));
        host.insert(DOCUMENT, &whole).unwrap();
        assert_eq!(host.upkeep().verify::<Pypi>().unwrap().damaged, Vec::<String>::new());
    }
}

/// By a hand, or by a host of an earlier version.
#[test]
fn a_file_that_a_document_does_not_name_any_more_keeps_its_bytes() {
    let host = host();
    Upload::wheel("demo", "1.0").done(&host);
    Upload::sdist("demo", "1.0").done(&host);
    let mut document = host.object_json(DOCUMENT);
    document["files"].as_array_mut().unwrap().pop();
    host.insert(DOCUMENT, document.to_string()).unwrap();
    host.set_now(host.now() + 2 * DAY);
    let before = host.objects();
    assert_damaged(&host, "other bytes", || other_bytes().send(&host.as_user("ann")));
    assert_eq!(host.upkeep().verify::<Pypi>().unwrap().damaged, [DOCUMENT]);
    let run = host.upkeep().older_than(0).collect::<Pypi>().unwrap();
    assert_eq!((run.damaged, run.left_over.len()), (vec![DOCUMENT.to_owned()], 0));
    assert_eq!(host.objects(), before);
    assert!(host.upkeep().reindex::<Pypi>().unwrap().rebuilt.contains(&DOCUMENT.to_owned()));
    assert_eq!(host.object_json(DOCUMENT)["files"].as_array().unwrap().len(), 2);
}

#[test]
fn what_a_request_has_deleted_is_not_lost() {
    let host = host();
    Upload::wheel("demo", "1.0").done(&host);
    Upload::sdist("demo", "1.0").done(&host);
    let bytes = host.object(LOST).unwrap();
    let ann = host.as_user("ann");
    assert_eq!(ann.delete("/packages/demo/demo-1.0.tar.gz").send::<Pypi>().status(), 204);
    // The host was killed before it removed the file.
    host.insert(LOST, bytes).unwrap();
    host.set_now(host.now() + 10 * MINUTE);
    assert_eq!(host.upkeep().verify::<Pypi>().unwrap().damaged, Vec::<String>::new());
    assert_eq!(host.upkeep().older_than(0).collect::<Pypi>().unwrap().left_over, [LOST]);
    assert_eq!(ann.delete("/pypi/demo").send::<Pypi>().status(), 204);
    assert!(host.object_json(PROOF)["removal"].is_object(), "it says that a request removed it");
    assert_eq!(get(&host, "/simple/demo/").status(), 404);
    other_bytes().done(&host);
}

#[test]
fn a_reindex_writes_down_what_a_document_of_an_earlier_version_names() {
    let host = host();
    Upload::wheel("demo", "1.0").done(&host);
    Upload::sdist("demo", "1.0").done(&host);
    let newest = host.object_json(DOCUMENT);
    host.insert(DOCUMENT, newest.to_string()).unwrap();
    assert!(host.remove(PROOF));
    assert_eq!(host.upkeep().dry_run().reindex::<Pypi>().unwrap().rebuilt, ["simple/index.html"]);
    assert_eq!(host.object(PROOF), None);
    assert_eq!(host.upkeep().reindex::<Pypi>().unwrap().rebuilt, ["simple/index.html"]);
    let mut lost = newest.clone();
    lost["files"].as_array_mut().unwrap().pop();
    host.insert(DOCUMENT, lost.to_string()).unwrap();
    host.set_now(host.now() + 2 * DAY);
    assert_damaged(&host, "other bytes", || other_bytes().send(&host.as_user("ann")));
    let run = host.upkeep().older_than(0).collect::<Pypi>().unwrap();
    assert_eq!((run.damaged, run.left_over.len()), (vec![DOCUMENT.to_owned()], 0));
    host.upkeep().reindex::<Pypi>().unwrap();
    assert_eq!(host.object_json(DOCUMENT)["files"][1]["uploaded"], newest["files"][1]["uploaded"]);
}

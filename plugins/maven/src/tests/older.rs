//! The document of a version that is an older copy of itself, or was lost: nothing is built on it, and
//! nothing of what it had named is replaced or removed. And metadata, which has no proof: what it says of
//! versions is made anew of their documents.

use packhouse_plugin::testing::Older;
use packhouse_plugin::time::{DAY, MINUTE};
use serde_json::Value;

use super::*;

const PROOF: &str = "proofs/versions/com.example/lib/1.0.json";
const SOURCES: &str = "/com/example/lib/1.0/lib-1.0-sources.jar";
const LOST: &str = "artifacts/com/example/lib/1.0/lib-1.0-sources.jar";
const SNAPSHOT: &str = "/com/example/lib/1-SNAPSHOT/lib-1-SNAPSHOT.jar";

/// A deployment, a file that is deployed later, and then the document of before that is restored.
const OLDER: Older = Older {
    document: DOCUMENT,
    begin: || {
        let host = host();
        deploy(&host, "1.0");
        host
    },
    go_on: |host| done(&host.as_user("ann"), SOURCES, "sources"),
};

fn delete(host: &Host, path: &str) -> Reply {
    host.as_user("ann").delete(path).send::<Maven>()
}

#[test]
fn every_change_answers_a_logged_500_and_changes_nothing() {
    OLDER.assert_refused(&[
        ("deploy the same", |host| put(&host.as_user("ann"), SOURCES, "sources")),
        ("deploy other bytes", |host| put(&host.as_user("ann"), SOURCES, "others")),
        ("deploy another file", |host| {
            put(&host.as_user("ann"), "/com/example/lib/1.0/lib-1.0-javadoc.jar", "javadoc")
        }),
        ("send a checksum before its file", |host| {
            let sum = digest("x", "sha1");
            put(&host.as_user("ann"), "/com/example/lib/1.0/lib-1.0-javadoc.jar.sha1", sum)
        }),
        ("delete a file", |host| delete(host, JAR)),
        ("delete the version", |host| delete(host, "/com/example/lib/1.0/")),
        ("delete the artifact", |host| delete(host, "/com/example/lib/")),
    ]);
    let snapshot = Older {
        document: "versions/com.example/lib/1-SNAPSHOT.json",
        begin: || {
            let host = host();
            done(&host.as_user("ann"), SNAPSHOT, "one");
            host
        },
        go_on: |host| done(&host.as_user("ann"), SNAPSHOT, "two"),
    };
    snapshot.assert_refused(&[("replace", |host| put(&host.as_user("ann"), SNAPSHOT, "three"))]);
}

/// The older copy names a file that was deleted since.
const DELETED: Older = Older {
    begin: || {
        let host = (OLDER.begin)();
        (OLDER.go_on)(&host);
        host
    },
    go_on: |host| assert_eq!(delete(host, SOURCES).status(), 204),
    ..OLDER
};

#[test]
fn a_deletion_that_an_older_copy_does_not_know_is_noticed() {
    DELETED.assert_refused(&[("deploy", |host| {
        put(&host.as_user("ann"), "/com/example/lib/1.0/lib-1.0-javadoc.jar", "javadoc")
    })]);
}

#[test]
fn a_reindex_does_not_list_again_what_was_deleted() {
    DELETED.assert_made_anew::<Maven>(|host, newest| {
        let newest: Value = serde_json::from_slice(newest).unwrap();
        assert_eq!(host.object_json(DOCUMENT)["files"], newest["files"]);
        done(&host.as_user("ann"), SOURCES, "other sources");
    });
}

#[test]
fn maintenance_names_it_and_removes_nothing() {
    OLDER.assert_kept::<Maven>();
}

#[test]
fn a_reindex_makes_the_lost_entry_anew_from_the_file() {
    OLDER.assert_made_anew::<Maven>(|host, newest| {
        let newest: Value = serde_json::from_slice(newest).unwrap();
        let mut expected = newest["files"].clone();
        // Nothing else says who uploaded it.
        expected[2].as_object_mut().unwrap().remove("uploader");
        let files = host.object_json(DOCUMENT)["files"].clone();
        for member in ["name", "size", "sha256", "uploader"] {
            assert_eq!(files[2].get(member), expected[2].get(member), "{member}");
        }
        assert_eq!((&files[0], &files[1]), (&expected[0], &expected[1]));
        assert_eq!(put(&host.as_user("ann"), SOURCES, "others").status(), 409);
        done(&host.as_user("ann"), "/com/example/lib/1.0/lib-1.0-javadoc.jar", "javadoc");
    });
}

#[test]
fn a_file_that_is_lost_too_is_told_by_a_reindex() {
    let (host, _) = OLDER.restored(DAY, true);
    assert!(host.remove(LOST));
    let run = host.upkeep().reindex::<Maven>().unwrap();
    assert_eq!((run.damaged, run.rebuilt), (vec![LOST.to_owned()], vec![DOCUMENT.to_owned()]));
    done(&host.as_user("ann"), SOURCES, "sources");
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn a_document_that_was_lost_is_not_begun_anew_and_comes_back_by_a_reindex() {
    for age in [0, MINUTE, 10 * MINUTE, 2 * DAY] {
        let (host, newest) = OLDER.restored(age, true);
        let newest: Value = serde_json::from_slice(&newest).unwrap();
        assert!(host.remove(DOCUMENT));
        let before = host.objects();
        for (path, content) in [(JAR, "others"), (SOURCES, "others"), (POM, &pom("1.0"))] {
            assert_eq!(put(&host.as_user("ann"), path, content).status(), 500, "{path}");
        }
        assert_eq!(delete(&host, "/com/example/lib/1.0/").status(), 500);
        assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, [DOCUMENT]);
        let run = host.upkeep().older_than(0).removing_orphans().collect::<Maven>().unwrap();
        assert_eq!((run.damaged, run.left_over.len()), (vec![DOCUMENT.to_owned()], 0));
        assert_eq!(host.objects(), before);
        assert_eq!(text(&host, JAR), "jar of 1.0");
        assert_eq!(host.upkeep().reindex::<Maven>().unwrap().rebuilt, [DOCUMENT]);
        let files = |document: &Value| {
            let files = document["files"].as_array().unwrap().clone();
            let mut sums: Vec<_> = files.iter().map(|file| file["sha256"].clone().to_string()).collect();
            sums.sort();
            sums
        };
        assert_eq!(files(&host.object_json(DOCUMENT)), files(&newest));
        assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
    }
}

/// By a hand, or by a host of an earlier version.
#[test]
fn a_file_that_a_document_does_not_name_any_more_keeps_its_bytes() {
    for is_of_earlier_version in [false, true] {
        let (host, newest) = OLDER.restored(0, true);
        let newest: Value = serde_json::from_slice(&newest).unwrap();
        if is_of_earlier_version {
            host.insert(DOCUMENT, newest.to_string()).unwrap();
            assert!(host.remove(PROOF));
            assert_eq!(host.upkeep().reindex::<Maven>().unwrap().rebuilt, Vec::<String>::new());
        }
        let mut lost = newest.clone();
        lost["files"].as_array_mut().unwrap().pop();
        host.insert(DOCUMENT, lost.to_string()).unwrap();
        host.set_now(host.now() + 2 * DAY);
        assert_eq!(put(&host.as_user("ann"), SOURCES, "others").status(), 500);
        assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, [DOCUMENT]);
        let run = host.upkeep().older_than(0).collect::<Maven>().unwrap();
        assert_eq!((run.damaged, run.left_over.len()), (vec![DOCUMENT.to_owned()], 0));
        assert_eq!(host.object(LOST).as_deref(), Some(&b"sources"[..]));
        assert_eq!(host.upkeep().reindex::<Maven>().unwrap().rebuilt, [DOCUMENT]);
        assert_eq!(text(&host, SOURCES), "sources");
    }
}

#[test]
fn what_a_request_has_deleted_is_not_lost() {
    let (host, newest) = OLDER.restored(0, true);
    host.insert(DOCUMENT, newest).unwrap();
    assert_eq!(delete(&host, SOURCES).status(), 204);
    // The host was killed before it removed the file.
    host.insert(LOST, "sources").unwrap();
    host.set_now(host.now() + 2 * DAY);
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
    assert_eq!(host.upkeep().older_than(0).collect::<Maven>().unwrap().left_over, [LOST]);
    assert_eq!(delete(&host, "/com/example/lib/1.0/").status(), 204);
    assert_eq!(host.object(DOCUMENT), None);
    assert!(host.object_json(PROOF)["removal"].is_object(), "it says that a request removed it");
    deploy(&host, "1.0");
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn metadata_that_is_an_older_copy_loses_no_version() {
    let host = host();
    deploy(&host, "1.0");
    let older = host.object(METADATA).unwrap();
    deploy(&host, "1.1");
    host.insert(METADATA, older).unwrap();
    host.set_now(host.now() + 2 * DAY);
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, [METADATA]);
    // A deployment that builds on it changes no file and no document of another version.
    deploy(&host, "1.2");
    assert_eq!(listed(&host), ["1.0", "1.2"]);
    assert_eq!(text(&host, "/com/example/lib/1.1/lib-1.1.jar"), "jar of 1.1");
    assert_eq!(put(&host.as_user("ann"), "/com/example/lib/1.1/lib-1.1.jar", "others").status(), 409);
    let run = host.upkeep().older_than(0).removing_orphans().collect::<Maven>().unwrap();
    assert_eq!(run.left_over, Vec::<String>::new());
    assert_eq!(host.upkeep().reindex::<Maven>().unwrap().rebuilt, [METADATA]);
    assert_eq!(listed(&host), ["1.0", "1.1", "1.2"]);
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
}

/// One call more than without a proof. Two more for a POM, whose version is to be listed. The document is
/// not looked at a second time.
#[test]
fn what_an_upload_costs() {
    let host = host();
    let ann = host.as_user("ann");
    let cost = |path: &str, content: &str| {
        let before = host.store_calls();
        done(&ann, path, content);
        host.store_calls() - before
    };
    assert_eq!(cost(JAR, "jar"), 12);
    assert_eq!(cost(SOURCES, "sources"), 8);
    assert_eq!(cost(POM, &pom("1.0")), 15);
    assert_eq!(cost("/com/example/lib/1.1/lib-1.1.jar", "jar"), 12);
    // A version with letters is compared with the others twice. The bytes of a plain name are announced first.
    assert_eq!((cost(SNAPSHOT, "one"), cost(SNAPSHOT, "two")), (18, 13));
}

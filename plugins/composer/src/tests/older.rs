//! A document that is an older copy of itself, or has lost a version: nothing is built on it, and
//! nothing of what it had named is replaced or removed.

use packhouse_plugin::testing::Older;
use packhouse_plugin::time::{DAY, MINUTE};

use super::*;

const DOCUMENT: &str = "packages/acme/lib/metadata.json";
const PROOF: &str = "proofs/packages/acme/lib/metadata.json";
const PACKAGE: &str = "/packages/acme/lib";

/// Two versions, and then the document of before the second is restored.
const OLDER: Older = Older {
    document: DOCUMENT,
    begin: || {
        let host = host();
        published(&host, "1.0.0");
        host
    },
    go_on: |host| drop(published(host, "1.1.0")),
};

fn other_bytes(host: &Host, version: &str) -> Reply {
    let dist = samples::library("acme/lib", &json!({ "description": "another" }));
    upload(host, &format!("{PACKAGE}?version={version}"), dist)
}

fn dist(host: &Host, version: &str) -> String {
    let document = host.object_json(DOCUMENT);
    let versions = document["versions"].as_array().unwrap();
    let found = versions.iter().find(|there| there["version"] == version).unwrap();
    format!("packages/acme/lib/{}.zip", found["reference"].as_str().unwrap())
}

#[test]
fn every_change_answers_a_logged_500_and_changes_nothing() {
    OLDER.assert_refused(&[
        ("publish the same", |host| {
            let dist = samples::library("acme/lib", &json!({ "description": "lib 1.1.0" }));
            upload(host, "/packages/acme/lib?version=1.1.0", dist)
        }),
        ("publish other bytes", |host| other_bytes(host, "1.1.0")),
        ("publish a new version", |host| other_bytes(host, "2.0.0")),
        ("publish a branch", |host| other_bytes(host, "dev-main")),
        ("delete a version", |host| delete(host, "/packages/acme/lib/1.0.0")),
        ("delete the package", |host| delete(host, PACKAGE)),
        ("abandon", |host| host.as_user("ann").put("/packages/acme/lib/abandoned").send::<Composer>()),
    ]);
}

#[test]
fn every_change_is_noticed_when_an_older_copy_does_not_know_it() {
    let abandon = Older {
        begin: || {
            let host = host();
            published(&host, "1.0.0");
            published(&host, "1.1.0");
            host
        },
        go_on: |host| {
            let reply = host.as_user("ann").put("/packages/acme/lib/abandoned").send::<Composer>();
            assert_eq!(reply.status(), 200);
        },
        ..OLDER
    };
    let delete_version =
        Older { go_on: |host| assert_eq!(delete(host, "/packages/acme/lib/1.0.0").status(), 200), ..abandon };
    let branch = Older {
        begin: || {
            let host = host();
            published(&host, "dev-main");
            host
        },
        go_on: |host| assert_eq!(other_bytes(host, "dev-main").status(), 201),
        ..OLDER
    };
    for older in [abandon, delete_version, branch] {
        older.assert_refused(&[("publish", |host| other_bytes(host, "2.0.0"))]);
    }
    abandon.assert_kept::<Composer>();
    branch.assert_kept::<Composer>();
}

#[test]
fn maintenance_names_it_and_removes_nothing() {
    OLDER.assert_kept::<Composer>();
}

#[test]
fn a_reindex_makes_the_lost_version_anew_from_its_dist() {
    OLDER.assert_made_anew::<Composer>(|host, newest| {
        let newest: Value = serde_json::from_slice(newest).unwrap();
        assert_eq!(host.object_json(DOCUMENT)["versions"], newest["versions"], "with times and publishers");
        assert_eq!(other_bytes(host, "1.1.0").status(), 409);
        published(host, "1.2.0");
    });
}

/// `go_on` leaves a package with the versions 1.1.0 and 1.2.0.
fn reindexed(begin: fn() -> Host, go_on: fn(&Host)) {
    Older { begin, go_on, ..OLDER }.assert_made_anew::<Composer>(|host, newest| {
        let newest: Value = serde_json::from_slice(newest).unwrap();
        let stored = host.object_json(DOCUMENT);
        let versions = |document: &Value| -> Vec<Value> {
            let versions = document["versions"].as_array().unwrap().iter();
            versions.map(|release| release["version"].clone()).collect()
        };
        assert_eq!(versions(&newest), ["1.1.0", "1.2.0"]);
        assert_eq!((versions(&stored), &stored["abandoned"]), (versions(&newest), &newest["abandoned"]));
        published(host, "1.3.0");
        assert_eq!(host.object_json(DOCUMENT)["abandoned"], newest["abandoned"]);
    });
}

fn two_versions() -> Host {
    let host = host();
    published(&host, "1.0.0");
    published(&host, "1.1.0");
    host
}

fn abandon(host: &Host) {
    let body = json!({ "replacement": "acme/other" });
    let reply = host.as_user("ann").put("/packages/acme/lib/abandoned").json(&body).send::<Composer>();
    assert_eq!(reply.status(), 200);
}

#[test]
fn a_reindex_undoes_no_deletion_and_leaves_an_abandoned_package_abandoned() {
    reindexed(two_versions, |host| {
        abandon(host);
        assert_eq!(delete(host, "/packages/acme/lib/1.0.0").status(), 200);
        // A change that is about something else comes after it.
        published(host, "1.2.0");
        assert_eq!(host.object_json(DOCUMENT)["abandoned"], "acme/other");
    });
}

#[test]
fn a_reindex_abandons_no_package_that_was_taken_up_again() {
    let abandoned = || {
        let host = two_versions();
        abandon(&host);
        host
    };
    reindexed(abandoned, |host| {
        assert_eq!(delete(host, "/packages/acme/lib/abandoned").status(), 200);
        assert_eq!(delete(host, "/packages/acme/lib/1.0.0").status(), 200);
        published(host, "1.2.0");
        assert!(host.object_json(DOCUMENT)["abandoned"].is_null());
    });
}

/// What an earlier version stored: its proofs do not tell.
#[test]
fn a_reindex_keeps_what_an_older_copy_says_if_nothing_else_does() {
    let (host, _) = Older {
        begin: || {
            let host = two_versions();
            abandon(&host);
            host
        },
        go_on: |host| drop(published(host, "1.2.0")),
        ..OLDER
    }
    .restored(DAY, true);
    let mut proof = host.object_json(PROOF);
    assert!(proof["said"].is_object());
    proof.as_object_mut().unwrap().remove("said");
    host.insert(PROOF, proof.to_string()).unwrap();
    assert_eq!(host.upkeep().reindex::<Composer>().unwrap().rebuilt[0], DOCUMENT);
    assert_eq!(host.object_json(DOCUMENT)["abandoned"], "acme/other");
}

#[test]
fn a_version_whose_dist_is_lost_too_is_told_by_a_reindex() {
    let (host, newest) = OLDER.restored(DAY, true);
    host.insert(DOCUMENT, newest).unwrap();
    let lost = dist(&host, "1.1.0");
    let (host, _) = OLDER.restored(DAY, true);
    assert!(host.remove(&lost));
    let run = host.upkeep().reindex::<Composer>().unwrap();
    assert_eq!((run.damaged, run.rebuilt[0].as_str()), (vec![lost], DOCUMENT));
    published(&host, "1.1.0");
    assert_eq!(host.upkeep().verify::<Composer>().unwrap().damaged, Vec::<String>::new());
}

/// By a hand, or by a host of an earlier version.
#[test]
fn a_version_that_a_document_does_not_name_any_more_keeps_its_bytes() {
    for is_of_earlier_version in [false, true] {
        let (host, newest) = OLDER.restored(0, true);
        let newest: Value = serde_json::from_slice(&newest).unwrap();
        if is_of_earlier_version {
            host.insert(DOCUMENT, newest.to_string()).unwrap();
            assert!(host.remove(PROOF));
            let run = host.upkeep().reindex::<Composer>().unwrap();
            assert!(!run.rebuilt.contains(&DOCUMENT.to_owned()));
        }
        let mut lost = newest.clone();
        lost["versions"].as_array_mut().unwrap().pop();
        host.insert(DOCUMENT, lost.to_string()).unwrap();
        host.set_now(host.now() + 2 * DAY);
        assert_eq!(host.upkeep().verify::<Composer>().unwrap().damaged, [DOCUMENT]);
        let before = host.objects();
        let run = host.upkeep().older_than(0).collect::<Composer>().unwrap();
        assert_eq!((run.damaged, run.left_over.len()), (vec![DOCUMENT.to_owned()], 0));
        assert_eq!(host.objects(), before);
        assert_eq!(host.upkeep().reindex::<Composer>().unwrap().rebuilt[0], DOCUMENT);
        assert_eq!(host.object_json(DOCUMENT)["versions"], newest["versions"]);
    }
}

#[test]
fn what_a_request_has_deleted_is_not_lost() {
    let host = host();
    published(&host, "1.0.0");
    published(&host, "1.1.0");
    let lost = dist(&host, "1.1.0");
    let bytes = host.object(&lost).unwrap();
    assert_eq!(delete(&host, "/packages/acme/lib/1.1.0").status(), 200);
    // The host was killed before it removed the dist.
    host.insert(&lost, bytes).unwrap();
    host.set_now(host.now() + 2 * DAY);
    assert_eq!(host.upkeep().verify::<Composer>().unwrap().damaged, Vec::<String>::new());
    assert_eq!(host.upkeep().older_than(0).collect::<Composer>().unwrap().left_over, [lost]);
    assert_eq!(delete(&host, PACKAGE).status(), 200);
    assert!(host.object_json(PROOF)["removal"].is_object(), "it says that a request removed it");
    assert_eq!(other_bytes(&host, "1.1.0").status(), 201);
}

/// What versions before 0.1.1 left when somebody published while the package was deleted: the proof of a
/// document that is gone, and nothing that says that a request has removed it.
#[test]
fn a_reindex_takes_away_the_proof_of_a_package_that_a_request_has_deleted() {
    for has_files in [false, true] {
        let host = host();
        let dist = published(&host, "1.0.0");
        let proof = host.object(PROOF).unwrap();
        let zip = host.objects().into_iter().find(|key| key.strip_suffix(".zip").is_some()).unwrap();
        host.set_now(host.now() + MINUTE);
        assert_eq!(delete(&host, PACKAGE).status(), 200);
        host.insert(PROOF, proof).unwrap();
        if has_files {
            host.insert(&zip, &dist).unwrap();
        }
        assert_eq!(get(&host, "/p2/acme/lib.json").status(), 500);
        host.set_now(host.now() + DAY);
        assert!(host.upkeep().dry_run().reindex::<Composer>().unwrap().rebuilt.contains(&PROOF.to_owned()));
        assert_eq!(get(&host, "/p2/acme/lib.json").status(), 500, "a dry run changes nothing");
        let run = host.upkeep().reindex::<Composer>().unwrap();
        assert_eq!(run.damaged, Vec::<String>::new());
        published(&host, "1.1.0");
        assert_eq!(host.upkeep().verify::<Composer>().unwrap().damaged, Vec::<String>::new());
    }
}

#[test]
fn a_reindex_keeps_the_proof_of_a_package_that_was_lost_after_an_earlier_deletion() {
    let host = host();
    published(&host, "1.0.0");
    assert_eq!(delete(&host, PACKAGE).status(), 200);
    host.set_now(host.now() + MINUTE);
    published(&host, "1.1.0");
    for key in host.objects().into_iter().filter(|key| key.starts_with("packages/")) {
        assert!(host.remove(&key));
    }
    assert_eq!(host.upkeep().reindex::<Composer>().unwrap().damaged, [DOCUMENT]);
    assert_eq!(get(&host, "/p2/acme/lib.json").status(), 500);
}

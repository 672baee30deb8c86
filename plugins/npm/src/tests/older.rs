//! A packument that is an older copy of itself, or has lost a version: nothing is built on it, and
//! nothing of what it had named is replaced.

use super::*;
use packhouse_plugin::ownership::Thing;
use packhouse_plugin::testing::{Change, Older};

const INDEX: &str = "packages/a/index.json";
const DAY: u64 = 24 * 60 * 60 * 1000;
const LOST: &str = "packages/a/a-1.1.0.tgz";

/// Two versions, and then the packument of before the second is restored.
const OLDER: Older = Older {
    document: INDEX,
    begin: || {
        let host = host();
        Publish::new("a", "1.0.0").done(&host);
        host
    },
    go_on: |host| drop(Publish::new("a", "1.1.0").done(host)),
};

fn other_bytes() -> Publish {
    let package_json = r#"{"name":"a","version":"1.1.0","description":"another"}"#;
    Publish::with_tarball("a", "1.1.0", samples::tarball(package_json))
}

const CHANGES: [Change; 9] = [
    ("publish the same", |host| Publish::new("a", "1.1.0").send(&host.as_user("ann"))),
    ("publish other bytes", |host| other_bytes().send(&host.as_user("ann"))),
    ("publish a new version", |host| Publish::new("a", "2.0.0").send(&host.as_user("ann"))),
    ("deprecate", |host| {
        let body = json!({ "name": "a", "versions": { "1.0.0": { "deprecated": "no" } } });
        host.as_user("ann").put("/a").json(&body).send::<Npm>()
    }),
    ("star", |host| {
        let body = json!({ "name": "a", "users": { "ann": true } });
        host.as_user("ann").put("/a").json(&body).send::<Npm>()
    }),
    ("set a tag", |host| {
        host.as_user("ann").put("/-/package/a/dist-tags/beta").json(&json!("1.0.0")).send::<Npm>()
    }),
    ("change the owners", |host| {
        let path = unpublish::at_revision(host, "a", "/a");
        host.as_user("ann").put(&path).json(&json!({ "maintainers": [{ "name": "bob" }] })).send::<Npm>()
    }),
    ("unpublish the package", |host| {
        host.as_user("ann").delete(&unpublish::at_revision(host, "a", "/a")).send::<Npm>()
    }),
    ("remove the tarball", |host| {
        let path = unpublish::at_revision(host, "a", "/a/-/a-1.1.0.tgz");
        host.as_user("ann").delete(&path).send::<Npm>()
    }),
];

#[test]
fn every_change_answers_a_logged_500_and_changes_nothing() {
    OLDER.assert_refused(&CHANGES);
    let has_two = Older {
        begin: || {
            let host = (OLDER.begin)();
            Publish::new("a", "1.0.1").done(&host);
            host
        },
        ..OLDER
    };
    has_two.assert_refused(&[("unpublish a version", |host| {
        let (path, body) = (unpublish::at_revision(host, "a", "/a"), unpublish::without(host, "a", "1.0.1"));
        host.as_user("ann").put(&path).json(&body).send::<Npm>()
    })]);
}

#[test]
fn maintenance_names_it_and_removes_nothing() {
    OLDER.assert_kept::<Npm>();
}

fn set_owners(host: &Host, by: &str, names: &[&str]) -> Reply {
    let path = unpublish::at_revision(host, "a", "/a");
    let people: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
    host.as_user(by).put(&path).json(&json!({ "maintainers": people })).send::<Npm>()
}

/// bob owns the package beside ann until he is removed.
const OWNED: Older = Older {
    begin: || {
        let host = (OLDER.begin)();
        assert_eq!(set_owners(&host, "ann", &["ann", "bob"]).status(), 201);
        host
    },
    go_on: |host| assert_eq!(set_owners(host, "ann", &["ann"]).status(), 201),
    ..OLDER
};

#[test]
fn an_older_list_of_owners_gives_nobody_back_what_they_had() {
    OWNED.assert_refused(&[
        ("publish", |host| Publish::new("a", "1.1.0").send(&host.as_user("bob"))),
        ("set a tag", |host| {
            host.as_user("bob").put("/-/package/a/dist-tags/beta").json(&json!("1.0.0")).send::<Npm>()
        }),
        ("change the owners", |host| set_owners(host, "bob", &["bob"])),
    ]);
    OWNED.assert_kept::<Npm>();
}

#[test]
fn a_reindex_gives_a_removed_owner_nothing_back() {
    let assert_only_ann = |host: &Host, newest: &[u8]| {
        let newest: Value = serde_json::from_slice(newest).unwrap();
        let stored = host.object_json(INDEX);
        for member in ["maintainers", "_ownerIds"] {
            assert_eq!(stored[member], newest[member]);
        }
        assert_eq!(Publish::new("a", "1.2.0").send(&host.as_user("bob")).status(), 403);
        assert_eq!(set_owners(host, "bob", &["bob"]).status(), 403);
        assert_eq!(Publish::new("a", "1.2.0").send(&host.as_user("ann")).status(), 201);
    };
    OWNED.assert_made_anew::<Npm>(assert_only_ann);
    // Changes that are about something else come after it.
    let published_since = Older {
        go_on: |host| {
            (OWNED.go_on)(host);
            Publish::new("a", "1.1.0").done(host);
            let path = "/-/package/a/dist-tags/beta";
            let tagged = host.as_user("ann").put(path).json(&json!("1.0.0")).send::<Npm>();
            assert_eq!(tagged.status(), 201);
        },
        ..OWNED
    };
    published_since.assert_made_anew::<Npm>(assert_only_ann);
    let disowned = Older {
        go_on: |host| {
            let thing = packhouse_plugin::ownership::Thing::new("package", "a");
            assert!(host.disown::<Npm>(&host.holder("bob"), &thing).unwrap());
        },
        ..OWNED
    };
    disowned.assert_made_anew::<Npm>(assert_only_ann);
}

/// As an earlier version left it: the owners of an older copy may have been removed since.
#[test]
fn a_reindex_grants_nobody_what_an_older_copy_says_if_the_newest_owners_are_not_known() {
    let (host, newest) = OWNED.restored(DAY, true);
    let proof = format!("proofs/{INDEX}");
    let mut state = host.object_json(&proof);
    assert!(state.as_object_mut().unwrap().remove("said").is_some());
    host.insert(&proof, state.to_string()).unwrap();
    let older = host.object(INDEX).unwrap();
    assert_eq!(host.upkeep().reindex::<Npm>().unwrap().rebuilt, [INDEX]);
    assert_eq!(host.object_json(INDEX)["maintainers"], json!([]));
    assert!(host.log().iter().any(|line| format!("{line:?}").contains("ann, bob")), "who was listed");
    assert_eq!(Publish::new("a", "1.2.0").send(&host.as_user("bob")).status(), 403);
    // What is restored is whole, and a reindex writes down what it says.
    host.insert(INDEX, newest).unwrap();
    host.insert(&proof, state.to_string()).unwrap();
    assert_eq!(host.upkeep().reindex::<Npm>().unwrap().rebuilt, Vec::<String>::new());
    host.insert(INDEX, older).unwrap();
    assert_eq!(host.upkeep().reindex::<Npm>().unwrap().rebuilt, [INDEX]);
    assert_eq!(host.object_json(INDEX)["maintainers"][0]["name"], "ann");
    assert_eq!(host.object_json(INDEX)["maintainers"].as_array().unwrap().len(), 1);
}

#[test]
fn a_reindex_does_not_list_again_what_was_unpublished() {
    let unpublished = Older {
        begin: || {
            let host = (OLDER.begin)();
            Publish::new("a", "1.1.0").done(&host);
            host
        },
        go_on: |host| {
            let (path, body) =
                (unpublish::at_revision(host, "a", "/a"), unpublish::without(host, "a", "1.1.0"));
            assert_eq!(host.as_user("ann").put(&path).json(&body).send::<Npm>().status(), 201);
        },
        ..OLDER
    };
    unpublished.assert_made_anew::<Npm>(|host, newest| {
        let newest: Value = serde_json::from_slice(newest).unwrap();
        let stored = host.object_json(INDEX);
        for member in ["versions", "dist-tags", "_sizes"] {
            assert_eq!(stored[member], newest[member], "{member}");
        }
        other_bytes().done(host);
    });
}

#[test]
fn a_reindex_makes_the_lost_version_anew_from_its_tarball() {
    OLDER.assert_made_anew::<Npm>(|host, newest| {
        let newest: Value = serde_json::from_slice(newest).unwrap();
        let stored = host.object_json(INDEX);
        assert_eq!(stored["versions"]["1.1.0"]["dist"], newest["versions"]["1.1.0"]["dist"]);
        for member in ["time", "_sizes", "maintainers"] {
            let (mut now, mut then) = (stored[member].clone(), newest[member].clone());
            for time in [&mut now, &mut then] {
                if let Some(time) = time.as_object_mut() {
                    time.remove("modified");
                }
            }
            assert_eq!(now, then, "{member}");
        }
        assert_eq!(get(host, "/a/-/a-1.1.0.tgz").status(), 200);
        assert_eq!(other_bytes().send(&host.as_user("ann")).status(), 403);
        Publish::new("a", "1.2.0").done(host);
    });
}

#[test]
fn a_version_whose_tarball_is_lost_too_is_told_by_a_reindex() {
    let (host, _) = OLDER.restored(DAY, true);
    assert!(host.remove(LOST));
    let run = host.upkeep().reindex::<Npm>().unwrap();
    assert_eq!((run.damaged, run.rebuilt), (vec![LOST.to_owned()], vec![INDEX.to_owned()]));
    Publish::new("a", "1.1.0").done(&host);
}

/// By a hand, or by a host of an earlier version.
#[test]
fn a_version_that_a_packument_does_not_name_any_more_keeps_its_bytes() {
    let host = host();
    for version in ["1.0.0", "1.1.0"] {
        Publish::new("a", version).done(&host);
    }
    let mut stored = host.object_json(INDEX);
    for member in ["versions", "time", "_sizes"] {
        stored[member].as_object_mut().unwrap().shift_remove("1.1.0");
    }
    stored["dist-tags"] = json!({ "latest": "1.0.0" });
    host.insert(INDEX, stored.to_string()).unwrap();
    host.set_now(host.now() + 2 * DAY);
    assert_eq!(other_bytes().send(&host.as_user("ann")).status(), 500);
    assert_eq!(host.upkeep().verify::<Npm>().unwrap().damaged, [INDEX]);
    let run = host.upkeep().older_than(0).collect::<Npm>().unwrap();
    assert_eq!((run.damaged, run.left_over.len()), (vec![INDEX.to_owned()], 0));
    assert_eq!(host.upkeep().reindex::<Npm>().unwrap().rebuilt, [INDEX]);
    assert_eq!(get(&host, "/a").json()["versions"].as_object().unwrap().len(), 2);
}

#[test]
fn what_a_request_has_unpublished_is_not_lost() {
    let host = host();
    for version in ["1.0.0", "1.1.0"] {
        Publish::new("a", version).done(&host);
    }
    let (path, body) = (unpublish::at_revision(&host, "a", "/a"), unpublish::without(&host, "a", "1.1.0"));
    let tarball = host.object(LOST).unwrap();
    assert_eq!(host.as_user("ann").put(&path).json(&body).send::<Npm>().status(), 201);
    // The host was killed before it removed the tarball.
    host.insert(LOST, tarball).unwrap();
    host.set_now(host.now() + 2 * DAY);
    assert_eq!(host.upkeep().verify::<Npm>().unwrap().damaged, Vec::<String>::new());
    assert_eq!(host.upkeep().reindex::<Npm>().unwrap().rebuilt, Vec::<String>::new());
    assert_eq!(host.upkeep().older_than(0).collect::<Npm>().unwrap().left_over, [LOST]);
    other_bytes().done(&host);
}

#[test]
fn a_reindex_writes_down_what_a_packument_of_an_earlier_version_names() {
    let host = host();
    for version in ["1.0.0", "1.1.0"] {
        Publish::new("a", version).done(&host);
    }
    let newest = host.object_json(INDEX);
    let proof = format!("proofs/{INDEX}");
    for earlier in [None, Some(format!("{INDEX} exists. If it is not there, it was lost.\n"))] {
        host.insert(INDEX, newest.to_string()).unwrap();
        match earlier {
            None => assert!(host.remove(&proof)),
            Some(sentence) => drop(host.insert(&proof, sentence).unwrap()),
        }
        assert_eq!(host.upkeep().reindex::<Npm>().unwrap().rebuilt, Vec::<String>::new());
        let mut stored = newest.clone();
        stored["versions"].as_object_mut().unwrap().shift_remove("1.1.0");
        host.insert(INDEX, stored.to_string()).unwrap();
        host.set_now(host.now() + 2 * DAY);
        assert_eq!(other_bytes().send(&host.as_user("ann")).status(), 500);
        let run = host.upkeep().older_than(0).collect::<Npm>().unwrap();
        assert_eq!((run.damaged, run.left_over.len()), (vec![INDEX.to_owned()], 0));
        assert_eq!(host.upkeep().reindex::<Npm>().unwrap().rebuilt, [INDEX]);
        assert_eq!(host.object_json(INDEX)["time"]["1.1.0"], newest["time"]["1.1.0"]);
    }
}

#[test]
fn what_an_older_copy_says_of_owners_is_not_listed_and_the_answer_and_the_log_name_it() {
    let (host, newest) = OLDER.restored(DAY, true);
    let answer = host.owned_by::<Npm>(&host.holder("ann")).unwrap_err().to_string();
    assert!(answer.contains(INDEX) && answer.contains("it is an older copy"), "{answer}");
    let log = format!("{:?}", host.log());
    assert!(log.contains(INDEX) && log.contains("it is an older copy"), "{log}");
    host.insert(INDEX, newest).unwrap();
    assert_eq!(host.owned_by::<Npm>(&host.holder("ann")).unwrap(), [Thing::new("package", "a")]);
}

//! A document that is an older copy of itself, or has lost a version: nothing is built on it, nothing of
//! what it had named is replaced or removed, and nobody gets back what they had.

use packhouse_plugin::ownership::Thing;
use packhouse_plugin::testing::{Change, Older};
use packhouse_plugin::time::{DAY, MINUTE};
use serde_json::Value;

use super::*;

const DOCUMENT: &str = "packages/demo.json";
const PROOF: &str = "proofs/packages/demo.json";
const LOST: &str = "gems/demo-1.1.gem";

/// Two versions, and then the document of before the second is restored.
const OLDER: Older = Older {
    document: DOCUMENT,
    begin: || {
        let host = host();
        pushed(&host, "demo", "1.0");
        host
    },
    go_on: |host| {
        pushed(host, "demo", "1.1");
        settle(host);
    },
};

/// Nothing is left that the list of gems has to follow.
fn settle(host: &Host) {
    host.set_now(host.now() + 20 * MINUTE);
    list(host);
    host.upkeep().reindex::<RubyGems>().unwrap();
}

/// bob owns the gem beside ann until he is removed.
const OWNED: Older = Older {
    begin: || {
        let host = (OLDER.begin)();
        assert_eq!(owner(&host.as_user("ann"), "POST", "bob").status(), 200);
        host
    },
    go_on: |host| {
        assert_eq!(owner(&host.as_user("ann"), "DELETE", "bob").status(), 200);
        settle(host);
    },
    ..OLDER
};

fn owner(by: &Actor, method: &str, user: &str) -> Reply {
    let path = format!("/api/v1/gems/demo/owners?email={user}");
    let request = if method == "POST" { by.post(&path) } else { by.delete(&path) };
    request.send::<RubyGems>()
}

fn yank(by: &Actor, version: &str) -> Reply {
    by.delete(&format!("/api/v1/gems/yank?gem_name=demo&version={version}")).send::<RubyGems>()
}

fn other_bytes(host: &Host) -> Reply {
    push(&host.as_user("ann"), &samples::platform_gem("demo", "1.1", "ruby", "post_install_message: other\n"))
}

#[test]
fn every_change_answers_a_logged_500_and_changes_nothing() {
    OLDER.assert_refused(&[
        ("push the same", |host| push(&host.as_user("ann"), &samples::gem("demo", "1.1"))),
        ("push other bytes", other_bytes),
        ("push a new version", |host| push(&host.as_user("ann"), &samples::gem("demo", "2.0"))),
        ("yank", |host| yank(&host.as_user("ann"), "1.0")),
        ("yank what it does not know", |host| yank(&host.as_user("ann"), "1.1")),
        ("add an owner", |host| owner(&host.as_user("ann"), "POST", "eve")),
    ]);
}

#[test]
fn maintenance_names_it_and_removes_nothing() {
    OLDER.assert_kept::<RubyGems>();
    OWNED.assert_kept::<RubyGems>();
}

#[test]
fn an_older_list_of_owners_gives_nobody_back_what_they_had() {
    const BY_BOB: [Change; 4] = [
        ("push", |host| push(&host.as_user("bob"), &samples::gem("demo", "1.1"))),
        ("yank", |host| yank(&host.as_user("bob"), "1.0")),
        ("add an owner", |host| owner(&host.as_user("bob"), "POST", "eve")),
        ("remove an owner", |host| owner(&host.as_user("bob"), "DELETE", "ann")),
    ];
    OWNED.assert_refused(&BY_BOB);
    // One who was taken off with all that they own.
    let disowned = Older {
        go_on: |host| {
            let bob = host.holder("bob");
            assert!(host.disown::<RubyGems>(&bob, &Thing::new("gem", "demo")).unwrap());
        },
        ..OWNED
    };
    disowned.assert_refused(&BY_BOB);
    let (host, _) = OWNED.restored(DAY, true);
    let bob = host.holder("bob");
    assert!(host.disown::<RubyGems>(&bob, &Thing::new("gem", "demo")).is_err());
}

#[test]
fn a_yank_that_an_older_copy_does_not_know_is_noticed() {
    let yanked = Older {
        go_on: |host| {
            assert_eq!(yank(&host.as_user("ann"), "1.0").status(), 200);
            settle(host);
        },
        ..OLDER
    };
    yanked.assert_refused(&[("push", |host| push(&host.as_user("ann"), &samples::gem("demo", "2.0")))]);
    yanked.assert_kept::<RubyGems>();
}

#[test]
fn a_reindex_makes_the_lost_version_anew_from_its_gem() {
    OLDER.assert_made_anew::<RubyGems>(|host, newest| {
        let newest: Value = serde_json::from_slice(newest).unwrap();
        assert_eq!(host.object_json(DOCUMENT), newest, "with the time of its push");
        assert_sums_agree(host);
        assert_eq!(get(host, "/gems/demo-1.1.gem").status(), 200);
        assert_told(&other_bytes(host), 409, "Repushing");
        pushed(host, "demo", "1.2");
    });
}

#[test]
fn a_reindex_gives_a_removed_owner_nothing_back() {
    let assert_only_ann = |host: &Host, newest: &[u8]| {
        let newest: Value = serde_json::from_slice(newest).unwrap();
        assert_eq!(host.object_json(DOCUMENT)["owners"], newest["owners"]);
        assert_eq!(push(&host.as_user("bob"), &samples::gem("demo", "1.2")).status(), 403);
        assert_eq!(owner(&host.as_user("bob"), "DELETE", "ann").status(), 403);
        pushed(host, "demo", "1.2");
    };
    OWNED.assert_made_anew::<RubyGems>(assert_only_ann);
    // Changes that are about something else come after it.
    let pushed_since = Older {
        go_on: |host| {
            assert_eq!(owner(&host.as_user("ann"), "DELETE", "bob").status(), 200);
            pushed(host, "demo", "1.1");
            settle(host);
        },
        ..OWNED
    };
    pushed_since.assert_made_anew::<RubyGems>(assert_only_ann);
    let disowned = Older {
        go_on: |host| {
            let bob = host.holder("bob");
            assert!(host.disown::<RubyGems>(&bob, &Thing::new("gem", "demo")).unwrap());
            settle(host);
        },
        ..OWNED
    };
    disowned.assert_made_anew::<RubyGems>(assert_only_ann);
}

/// As an earlier version left it: the owners of an older copy may have been removed since.
#[test]
fn a_reindex_grants_nobody_what_an_older_copy_says_if_the_newest_owners_are_not_known() {
    let (host, _) = OWNED.restored(DAY, true);
    let mut state: Value = host.object_json(PROOF);
    assert!(state.as_object_mut().unwrap().remove("said").is_some());
    host.insert(PROOF, state.to_string()).unwrap();
    assert!(host.upkeep().reindex::<RubyGems>().unwrap().rebuilt.contains(&DOCUMENT.to_owned()));
    assert!(host.object_json(DOCUMENT).get("owners").is_none());
    assert!(host.log().iter().any(|line| format!("{line:?}").contains("ann, bob")), "who was listed");
    assert_eq!(push(&host.as_user("bob"), &samples::gem("demo", "1.2")).status(), 403);
}

#[test]
fn a_reindex_undoes_no_yank_and_no_unyank() {
    let yanked = Older {
        go_on: |host| {
            pushed(host, "demo", "1.1");
            for version in ["1.0", "1.1"] {
                assert_eq!(yank(&host.as_user("ann"), version).status(), 200);
            }
            settle(host);
        },
        ..OLDER
    };
    yanked.assert_made_anew::<RubyGems>(|host, newest| {
        let newest: Value = serde_json::from_slice(newest).unwrap();
        assert_eq!(host.object_json(DOCUMENT)["versions"], newest["versions"]);
        for version in ["1.0", "1.1"] {
            assert_eq!(get(host, &format!("/gems/demo-{version}.gem")).status(), 404);
        }
    });
    let unyanked = Older {
        begin: || {
            let host = (OLDER.begin)();
            assert_eq!(yank(&host.as_user("ann"), "1.0").status(), 200);
            host
        },
        go_on: |host| {
            let path = "/api/v1/gems/unyank?gem_name=demo&version=1.0";
            assert_eq!(host.as_user("ann").put(path).send::<RubyGems>().status(), 200);
            settle(host);
        },
        ..OLDER
    };
    unyanked.assert_made_anew::<RubyGems>(|host, _| {
        assert_eq!(get(host, "/gems/demo-1.0.gem").status(), 200);
    });
}

#[test]
fn a_version_whose_gem_is_lost_too_is_told_by_a_reindex() {
    let (host, _) = OLDER.restored(DAY, true);
    assert!(host.remove(LOST));
    let run = host.upkeep().reindex::<RubyGems>().unwrap();
    assert_eq!((run.damaged, run.rebuilt[0].as_str()), (vec![LOST.to_owned()], DOCUMENT));
    pushed(&host, "demo", "1.1");
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
            let run = host.upkeep().reindex::<RubyGems>().unwrap();
            assert!(!run.rebuilt.contains(&DOCUMENT.to_owned()));
        }
        let mut lost = newest.clone();
        lost["versions"].as_array_mut().unwrap().pop();
        host.insert(DOCUMENT, lost.to_string()).unwrap();
        host.set_now(host.now() + 2 * DAY);
        assert_eq!(other_bytes(&host).status(), 500);
        assert!(host.upkeep().verify::<RubyGems>().unwrap().damaged.contains(&DOCUMENT.to_owned()));
        let before = host.object(LOST);
        let run = host.upkeep().older_than(0).collect::<RubyGems>().unwrap();
        assert_eq!((run.damaged, run.left_over.len()), (vec![DOCUMENT.to_owned()], 0));
        assert_eq!(host.object(LOST), before);
        assert!(host.upkeep().reindex::<RubyGems>().unwrap().rebuilt.contains(&DOCUMENT.to_owned()));
        assert_eq!(host.object_json(DOCUMENT), newest);
    }
}

#[test]
fn a_gem_of_an_earlier_system_is_proven_from_its_first_change() {
    let host = host();
    let gem = samples::gem("demo", "1.0");
    host.insert("gems/demo-1.0.gem", &gem).unwrap();
    host.insert("info/demo", format!("---\n1.0 |checksum:{}\n", sha256(&gem))).unwrap();
    assert_eq!(yank(&host.as_user("ann"), "1.0").status(), 200);
    let older = host.object(DOCUMENT).unwrap();
    pushed(&host, "demo", "1.1");
    host.insert(DOCUMENT, older).unwrap();
    assert_eq!(push(&host.as_user("ann"), &samples::gem("demo", "2.0")).status(), 500);
    let state: Value = host.object_json(PROOF);
    assert_eq!(state["files"].as_object().unwrap().keys().collect::<Vec<_>>(), [LOST]);
}

/// Otherwise a push that has read the earlier document would write over it, with an earlier stamp.
#[test]
fn a_yank_and_an_unyank_leave_another_document_than_was_there() {
    let host = (OLDER.begin)();
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(host.object(DOCUMENT).unwrap());
        for (method, path) in [("DELETE", "yank"), ("PUT", "unyank")] {
            let path = format!("/api/v1/gems/{path}?gem_name=demo&version=1.0");
            let ann = host.as_user("ann");
            let request = if method == "PUT" { ann.put(&path) } else { ann.delete(&path) };
            assert_eq!(request.send::<RubyGems>().status(), 200);
        }
        let now = host.object(DOCUMENT).unwrap();
        assert!(!seen.contains(&now));
        assert_eq!(host.object_json(DOCUMENT)["versions"].as_array().unwrap().len(), 1);
    }
    pushed(&host, "demo", "1.1");
}

#[test]
fn what_an_older_copy_says_of_owners_is_not_listed_and_the_answer_and_the_log_name_it() {
    let (host, newest) = OWNED.restored(DAY, true);
    for user in ["ann", "bob"] {
        let answer = host.owned_by::<RubyGems>(&host.holder(user)).unwrap_err().to_string();
        assert!(answer.contains(DOCUMENT) && answer.contains("it is an older copy"), "{answer}");
    }
    let log = format!("{:?}", host.log());
    assert!(log.contains(DOCUMENT) && log.contains("it is an older copy"), "{log}");
    host.insert(DOCUMENT, newest).unwrap();
    assert_eq!(host.owned_by::<RubyGems>(&host.holder("ann")).unwrap(), [Thing::new("gem", "demo")]);
    assert_eq!(host.owned_by::<RubyGems>(&host.holder("bob")).unwrap(), []);
}

/// It may list the account: the answer must not look complete.
#[test]
fn a_document_that_cannot_be_read_is_named_to_the_operator_who_asks_what_an_account_owns() {
    let (host, newest) = OLDER.restored(DAY, true);
    let ann = host.holder("ann");
    let unknown = || match host.owned_by::<RubyGems>(&ann) {
        Err(packhouse_plugin::Error::Damaged { key, .. }) => key,
        other => panic!("{other:?}"),
    };
    assert_eq!(unknown(), DOCUMENT, "an older copy");
    host.insert(DOCUMENT, &newest[..newest.len() / 2]).unwrap();
    assert_eq!(unknown(), DOCUMENT);
    assert!(host.remove(DOCUMENT));
    assert_eq!(unknown(), DOCUMENT);
    host.insert(DOCUMENT, newest).unwrap();
    assert_eq!(host.owned_by::<RubyGems>(&ann).unwrap(), [Thing::new("gem", "demo")]);
}

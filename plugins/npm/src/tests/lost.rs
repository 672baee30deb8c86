//! A packument that was lost: nothing takes it for one that never existed.

use super::*;
use packhouse_plugin::maintenance::RemovalMark;
use packhouse_plugin::storage::GRACE;

const INDEX: &str = "packages/a/index.json";
const PROOF: &str = "proofs/packages/a/index.json";
const DAY: u64 = 24 * 60 * 60 * 1000;

/// Two versions, and then the packument is lost.
fn lost_after(milliseconds: u64) -> Host {
    let host = host().user("cat", &["npm:package:a:read"]);
    for version in ["1.0.0", "1.1.0"] {
        Publish::new("a", version).done(&host);
    }
    host.set_now(host.now() + milliseconds);
    assert!(host.remove(INDEX));
    host
}

fn other_bytes() -> Publish {
    let package_json = r#"{"name":"a","version":"1.0.0","description":"another"}"#;
    Publish::with_tarball("a", "1.0.0", samples::tarball(package_json))
}

type Request = fn(&Host) -> Reply;

const REQUESTS: [(&str, Request); 14] = [
    ("read", |host| get(host, "/a")),
    ("read a version", |host| get(host, "/a/1.0.0")),
    ("read a tag", |host| get(host, "/a/latest")),
    ("download", |host| get(host, "/a/-/a-1.0.0.tgz")),
    ("list tags", |host| get(host, "/-/package/a/dist-tags")),
    ("list owners", |host| get(host, "/-/package/a/collaborators")),
    ("publish the same", |host| Publish::new("a", "1.0.0").send(&host.as_user("ann"))),
    ("publish other bytes", |host| other_bytes().send(&host.as_user("ann"))),
    ("publish a new version", |host| Publish::new("a", "2.0.0").send(&host.as_user("ann"))),
    ("publish without a grant", |host| Publish::new("a", "2.0.0").send(&host.as_user("cat"))),
    ("deprecate", |host| {
        let body = json!({ "name": "a", "versions": { "1.0.0": { "deprecated": "no" } } });
        host.as_user("ann").put("/a").json(&body).send::<Npm>()
    }),
    ("set a tag", |host| {
        host.as_user("ann").put("/-/package/a/dist-tags/beta").json(&json!("1.0.0")).send::<Npm>()
    }),
    ("unpublish", |host| host.as_user("ann").delete("/a/-rev/1-x").send::<Npm>()),
    ("remove a tarball", |host| host.as_user("ann").delete("/a/-/a-1.0.0.tgz/-rev/1-x").send::<Npm>()),
];

#[test]
fn every_request_answers_a_logged_500_and_changes_nothing() {
    for age in [0, 1000, 2 * GRACE, 2 * DAY] {
        for (what, request) in REQUESTS {
            let host = lost_after(age);
            let before = host.objects();
            let tarball = host.object("packages/a/a-1.0.0.tgz");
            let reply = request(&host);
            assert_eq!(reply.status(), 500, "{what} after {age}: {}", reply.text());
            assert!(!reply.text().contains("packages/"), "{}", reply.text());
            let is_logged = |text: &str| host.log().iter().any(|line| format!("{line:?}").contains(text));
            assert!(is_logged(INDEX) && is_logged("restore it"), "{what}");
            assert_eq!((host.objects(), host.object("packages/a/a-1.0.0.tgz")), (before, tarball), "{what}");
        }
    }
}

#[test]
fn maintenance_names_it_and_removes_nothing() {
    for age in [0, 1000, 2 * GRACE, 2 * DAY] {
        let host = lost_after(age);
        let before = host.objects();
        assert_eq!(host.upkeep().verify::<Npm>().unwrap().damaged, [INDEX]);
        let run = host.upkeep().older_than(0).collect::<Npm>().unwrap();
        assert_eq!((run.damaged, run.left_over.len()), (vec![INDEX.to_owned()], 0));
        let run = host.upkeep().reindex::<Npm>().unwrap();
        assert_eq!((run.damaged, run.rebuilt.len()), (vec![INDEX.to_owned()], 0));
        assert_eq!(host.objects(), before);
    }
}

#[test]
fn it_is_restored_or_the_operator_lets_it_go() {
    let host = lost_after(DAY);
    let ordered = host.upkeep().older_than(0).removing_orphans().collect::<Npm>().unwrap();
    assert_eq!((ordered.left_over.len(), ordered.damaged.len()), (3, 0), "{:?}", ordered.lines);
    assert_eq!(host.objects(), Vec::<String>::new());
    assert_eq!(get(&host, "/a").status(), 404);
    other_bytes().done(&host);

    let packument = host.object(INDEX).unwrap();
    assert!(host.remove(INDEX));
    assert_eq!(get(&host, "/a").status(), 500);
    host.insert(INDEX, packument).unwrap();
    assert_eq!(get(&host, "/a").status(), 200);
    assert_eq!(host.upkeep().verify::<Npm>().unwrap().damaged, Vec::<String>::new());

    // Without the proof it is as if it had never been there.
    assert!(host.remove(INDEX) && host.remove(PROOF));
    assert_eq!(get(&host, "/a").status(), 404);
    other_bytes().done(&host);
}

#[test]
fn a_first_publish_that_was_killed_leaves_the_name_free() {
    let host = host();
    host.insert("packages/a/a-1.0.0.tgz", other_bytes().tarball).unwrap();
    assert_eq!(get(&host, "/a").status(), 404);
    host.set_now(host.now() + 2 * GRACE);
    Publish::new("a", "1.0.0").done(&host);
    assert_eq!(host.upkeep().verify::<Npm>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn a_package_that_was_unpublished_is_not_lost() {
    let host = host();
    let ann = host.as_user("ann");
    for _ in 0..2 {
        Publish::new("a", "1.0.0").done(&host);
        let path = unpublish::at_revision(&host, "a", "/a");
        assert_eq!(ann.delete(&path).send::<Npm>().status(), 200);
        assert_eq!(host.objects(), [PROOF]);
        assert_eq!(get(&host, "/a").status(), 404);
        host.set_now(host.now() + 1000);
    }
    other_bytes().done(&host);
}

fn begin_removal(host: &Host) -> RemovalMark {
    let version = host.object_info(INDEX).unwrap().version;
    RemovalMark::begin_at(INDEX, &version, &["packages/a/a-1.0.0.tgz".to_owned()]).unwrap()
}

#[test]
fn an_unpublish_that_was_killed_leaves_the_name_free_and_a_later_loss_is_found() {
    for is_collected in [true, false] {
        let host = host();
        Publish::new("a", "1.0.0").done(&host);
        let _killed = begin_removal(&host);
        assert!(host.remove(INDEX));
        assert_eq!(get(&host, "/a").status(), 404);
        assert_eq!(host.upkeep().verify::<Npm>().unwrap().damaged, Vec::<String>::new());
        host.set_now(host.now() + DAY);
        if is_collected {
            for left_over in [1, 0] {
                let run = host.upkeep().older_than(0).collect::<Npm>().unwrap();
                assert_eq!((run.left_over.len(), run.damaged.len()), (left_over, 0));
            }
            assert_eq!(host.objects(), Vec::<String>::new());
        }
        Publish::new("a", "1.0.0").done(&host);
        assert!(host.remove(INDEX));
        assert_eq!(get(&host, "/a").status(), 500, "collected: {is_collected}");
        assert_eq!(Publish::new("a", "2.0.0").send(&host.as_user("ann")).status(), 500);
    }
}

#[test]
fn a_packument_of_an_earlier_version_gets_its_proof_from_a_publish_or_a_reindex() {
    for how in ["publish", "reindex"] {
        let host = host();
        Publish::new("a", "1.0.0").done(&host);
        assert!(host.remove(PROOF));
        assert_eq!(get(&host, "/a").status(), 200);
        if how == "publish" {
            Publish::new("a", "1.1.0").done(&host);
        } else {
            assert!(host.upkeep().dry_run().reindex::<Npm>().unwrap().rebuilt.is_empty());
            assert_eq!(host.object(PROOF), None);
            assert!(host.upkeep().reindex::<Npm>().unwrap().rebuilt.is_empty(), "nothing was wrong");
        }
        assert!(host.remove(INDEX));
        assert_eq!(get(&host, "/a").status(), 500, "{how}");
    }
}

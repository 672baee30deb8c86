//! What interrupted requests left is collected, and what is damaged is found.

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::RemovalMark;
use packhouse_plugin::testing::Outcome;

use super::*;

const DAY: u64 = 24 * 60 * 60 * 1000;
const MINUTE: u64 = 60 * 1000;

fn collect(host: &Host) -> Outcome {
    host.upkeep().older_than(0).collect::<Npm>().unwrap()
}

fn verify(host: &Host) -> Outcome {
    host.upkeep().verify::<Npm>().unwrap()
}

/// The packument of `a` is lost. One that an earlier version wrote has no proof.
fn lose(host: &Host, proof: &str) {
    assert!(host.remove("packages/a/index.json"));
    if proof == "without a proof" {
        assert!(host.remove("proofs/packages/a/index.json"));
    }
}

fn later(host: &Host, milliseconds: u64) {
    host.set_now(host.now() + milliseconds);
}

/// A package of two versions, one with a provenance bundle, and what a crash left.
fn after_a_crash() -> Host {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    Publish::new("a", "1.1.0").done(&host);
    let left_over = Publish::new("a", "2.0.0");
    host.insert("packages/a/a-2.0.0.tgz", &left_over.tarball).unwrap();
    host.insert("packages/a/a-2.0.0.0123456789.sigstore", "{}").unwrap();
    host.insert("packages/@example/new/new-1.0.0.tgz", "of a package that never came to be").unwrap();
    host.insert("packages/a/notes.txt", "not ours").unwrap();
    host
}

const LEFT_OVER: [&str; 2] = ["packages/a/a-2.0.0.0123456789.sigstore", "packages/a/a-2.0.0.tgz"];
const ORPHAN: &str = "packages/@example/new/new-1.0.0.tgz";

#[test]
fn what_no_packument_names_goes_after_the_grace() {
    let host = after_a_crash();
    let before = host.objects();
    later(&host, DAY - 1);
    let early = host.upkeep().collect::<Npm>().unwrap();
    assert_eq!((early.left_over.len(), early.kept), (0, 3), "{:?}", early.lines);
    assert_eq!(host.objects(), before);

    later(&host, 2);
    let run = host.upkeep().collect::<Npm>().unwrap();
    assert_eq!(run.left_over, LEFT_OVER);
    assert_eq!(run.orphans, [ORPHAN], "no packument says that it may go");
    let rest: Vec<_> = before.into_iter().filter(|key| !LEFT_OVER.contains(&key.as_str())).collect();
    assert_eq!(host.objects(), rest, "what is named and what is not ours stays, and no mark does");
    assert_eq!(get(&host, "/a/-/a-1.1.0.tgz").status(), 200);
}

#[test]
fn without_a_grace_a_publish_under_way_still_has_five_minutes() {
    let host = after_a_crash();
    later(&host, 4 * MINUTE);
    assert_eq!(collect(&host).kept, 3);
    later(&host, 2 * MINUTE);
    assert_eq!(collect(&host).left_over, LEFT_OVER);
    let ordered = host.upkeep().older_than(0).removing_orphans().collect::<Npm>().unwrap();
    assert_eq!((ordered.left_over, ordered.orphans.len()), (vec![ORPHAN.to_owned()], 0));
}

#[test]
fn a_dry_run_names_the_same_and_changes_nothing() {
    let host = after_a_crash();
    later(&host, DAY);
    let before = host.objects();
    let run = host.upkeep().older_than(0).dry_run().collect::<Npm>().unwrap();
    assert_eq!(run.left_over, LEFT_OVER);
    assert_eq!(run.orphans, [ORPHAN]);
    assert_eq!(host.objects(), before);
}

#[test]
fn what_is_published_while_the_run_goes_on_stays() {
    let host = host();
    let publish = Publish::new("zz", "1.0.0");
    host.insert("packages/zz/zz-1.0.0.tgz", &publish.tarball).unwrap();
    for number in 0..600 {
        host.insert(&format!("packages/a/a-{number}.0.0.tgz"), "x").unwrap();
    }
    later(&host, DAY);
    let mut published = false;
    let run = host.upkeep().older_than(0).removing_orphans().between(|_| {
        if !published {
            published = true;
            publish.send(&host.as_user("ann"));
        }
    });
    let run = run.collect::<Npm>().unwrap();
    assert!(run.steps > 1 && run.left_over.len() == 600, "{} {}", run.steps, run.left_over.len());
    assert_eq!(get(&host, "/zz/-/zz-1.0.0.tgz").bytes(), publish.tarball);
}

#[test]
fn a_run_that_was_killed_is_finished_by_the_next() {
    let host = host();
    for number in 0..1200 {
        host.insert(&format!("packages/a/a-{number}.0.0.tgz"), "x").unwrap();
    }
    later(&host, DAY);
    let order = || host.upkeep().older_than(0).removing_orphans();
    let first = order().killed_after(1).collect::<Npm>().unwrap();
    let second = order().collect::<Npm>().unwrap();
    assert_eq!(first.left_over.len() + second.left_over.len(), 1200);
    assert_eq!(host.objects(), Vec::<String>::new());
}

#[test]
fn beside_a_packument_that_cannot_be_read_nothing_goes() {
    let host = after_a_crash();
    host.insert("packages/a/index.json", "torn {").unwrap();
    later(&host, DAY);
    let run = collect(&host);
    assert_eq!((run.left_over.len(), run.orphans), (0, vec![ORPHAN.to_owned()]));
    assert_eq!(run.damaged, ["packages/a/index.json"]);
}

#[test]
fn a_damaged_packument_costs_no_tarball_and_takes_no_version() {
    let host = host();
    for version in ["1.0.0", "1.1.0"] {
        Publish::new("a", version).done(&host);
    }
    later(&host, DAY);
    let whole = String::from_utf8(host.object("packages/a/index.json").unwrap()).unwrap();
    let as_object = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let mut doubled = as_object(&whole)["versions"]["1.0.0"].to_string();
    doubled = whole.replacen("\"versions\":{", &format!("\"versions\":{{\"1.1.0\":{doubled},"), 1);
    for (what, text) in [
        ("cut", whole[..whole.len() / 2].to_owned()),
        ("empty", String::new()),
        ("an empty object", "{}".to_owned()),
        ("nothing", "null".to_owned()),
        ("a list", "[]".to_owned()),
        ("bytes before it", format!("\0{whole}")),
        ("another member", whole.replace("\"versions\"", "\"wersions\"")),
        ("no versions", r#"{"name":"a","versions":{}}"#.to_owned()),
        ("versions of another kind", r#"{"name":"a","versions":[]}"#.to_owned()),
        ("another package", whole.replacen("\"name\":\"a\"", "\"name\":\"c\"", 1)),
        ("a version twice", doubled),
    ] {
        host.insert("packages/a/index.json", &text).unwrap();
        later(&host, DAY);
        let run = collect(&host);
        assert_eq!((run.left_over.len(), run.damaged.len()), (0, 1), "{what}: {run:?}");
        let found = verify(&host);
        assert!(found.damaged.contains(&"packages/a/index.json".to_owned()), "{what}: {found:?}");
        for path in ["/a", "/a/1.0.0", "/a/-/a-1.0.0.tgz", "/-/package/a/dist-tags"] {
            // A download looks at the packument up to the size of its tarball.
            let is_scanned = path == "/a/-/a-1.0.0.tgz";
            let is_far = ["cut", "another member", "versions of another kind", "no versions"].contains(&what);
            if (is_scanned && is_far) || what == "a version twice" {
                continue;
            }
            let logged = host.log().len();
            let reply = get(&host, path);
            assert_eq!(reply.status(), 500, "{what}: {path}: {}", reply.text());
            assert!(
                host.log()[logged..].iter().any(|line| format!("{line:?}").contains("packages/a/index.json"))
            );
        }
        let logged = host.log().len();
        let reply = Publish::new("a", "2.0.0").send(&host.as_user("ann"));
        assert_eq!(reply.status(), 500, "{what}: {}", reply.text());
        assert!(
            host.log()[logged..].iter().any(|line| format!("{line:?}").contains("packages/a/index.json"))
        );
        assert_eq!(host.object("packages/a/index.json"), Some(text.into_bytes()), "{what}");
    }
    // A version that became another one: its tarball is not there, so nothing may go.
    host.insert("packages/a/index.json", whole.replace("1.1.0", "1.1.4")).unwrap();
    later(&host, DAY);
    let run = collect(&host);
    assert_eq!((run.left_over.len(), run.damaged.len()), (0, 1), "{run:?}");
    assert!(host.remove("packages/a/index.json"));
    let found = verify(&host);
    assert_eq!(found.orphans.len(), 2, "{found:?}");
}

#[test]
fn what_an_interrupted_unpublish_left_goes_without_an_order() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    let tarball = host.object("packages/a/a-1.0.0.tgz").unwrap();
    let version = host.object_info("packages/a/index.json").unwrap().version;
    let mark =
        RemovalMark::begin_at("packages/a/index.json", &version, &["packages/a/a-1.0.0.tgz".to_owned()]);
    assert!(mark.is_ok() && host.remove("packages/a/index.json"));
    later(&host, DAY);
    assert_eq!(collect(&host).left_over, ["packages/a/a-1.0.0.tgz"]);
    // A whole one leaves neither a file nor a mark.
    Publish::new("a", "1.0.0").done(&host);
    assert_eq!(host.object("packages/a/a-1.0.0.tgz"), Some(tarball));
    let rev = get(&host, "/a").json()["_rev"].as_str().unwrap().to_owned();
    assert_eq!(host.as_user("ann").delete(&format!("/a/-rev/{rev}")).send::<Npm>().status(), 200);
    later(&host, DAY);
    collect(&host);
    assert_eq!(host.objects(), Vec::<String>::new());
}

#[test]
fn a_store_that_goes_away_ends_the_run_with_its_error() {
    let host = after_a_crash();
    later(&host, DAY);
    host.fail_next(Error::Unavailable("away".into()));
    let run = host.upkeep().collect::<Npm>();
    assert_eq!(run, Err(Error::Unavailable("away".into())));
}

#[test]
fn a_sound_bucket_is_found_sound() {
    let host = after_a_crash();
    assert_eq!(verify(&host).orphans, Vec::<String>::new(), "its publish may be under way");
    later(&host, DAY);
    assert_eq!(
        verify(&host).orphans,
        [ORPHAN, LEFT_OVER[0], LEFT_OVER[1]],
        "what a collection takes or keeps"
    );
    for key in LEFT_OVER.into_iter().chain([ORPHAN]) {
        host.remove(key);
    }
    let run = verify(&host);
    assert_eq!((run.damaged.len(), run.orphans.len(), run.checked), (0, 0, 3), "{:?}", run.lines);
    assert!(run.checked_bytes > 500);
}

#[test]
fn damage_is_found_by_key() {
    let host = host();
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        Publish::new("a", version).done(&host);
    }
    Publish::new("b", "1.0.0").done(&host);
    let mut flipped = host.object("packages/a/a-1.1.0.tgz").unwrap();
    flipped[20] ^= 1;
    host.insert("packages/a/a-1.1.0.tgz", flipped).unwrap();
    host.remove("packages/a/a-1.2.0.tgz");
    host.insert("packages/b/index.json", "[]").unwrap();
    let run = verify(&host);
    assert_eq!(
        run.damaged,
        ["packages/a/a-1.1.0.tgz", "packages/a/a-1.2.0.tgz", "packages/b/index.json"],
        "{:?}",
        run.lines
    );
    assert!(run.lines[1].contains("missing"), "{:?}", run.lines);
}

#[test]
fn what_is_unpublished_while_it_is_verified_is_not_damaged() {
    let host = host();
    for number in 0..450 {
        Publish::new("many", &format!("1.0.{number}")).done(&host);
    }
    let run = host.upkeep().between(|steps| {
        if steps == 1 {
            let path = unpublish::at_revision(&host, "many", "/many");
            assert_eq!(host.as_user("ann").delete(&path).send::<Npm>().status(), 200);
        }
    });
    let run = run.verify::<Npm>().unwrap();
    assert!(run.steps > 1);
    assert_eq!(run.damaged, Vec::<String>::new());
}

#[test]
fn many_versions_are_verified_in_several_steps_each_once() {
    let host = host();
    for number in 0..450 {
        Publish::new("many", &format!("1.0.{number}")).done(&host);
    }
    let run = verify(&host);
    assert_eq!((run.damaged.len(), run.checked), (0, 451));
    assert!(run.steps >= 3, "{}", run.steps);
}

#[test]
fn nothing_is_rebuilt_and_nothing_changes() {
    let host = after_a_crash();
    let before = host.objects();
    let run = host.upkeep().reindex::<Npm>().unwrap();
    assert_eq!(run.rebuilt, Vec::<String>::new());
    assert_eq!(host.objects(), before);
    assert!(host.log().iter().any(|line| line.message.contains("no derived documents")));
}

#[test]
fn a_damaged_tarball_is_repaired_by_publishing_the_same_bytes_and_by_no_others() {
    let host = host();
    let key = "packages/a/a-1.0.0.tgz";
    let package = Publish::new("a", "1.0.0");
    Publish::new("a", "1.0.0").done(&host);
    let ann = host.as_user("ann");
    assert_eq!(package.send(&ann).status(), 403);
    for damage in [Some("cut off"), None] {
        if let Some(bytes) = damage {
            host.insert(key, bytes).unwrap();
        } else {
            assert!(host.remove(key));
            let reply = get(&host, "/a/-/a-1.0.0.tgz");
            assert_eq!(reply.status(), 500, "{}", reply.text());
            assert!(host.log().iter().any(|line| format!("{line:?}").contains(key)));
        }
        let before = host.object("packages/a/index.json");
        assert_eq!(package.send(&ann).status(), 201);
        assert_eq!(host.object(key), Some(package.tarball.clone()));
        assert_eq!(host.object("packages/a/index.json"), before);
        assert_eq!(package.send(&ann).status(), 403);
    }
    assert_eq!(verify(&host).damaged, Vec::<String>::new());
}

/// The packument that an earlier version wrote was lost, and somebody published the next version
/// before it was noticed.
#[test]
fn what_a_packument_without_a_proof_that_was_lost_had_named_stays() {
    let host = host();
    for version in ["1.0.0", "1.1.0"] {
        Publish::new("a", version).done(&host);
    }
    host.set_now(host.now() + 86_400_000);
    lose(&host, "without a proof");
    Publish::new("a", "2.0.0").done(&host);
    host.set_now(host.now() + 3 * 86_400_000);
    let before = host.objects();
    let run = collect(&host);
    assert_eq!((run.left_over, host.objects()), (Vec::new(), before));
    assert_eq!(run.orphans, ["packages/a/a-1.0.0.tgz", "packages/a/a-1.1.0.tgz"], "{:?}", run.lines);
}

#[test]
fn a_packument_without_versions_and_without_tarballs_is_empty() {
    let host = host();
    host.insert("packages/a/index.json", r#"{"name":"a","versions":{}}"#).unwrap();
    assert_eq!(get(&host, "/a").status(), 200);
    Publish::new("a", "1.0.0").done(&host);
}

#[test]
fn a_tarball_of_another_size_is_not_served_and_is_repaired_by_publishing_the_same() {
    let host = host();
    let key = "packages/a/a-1.0.0.tgz";
    let package = Publish::new("a", "1.0.0");
    Publish::new("a", "1.0.0").done(&host);
    Publish::new("a", "1.1.0").done(&host);
    let stored = host.object_json("packages/a/index.json");
    assert_eq!(stored["_sizes"]["1.0.0"], package.tarball.len());
    let names: Vec<&String> = stored.as_object().unwrap().keys().collect();
    let place = |name: &str| names.iter().position(|other| *other == name);
    assert!(place("dist-tags") < place("_sizes") && place("_sizes") < place("versions"), "{names:?}");
    assert_eq!(get(&host, "/a").json()["_sizes"], Value::Null, "never served");
    for path in ["/a/-/a-1.0.0.tgz", "/a/-/a-1.1.0.tgz"] {
        let key = format!("packages/a/{}", path.rsplit_once('/').unwrap().1);
        let whole = host.object(&key).unwrap();
        for bytes in [&whole[..whole.len() - 1], b""] {
            host.insert(&key, bytes).unwrap();
            let reply = get(&host, path);
            assert_eq!(reply.status(), 500, "{}", reply.text());
            assert!(!reply.text().contains("packages/"));
            assert!(host.log().iter().any(|line| format!("{line:?}").contains(&key)));
        }
        host.insert(&key, &whole).unwrap();
        assert_eq!(get(&host, path).bytes(), whole);
    }
    host.insert(key, "").unwrap();
    assert_eq!(package.send(&host.as_user("ann")).status(), 201);
    assert_eq!(get(&host, "/a/-/a-1.0.0.tgz").bytes(), package.tarball);
}

#[test]
fn the_size_of_a_tarball_goes_with_its_version_and_counts_less_than_its_digest() {
    let host = host();
    let package = Publish::new("a", "1.0.0").done(&host);
    Publish::new("a", "1.1.0").done(&host);
    let mut stored = host.object_json("packages/a/index.json");
    // A host of an earlier version published it anew.
    stored["_sizes"]["1.0.0"] = json!(1);
    host.insert("packages/a/index.json", stored.to_string()).unwrap();
    assert_eq!(get(&host, "/a/-/a-1.0.0.tgz").bytes(), package.tarball);
    // It did not know of sizes at all.
    stored.as_object_mut().unwrap().remove("_sizes");
    host.insert("packages/a/index.json", stored.to_string()).unwrap();
    assert_eq!(get(&host, "/a/-/a-1.0.0.tgz").bytes(), package.tarball);
    host.insert("packages/a/a-1.0.0.tgz", "").unwrap();
    assert_eq!(get(&host, "/a/-/a-1.0.0.tgz").status(), 500);
    host.insert("packages/a/a-1.0.0.tgz", &package.tarball).unwrap();
    Publish::new("a", "1.2.0").done(&host);
    let mut body = get(&host, "/a").json();
    body["versions"].as_object_mut().unwrap().shift_remove("1.2.0");
    let path = format!("/a/-rev/{}", body["_rev"].as_str().unwrap());
    assert_eq!(host.as_user("ann").put(&path).json(&body).send::<Npm>().status(), 201);
    assert_eq!(host.object_json("packages/a/index.json")["_sizes"], Value::Null);
}

#[test]
fn verify_reports_a_file_for_a_folder_and_a_folder_for_a_file() {
    let host = host();
    for key in ["packages/a/index.json/x", "packages/b", "packages/@example/c/c-1.0.0.tgz/x"] {
        host.insert(key, "somebody's").unwrap();
    }
    let run = verify(&host);
    assert_eq!(
        run.damaged,
        ["packages/@example/c/c-1.0.0.tgz", "packages/a/index.json", "packages/b"],
        "{:?}",
        run.lines
    );
    let reply = Publish::new("b", "1.0.0").send(&host.as_user("ann"));
    assert_eq!(reply.status(), 500, "{}", reply.text());
    assert!(!reply.text().contains("packages/"));
    assert!(host.log().iter().any(|line| format!("{line:?}").contains("packages/b")));
}

#[test]
fn a_full_disk_gets_room_from_what_is_left_over() {
    let host = after_a_crash();
    later(&host, 2 * DAY);
    host.set_room(0);
    assert_eq!(collect(&host).left_over, LEFT_OVER);
    assert!(!host.objects().iter().any(|key| key.starts_with("reclaimed/")));
}

#[test]
fn other_bytes_do_not_replace_the_last_copy_of_a_version() {
    let host = host();
    let first = Publish::new("a", "1.0.0").done(&host);
    Publish::new("a", "1.1.0").done(&host);
    let other = || {
        let package_json = r#"{"name":"a","version":"1.0.0","description":"another"}"#;
        Publish::with_tarball("a", "1.0.0", samples::tarball(package_json))
    };
    lose(&host, "without a proof");
    later(&host, 10 * 60 * 1000);
    let before = host.objects();
    let reply = other().send(&host.as_user("ann"));
    assert_eq!(reply.status(), 500, "{}", reply.text());
    assert!(host.log().iter().any(|line| format!("{line:?}").contains("gc --orphans")));
    assert_eq!(host.objects(), before);
    assert_eq!(host.object("packages/a/a-1.0.0.tgz"), Some(first.tarball));
    // A new version begins a packument, which is younger than the tarball.
    Publish::new("a", "2.0.0").done(&host);
    assert_eq!(other().send(&host.as_user("ann")).status(), 500);
    // The same bytes may always be published.
    Publish::new("a", "1.0.0").done(&host);
    assert_eq!(get(&host, "/a").json()["versions"].as_object().unwrap().len(), 2);
}

#[test]
fn a_change_voids_the_mark_of_an_unpublish_that_did_not_happen() {
    type Change = fn(&Host) -> u16;
    let publish: Change = |host| Publish::new("a", "1.1.0").send(&host.as_user("ann")).status();
    let tag: Change = |host| {
        let path = "/-/package/a/dist-tags/beta";
        host.as_user("ann").put(path).json(&json!("1.0.0")).send::<Npm>().status()
    };
    let deprecate: Change = |host| {
        let mut body = get(host, "/a").json();
        body["versions"]["1.0.0"]["deprecated"] = "no".into();
        host.as_user("ann").put("/a").json(&body).send::<Npm>().status()
    };
    let owners: Change = |host| {
        let rev = get(host, "/a").json()["_rev"].as_str().unwrap().to_owned();
        let body = json!({ "maintainers": [{ "name": "bob" }] });
        host.as_user("ann").put(&format!("/a/-rev/{rev}")).json(&body).send::<Npm>().status()
    };
    for change in [publish, tag, deprecate, owners] {
        let host = host();
        Publish::new("a", "1.0.0").done(&host);
        let tarball = "packages/a/a-1.0.0.tgz".to_owned();
        let index = "packages/a/index.json";
        let version = host.object_info(index).unwrap().version;
        let _interrupted = RemovalMark::begin_at(index, &version, std::slice::from_ref(&tarball)).unwrap();
        assert!((200..300).contains(&change(&host)));
        host.remove("packages/a/index.json");
        later(&host, 2 * DAY);
        let run = collect(&host);
        assert_eq!((run.left_over.len(), run.ordered), (0, 0), "{:?}", run.lines);
        assert!(host.objects().contains(&tarball));
    }
}

#[test]
fn a_packument_that_has_lost_its_versions_is_no_missing_tarball() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    let index = "packages/a/index.json";
    for damaged in ["{}", r#"{"name":"a","versions":{}}"#, r#"{"name":"a","dist-tags":{},"versions":{}}"#] {
        host.insert(index, damaged).unwrap();
        for path in ["/a/-/a-1.0.0.tgz", "/a/-/a-9.0.0.tgz", "/a/1.0.0", "/a"] {
            let logged = host.log().len();
            assert_eq!(get(&host, path).status(), 500, "{damaged} {path}");
            assert!(host.log()[logged..].iter().any(|line| format!("{line:?}").contains(index)));
        }
        assert_eq!(Publish::new("a", "1.1.0").send(&host.as_user("ann")).status(), 500);
    }
}

#[test]
fn a_version_without_a_digest_is_damage() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    let mut stored = host.object_json("packages/a/index.json");
    stored["versions"]["1.0.0"].as_object_mut().unwrap().remove("dist");
    host.insert("packages/a/index.json", stored.to_string()).unwrap();
    let run = verify(&host);
    assert_eq!(run.damaged, ["packages/a/index.json"], "{:?}", run.lines);
    assert!(run.lines[0].contains("1.0.0"), "{:?}", run.lines);
}

#[test]
fn what_belongs_to_a_package_with_many_versions_is_verified_too() {
    let host = host();
    let versions: serde_json::Map<String, serde_json::Value> = (0..250)
        .map(|number| format!("1.0.{number}"))
        .map(|version| {
            (version.clone(), json!({ "name": "demo", "version": version, "dist": { "shasum": "aa" } }))
        })
        .collect();
    let packument = json!({ "name": "demo", "dist-tags": {}, "versions": versions, "time": {} });
    host.insert("packages/demo/index.json", packument.to_string()).unwrap();
    host.insert("packages/demo/demo-9.9.9.tgz", "of a crash").unwrap();
    let other = json!({ "name": "other", "dist-tags": {}, "time": {}, "versions": {
        "1.0.0": { "name": "other", "version": "1.0.0", "dist": { "shasum": "aa" } },
    } });
    host.insert("packages/other/index.json", other.to_string()).unwrap();
    host.set_now(host.now() + 2 * DAY);
    let run = host.upkeep().verify::<Npm>().unwrap();
    assert_eq!(run.damaged.len(), 251, "every version lacks its tarball");
    assert!(run.damaged.contains(&"packages/other/other-1.0.0.tgz".to_owned()));
    assert_eq!(run.orphans, ["packages/demo/demo-9.9.9.tgz"]);
}

//! What interrupted requests left is collected, and what is damaged is found.

use packhouse_plugin::Error;
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

const LEFT_OVER: [&str; 3] = [
    "packages/@example/new/new-1.0.0.tgz",
    "packages/a/a-2.0.0.0123456789.sigstore",
    "packages/a/a-2.0.0.tgz",
];

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
}

#[test]
fn a_dry_run_names_the_same_and_changes_nothing() {
    let host = after_a_crash();
    later(&host, DAY);
    let before = host.objects();
    let run = host.upkeep().older_than(0).dry_run().collect::<Npm>().unwrap();
    assert_eq!(run.left_over, LEFT_OVER);
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
    let run = host.upkeep().older_than(0).between(|_| {
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
    let first = host.upkeep().older_than(0).killed_after(1).collect::<Npm>().unwrap();
    let second = collect(&host);
    assert_eq!(first.left_over.len() + second.left_over.len(), 1200);
    assert_eq!(host.objects(), Vec::<String>::new());
}

#[test]
fn beside_a_packument_that_cannot_be_read_nothing_goes() {
    let host = after_a_crash();
    host.insert("packages/a/index.json", "torn {").unwrap();
    later(&host, DAY);
    let run = collect(&host);
    assert_eq!(run.left_over, ["packages/@example/new/new-1.0.0.tgz"]);
    assert_eq!(run.damaged, ["packages/a/index.json"]);
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
    let run = verify(&host);
    assert_eq!((run.damaged.len(), run.checked), (0, 3), "{:?}", run.lines);
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
            host.remove("packages/many/index.json");
            host.remove("packages/many/many-1.0.449.tgz");
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

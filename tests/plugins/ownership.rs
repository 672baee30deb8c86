//! Plugins that answer badly when the host asks what a user owns: what they say is not taken
//! for an answer, and the other mounts are asked all the same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::registry::Ended;
use packhouse_tests::{Options, Registry};

/// A mount that answers well, and one that plays this trick. ann is removed; what is said.
async fn remove_ann(trick: &str, more: &[&str]) -> (Registry, Ended) {
    let mounts = format!(
        "[mount.good]\nplugin = \"caretaker\"\n[mount.bad]\nplugin = \"caretaker\"\nsettings = {{ trick = \"{trick}\" }}\n"
    );
    let limits = "guest_deadline = \"1s\"\nguest_memory = \"64MiB\"\n";
    let registry = Registry::start(Options::mounts(&mounts).plugin("caretaker").limits(limits)).await;
    registry.user("ann", &[]).await;
    let ended = registry.order(&[&["user", "remove", "ann"], more].concat()).await;
    (registry, ended)
}

/// Nothing is known of the bad mount, for this reason, and what the good one says is told.
async fn is_unknown(trick: &str, why: &str) {
    let (registry, ended) = remove_ann(trick, &[]).await;
    let said = &ended.stderr;
    assert_eq!(ended.code, Some(1), "{trick}: {said}");
    assert!(said.contains("  good:thing:thing\n"), "{trick}: {said}");
    let unknown = said.lines().find(|line| line.starts_with("What ann owns on the mount bad is not known: "));
    let unknown = unknown.unwrap_or_else(|| panic!("{trick}: {said}"));
    assert!(unknown.contains(why), "{trick}: {unknown}");
    assert!(!said.contains("No owner list names"), "{trick}: {said}");
    assert!(!registry.keys().contains(&"bad/changed".to_owned()), "{trick}");
}

#[tokio::test]
async fn one_that_panics_or_loops() {
    is_unknown("panic", "it panicked").await;
    is_unknown("loop", "longer than 1s").await;
}

#[tokio::test]
async fn one_that_goes_round_in_circles_or_says_too_much() {
    is_unknown("circle", "no progress").await;
    is_unknown("long-cursor", "more than 4 KiB").await;
    is_unknown("too-many", "more than 1000 entries").await;
}

#[tokio::test]
async fn one_that_fails_asks_who_is_calling_or_writes() {
    is_unknown("unheard-of", "index.json cannot be read: unheard-of").await;
    is_unknown("ask-who", "nobody is asking").await;
    is_unknown("write", "nothing may be changed").await;
}

#[tokio::test]
async fn what_it_says_cannot_forge_lines_or_reach_the_terminal() {
    let (_, ended) = remove_ann("control-characters", &[]).await;
    let said = &ended.stderr;
    assert!(!said.contains('\u{1b}') && !said.contains('\r'), "{said:?}");
    assert!(!said.lines().any(|line| line.starts_with("nobody owns")), "{said:?}");
}

#[tokio::test]
async fn one_that_revokes_nothing_is_told_from_one_that_does() {
    let (registry, ended) = remove_ann("stuck", &["--and-ownerships"]).await;
    let said = &ended.stderr;
    assert_eq!(ended.code, Some(1), "{said}");
    assert!(said.contains("ann is still listed as an owner of bad:thing:thing: it is stuck"), "{said}");
    assert!(said.contains("ann is no longer an owner of 1 of these"), "{said}");
    assert!(registry.keys().contains(&"good/disowned".to_owned()));
}

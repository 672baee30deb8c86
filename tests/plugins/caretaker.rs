//! Plugins that look after their mount badly: their run ends with a sentence and exit code
//! 1, and the other mounts are looked after all the same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::registry::Ended;
use packhouse_tests::{Options, Registry};

/// A well-behaved mount with something left over, and one that plays this trick.
async fn registry(trick: &str) -> Registry {
    let mounts = format!(
        "[mount.good]\nplugin = \"caretaker\"\n[mount.bad]\nplugin = \"caretaker\"\nsettings = {{ trick = \"{trick}\" }}\n\
         [maintenance]\ngc = \"off\"\n"
    );
    let limits = "guest_deadline = \"1s\"\nguest_memory = \"64MiB\"\n";
    let registry = Registry::start(Options::mounts(&mounts).plugin("caretaker").limits(limits)).await;
    for mount in ["good", "bad"] {
        let folder = registry.home().objects().join(mount).join("blobs");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("left-over"), "left over").unwrap();
    }
    registry
}

/// Collects with no grace, until the good mount's left-over is old enough to go.
async fn collect(registry: &Registry) -> Ended {
    loop {
        let ended = registry.order(&["gc", "--older-than", "0s"]).await;
        if !registry.keys().contains(&"good/blobs/left-over".to_owned()) {
            return ended;
        }
        assert!(ended.stdout.contains("good: looked at 1 object,"), "{}{}", ended.stdout, ended.stderr);
    }
}

/// The run of the bad mount ends with these words, the good mount's as it should.
async fn fails(trick: &str, words: &[&str]) -> Ended {
    let registry = registry(trick).await;
    let ended = collect(&registry).await;
    assert_eq!(ended.code, Some(1), "{trick}: {}{}", ended.stdout, ended.stderr);
    let failure =
        ended.stderr.lines().find(|line| line.starts_with("packhouse: bad: stopped before its end"));
    let failure = failure.unwrap_or_else(|| panic!("{trick}: {}{}", ended.stdout, ended.stderr));
    for word in words {
        assert!(failure.contains(word), "{trick}: {word:?} is missing: {failure}");
    }
    registry.actor("/bad").get("/").await.expect(200);
    ended
}

#[tokio::test]
async fn one_that_panics() {
    fails("panic", &["it panicked", "as asked"]).await;
}

#[tokio::test]
async fn one_that_loops() {
    fails("loop", &["longer than 1s"]).await;
}

#[tokio::test]
async fn one_that_makes_no_progress() {
    fails("circle", &["no progress", "\"a\""]).await;
}

#[tokio::test]
async fn one_whose_cursor_is_too_long() {
    fails("long-cursor", &["cursor", "4096 bytes"]).await;
}

#[tokio::test]
async fn one_that_asks_who_is_calling() {
    fails("ask-who", &["has no request"]).await;
    fails("ask-may", &["has no request"]).await;
}

#[tokio::test]
async fn one_that_reports_for_ever() {
    let ended = fails("report-for-ever", &["more than 10000 lines"]).await;
    assert!(ended.stdout.lines().count() < 11_000);
}

#[tokio::test]
async fn one_that_ends_with_an_error_of_its_own() {
    fails("unheard-of", &["index.json cannot be read: unheard-of"]).await;
}

#[tokio::test]
async fn what_a_step_removed_before_it_failed_is_told() {
    let ended = fails("panic-after-removing", &["it panicked"]).await;
    assert!(ended.stdout.contains("bad: removed bad/blobs/left-over"), "{}", ended.stdout);
}

#[tokio::test]
async fn what_is_reported_cannot_forge_lines_or_reach_the_terminal() {
    let registry = registry("control-characters").await;
    let said = registry.order(&["gc", "bad"]).await.expect(0);
    assert!(!said.contains('\u{1b}') && !said.contains('\r'), "{said:?}");
    assert!(!said.lines().any(|line| line.starts_with("npm:")), "{said:?}");
}

#[tokio::test]
async fn words_are_remembered_from_step_to_step() {
    registry("remember").await.order(&["gc", "bad"]).await.expect(0);
}

#[tokio::test]
async fn a_dry_run_and_verify_change_nothing_even_against_the_plugins_will() {
    let registry = registry("write").await;
    let before = registry.keys();
    for arguments in [vec!["gc", "--dry-run", "bad"], vec!["verify", "bad"]] {
        let ended = registry.order(&arguments).await;
        assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains("nothing may be changed"), "{}", ended.stderr);
    }
    assert_eq!(registry.keys(), before);
}

//! Taking access away from somebody who owns packages, by command beside a running registry.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::accounts::{self, User};
use packhouse_tests::cargo::Crate;
use packhouse_tests::npm::Package;
use packhouse_tests::registry::{Ended, Options, Registry};
use packhouse_tests::rubygems::Gem;
use packhouse_tests::{Actor, wait};
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;

const MOUNTS: &str = "[mount.cargo]\n[mount.npm]\n[mount.oci]\n[mount.pypi]\n[mount.rubygems]\n";
/// A second, and what a busy machine takes for some requests.
const FOLLOWED: Duration = Duration::from_secs(5);
const GRANTS: [&str; 3] = ["npm:package:*:write", "cargo:crate:*:write", "rubygems:gem:*:write"];

/// ann has published with every protocol that has owners.
struct Story {
    registry: Registry,
    ann: User,
}

impl Story {
    async fn begin() -> Self {
        let mut options = Options::mounts(MOUNTS);
        for plugin in ["cargo", "oci", "pypi", "rubygems"] {
            options = options.plugin(plugin);
        }
        let registry = Registry::start(options).await;
        let ann = registry.user("ann", &GRANTS).await;
        let story = Self { registry, ann };
        assert_eq!(story.publish(&story.ann.token, "1.0.0").await, (201, 200, 200));
        story
    }

    fn actors(&self, token: &str) -> (Actor, Actor, Actor) {
        let at = |path: &str| self.registry.actor(path).with_token(token);
        (at("/npm"), at("/cargo"), at("/rubygems"))
    }

    /// What npm, cargo and gem are answered.
    async fn publish(&self, token: &str, version: &str) -> (u16, u16, u16) {
        let (npm, cargo, gems) = self.actors(token);
        let package = Package::new("left-pad", version);
        let npm = npm.put(&package.path(), &package.publish()).await;
        let cargo = Crate::new("Left_Pad", version).publish(&cargo).await;
        let gem = Gem::new("left-pad", version).push(&gems).await;
        (npm.status.as_u16(), cargo.status.as_u16(), gem.status.as_u16())
    }

    async fn order(&self, line: &str) -> Ended {
        self.registry.order(&line.split(' ').collect::<Vec<_>>()).await
    }
}

#[tokio::test]
async fn removing_grants_says_what_is_still_owned_and_revokes_it_when_told_to() {
    let story = Story::begin().await;
    let remove = "user grant ann npm:package:*:write cargo:crate:*:write rubygems:gem:*:write --remove";
    let ended = story.order(remove).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for part in [
        "  cargo:crate:Left_Pad",
        "  npm:package:left-pad",
        "  rubygems:gem:left-pad",
        "run the same command again with --and-ownerships",
    ] {
        assert!(ended.stderr.contains(part), "{part} in {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("everybody may") && !ended.stderr.contains("owns nothing"));
    assert_eq!(story.publish(&story.ann.token, "1.1.0").await, (201, 200, 200), "as it was said");

    let ended = story.order(&format!("{remove} --and-ownerships")).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("ann is no longer an owner of 3 of these"), "{}", ended.stderr);
    let said = "ann has no grants now and owns nothing: it may do what everybody may.";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    // Each attempt is another version, should one still come through.
    let mut attempt = 0;
    let refused = wait::until("the running registry follows", || {
        attempt += 1;
        let (story, version) = (&story, format!("2.0.{attempt}"));
        async move { (story.publish(&story.ann.token, &version).await == (403, 403, 403)).then_some(()) }
    });
    timeout(FOLLOWED, refused).await.expect("it takes a second at most");
}

#[tokio::test]
async fn a_new_user_of_the_same_name_owns_nothing_of_it() {
    let story = Story::begin().await;
    let ended = story.order("user remove ann").await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("  npm:package:left-pad"), "{}", ended.stderr);
    let another = story.registry.user("ann", &[]).await;
    assert_eq!(story.publish(&another.token, "1.1.0").await, (403, 403, 403));
    // Nor of lists that an earlier version has written.
    let objects = story.registry.home().objects();
    for (key, ids) in
        [("npm/packages/left-pad/index.json", "_ownerIds"), ("cargo/owners/left-pad.json", "ids")]
    {
        let file = objects.join(key);
        let mut document: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&file).expect("a document")).expect("JSON");
        assert!(document.as_object_mut().expect("an object").remove(ids).is_some(), "{key}");
        std::fs::write(&file, document.to_string()).expect("written");
    }
    assert_eq!(story.publish(&another.token, "1.1.0").await, (403, 403, 403));
}

#[tokio::test]
async fn a_removed_user_is_taken_off_the_lists_also_afterwards() {
    let story = Story::begin().await;
    story.order("user remove ann").await.expect(0);
    let ended = story.order("user remove ann --and-ownerships").await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("No owner list names the removed user ann any more."), "{}", ended.stderr);
    let (npm, cargo) = (story.registry.actor("/npm"), story.registry.actor("/cargo"));
    assert_eq!(npm.get("/left-pad").await.expect(200).json()["maintainers"], json!([]));
    let owners = cargo.get("/api/v1/crates/Left_Pad/owners").await.expect(200).json();
    assert_eq!(owners["users"], json!([]));
    let gems = story.registry.actor("/rubygems");
    assert_eq!(gems.get("/api/v1/gems/left-pad/owners.json").await.expect(200).json(), json!([]));
}

#[tokio::test]
async fn a_plugin_that_cannot_say_is_named() {
    let registry = Registry::start(Options::mounts("[mount.objects]\n").plugin("objects")).await;
    registry.user("ann", &["objects:*:*:*"]).await;
    let ended = registry.order(&["user", "grant", "ann", "objects:*:*:*", "--remove"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("What ann owns on the mount objects is not known"), "{}", ended.stderr);
    assert!(ended.stderr.contains("ann has no grants now.\n"), "{}", ended.stderr);
    let ended = registry.order(&["user", "remove", "ann"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let gone = accounts::run(registry.home(), &["user", "list"], "").await;
    assert!(!gone.contains("ann"), "{gone}");
}

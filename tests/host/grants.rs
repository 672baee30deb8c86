//! What the refusal of a request names is what an administrator has to grant, word for word.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::cargo::Crate;
use packhouse_tests::composer::Library;
use packhouse_tests::maven::{self, Release};
use packhouse_tests::npm::Package;
use packhouse_tests::pypi::Distribution;
use packhouse_tests::rubygems::Gem;
use packhouse_tests::{Actor, Answer, Options, Registry, wait};

/// None of the mounts is named like its protocol.
const MOUNTS: &str = "[mount.crates]\nplugin = \"cargo\"\n[mount.js]\nplugin = \"npm\"\n\
     [mount.images]\nplugin = \"oci\"\n[mount.jars]\nplugin = \"maven\"\n[mount.wheels]\nplugin = \"pypi\"\n\
     [mount.php]\nplugin = \"composer\"\n[mount.ruby]\nplugin = \"rubygems\"\n";

/// What the words name that ask for a permission.
fn permission(answer: &Answer) -> String {
    let text = answer.text();
    let (_, rest) = text.split_once("permission ").unwrap_or_else(|| panic!("no permission in {text}"));
    rest.chars().take_while(|c| !c.is_whitespace() && !matches!(c, '"' | ',' | '\\')).collect()
}

/// Publishes something, by way of the protocol of the mount.
async fn publish(mount: &str, by: &Actor) -> Answer {
    match mount {
        "crates" => Crate::new("demo", "1.0.0").publish(by).await,
        "js" => {
            let package = Package::new("@team/demo", "1.0.0");
            by.put(&package.path(), &package.publish()).await
        }
        "images" => by.send(http::Method::POST, "/v2/team/demo/blobs/uploads/", "").await,
        "jars" => maven::put(by, &Release::new("demo", "1.0.0").path(".jar"), "jar").await,
        "php" => Library::psr4("acme/demo", "1.0.0").upload(by).await,
        "ruby" => Gem::new("demo", "1.0.0").push(by).await,
        _ => Distribution::wheel("demo", "1.0.0").upload_to(by, "/legacy/").await,
    }
}

#[tokio::test]
async fn the_permission_that_is_missing_can_be_pasted_after_user_grant() {
    let others = ["cargo", "oci", "maven", "pypi", "composer", "rubygems"];
    let options = others.into_iter().fold(Options::mounts(MOUNTS), Options::plugin);
    let registry = Registry::start(options).await;
    for (mount, expected) in [
        ("crates", "crates:crate:demo:write"),
        ("js", "js:package:@team/demo:write"),
        ("images", "images:repository:team/demo:push"),
        ("jars", "jars:artifact:com.example:demo:write"),
        ("wheels", "wheels:package:demo:write"),
        ("php", "php:package:acme/demo:write"),
        ("ruby", "ruby:gem:demo:write"),
    ] {
        let user = registry.user(&format!("of-{mount}"), &[]).await;
        let nobody = registry.actor(&format!("/{mount}"));
        // A plugin may ask before it knows the name.
        let asked = permission(&publish(mount, &nobody).await.expect(401));
        assert!(asked.starts_with(&format!("{mount}:")), "{asked}");
        let actor = nobody.with_password(&user.name, &user.password);
        let named = permission(&publish(mount, &actor).await.expect(403));
        assert_eq!(named, expected);
        registry.order(&["user", "grant", &user.name, &named]).await.expect(0);
        wait::until("the grant is there", || async {
            let answer = publish(mount, &actor).await;
            (answer.status.as_u16() < 300).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_grant_on_what_is_not_there_is_given_and_told() {
    let registry = Registry::start(Options::npm()).await;
    registry.user("ann", &[]).await;
    let mistyped =
        ["nmp:package:*:write", "npm:pakage:*:write", "npm:package:*:wirte", "npm:package:*:write"];
    let ended = registry.order(&[&["user", "grant", "ann"][..], &mistyped].concat()).await;
    for told in [
        "Warning: `nmp:package:*:write` has no effect now, as no mount has that name: the mounts are `npm`",
        "Warning: `npm:pakage:*:write` has no effect now, as there are no things of that kind: [mount.npm] has `package`",
        "Warning: `npm:package:*:wirte` has no effect now, as there is no such action: `package` has ",
    ] {
        assert!(ended.stderr.contains(told), "{told:?} is missing: {}", ended.stderr);
    }
    assert_eq!(ended.stderr.matches("Warning").count(), 3, "{}", ended.stderr);
    let given = ended.expect(0);
    assert!(mistyped.iter().all(|grant| given.lines().any(|line| line == *grant)), "{given}");
}

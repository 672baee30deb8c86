//! npm 11 at work: publish, install from a lock file, tags, deprecate, unpublish, search, and
//! a package of 120 MB.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::clients::{Client, Kind, Project};
use packhouse_tests::npm::{Package, noise};
use packhouse_tests::{Registry, User};
use serde_json::{Value, json};

/// What a publisher may do, in the words of the scope grammar.
const PUBLISHER: [&str; 2] = ["npm:package:*:write", "npm:package:*:delete"];

struct Desk {
    registry: Registry,
    npm: Client,
    user: User,
    folder: Project,
}

/// A registry and somebody who may publish to it with npm; none when npm is missing.
async fn desk() -> Option<Desk> {
    let registry = Registry::npm().await;
    let user = registry.user("publisher", &PUBLISHER).await;
    let npm = Client::find(Kind::Npm, &registry.url("/npm"), Some(&user.token))?;
    let folder = npm.project("anywhere", &json!({"name": "anywhere", "version": "1.0.0", "private": true}));
    Some(Desk { registry, npm, user, folder })
}

impl Desk {
    async fn publish(&self, package: &Package, arguments: &[&str]) {
        let folder = self.npm.package(package);
        self.npm.run(&folder, &[&["publish"], arguments].concat()).await.ok();
    }

    /// What npm tells of a package, as JSON.
    async fn view(&self, arguments: &[&str]) -> Value {
        let told = self
            .npm
            .run(&self.folder, &[&["view", "--json", "--prefer-online"], arguments].concat())
            .await
            .ok();
        serde_json::from_str(&told).unwrap_or_else(|_| panic!("`npm view` said {told}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_installed_and_again_from_the_lock_file() {
    let Some(desk) = desk().await else { return };
    desk.publish(&Package::new("left", "1.0.0"), &[]).await;
    desk.publish(&Package::new("demo", "2.0.0").field("dependencies", json!({"left": "^1.0.0"})), &[]).await;

    let consumer = desk.npm.consumer("consumer", &[("demo", "^2.0.0")]);
    desk.npm.run(&consumer, &["install"]).await.ok();
    assert_eq!(consumer.node("require('left/package.json').version").await, "1.0.0");
    let lock = consumer.read("package-lock.json");
    assert!(lock.contains(&desk.registry.url("/npm/demo/-/demo-2.0.0.tgz")), "{lock}");

    consumer.forget_modules();
    desk.npm.run(&consumer, &["ci", "--cache", "empty-cache"]).await.ok();
    assert_eq!(consumer.node("require('demo/package.json').version").await, "2.0.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scoped_package_is_published_and_installed() {
    let Some(desk) = desk().await else { return };
    desk.publish(&Package::new("@acme/tools", "1.0.0"), &["--access", "public"]).await;
    let consumer = desk.npm.consumer("consumer", &[("@acme/tools", "1.0.0")]);
    desk.npm.run(&consumer, &["install"]).await.ok();
    assert_eq!(consumer.node("require('@acme/tools/package.json').name").await, "@acme/tools");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_published_once() {
    let Some(desk) = desk().await else { return };
    let package = Package::new("demo", "1.0.0");
    desk.publish(&package, &[]).await;
    let again = desk.npm.run(&desk.npm.package(&package), &["publish", "--force"]).await.fails();
    assert!(
        again.to_lowercase().contains("cannot publish over the previously published versions"),
        "{again}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dist_tags_are_what_the_publisher_says() {
    let Some(desk) = desk().await else { return };
    desk.publish(&Package::new("demo", "1.0.0"), &[]).await;
    desk.publish(&Package::new("demo", "2.0.0-rc.1"), &["--tag", "next"]).await;
    assert_eq!(desk.view(&["demo", "dist-tags"]).await, json!({"latest": "1.0.0", "next": "2.0.0-rc.1"}));

    desk.npm.run(&desk.folder, &["dist-tag", "add", "demo@1.0.0", "stable"]).await.ok();
    desk.npm.run(&desk.folder, &["dist-tag", "rm", "demo", "next"]).await.ok();
    let list = desk.npm.run(&desk.folder, &["dist-tag", "ls", "demo"]).await.ok();
    assert_eq!(list.trim(), "latest: 1.0.0\nstable: 1.0.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deprecation_warns_and_is_taken_back() {
    let Some(desk) = desk().await else { return };
    desk.publish(&Package::new("demo", "1.0.0"), &[]).await;
    desk.publish(&Package::new("demo", "1.1.0"), &[]).await;
    desk.npm.run(&desk.folder, &["deprecate", "demo@1.0.0", "take 1.1.0 instead"]).await.ok();
    assert_eq!(desk.view(&["demo@1.0.0", "deprecated"]).await, json!("take 1.1.0 instead"));
    assert_eq!(desk.view(&["demo", "versions"]).await, json!(["1.0.0", "1.1.0"]), "no version is lost");

    let consumer = desk.npm.consumer("consumer", &[("demo", "1.0.0")]);
    let install = desk.npm.run(&consumer, &["install"]).await;
    assert!(install.stderr.contains("take 1.1.0 instead"), "{}", install.stderr);

    desk.npm.run(&desk.folder, &["deprecate", "demo@1.0.0", ""]).await.ok();
    let told =
        desk.npm.run(&desk.folder, &["view", "--prefer-online", "demo@1.0.0", "deprecated"]).await.ok();
    assert_eq!(told.trim(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_version_is_unpublished_and_then_all() {
    let Some(desk) = desk().await else { return };
    for version in ["1.0.0", "1.1.0"] {
        desk.publish(&Package::new("demo", version), &[]).await;
    }
    desk.npm.run(&desk.folder, &["unpublish", "demo@1.1.0"]).await.ok();
    assert_eq!(desk.view(&["demo", "versions"]).await, json!(["1.0.0"]));
    assert_eq!(desk.view(&["demo", "dist-tags"]).await, json!({"latest": "1.0.0"}));
    desk.registry.actor("/npm").get("/demo/-/demo-1.1.0.tgz").await.expect(404);

    desk.npm.run(&desk.folder, &["unpublish", "demo", "--force"]).await.ok();
    let gone = desk.npm.run(&desk.folder, &["view", "--prefer-online", "demo"]).await.fails();
    assert!(gone.contains("E404"), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_by_name_and_description() {
    let Some(desk) = desk().await else { return };
    desk.publish(&Package::new("violin", "1.0.0").field("description", json!("has four strings")), &[]).await;
    desk.publish(&Package::new("drum", "1.0.0").field("description", json!("has one skin")), &[]).await;
    for words in ["violin", "strings"] {
        let told = desk.npm.run(&desk.folder, &["search", "--json", words]).await.ok();
        let found: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("`npm search` said {told}"));
        let names: Vec<_> = found.as_array().into_iter().flatten().map(|package| &package["name"]).collect();
        assert_eq!(names, ["violin"], "searching {words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_fails_instead_of_finding_no_vulnerabilities() {
    let Some(desk) = desk().await else { return };
    desk.publish(&Package::new("left", "1.0.0"), &[]).await;
    let consumer = desk.npm.consumer("consumer", &[("left", "1.0.0")]);
    desk.npm.run(&consumer, &["install"]).await.ok();
    let printed = desk.npm.run(&consumer, &["audit", "--audit"]).await.fails();
    assert!(printed.contains("nothing was audited"), "{printed}");
    assert!(!printed.contains("found 0 vulnerabilities"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_knows_who_it_is() {
    let Some(desk) = desk().await else { return };
    assert_eq!(desk.npm.run(&desk.folder, &["whoami"]).await.ok().trim(), desk.user.name);
    desk.npm.run(&desk.folder, &["ping"]).await.ok();
    desk.npm.sign_in(None);
    let refused = desk.npm.run(&desk.npm.package(&Package::new("demo", "1.0.0")), &["publish"]).await.fails();
    assert!(refused.contains("ENEEDAUTH") || refused.contains("E401"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_of_120_megabytes_goes_up_and_comes_back() {
    let Some(desk) = desk().await else { return };
    let heavy = noise(120, 120_000_000);
    let package = Package::new("heavy", "1.0.0");
    let folder = desk.npm.package(&package);
    folder.write("data.bin", &heavy);
    desk.npm.run(&folder, &["publish"]).await.ok();

    let consumer = desk.npm.consumer("consumer", &[("heavy", "1.0.0")]);
    desk.npm.run(&consumer, &["install"]).await.ok();
    let came = std::fs::read(consumer.folder.join("node_modules/heavy/data.bin")).unwrap_or_default();
    assert!(came == heavy, "the bytes are the same");
}

//! Composer at work: libraries are required, autoloaded and called from PHP; updated, searched,
//! audited; read in private; installed again from a lock file after the registry changed.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use http::Method;
use packhouse_tests::clients::Composer;
use packhouse_tests::composer::Library;
use packhouse_tests::{Actor, Options, Registry};
use serde_json::json;

struct Desk {
    registry: Registry,
    composer: Composer,
    publisher: Actor,
}

/// A registry and somebody who may do everything; none when Composer is missing.
async fn desk() -> Option<Desk> {
    desk_with(Options::composer()).await
}

async fn desk_with(options: Options) -> Option<Desk> {
    let registry = Registry::start(options).await;
    let composer = Composer::find(&registry.url("/composer"))?;
    let publisher = registry.php_publisher().await;
    Some(Desk { registry, composer, publisher })
}

impl Desk {
    async fn there(&self, libraries: &[Library]) {
        for library in libraries {
            library.upload(&self.publisher).await.expect(201);
        }
    }

    async fn greets(&self, project: &str, class: &str) -> String {
        self.composer.php(project, &format!("{class}::greet()")).await
    }
}

#[tokio::test]
async fn libraries_are_required_autoloaded_and_called() {
    let Some(desk) = desk().await else { return };
    let needs = json!({ "require": { "php": ">=7.4", "acme/old-style": "^2.0" } });
    desk.there(&[
        Library::psr0("acme/old-style", "2.0.1"),
        Library::psr4("acme/lib", "v1.0.0"),
        Library::psr4_with("acme/lib", "1.1.0", &needs),
    ])
    .await;
    desk.composer.project("app", &json!({}));
    desk.composer.run("app", &["require", "acme/lib"]).await.ok();
    assert!(desk.composer.read("app/composer.json").contains("\"acme/lib\": \"^1.1\""));
    assert_eq!(desk.greets("app", "Acme\\Lib\\Greeter").await, "acme/lib 1.1.0");
    assert_eq!(desk.greets("app", "Acme_OldStyle_Greeter").await, "acme/old-style 2.0.1");
    let missing = desk.composer.run("app", &["require", "acme/none"]).await.fails();
    assert!(missing.contains("acme/none"), "{missing}");
}

#[tokio::test]
async fn updates_stay_within_the_constraint_and_see_what_was_published_a_moment_ago() {
    let Some(desk) = desk().await else { return };
    desk.there(&[Library::psr4("acme/lib", "1.0.0")]).await;
    desk.composer.project("app", &json!({ "require": { "acme/lib": "^1.0" } }));
    desk.composer.run("app", &["update"]).await.ok();
    // The client asks with the time that it was told: within one second too, that of a change is later.
    for version in ["1.0.1", "1.2.0", "1.10.0", "2.0.0"] {
        desk.there(&[Library::psr4("acme/lib", version)]).await;
        let outdated = desk.composer.run("app", &["outdated", "--direct"]).await.ok();
        assert!(outdated.contains(&format!(" {version}")), "{outdated}");
        desk.composer.run("app", &["update"]).await.ok();
        let expected = if version == "2.0.0" { "1.10.0" } else { version };
        assert_eq!(desk.greets("app", "Acme\\Lib\\Greeter").await, format!("acme/lib {expected}"));
    }
}

#[tokio::test]
async fn a_branch_is_required_and_follows_what_is_published() {
    let Some(desk) = desk().await else { return };
    let first = Library::psr4_with(
        "acme/lib",
        "dev-main",
        &json!({ "extra": { "branch-alias": { "dev-main": "1.x-dev" } } }),
    );
    desk.there(&[first]).await;
    desk.composer.project("app", &json!({ "require": { "acme/lib": "dev-main" } }));
    desk.composer.project("alias", &json!({ "require": { "acme/lib": "^1.0@dev" } }));
    for project in ["app", "alias"] {
        desk.composer.run(project, &["update"]).await.ok();
        assert_eq!(desk.greets(project, "Acme\\Lib\\Greeter").await, "acme/lib dev-main");
    }
    let lock = desk.composer.read("app/composer.lock");
    // Other code in the same branch.
    let second = Library { version: "dev-main".to_owned(), ..Library::psr4("acme/lib", "dev-main-2") };
    desk.there(&[second]).await;
    desk.composer.run("app", &["update"]).await.ok();
    assert_eq!(desk.greets("app", "Acme\\Lib\\Greeter").await, "acme/lib dev-main-2");
    // What a lock file names stays.
    desk.composer.project("again", &json!({ "require": { "acme/lib": "dev-main" } }));
    desk.composer.write("again/composer.lock", lock);
    desk.composer.run("again", &["clear-cache"]).await.ok();
    desk.composer.run("again", &["install"]).await.ok();
    assert_eq!(desk.greets("again", "Acme\\Lib\\Greeter").await, "acme/lib dev-main");
}

#[tokio::test]
async fn a_lock_file_is_installed_after_the_registry_changed() {
    let Some(desk) = desk().await else { return };
    desk.there(&[Library::psr4("acme/lib", "1.0.0")]).await;
    desk.composer.project("app", &json!({ "require": { "acme/lib": "^1.0" } }));
    desk.composer.run("app", &["update"]).await.ok();
    desk.there(&[Library::psr4("acme/lib", "1.1.0")]).await;
    desk.composer.run("app", &["clear-cache"]).await.ok();
    std::fs::remove_dir_all(desk.composer.folder("app/vendor")).expect("it goes");
    desk.composer.run("app", &["install"]).await.ok();
    assert_eq!(desk.greets("app", "Acme\\Lib\\Greeter").await, "acme/lib 1.0.0");
}

#[tokio::test]
async fn when_a_version_is_deleted_another_one_is_chosen() {
    let Some(desk) = desk().await else { return };
    desk.there(&[Library::psr4("acme/lib", "1.0.0"), Library::psr4("acme/lib", "1.1.0")]).await;
    desk.composer.project("app", &json!({ "require": { "acme/lib": "^1.0" } }));
    desk.composer.run("app", &["update"]).await.ok();
    assert_eq!(desk.greets("app", "Acme\\Lib\\Greeter").await, "acme/lib 1.1.0");
    desk.publisher.delete("/packages/acme/lib/1.1.0").await.expect(200);
    desk.composer.run("app", &["update"]).await.ok();
    assert_eq!(desk.greets("app", "Acme\\Lib\\Greeter").await, "acme/lib 1.0.0");
    desk.publisher.delete("/packages/acme/lib").await.expect(200);
    let gone = desk.composer.run("app", &["update"]).await.fails();
    assert!(gone.contains("acme/lib"), "{gone}");
}

#[tokio::test]
async fn composer_audits_searches_and_shows() {
    let Some(desk) = desk().await else { return };
    let words = json!({ "description": "Greets people in the morning", "keywords": ["hello"] });
    desk.there(&[Library::psr4_with("acme/lib", "1.0.0", &words), Library::psr4("acme/other", "3.0.0")])
        .await;
    desk.composer.project("app", &json!({ "require": { "acme/lib": "^1.0" } }));
    desk.composer.run("app", &["update"]).await.ok();
    let sound = desk.composer.run("app", &["audit"]).await.ok();
    assert!(!sound.contains("CVE-2026-0001"), "{sound}");

    let advisory = json!({ "title": "Greets everybody", "affectedVersions": "<1.1", "cve": "CVE-2026-0001",
                           "link": "https://security.example.com/1" });
    desk.publisher.put("/security-advisories/acme/lib/PH-1", &advisory).await.expect(200);
    let told = desk.composer.run("app", &["audit"]).await.fails();
    assert!(told.contains("CVE-2026-0001") && told.contains("Greets everybody"), "{told}");

    let found = desk.composer.run("app", &["search", "morning"]).await.ok();
    assert!(found.contains("acme/lib") && !found.contains("acme/other"), "{found}");
    let found = desk.composer.run("app", &["search", "--only-name", "acme"]).await.ok();
    assert!(found.contains("acme/lib") && found.contains("acme/other"), "{found}");
    let shown = desk.composer.run("app", &["show", "--all", "acme/other"]).await.ok();
    assert!(shown.contains("3.0.0") && shown.contains("The library acme/other"), "{shown}");
    let listed = desk.composer.run("app", &["show", "--available"]).await.ok();
    assert!(listed.contains("acme/lib") && listed.contains("acme/other"), "{listed}");

    let replacement = json!({ "replacement": "acme/other" });
    desk.publisher.put("/packages/acme/lib/abandoned", &replacement).await.expect(200);
    let run = desk.composer.run("app", &["update"]).await;
    let told = format!("{}{}", run.stdout, run.stderr);
    run.ok();
    assert!(told.contains("acme/lib is abandoned") && told.contains("Use acme/other instead"), "{told}");
}

#[tokio::test]
async fn what_composer_archives_can_be_uploaded() {
    let Some(desk) = desk().await else { return };
    let source = json!({ "name": "acme/made", "description": "Made by hand", "license": "MIT",
                         "autoload": { "psr-4": { "Acme\\Made\\": "src/" } }, "version": "1.0.0" });
    desk.composer.write("made/composer.json", source.to_string());
    desk.composer.write(
        "made/src/Greeter.php",
        "<?php\nnamespace Acme\\Made;\nclass Greeter { public static function greet() { return 'made'; } }\n",
    );
    desk.composer.write("made/src/größe.txt", "ä");
    desk.composer.run("made", &["archive", "--format=zip", "--dir=out", "--file=made"]).await.ok();
    let bytes = std::fs::read(desk.composer.folder("made/out").join("made.zip")).expect("an archive");
    desk.publisher.send(Method::PUT, "/packages/acme/made", bytes).await.expect(201);
    desk.composer.project("app", &json!({ "require": { "acme/made": "*" } }));
    desk.composer.run("app", &["update"]).await.ok();
    assert_eq!(desk.greets("app", "Acme\\Made\\Greeter").await, "made");
}

#[tokio::test]
async fn a_private_registry_is_read_with_auth_json() {
    let Some(desk) = desk_with(Options::composer().anonymous(&[])).await else { return };
    desk.there(&[Library::psr4("acme/lib", "1.0.0"), Library::psr4("other/lib", "1.0.0")]).await;
    let reader = desk.registry.user("reader", &["composer:package:acme/*:read"]).await;
    desk.composer.project("app", &json!({ "require": { "acme/lib": "^1.0" } }));
    let refused = desk.composer.run("app", &["update"]).await.fails();
    assert!(refused.contains("401") && refused.contains("sign in first"), "{refused}");
    desk.composer.sign_in(&desk.registry.address(), &reader.name, "wrong password");
    desk.composer.run("app", &["update"]).await.fails();
    for secret in [&reader.password, &reader.token] {
        desk.composer.sign_in(&desk.registry.address(), &reader.name, secret);
        desk.composer.run("app", &["update", "--no-cache"]).await.ok();
        assert_eq!(desk.greets("app", "Acme\\Lib\\Greeter").await, "acme/lib 1.0.0");
    }
    let refused = desk.composer.run("app", &["require", "other/lib"]).await.fails();
    assert!(refused.contains("other/lib"), "{refused}");
}

//! A bucket of an earlier system, laid out by hand, read by Composer.
#![allow(clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::clients::Composer;
use packhouse_tests::composer::{KEYS_OF_THE_FIXTURE, Library, versions};
use packhouse_tests::{Options, Registry, accounts};
use serde_json::json;

#[tokio::test]
async fn composer_installs_what_an_earlier_system_has_stored_and_one_version_more() {
    let registry = Registry::start(Options::composer()).await;
    registry.home().copy_into_bucket("composer-bucket");
    let Some(composer) = Composer::find(&registry.url("/composer")) else { return };
    let anybody = registry.actor("/composer");
    anybody.get("/p2/acme/old.json").await.expect(409);
    assert_eq!(registry.keys(), KEYS_OF_THE_FIXTURE, "reading writes nothing");

    accounts::run(registry.home(), &["reindex"], "").await;
    let mut expected = KEYS_OF_THE_FIXTURE.map(str::to_owned).to_vec();
    expected.extend(
        [
            "composer/packages/acme/old-base/metadata.json",
            "composer/proofs/packages/acme/old-base/metadata.json",
            "composer/proofs/packages/acme/old/metadata.json",
        ]
        .map(str::to_owned),
    );
    expected.sort();
    assert_eq!(registry.keys(), expected);

    composer.project("app", &json!({ "require": { "acme/old": "^1.0" } }));
    composer.run("app", &["update"]).await.ok();
    let greets = || composer.php("app", "Acme\\Old\\Greeter::greet()");
    assert_eq!(greets().await, "acme/old 1.1.0 with acme/old-base 1.0.0");
    let times: Vec<_> = versions(&anybody, "/p2/acme/old.json")
        .await
        .into_iter()
        .map(|version| version["time"].clone())
        .collect();
    assert_eq!(times, ["2021-02-03T04:05:06+00:00", "2020-01-02T03:04:05+00:00"]);
    // The list of packages is kept for the next one who asks.
    expected.push("composer/list.json".to_owned());

    let publisher = registry.php_publisher().await;
    Library::psr4("acme/old", "1.2.0").upload(&publisher).await.expect(201);
    let listed = versions(&anybody, "/p2/acme/old.json").await;
    let reference =
        listed.first().and_then(|newest| newest["dist"]["reference"].as_str()).unwrap_or_default();
    for ending in ["json", "zip"] {
        expected.push(format!("composer/packages/acme/old/{reference}.{ending}"));
    }
    expected.sort();
    assert_eq!(registry.keys(), expected);
    composer.run("app", &["update"]).await.ok();
    assert_eq!(greets().await, "acme/old 1.2.0");
    composer.run("app", &["require", "acme/old:1.0.0"]).await.ok();
    assert_eq!(greets().await, "acme/old 1.0.0 with acme/old-base 1.0.0");
}

//! npm over HTTP by hand: what was published is changed; the same stories on every store.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::npm::Package;
#[allow(unused_imports, reason = "the tier of clients runs these stories on other stores")]
use packhouse_tests::on_every_backend as on_every;
use packhouse_tests::{Actor, Registry};
use serde_json::json;

crate::on_every! {
    tags_are_set_and_removed
    a_deprecation_keeps_every_version
    a_version_is_unpublished_in_the_steps_of_npm
    a_package_is_unpublished_and_may_come_back
    writers_at_the_same_moment_lose_nothing
}

async fn publish(by: &Actor, package: &Package) {
    let answer = by.put(&package.path(), &package.publish()).await;
    assert!(answer.status.is_success(), "{answer:?}");
}

async fn tags_are_set_and_removed(registry: Registry) {
    let (publisher, anybody) = (registry.publisher().await, registry.actor("/npm"));
    publish(&publisher, &Package::new("demo", "1.0.0")).await;
    publish(&publisher, &Package::new("demo", "2.0.0").tag("next")).await;
    let tags = "/-/package/demo/dist-tags";
    assert_eq!(anybody.get(tags).await.expect(200).json(), json!({"latest": "1.0.0", "next": "2.0.0"}));

    let set = publisher.put(&format!("{tags}/stable"), &json!("1.0.0")).await;
    assert!(set.status.is_success(), "{set:?}");
    let removed = publisher.delete(&format!("{tags}/next")).await;
    assert!(removed.status.is_success(), "{removed:?}");
    assert_eq!(anybody.get(tags).await.expect(200).json(), json!({"latest": "1.0.0", "stable": "1.0.0"}));
    let nowhere = publisher.put(&format!("{tags}/stable"), &json!("9.9.9")).await;
    assert!(nowhere.status.is_client_error(), "a tag names a version that is there: {nowhere:?}");
    anybody.put(&format!("{tags}/mine"), &json!("1.0.0")).await.expect(401);
}

async fn a_deprecation_keeps_every_version(registry: Registry) {
    let publisher = registry.publisher().await;
    for version in ["1.0.0", "1.1.0"] {
        publish(&publisher, &Package::new("demo", version)).await;
    }
    // npm sends back what it read, changed; some clients send back less than all.
    let mut document = publisher.get("/demo?write=true").await.expect(200).json();
    document["versions"]["1.0.0"]["deprecated"] = json!("take 1.1.0");
    document["versions"].as_object_mut().map(|versions| versions.remove("1.1.0"));
    let answer = publisher.put("/demo", &document).await;
    assert!(answer.status.is_success(), "{answer:?}");

    let after = publisher.get("/demo").await.expect(200).json();
    assert_eq!(after["versions"]["1.0.0"]["deprecated"], "take 1.1.0");
    assert_eq!(after["versions"]["1.1.0"]["version"], "1.1.0", "it is still there");
    publisher.get("/demo/-/demo-1.1.0.tgz").await.expect(200);
}

async fn a_version_is_unpublished_in_the_steps_of_npm(registry: Registry) {
    let publisher = registry.publisher().await;
    for version in ["1.0.0", "1.1.0"] {
        publish(&publisher, &Package::new("demo", version)).await;
    }
    let mut document = publisher.get("/demo?write=true").await.expect(200).json();
    let revision = document["_rev"].as_str().unwrap_or_default().to_owned();
    document["versions"].as_object_mut().map(|versions| versions.remove("1.1.0"));
    document["dist-tags"]["latest"] = json!("1.0.0");
    let answer = publisher.put(&format!("/demo/-rev/{revision}"), &document).await;
    assert!(answer.status.is_success(), "{answer:?}");
    let stale = publisher.put(&format!("/demo/-rev/{revision}"), &document).await;
    assert_eq!(stale.status.as_u16(), 409, "the revision is the compare-and-swap token: {stale:?}");

    let after = publisher.get("/demo?write=true").await.expect(200).json();
    let revision = after["_rev"].as_str().unwrap_or_default();
    let answer = publisher.delete(&format!("/demo/-/demo-1.1.0.tgz/-rev/{revision}")).await;
    assert!(answer.status.is_success(), "{answer:?}");
    publisher.get("/demo/1.1.0").await.expect(404);
    publisher.get("/demo/-/demo-1.1.0.tgz").await.expect(404);
    assert_eq!(publisher.get("/demo/latest").await.expect(200).json()["version"], "1.0.0");
}

async fn a_package_is_unpublished_and_may_come_back(registry: Registry) {
    let publisher = registry.publisher().await;
    publish(&publisher, &Package::new("demo", "1.0.0")).await;
    let document = publisher.get("/demo?write=true").await.expect(200).json();
    let revision = document["_rev"].as_str().unwrap_or_default();
    let answer = publisher.delete(&format!("/demo/-rev/{revision}")).await;
    assert!(answer.status.is_success(), "{answer:?}");
    publisher.get("/demo").await.expect(404);
    publisher.get("/demo/-/demo-1.0.0.tgz").await.expect(404);
    publish(&publisher, &Package::new("demo", "2.0.0")).await;
    assert_eq!(publisher.get("/demo/latest").await.expect(200).json()["version"], "2.0.0");
}

async fn writers_at_the_same_moment_lose_nothing(registry: Registry) {
    let publisher = registry.publisher().await;
    let answers = packhouse_tests::races::at_once(8, |number| {
        let publisher = publisher.clone();
        let package = Package::new("demo", &format!("1.0.{number}"));
        async move { publisher.put(&package.path(), &package.publish()).await }
    });
    for answer in answers.await {
        assert!(answer.status.is_success(), "{answer:?}");
    }
    let document = publisher.get("/demo").await.expect(200).json();
    assert_eq!(document["versions"].as_object().map(serde_json::Map::len), Some(8));
}

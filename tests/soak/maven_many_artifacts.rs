//! A repository of very many artifacts: a deployment costs no more there, and changes nothing that
//! others share. Every run has a sample; `cargo xtask test --tier soak` has 20,000 artifacts. What the
//! reads took is printed.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "a test may fail loudly")]

use packhouse_tests::crowd::Crowd;
use packhouse_tests::maven::{Release, metadata, versions};
use packhouse_tests::races::rounds;
use packhouse_tests::{Actor, Options};
use std::path::Path;

fn seed(bucket: &Path, artifacts: u64) {
    for number in 0..artifacts {
        let release = Release::new(&format!("lib-{number}"), "1.0");
        for (ending, content) in [(".pom", release.pom()), (".jar", release.jar())] {
            let path = bucket.join(format!("maven/artifacts{}", release.path(ending)));
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, content).expect("a file");
        }
    }
}

/// What the deployments of a new artifact and of its second version ask the store.
async fn costs(crowd: &Crowd, deployer: &Actor, name: &str) -> [(Vec<String>, usize); 2] {
    let mut costs = Vec::new();
    for version in ["1.0", "1.1"] {
        crowd.store.asked();
        Release::new(name, version).deploy(deployer).await;
        costs.push(crowd.store.cost(&[name]));
    }
    let [new, next] = costs.try_into().expect("two");
    [new, next]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_beside_twenty_thousand_artifacts_costs_as_much_as_alone_and_is_listed() {
    let artifacts = rounds(20_000, 500);
    let few = Crowd::nobody(Options::maven()).await;
    let alone = costs(&few, &few.registry.deployer().await, "demo").await;
    let crowd = Crowd::of(Options::maven(), "maven", |bucket| seed(bucket, artifacts)).await;
    let deployer = crowd.registry.deployer().await;
    let reader = crowd.registry.actor("/maven");
    for ((asked, lists), (alone, lists_alone)) in
        costs(&crowd, &deployer, "demo").await.into_iter().zip(alone)
    {
        println!(
            "a deployment beside {artifacts} artifacts asks {} times, and for {lists} listings",
            asked.len()
        );
        assert_eq!(asked, alone);
        assert!(lists <= lists_alone, "{lists} listings, and {lists_alone} alone");
        let shared = |line: &&String| line.starts_with("PUT ") && !line.contains("NAME");
        assert_eq!(asked.iter().find(shared), None, "nothing that others share is written");
    }
    let listed = crowd.measured("metadata after a deployment", &reader, &metadata("demo"), 200).await;
    assert_eq!(versions(&listed.text()), ["1.0", "1.1"]);
    let seeded = Release::new("lib-7", "1.0");
    crowd.measured("metadata of another artifact", &reader, &metadata("lib-7"), 200).await;
    crowd.measured("a POM", &reader, &seeded.path(".pom"), 200).await;
    crowd.measured("a jar", &reader, &seeded.path(".jar"), 200).await;
    crowd.measured("a checksum", &reader, &seeded.path(".jar.sha1"), 200).await;
    crowd.measured("what is not there", &reader, "/com/example/none/1.0/none-1.0.jar", 404).await;
    let listing = crowd.measured("a listing of the group", &reader, "/com/example/", 200).await;
    assert!(listing.text().matches("<a ").count() <= 1002, "a page of it");
    crowd.measured("a listing of an artifact", &reader, "/com/example/lib-7/", 200).await;
}

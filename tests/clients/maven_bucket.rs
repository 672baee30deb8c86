//! A bucket of an earlier system, laid out by hand, read by Maven.
#![allow(clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::clients::{Maven, MavenVersion};
use packhouse_tests::maven::{KEYS_OF_THE_FIXTURE, Release, metadata, versions};
use packhouse_tests::{Options, Registry};

const GET: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:get";

#[tokio::test]
async fn clients_resolve_what_an_earlier_system_has_stored_and_deploy_one_more() {
    let registry = Registry::start(Options::maven()).await;
    registry.home().copy_into_bucket("maven-bucket");
    for version in MavenVersion::ALL {
        let Some(maven) = Maven::find(version, &registry.url("/maven")) else { return };
        for wanted in ["1.0", "LATEST"] {
            let artifact = format!("-Dartifact=com.example:old-tools:{wanted}");
            maven.run(".", &[GET, &artifact]).await.ok();
        }
        let local = maven.local().join("com/example/old-tools");
        assert!(
            local.join("1.0/old-tools-1.0.jar").is_file() && local.join("1.1/old-tools-1.1.jar").is_file()
        );
    }
    assert_eq!(registry.keys(), KEYS_OF_THE_FIXTURE, "reading writes nothing");

    // In the earlier system's words.
    let user = registry.user("deployer", &["maven:artifact:com.example:write"]).await;
    let deployer = registry.actor("/maven").with_password(&user.name, &user.password);
    Release::new("old-tools", "1.2").deploy(&deployer).await;
    let mut expected = KEYS_OF_THE_FIXTURE.map(str::to_owned).to_vec();
    expected.extend(
        [
            "maven/artifacts/com/example/old-tools/1.2/old-tools-1.2.jar",
            "maven/artifacts/com/example/old-tools/1.2/old-tools-1.2.pom",
            "maven/names/com.example/old-tools",
            "maven/proofs/versions/com.example/old-tools/1.2.json",
            "maven/versions/com.example/old-tools/1.2.json",
        ]
        .map(str::to_owned),
    );
    expected.sort();
    assert_eq!(registry.keys(), expected);
    let listed = deployer.get(&metadata("old-tools")).await.expect(200).text();
    assert_eq!(versions(&listed), ["1.0", "1.1", "1.2"]);
    let Some(maven) = Maven::find(MavenVersion::V3_9, &registry.url("/maven")) else { return };
    for wanted in ["1.0", "LATEST"] {
        maven.run(".", &[GET, &format!("-Dartifact=com.example:old-tools:{wanted}")]).await.ok();
    }
    assert!(maven.local().join("com/example/old-tools/1.2/old-tools-1.2.jar").is_file());
}

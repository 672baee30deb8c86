//! Answers of the store that never came: what was done is done, once.

use packhouse_plugin::Error;

use super::*;

#[test]
fn a_file_whose_answer_was_lost_is_there() {
    let host = host();
    done(&host.as_user("ann"), POM, pom("1.0"));
    host.lose_answer(DOCUMENT, |document| document);
    assert_eq!(put(&host.as_user("ann"), JAR, "jar of 1.0").status(), 201);
    assert_eq!(text(&host, JAR), "jar of 1.0");
    host.break_answer(METADATA, Error::Unavailable("away".to_owned()));
    deploy(&host, "1.1");
    assert_eq!(listed(&host), ["1.0", "1.1"]);
}

#[test]
fn a_file_that_was_deleted_is_gone() {
    let host = host();
    deploy(&host, "1.0");
    host.lose_answer(DOCUMENT, |document| document);
    assert_eq!(host.as_user("ann").delete(JAR).send::<Maven>().status(), 204);
    assert_eq!(get(&host, JAR).status(), 404);
    assert!(!host.objects().iter().any(|key| key.ends_with("lib-1.0.jar")), "{:?}", host.objects());
}

#[test]
fn a_version_that_was_deleted_is_gone() {
    let host = host();
    deploy(&host, "1.0");
    host.lose_answer(DOCUMENT, |_| None);
    assert_eq!(host.as_user("ann").delete("/com/example/lib/1.0").send::<Maven>().status(), 204);
    assert!(!host.objects().iter().any(|key| key.starts_with("artifacts/")), "{:?}", host.objects());
    assert_eq!(get(&host, "/com/example/lib/maven-metadata.xml").status(), 404);
}

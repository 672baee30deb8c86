//! Changes that were made although their answer was lost, and somebody else wrote before the store was
//! asked again.

use super::*;

const DOCUMENT: &str = "packages/acme/lib/metadata.json";

/// Somebody else's mark of the package.
fn abandoned(there: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut package: Value = serde_json::from_slice(&there?).unwrap();
    package["abandoned"] = json!(true);
    package["modified"] = json!(package["modified"].as_u64().unwrap() + 1);
    Some(package.to_string().into_bytes())
}

#[test]
fn a_publish_that_was_made_is_a_success_and_is_listed() {
    for version in ["1.0.0", "dev-main"] {
        let host = host();
        published(&host, "0.9.0");
        host.lose_answer(DOCUMENT, abandoned);
        published(&host, version);
        let path = if version == "1.0.0" { "/p2/acme/lib.json" } else { "/p2/acme/lib~dev.json" };
        let found = versions(&get(&host, path));
        assert_eq!((&found[0]["version"], &found[0]["abandoned"]), (&json!(version), &json!(true)));
    }
}

#[test]
fn a_version_that_was_deleted_is_gone() {
    let host = host();
    published(&host, "1.0.0");
    published(&host, "1.1.0");
    let path = dist_path(&host, "/p2/acme/lib.json", "1.1.0");
    host.lose_answer(DOCUMENT, abandoned);
    assert_eq!(delete(&host, "/packages/acme/lib/1.1.0").status(), 200);
    assert_eq!(names(&host, "/p2/acme/lib.json"), ["1.0.0"]);
    assert_eq!(get(&host, &path).status(), 404);
    let zips = host.objects().into_iter().filter(|key| key.strip_suffix(".zip").is_some());
    assert_eq!(zips.count(), 1);
}

#[test]
fn a_package_that_was_deleted_is_gone() {
    let host = host();
    published(&host, "1.0.0");
    host.lose_answer(DOCUMENT, |there| there);
    assert_eq!(delete(&host, "/packages/acme/lib").status(), 200);
    assert_eq!(get(&host, "/p2/acme/lib.json").status(), 404);
    published(&host, "1.0.0");
}

/// Nobody has marked its removal.
#[test]
fn a_document_that_is_lost_during_a_publish_is_not_begun_anew() {
    let host = host();
    published(&host, "1.0.0");
    host.lose_answer(DOCUMENT, |_| None);
    let dist = samples::library("acme/lib", &json!({ "description": "next" }));
    assert_eq!(upload(&host, "/packages/acme/lib?version=1.1.0", dist).status(), 500);
    assert!(host.object(DOCUMENT).is_none());
}

#[test]
fn a_store_that_is_away_is_a_503_and_the_next_publish_is_taken() {
    let host = host();
    host.fail_next(packhouse_plugin::Error::Unavailable("away".to_owned()));
    let dist = samples::library("acme/lib", &json!({}));
    assert_eq!(upload(&host, "/packages/acme/lib?version=1.0.0", dist).status(), 503);
    published(&host, "1.0.0");
}

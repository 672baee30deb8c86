//! Changes that were made although their answer was lost, and somebody else wrote before the
//! store was asked again.

use super::unpublish::{at_revision, without};
use super::*;

const INDEX: &str = "packages/a/index.json";
const PROOF: &str = "proofs/packages/a/index.json";

/// Somebody else's star.
fn starred(there: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut packument: Value = serde_json::from_slice(&there?).unwrap();
    packument["users"] = json!({ "bob": true });
    Some(packument.to_string().into_bytes())
}

#[test]
fn a_publish_that_was_made_is_a_success() {
    let host = host();
    for version in ["1.0.0", "1.1.0"] {
        host.lose_answer(INDEX, starred);
        let publish = Publish::new("a", version).done(&host);
        assert_eq!(get(&host, &format!("/a/-/a-{version}.tgz")).status(), 200);
        // The next one has no part in it.
        assert_eq!(publish.send(&host.as_user("ann")).status(), 403);
    }
    let stored = host.object_json(INDEX);
    assert_eq!(stored["versions"].as_object().unwrap().len(), 2);
    assert_eq!(stored["users"], json!({ "bob": true }));
}

#[test]
fn a_tag_that_was_removed_is_removed() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    let ann = host.as_user("ann");
    let tag = "/-/package/a/dist-tags/beta";
    assert_eq!(ann.put(tag).json(&json!("1.0.0")).send::<Npm>().status(), 201);
    host.lose_answer(INDEX, starred);
    assert_eq!(ann.delete(tag).send::<Npm>().status(), 201);
    assert_eq!(get(&host, "/-/package/a/dist-tags").json(), json!({ "latest": "1.0.0" }));
    assert_eq!(ann.delete(tag).send::<Npm>().status(), 404, "this one removed nothing");
}

#[test]
fn a_version_that_was_unpublished_is_gone_with_its_tarball() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    Publish::new("a", "2.0.0").done(&host);
    let ann = host.as_user("ann");
    let (path, mut body) = (at_revision(&host, "a", "/a"), without(&host, "a", "2.0.0"));
    body["dist-tags"]["latest"] = "1.0.0".into();
    host.lose_answer(INDEX, starred);
    let reply = ann.put(&path).json(&body).send::<Npm>();
    assert_eq!(reply.status(), 201, "{}", reply.text());
    assert_eq!(host.objects(), ["packages/a/a-1.0.0.tgz", INDEX, PROOF]);
    let tarball = at_revision(&host, "a", "/a/-/a-2.0.0.tgz");
    assert_eq!(ann.delete(&tarball).send::<Npm>().status(), 200, "npm asks for that too");
}

#[test]
fn a_package_that_was_removed_is_gone() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    let path = at_revision(&host, "a", "/a");
    host.lose_answer(INDEX, |_| None);
    assert_eq!(host.as_user("ann").delete(&path).send::<Npm>().status(), 200);
    assert_eq!(host.objects(), [PROOF]);
}

/// The same bytes have the same version on stores that name it by a digest.
#[test]
fn a_tarball_that_is_published_again_while_it_is_removed_stays() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    Publish::new("a", "2.0.0").done(&host);
    let (path, mut body) = (at_revision(&host, "a", "/a"), without(&host, "a", "2.0.0"));
    body["dist-tags"]["latest"] = "1.0.0".into();
    let reply = host.as_user("ann").put(&path).json(&body).send::<Npm>();
    assert_eq!(reply.status(), 201, "{}", reply.text());
    Publish::new("a", "2.0.0").done(&host);
    // A late request for the tarball of the version before.
    let tarball = at_revision(&host, "a", "/a/-/a-2.0.0.tgz");
    assert_eq!(host.as_user("ann").delete(&tarball).send::<Npm>().status(), 409);
    assert_eq!(get(&host, "/a/-/a-2.0.0.tgz").status(), 200);
}

#[test]
fn a_tarball_that_may_be_about_to_be_named_is_not_removed() {
    let host = host();
    host.set_store_ahead(-3_600_000);
    Publish::new("a", "1.0.0").done(&host);
    host.insert("packages/a/a-2.0.0.tgz", b"somebody is publishing this").unwrap();
    let ann = host.as_user("ann");
    let tarball = at_revision(&host, "a", "/a/-/a-2.0.0.tgz");
    assert_eq!(ann.delete(&tarball).send::<Npm>().status(), 200);
    assert_eq!(host.objects().len(), 4, "it is younger than a publish takes");
    host.set_now(host.now() + 6 * 60 * 1000);
    assert_eq!(ann.delete(&tarball).send::<Npm>().status(), 200);
    assert_eq!(host.objects(), ["packages/a/a-1.0.0.tgz", INDEX, PROOF]);
}

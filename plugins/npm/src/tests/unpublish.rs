//! The unpublish dance, as libnpmpublish does it.

use super::*;

/// A path with the document's present revision.
pub fn at_revision(host: &Host, package: &str, path: &str) -> String {
    let document = host.as_user("ann").get(&format!("/{package}?write=true")).send::<Npm>();
    format!("{path}/-rev/{}", document.json()["_rev"].as_str().unwrap())
}

/// What npm sends to remove a version.
pub fn without(host: &Host, package: &str, version: &str) -> Value {
    let mut body = get(host, &format!("/{package}?write=true")).json();
    body["versions"].as_object_mut().unwrap().shift_remove(version);
    let tags = body["dist-tags"].as_object_mut().unwrap();
    tags.retain(|_, target| target != version);
    body
}

#[test]
fn one_version_goes_and_then_its_tarball() {
    let host = host();
    Publish::new("@example/a", "1.0.0").done(&host);
    Publish::new("@example/a", "2.0.0").done(&host);
    let ann = host.as_user("ann");
    let package = "@example%2fa";
    let path = at_revision(&host, package, "/@example%2fa");
    let mut body = without(&host, package, "2.0.0");
    body["dist-tags"]["latest"] = "1.0.0".into();
    // The tarball stays as long as it is named.
    let file = "/@example/a/-/a-2.0.0.tgz";
    let early = ann.delete(&at_revision(&host, package, file)).send::<Npm>();
    assert_eq!(early.status(), 409, "{}", early.text());
    let reply = ann.put(&path).json(&body).send::<Npm>();
    assert_eq!(reply.status(), 201, "{}", reply.text());
    let after = get(&host, "/@example%2fa").json();
    assert_eq!(after["dist-tags"], json!({ "latest": "1.0.0" }));
    assert_eq!(after["versions"].as_object().unwrap().len(), 1);
    assert_eq!(after["time"]["2.0.0"], Value::Null);
    assert_eq!(get(&host, file).status(), 404);
    let removed = ann.delete(&at_revision(&host, package, file)).send::<Npm>();
    assert_eq!(removed.status(), 200, "{}", removed.text());
    assert_eq!(
        host.objects(),
        [
            "packages/@example/a/a-1.0.0.tgz",
            "packages/@example/a/index.json",
            "proofs/packages/@example/a/index.json"
        ]
    );
    // It may be published again, with other bytes too.
    Publish::new("@example/a", "2.0.0").done(&host);
}

#[test]
fn a_provenance_bundle_goes_with_its_tarball() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    let mut publish = Publish::new("a", "2.0.0");
    let bundle = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}"#;
    publish.body["_attachments"]["a-2.0.0.sigstore"] = json!({ "data": bundle });
    // What is refused leaves none behind.
    host.insert("packages/a/a-2.0.0.tgz", b"somebody is publishing this").unwrap();
    assert_eq!(publish.send(&host.as_user("ann")).status(), 409);
    assert_eq!(host.objects().len(), 4);
    host.remove("packages/a/a-2.0.0.tgz");
    publish.done(&host);
    assert_eq!(host.objects().len(), 5);
    let ann = host.as_user("ann");
    let body = without(&host, "a", "2.0.0");
    assert_eq!(ann.put(&at_revision(&host, "a", "/a")).json(&body).send::<Npm>().status(), 201);
    let file = at_revision(&host, "a", "/a/-/a-2.0.0.tgz");
    assert_eq!(ann.delete(&file).send::<Npm>().status(), 200);
    assert_eq!(
        host.objects(),
        ["packages/a/a-1.0.0.tgz", "packages/a/index.json", "proofs/packages/a/index.json"]
    );
}

#[test]
fn a_revision_that_is_old_changes_nothing() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    Publish::new("a", "2.0.0").done(&host);
    let path = at_revision(&host, "a", "/a");
    let body = without(&host, "a", "1.0.0");
    Publish::new("a", "3.0.0").done(&host);
    let before = host.object("packages/a/index.json");
    let ann = host.as_user("ann");
    assert_eq!(ann.put(&path).json(&body).send::<Npm>().status(), 409);
    assert_eq!(ann.delete(&path).send::<Npm>().status(), 409);
    // Somebody else writes while we do.
    let path = at_revision(&host, "a", "/a");
    let body = without(&host, "a", "1.0.0");
    let mut theirs = host.object_json("packages/a/index.json");
    theirs["dist-tags"]["beta"] = "1.0.0".into();
    host.race("packages/a/index.json", theirs.to_string());
    assert_eq!(host.object("packages/a/index.json"), before);
    assert_eq!(ann.put(&path).json(&body).send::<Npm>().status(), 409);
    assert_eq!(host.object_json("packages/a/index.json"), theirs);
}

#[test]
fn a_whole_package_goes() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    Publish::new("a", "2.0.0").done(&host);
    Publish::new("ab", "1.0.0").done(&host);
    let path = at_revision(&host, "a", "/a");
    let ann = host.as_user("ann");
    assert_eq!(ann.delete(&path).send::<Npm>().status(), 200);
    assert_eq!(
        host.objects(),
        [
            "packages/ab/ab-1.0.0.tgz",
            "packages/ab/index.json",
            "proofs/packages/a/index.json",
            "proofs/packages/ab/index.json"
        ]
    );
    assert_eq!(get(&host, "/a").status(), 404);
    assert_eq!(ann.delete(&path).send::<Npm>().status(), 404);
}

#[test]
fn unpublishing_needs_its_permission_and_its_feature() {
    let host = host().user("cat", &["npm:package:a:owner", "npm:package:a:read"]);
    Publish::new("a", "1.0.0").done(&host);
    Publish::new("a", "2.0.0").done(&host);
    let path = at_revision(&host, "a", "/a");
    let body = without(&host, "a", "1.0.0");
    let before = host.objects();
    for (actor, status) in [
        (host.anonymous(), 401),
        (host.as_user("bob"), 403),
        (host.as_user("cat"), 403),
        (host.as_reader("ann"), 403),
    ] {
        assert_eq!(actor.put(&path).json(&body).send::<Npm>().status(), status);
        assert_eq!(actor.delete(&path).send::<Npm>().status(), status);
    }
    let host = host.feature("unpublish", false);
    let ann = host.as_user("ann");
    assert_eq!(ann.put(&path).json(&body).send::<Npm>().status(), 405);
    assert_eq!(ann.delete(&path).send::<Npm>().status(), 405);
    let file = at_revision(&host, "a", "/a/-/a-1.0.0.tgz");
    assert_eq!(ann.delete(&file).send::<Npm>().status(), 405);
    assert_eq!(host.objects(), before);
}

#[test]
fn the_last_version_goes_with_the_package_only() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    let path = at_revision(&host, "a", "/a");
    let body = without(&host, "a", "1.0.0");
    let reply = host.as_user("ann").put(&path).json(&body).send::<Npm>();
    assert_eq!(reply.status(), 400, "{}", reply.text());
    assert!(get(&host, "/a/1.0.0").status() == 200);
}

/// cat may delete and read, and nothing else.
fn with_cat() -> Host {
    let host = host().user("cat", &["npm:package:a:delete", "npm:package:a:read"]);
    for version in ["1.0.0", "2.0.0", "10.0.0-rc.1", "3.0.0"] {
        Publish::new("a", version).done(&host);
    }
    let tag = host.as_user("ann").put("/-/package/a/dist-tags/stable").json(&json!("1.0.0"));
    assert_eq!(tag.send::<Npm>().status(), 201);
    host
}

#[test]
fn who_may_delete_alone_changes_no_tag() {
    let host = with_cat();
    let before = host.object("packages/a/index.json");
    for tags in [
        json!({ "latest": "1.0.0", "stable": "1.0.0" }),
        json!({ "latest": "3.0.0", "stable": "3.0.0" }),
        json!({ "latest": "3.0.0", "stable": "1.0.0", "new": "1.0.0" }),
        json!({ "latest": "3.0.0" }),
    ] {
        // Beside removing a version, and without.
        for version in ["2.0.0", "none"] {
            let mut body = without(&host, "a", version);
            body["dist-tags"] = tags.clone();
            let path = at_revision(&host, "a", "/a");
            let reply = host.as_user("cat").put(&path).json(&body).send::<Npm>();
            assert_eq!(reply.status(), 403, "{tags} {version}: {}", reply.text());
        }
    }
    assert_eq!(host.object("packages/a/index.json"), before);
}

#[test]
fn who_may_delete_leaves_latest_where_npm_puts_it() {
    let host = with_cat();
    let cat = host.as_user("cat");
    let mut body = without(&host, "a", "3.0.0");
    // npm sorts what is left and takes the last.
    body["dist-tags"]["latest"] = "10.0.0-rc.1".into();
    let reply = cat.put(&at_revision(&host, "a", "/a")).json(&body).send::<Npm>();
    assert_eq!(reply.status(), 201, "{}", reply.text());
    let tags = || get(&host, "/a").json()["dist-tags"].clone();
    assert_eq!(tags(), json!({ "stable": "1.0.0", "latest": "10.0.0-rc.1" }));
    // A body that says nothing of tags, or leaves `latest` out.
    let mut body = without(&host, "a", "10.0.0-rc.1");
    body.as_object_mut().unwrap().remove("dist-tags");
    assert_eq!(cat.put(&at_revision(&host, "a", "/a")).json(&body).send::<Npm>().status(), 201);
    assert_eq!(tags(), json!({ "stable": "1.0.0", "latest": "2.0.0" }));
    let body = without(&host, "a", "2.0.0");
    assert_eq!(body["dist-tags"], json!({ "stable": "1.0.0" }));
    assert_eq!(cat.put(&at_revision(&host, "a", "/a")).json(&body).send::<Npm>().status(), 201);
    assert_eq!(tags(), json!({ "stable": "1.0.0", "latest": "1.0.0" }));
}

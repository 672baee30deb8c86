//! Everything that is wrong with what comes in: a clear refusal, and nothing stored.

use super::*;

/// Publishes what somebody broke.
fn refuse(status: u16, sentence: &str, change: impl Fn(&mut Publish)) {
    let host = host();
    let mut publish = Publish::new("a", "1.0.0");
    change(&mut publish);
    assert_refused(&host, &publish.send(&host.as_user("ann")), status, sentence);
}

#[test]
fn digests_and_lengths_must_be_those_of_the_tarball() {
    refuse(400, "dist.shasum", |publish| {
        publish.manifest()["dist"]["shasum"] = "0".repeat(40).into();
    });
    refuse(400, "dist.integrity", |publish| {
        publish.manifest()["dist"]["integrity"] = "sha512-AAAA".into();
    });
    refuse(400, "must hold sha512", |publish| {
        publish.manifest()["dist"]["integrity"] = "md5-AAAA".into();
    });
    refuse(400, "should have 3", |publish| publish.attachment()["length"] = 3.into());
    refuse(400, "", |publish| publish.attachment()["data"] = "not base64!".into());
    refuse(400, "tarball", |publish| publish.attachment()["data"] = "".into());
}

#[test]
fn names_and_versions_must_agree_everywhere() {
    refuse(400, "the manifest of a@1.0.0", |publish| publish.manifest()["name"] = "b".into());
    refuse(400, "the manifest of a@1.0.0", |publish| publish.manifest()["version"] = "1.0.1".into());
    refuse(400, "its body for b", |publish| publish.body["name"] = "b".into());
    refuse(400, "the tag latest", |publish| publish.body["dist-tags"]["latest"] = "9.9.9".into());
    refuse(400, "SemVer range", |publish| publish.body["dist-tags"] = json!({ "1.x": "1.0.0" }));
    for inside in [
        r#"{"name":"b","version":"1.0.0"}"#,
        r#"{"name":"a","version":"1.0.1"}"#,
        r#"{"version":"1.0.0"}"#,
        "[]",
        "{",
    ] {
        let host = host();
        let publish = Publish::with_tarball("a", "1.0.0", samples::tarball(inside));
        assert_refused(&host, &publish.send(&host.as_user("ann")), 400, "package.json");
    }
    let host = host();
    let publish = Publish::with_tarball("a", "1.0.0", samples::gzip(b"no tar"));
    assert_refused(&host, &publish.send(&host.as_user("ann")), 400, "tar");
    let publish = Publish::with_tarball("a", "1.0.0", b"no gzip".to_vec());
    assert_refused(&host, &publish.send(&host.as_user("ann")), 400, "gzip");
}

#[test]
fn versions_are_semver() {
    for version in ["1.0", "v1.0.0", "latest", "1.0.0 ", "..", "1.0.0/../../x"] {
        let host = host();
        let publish = Publish::new("a", version);
        let reply = publish.send(&host.as_user("ann"));
        assert_refused(&host, &reply, 400, "");
    }
}

#[test]
fn names_that_are_none_are_refused_everywhere() {
    let host = host();
    let ann = host.as_user("ann");
    let body = Publish::new("a", "1.0.0").body;
    for path in [
        "/.a",
        "/_a",
        "/-a",
        "/a%00",
        "/a%2fb",
        "/a%2f..%2fb",
        "/%2e%2e",
        "/..",
        "/%2e%2e%2fa",
        "/a%5cb",
        "/@a%2f",
        "/@a%2f..",
        "/@..%2fa",
        "/@a%2fb%2fc",
        "/a%zz",
        "/a%252f",
        "/node_modules",
        "/a%20b",
        "/%ff",
        "/@a",
    ] {
        let put = ann.put(path).json(&body).send::<Npm>();
        assert!((400..500).contains(&put.status()), "{path}: {}", put.text());
        let read = get(&host, path);
        assert!((400..500).contains(&read.status()), "{path}: {}", read.text());
        assert!(read.json()["error"].is_string(), "{path}");
    }
    for file in ["..%2f..%2findex.json", "%2e%2e", "a-1.0.0.tgz%00", "a%2fb.tgz"] {
        let reply = get(&host, &format!("/a/-/{file}"));
        assert!((400..500).contains(&reply.status()), "{file}: {}", reply.text());
    }
    assert_eq!(host.objects(), Vec::<String>::new());
}

#[test]
fn new_packages_have_modern_names() {
    for name in ["JSONStream", "a~b", "http", &"a".repeat(215)] {
        let host = host();
        let reply = Publish::new(name, "1.0.0").send(&host.as_user("ann"));
        assert_refused(&host, &reply, 400, "not a valid package name");
    }
    // One that is there already goes on.
    let host = host();
    host.insert("packages/JSONStream/index.json", r#"{"name":"JSONStream","versions":{}}"#).unwrap();
    Publish::new("JSONStream", "1.0.0").done(&host);
    assert_eq!(get(&host, "/JSONStream/1.0.0").status(), 200);
}

#[test]
fn broken_bodies_store_nothing() {
    let host = host();
    let ann = host.as_user("ann");
    let whole = Publish::new("a", "1.0.0").body.to_string();
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{\"a\":}",
        "not json",
        "{} {}",
        "{\"versions\":1}",
        "{\"versions\":{\"1.0.0\":3}}",
    ] {
        let reply = ann.put("/a").body(body).send::<Npm>();
        assert_refused(&host, &reply, 400, "");
    }
    let data = whole.find("\"data\"").unwrap();
    for length in [10, data - 3, data + 20, whole.len() - 1] {
        let cut = ann.put("/a").body(&whole[..length]).send::<Npm>();
        assert_refused(&host, &cut, 400, "");
        let broken = ann.put("/a").body(&whole).broken_after(length).send::<Npm>();
        assert_refused(&host, &broken, 400, "");
    }
}

#[test]
fn ten_megabytes_of_nested_json_are_refused() {
    let host = host();
    let ann = host.as_user("ann");
    let deep = format!("{{\"versions\":{}", "[".repeat(10_000_000));
    assert_refused(&host, &ann.put("/a").body(&deep).send::<Npm>(), 400, "nested deeper");
    let path = "/a/-rev/1-x";
    assert_refused(&host, &ann.put(path).body(&deep).send::<Npm>(), 400, "nested deeper");
    let wide = format!("{{\"readme\":\"{}\"}}", "x".repeat(10_000_000));
    assert_refused(&host, &ann.put("/a").body(wide).send::<Npm>(), 413, "JSON beside");
}

#[test]
fn more_than_one_tarball_is_too_many() {
    refuse(400, "one too many", |publish| {
        publish.body["_attachments"]["a-1.0.1.tgz"] = json!({ "data": "AAAA" });
    });
    refuse(400, "one too many", |publish| {
        publish.body["_attachments"]["evil.exe"] = json!({ "data": "AAAA" });
    });
    refuse(400, "Sigstore", |publish| {
        publish.body["_attachments"]["a-1.0.0.sigstore"] = json!({ "data": "{}" });
    });
    refuse(400, "no version in the body", |publish| {
        publish.body["_attachments"] = json!({ "b-1.0.0.tgz": publish.attachment().clone() });
    });
}

#[test]
fn an_upload_over_the_limit_is_refused() {
    let host = host().upload_limit(10);
    let reply = Publish::new("a", "1.0.0").send(&host.as_user("ann"));
    assert_refused(&host, &reply, 413, "");
}

#[test]
fn a_store_that_is_away_is_a_503_without_its_inside() {
    let host = host();
    host.fail_next(packhouse_plugin::Error::Unavailable("10.0.0.7: refused".to_owned()));
    let reply = get(&host, "/a");
    assert_eq!(reply.status(), 503);
    assert!(!reply.text().contains("10.0.0.7"));
}

#[test]
fn a_stored_document_that_is_broken_is_said_so_in_the_log_only() {
    let host = host();
    host.insert("packages/a/index.json", "{broken").unwrap();
    let reply = get(&host, "/a");
    assert_eq!(reply.status(), 500);
    assert!(host.log().iter().any(|line| format!("{line:?}").contains("packages/a/index.json")));
}

/// npm leaves build metadata out when it asks for a version: `1.0.0+x` could not be installed.
#[test]
fn a_version_with_build_metadata_is_refused() {
    let host = host();
    let reply = Publish::new("a", "1.0.0+x").send(&host.as_user("ann"));
    assert_refused(&host, &reply, 400, "build metadata");
}

#[test]
fn a_name_or_tags_of_another_type_are_refused() {
    for (member, value) in [("name", json!(null)), ("name", json!(["a"])), ("dist-tags", json!([]))] {
        let host = host();
        let mut publish = Publish::new("a", "1.0.0");
        publish.body[member] = value;
        let reply = publish.send(&host.as_user("ann"));
        assert_refused(&host, &reply, 400, member);
    }
}

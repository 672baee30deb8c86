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

/// What is published must not break the clients that install it.
#[test]
fn members_of_another_type_are_refused_by_name() {
    for member in
        ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "acceptDependencies"]
    {
        for value in
            [json!("b"), json!(1), json!(["b"]), json!({ "b": 1 }), json!({ "b": null }), json!(true)]
        {
            refuse(
                400,
                &format!("`versions.1.0.0.{member}` in the body must be an object whose values are strings"),
                |publish| publish.manifest()[member] = value.clone(),
            );
        }
    }
    for (member, values) in [
        ("os", [json!({}), json!(1), json!([1]), json!([["linux"]])]),
        ("cpu", [json!({}), json!(true), json!([null]), json!([{}])]),
        ("libc", [json!({}), json!(1), json!([1]), json!(false)]),
        ("bin", [json!(1), json!([1]), json!({ "a": 1 }), json!({ "a": null })]),
        ("directories", [json!(1), json!([]), json!({ "bin": 1 }), json!({ "bin": {} })]),
        ("bundleDependencies", [json!("a"), json!(1), json!([1]), json!([{}])]),
        ("peerDependenciesMeta", [json!("a"), json!([]), json!(1), json!({ "a": null })]),
        ("deprecated", [json!(true), json!(1), json!({}), json!(["old"])]),
        ("keywords", [json!(1), json!({}), json!([1]), json!(true)]),
        ("description", [json!(1), json!({}), json!([]), json!(true)]),
    ] {
        for value in values {
            refuse(400, &format!("`versions.1.0.0.{member}` in the body must be "), |publish| {
                publish.manifest()[member] = value.clone();
            });
        }
    }
    for (member, values) in [
        ("maintainers", [json!({}), json!("ann"), json!([1]), json!([{ "name": 1 }])]),
        ("users", [json!([]), json!("ann"), json!(1), json!(true)]),
        ("time", [json!([1]), json!("now"), json!(1), json!({ "1.0.0": 1 })]),
        ("_id", [json!(1), json!({}), json!([]), json!(true)]),
        ("access", [json!(1), json!({}), json!([]), json!(true)]),
        ("description", [json!(1), json!({}), json!([]), json!(true)]),
        ("readme", [json!(1), json!({}), json!([]), json!(true)]),
    ] {
        for value in values {
            refuse(400, &format!("`{member}` in the body must be "), |publish| {
                publish.body[member] = value.clone();
            });
        }
    }
}

/// npm, pnpm and yarn read these, and packages with them are published.
#[test]
fn members_in_any_form_that_clients_read_are_accepted() {
    for (member, value) in [
        ("dependencies", json!(null)),
        ("dependencies", json!({})),
        ("peerDependencies", json!({ "b": "*" })),
        ("peerDependenciesMeta", json!({ "b": { "optional": true } })),
        ("peerDependenciesMeta", json!({ "b": true })),
        ("os", json!("linux")),
        ("os", json!(["!win32"])),
        ("cpu", json!(["any"])),
        ("libc", json!(["glibc"])),
        ("bin", json!("cli.js")),
        ("bin", json!({ "a": "cli.js" })),
        ("directories", json!({ "bin": "bin", "lib": "lib" })),
        ("bundleDependencies", json!(["left-pad"])),
        ("bundleDependencies", json!(true)),
        ("bundledDependencies", json!(false)),
        ("engines", json!(["node >= 0.4"])),
        ("engines", json!({ "node": 8 })),
        ("deprecated", json!("use b")),
        ("deprecated", json!(false)),
        ("keywords", json!("a b")),
        ("keywords", json!(["a"])),
        ("license", json!({ "type": "MIT" })),
        ("scripts", json!({ "test": 1 })),
        ("funding", json!(["https://example.com"])),
    ] {
        let host = host();
        let mut publish = Publish::new("a", "1.0.0");
        publish.manifest()[member] = value.clone();
        publish.done(&host);
        assert_eq!(get(&host, "/a/1.0.0").json()[member], value, "{member}");
    }
    let host = host();
    let mut publish = Publish::new("a", "1.0.0");
    publish.body["maintainers"] =
        json!([{ "name": "ann", "email": "a@example.com" }, "bob <b@example.com>", {}]);
    publish.body["access"] = json!(null);
    publish.body["users"] = json!({});
    publish.body["time"] = json!({ "1.0.0": "2026-01-01T00:00:00.000Z" });
    publish.done(&host);
}

#[test]
fn what_is_no_json_object_is_said_in_plain_words() {
    let host = host();
    for (body, sentence) in [
        ("[1]", "the body must be a JSON object, which begins with `{`"),
        ("<html>", "the body must be a JSON object, which begins with `{`"),
        ("{\"name\" 1}", "the body is not valid JSON at byte 9"),
        ("{\"name\": \"a\"", "the body ends before its JSON is complete"),
    ] {
        let reply = host.as_user("ann").put("/a").body(body).send::<Npm>();
        assert_eq!((reply.status(), reply.json()["error"].as_str()), (400, Some(sentence)), "{body}");
    }
    for (body, sentence) in [
        (json!(["ann", "secret"]), "the body must be an object, and is a list"),
        (json!({ "name": "ann" }), "`password` is missing in the body"),
        (
            json!({ "name": "ann", "password": 918_273 }),
            "`password` in the body must be a string, and is a number",
        ),
    ] {
        let reply = host.anonymous().put("/-/user/org.couchdb.user:ann").json(&body).send::<Npm>();
        assert_eq!((reply.status(), reply.json()["error"].as_str()), (400, Some(sentence)), "{body}");
    }
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
fn a_publish_with_a_member_of_another_type_is_refused() {
    for (member, value) in [
        ("name", json!(null)),
        ("name", json!(["a"])),
        ("name", json!("zzz")),
        ("dist-tags", json!([])),
        ("dist-tags", json!({ "latest": 5 })),
        ("versions", json!(null)),
        ("versions", json!({ "1.0.0": null })),
        ("readme", json!(5)),
    ] {
        let host = host();
        let mut publish = Publish::new("a", "1.0.0");
        publish.body[member] = value;
        let reply = publish.send(&host.as_user("ann"));
        assert_refused(&host, &reply, 400, if member == "name" { "body" } else { member });
    }
    for (member, value) in
        [("dist", json!(5)), ("dist", json!({ "shasum": 5 })), ("dist", json!({ "integrity": null }))]
    {
        let host = host();
        let mut publish = Publish::new("a", "1.0.0");
        publish.manifest()[member] = value;
        assert_refused(&host, &publish.send(&host.as_user("ann")), 400, "in the body must be");
    }
    let host = host();
    let mut publish = Publish::new("a", "1.0.0");
    publish.attachment()["length"] = json!("long");
    assert_refused(&host, &publish.send(&host.as_user("ann")), 400, "`length` in the body must be");
}

/// Read as if it was left out, it would remove tags, versions or a star.
#[test]
fn a_change_with_a_member_of_another_type_is_refused_and_changes_nothing() {
    let host = host().user("ann", &["npm:package:*:*"]);
    Publish::new("a", "1.0.0").done(&host);
    Publish::new("a", "2.0.0").tag("next").done(&host);
    let ann = host.as_user("ann");
    assert_eq!(ann.put("/a").json(&json!({ "users": { "ann": true } })).send::<Npm>().status(), 200);
    let before = host.object("packages/a/index.json");
    let revision = get(&host, "/a").json()["_rev"].as_str().unwrap().to_owned();
    let (package, revision) = ("/a".to_owned(), format!("/a/-rev/{revision}"));
    let both = [&package, &revision];
    let refuse = |paths: &[&String], body: Value, sentence: &str| {
        for path in paths {
            let reply = ann.put(path).json(&body).send::<Npm>();
            assert_eq!(reply.status(), 400, "{path} {body}: {}", reply.text());
            let error = reply.json()["error"].as_str().unwrap().to_owned();
            assert!(error.contains(sentence), "{path} {body}: {error:?} should say {sentence:?}");
            assert_eq!(host.object("packages/a/index.json"), before, "{path} {body}");
        }
    };
    for name in [json!(null), json!(5)] {
        refuse(&both, json!({ "name": name, "users": {} }), "`name` in the body must be a string");
    }
    refuse(&both, json!({ "name": "zzz", "users": {} }), "the request is for a, and its body for zzz");
    for versions in [json!(null), json!([]), json!("1.0.0")] {
        refuse(&both, json!({ "versions": versions }), "`versions` in the body must be an object");
    }
    for manifest in [json!(null), json!(1), json!([])] {
        let body = json!({ "versions": { "1.0.0": manifest } });
        refuse(&both, body, "`versions.1.0.0` in the body must be an object");
    }
    let body = json!({ "versions": { "1.0.0": { "deprecated": 5 }, "2.0.0": {} } });
    refuse(&both, body, "`versions.1.0.0.deprecated` in the body must be a string");
    refuse(&both, json!({ "dist-tags": [] }), "`dist-tags` in the body must be an object");
    for version in [json!(5), json!(null)] {
        let body = json!({ "dist-tags": { "latest": version } });
        refuse(&both, body, "`dist-tags.latest` in the body must be a version in a string");
    }
    for people in [json!(null), json!({}), json!(["ann"]), json!([{ "name": 5 }])] {
        refuse(&both, json!({ "maintainers": people }), "`maintainers` in the body must be a list");
    }
    for users in [json!(null), json!([]), json!(5)] {
        refuse(&both, json!({ "users": users }), "`users` in the body must be an object");
    }
    refuse(&both, json!({ "users": { "ann": null } }), "`users.ann` in the body must be true or false");
}

/// Of a whole packument only deprecations are read.
#[test]
fn what_an_earlier_system_stored_may_come_back_in_a_deprecation() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    Publish::new("a", "2.0.0").done(&host);
    let mut stored = host.object_json("packages/a/index.json");
    stored["versions"]["1.0.0"]["deprecated"] = json!(false);
    stored["maintainers"] = json!([{ "name": "ann" }, "carol <carol@example.com>"]);
    stored["users"] = json!(null);
    host.insert("packages/a/index.json", stored.to_string()).unwrap();
    let mut body = get(&host, "/a").json();
    body["versions"]["2.0.0"]["deprecated"] = json!("use 1.0.0");
    let reply = host.as_user("ann").put("/a").json(&body).send::<Npm>();
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert_eq!(get(&host, "/a").json()["versions"]["2.0.0"]["deprecated"], "use 1.0.0");
}

//! Uploads: what they store, and what may be uploaded again.

use super::*;

#[test]
fn a_version_is_visible_with_all_that_its_publisher_said() {
    let host = host();
    let members = json!({
        "version": "v1.2.0", "type": "library", "require": { "php": ">=8.1" }, "x-own": { "b": 1, "a": [] },
        "source": { "type": "git", "url": "https://elsewhere.example.com", "reference": "x" }, "time": "2001-01-01",
    });
    let dist = samples::library("acme/lib", &members);
    let reply = upload(&host, "/packages/acme/lib", dist.clone());
    assert_eq!((reply.status(), reply.json()), (201, json!({ "status": "success" })));

    let found = versions(&get(&host, "/p2/acme/lib.json"));
    let [version] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(version["name"], "acme/lib");
    assert_eq!((&version["version"], &version["version_normalized"]), (&json!("v1.2.0"), &json!("1.2.0.0")));
    assert_eq!(version["x-own"].to_string(), r#"{"b":1,"a":[]}"#);
    assert_eq!(version["require"], json!({ "php": ">=8.1" }));
    assert!(!version.contains_key("source"), "it would lead clients away from the dist");
    assert!(version["time"].as_str().unwrap().ends_with("+00:00"));
    assert_ne!(version["time"], "2001-01-01");
    let sha1 = packhouse_plugin::digests::of(&dist, &["sha1"]).unwrap()[0].hex.clone();
    assert_eq!(version["dist"]["shasum"], sha1);
    assert_eq!(version["dist"]["type"], "zip");
    let path = dist_path(&host, "/p2/acme/lib.json", "v1.2.0");
    assert_eq!(get(&host, &path).bytes(), dist);
    assert_eq!(names(&host, "/p2/acme/lib~dev.json"), Vec::<String>::new());
}

#[test]
fn the_version_of_the_request_and_of_the_file_agree() {
    let host = host();
    let inside = samples::library("acme/lib", &json!({ "version": "1.0" }));
    let none = samples::library("acme/lib", &json!({}));
    assert_refused(
        &host,
        &upload(&host, "/packages/acme/lib?version=1.1", inside.clone()),
        400,
        "says version 1.0",
    );
    assert_refused(&host, &upload(&host, "/packages/acme/lib", none.clone()), 400, "has no `version`");
    assert_refused(
        &host,
        &upload(&host, "/packages/acme/lib?version=x", none.clone()),
        400,
        "is not a version",
    );
    assert_refused(&host, &upload(&host, "/packages/acme/other?version=1", none), 400, "acme/lib");
    assert_eq!(upload(&host, "/packages/acme/lib?version=v1.0.0", inside).status(), 201);
    assert_eq!(names(&host, "/p2/acme/lib.json"), ["v1.0.0"]);
}

#[test]
fn a_release_is_never_replaced() {
    let host = host();
    let dist = published(&host, "1.0.0");
    let before = host.objects();
    assert_eq!(upload(&host, "/packages/acme/lib?version=1.0.0", dist.clone()).status(), 200);
    assert_eq!(upload(&host, "/packages/acme/lib?version=v1.0", dist).status(), 200);
    let other = samples::library("acme/lib", &json!({ "description": "other" }));
    let reply = upload(&host, "/packages/acme/lib?version=v1.0", other);
    assert_eq!(reply.status(), 409);
    assert!(reply.text().contains("already published as 1.0.0"), "{}", reply.text());
    assert_eq!(host.objects(), before);
}

#[test]
fn a_branch_is_replaced_and_its_dists_stay() {
    let host = host();
    let first = published(&host, "dev-main");
    let path = dist_path(&host, "/p2/acme/lib~dev.json", "dev-main");
    let second = samples::library("acme/lib", &json!({ "description": "second" }));
    assert_eq!(upload(&host, "/packages/acme/lib?version=dev-main", second.clone()).status(), 201);
    let now = dist_path(&host, "/p2/acme/lib~dev.json", "dev-main");
    assert_ne!(path, now);
    assert_eq!(get(&host, &path).bytes(), first, "a lock file names it");
    assert_eq!(get(&host, &now).bytes(), second);
    assert_eq!(names(&host, "/p2/acme/lib.json"), Vec::<String>::new());
    // The first one again is the branch's again.
    assert_eq!(upload(&host, "/packages/acme/lib?version=dev-main", first).status(), 201);
    assert_eq!(dist_path(&host, "/p2/acme/lib~dev.json", "dev-main"), path);
    assert_eq!(get(&host, &now).bytes(), second);
}

#[test]
fn the_time_of_a_version_stays() {
    let host = host();
    let dist = published(&host, "1.0.0");
    let before = versions(&get(&host, "/p2/acme/lib.json"))[0]["time"].clone();
    host.set_now(host.now() + 86_400_000);
    assert_eq!(upload(&host, "/packages/acme/lib?version=1.0.0", dist).status(), 200);
    published(&host, "1.1.0");
    let found = versions(&get(&host, "/p2/acme/lib.json"));
    assert_eq!(found[1]["time"], before);
    assert_ne!(found[0]["time"], before);
}

#[test]
fn who_may_not_write_is_told_what_is_missing() {
    let host = host();
    let dist = samples::library("acme/lib", &json!({ "version": "1" }));
    let reply = host.anonymous().put("/packages/acme/lib").body(dist.clone()).send::<Composer>();
    assert_eq!(reply.header("www-authenticate"), Some("Basic realm=\"composer\""));
    assert_refused(&host, &reply, 401, "composer:package:acme/lib:write");
    let reply = host.as_user("bob").put("/packages/acme/lib").body(dist.clone()).send::<Composer>();
    assert_refused(&host, &reply, 403, "composer:package:acme/lib:write");
    let reply = host.as_user("cat").put("/packages/acme/other").body(dist.clone()).send::<Composer>();
    assert_refused(&host, &reply, 403, "composer:package:acme/other:write");
    assert_eq!(host.as_user("cat").put("/packages/acme/lib").body(dist).send::<Composer>().status(), 201);
    assert_eq!(host.as_user("cat").delete("/packages/acme/lib/1").send::<Composer>().status(), 200);
}

/// A `composer.json` with so many levels of lists and objects.
fn nested(levels: usize, version: &str) -> Vec<u8> {
    let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
    let rest = r#""require": { "php": ">=8.1" }, "description": "\u00e4""#;
    samples::with_manifest(&format!(
        r#"{{ "name": "acme/lib", "version": "{version}", {rest}, "extra": {open}{close} }}"#
    ))
}

#[test]
fn a_manifest_is_as_deep_as_composer_reads_the_metadata_of_it() {
    let host = host();
    for version in ["1.0", "1.1"] {
        let reply = upload(&host, "/packages/acme/lib", nested(509, version));
        assert_eq!(reply.status(), 201, "{}", reply.text());
    }
    let metadata = get(&host, "/p2/acme/lib.json").text();
    let deep = "[".repeat(508) + &"]".repeat(508);
    assert_eq!(metadata.matches(&deep).count(), 1, "the second version differs only in its number");
    assert!(metadata.contains(r#""require":{"php":">=8.1"},"description":"ä","extra":[["#), "{metadata}");
    assert_eq!(get(&host, "/search.json?q=lib").json()["results"][0]["description"], "ä");
    for run in [host.upkeep().verify::<Composer>(), host.upkeep().reindex::<Composer>()] {
        assert_eq!(run.unwrap().damaged, Vec::<String>::new());
    }
    for levels in [510, 513, 100_000] {
        let refused = upload(&host, "/packages/acme/lib", nested(levels, "2.0"));
        assert!(refused.text().contains("more than 509 levels"), "{}", refused.text());
        assert_eq!(refused.status(), 400);
    }
}

/// `curl` sends the `+` of build metadata as it is, and a form has a space there.
#[test]
fn a_plus_in_the_query_belongs_to_the_version() {
    for query in ["1.0.0+build.5", "1.0.0%2Bbuild.5"] {
        let host = host();
        let dist = samples::library("acme/lib", &json!({ "description": "built" }));
        let reply = upload(&host, &format!("/packages/acme/lib?version={query}"), dist);
        assert_eq!(reply.status(), 201, "{query}: {}", reply.text());
        let document = host.object_json("packages/acme/lib/metadata.json");
        assert_eq!(document["versions"][0]["version"], "1.0.0+build.5");
    }
    let host = host();
    let dist = samples::library("acme/lib", &json!({ "description": "built" }));
    assert_refused(&host, &upload(&host, "/packages/acme/lib?version=1.0.0%20beta", dist), 400, "1.0.0 beta");
}

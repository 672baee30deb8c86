//! Reading: documents, tarballs, tags, search; and buckets that were written before.

use super::*;

const ABBREVIATED: &str = "application/vnd.npm.install-v1+json";

/// A bucket as an earlier system left it.
fn legacy(host: &Host) {
    let document = json!({
        "name": "@example/pad",
        "dist-tags": { "latest": "1.0.0", "Odd Tag": "0.9.0" },
        "versions": {
            "0.9.0": { "name": "@example/pad", "version": "0.9.0", "dist": { "shasum": "x" } },
            "1.0.0": { "name": "@example/pad", "version": "1.0.0", "bin": { "p": "p.js" }, "dist": {
                "tarball": "https://old.example.com/whatever/pad-1.0.0.tgz?x=1",
                "shasum": "y",
            }, "_custom": [1, 2] },
        },
    });
    host.insert("packages/@example/pad/index.json", document.to_string()).unwrap();
    host.insert("packages/@example/pad/pad-1.0.0.tgz", b"one").unwrap();
    host.insert("packages/@example/pad/pad-2.0.0.tgz", b"not named").unwrap();
}

#[test]
fn old_buckets_are_served_as_found() {
    let host = host();
    legacy(&host);
    let full = get(&host, "/@example%2fpad").json();
    let versions = &full["versions"];
    let base = "https://registry.example.com/npm/@example/pad/-";
    assert_eq!(versions["1.0.0"]["dist"]["tarball"], format!("{base}/pad-1.0.0.tgz"));
    assert_eq!(versions["0.9.0"]["dist"]["tarball"], format!("{base}/pad-0.9.0.tgz"));
    assert_eq!(versions["1.0.0"]["_custom"], json!([1, 2]));
    assert!(full["_rev"].as_str().unwrap().starts_with("1-"));
    assert_eq!(full["time"], json!({}));
    assert_eq!(get(&host, "/@example/pad/-/pad-1.0.0.tgz").bytes(), b"one");
    assert_eq!(get(&host, "/@example/pad/-/pad-2.0.0.tgz").status(), 404);
    Publish::new("@example/pad", "2.1.0").done(&host);
    assert_eq!(
        host.objects(),
        [
            "packages/@example/pad/index.json",
            "packages/@example/pad/pad-1.0.0.tgz",
            "packages/@example/pad/pad-2.0.0.tgz",
            "packages/@example/pad/pad-2.1.0.tgz",
            "proofs/packages/@example/pad/index.json",
        ]
    );
    let stored = host.object_json("packages/@example/pad/index.json");
    assert_eq!(stored["versions"]["1.0.0"]["_custom"], json!([1, 2]));
    assert_eq!(stored["dist-tags"]["Odd Tag"], "0.9.0");
}

#[test]
fn one_package_has_one_address_however_it_is_written() {
    let host = host();
    Publish::new("@example/pad", "1.0.0").done(&host);
    let expected = get(&host, "/@example%2fpad").text();
    for path in ["/@example/pad", "/@example%2Fpad", "/%40example%2fpad", "/%40example/pad"] {
        assert_eq!(get(&host, path).text(), expected, "{path}");
    }
    for path in [
        "/@example/pad/-/pad-1.0.0.tgz",
        "/@example%2fpad/-/pad-1.0.0.tgz",
        "/@example/pad/-/@example/pad-1.0.0.tgz",
    ] {
        assert_eq!(get(&host, path).status(), 200, "{path}");
    }
    assert_eq!(get(&host, "/@example/pad/-/@other/pad-1.0.0.tgz").status(), 404);
}

#[test]
fn installs_get_the_abbreviated_document() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    let accept = |value: &str| {
        let request = host.anonymous().get("/a").header("accept", value);
        let reply = request.send::<Npm>();
        assert!(reply.asked_headers().contains(&"accept".to_owned()));
        reply
    };
    let npm = accept("application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*");
    assert_eq!(npm.header("content-type"), Some(ABBREVIATED));
    let body = npm.json();
    let manifest = &body["versions"]["1.0.0"];
    assert_eq!(manifest["hasInstallScript"], true);
    assert_eq!(manifest["dependencies"]["left-pad"], "^1.0.0");
    assert_eq!(manifest["scripts"], Value::Null);
    assert_eq!(manifest["description"], Value::Null);
    assert_eq!(manifest["dist"]["tarball"], "https://registry.example.com/npm/a/-/a-1.0.0.tgz");
    assert_eq!(body["modified"], "2026-01-01T00:00:00.000Z");
    assert_eq!(body["time"]["1.0.0"], "2026-01-01T00:00:00.000Z");
    assert_eq!(body["readme"], Value::Null);
    for value in
        ["application/json", "*/*", "", "application/json, application/vnd.npm.install-v1+json;q=0.5"]
    {
        assert_eq!(accept(value).header("content-type"), Some("application/json"), "{value}");
    }
}

#[test]
fn one_version_is_read_by_number_or_tag() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    let by_number = get(&host, "/a/1.0.0").json();
    assert_eq!(by_number["version"], "1.0.0");
    assert_eq!(by_number["dist"]["tarball"], "https://registry.example.com/npm/a/-/a-1.0.0.tgz");
    assert_eq!(get(&host, "/a/latest").json(), by_number);
    let missing = get(&host, "/a/2.0.0");
    assert_eq!((missing.status(), &missing.json()["error"]), (404, &json!("not_found")));
}

#[test]
fn what_is_not_there_is_not_found_in_npms_words() {
    let host = host();
    for path in [
        "/nothing",
        "/@a/b",
        "/nothing/-/nothing-1.0.0.tgz",
        "/-/package/nothing/dist-tags",
        "/-/unknown",
        "/-/unknown/path",
    ] {
        let reply = get(&host, path);
        assert_eq!(reply.status(), 404, "{path}");
        assert_eq!(reply.json()["error"], "not_found", "{path}");
    }
}

#[test]
fn tarballs_are_revalidated_and_only_named_ones_are_served() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    host.insert("packages/a/secret.txt", b"x").unwrap();
    let reply = get(&host, "/a/-/a-1.0.0.tgz");
    assert!(!reply.is_immutable() && reply.has_ranges() && !reply.may_compress());
    assert_eq!(reply.objects().len(), 1);
    assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
    for file in ["secret.txt", "index.json", "a-1.0.1.tgz", "b-1.0.0.tgz", "a-1.0.0.sigstore", "a-.tgz"] {
        assert_eq!(get(&host, &format!("/a/-/{file}")).status(), 404, "{file}");
    }
}

#[test]
fn private_packages_are_read_by_those_who_may() {
    let host =
        Host::new().user("ann", &["npm:package:@example/*:write"]).user("eve", &["npm:package:other:read"]);
    Publish::new("@example/a", "1.0.0").done(&host);
    for path in
        ["/@example/a", "/@example/a/1.0.0", "/@example/a/-/a-1.0.0.tgz", "/-/package/@example/a/dist-tags"]
    {
        assert_eq!(get(&host, path).status(), 401, "{path}");
        assert_eq!(host.as_user("eve").get(path).send::<Npm>().status(), 403, "{path}");
        assert_eq!(host.as_user("ann").get(path).send::<Npm>().status(), 200, "{path}");
    }
    let search = |actor: Actor| actor.get("/-/v1/search?text=").send::<Npm>().json()["total"].clone();
    assert_eq!((search(host.as_user("eve")), search(host.as_user("ann"))), (json!(0), json!(1)));
    assert_eq!(get(&host, "/-/v1/search?text=").status(), 401, "signing in may show more");
}

#[test]
fn tags_are_set_and_removed() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    Publish::new("a", "2.0.0").done(&host);
    let ann = host.as_user("ann");
    let set = |tag: &str, version: &str| {
        let path = format!("/-/package/a/dist-tags/{tag}");
        ann.put(&path).json(&json!(version)).send::<Npm>().status()
    };
    assert_eq!(set("stable", "1.0.0"), 201);
    assert_eq!(set("stable", "3.0.0"), 404);
    for tag in ["1.0", "v2", "*", "a%20b", "x"] {
        assert_eq!(set(tag, "1.0.0"), 400, "{tag}");
    }
    assert_eq!(set("latest", "1.0.0"), 201);
    let tags = get(&host, "/-/package/a/dist-tags").json();
    assert_eq!(tags, json!({ "latest": "1.0.0", "stable": "1.0.0" }));
    let remove = |tag: &str| ann.delete(&format!("/-/package/a/dist-tags/{tag}")).send::<Npm>().status();
    assert_eq!((remove("stable"), remove("stable"), remove("latest")), (201, 404, 400));
    let bob = host.as_user("bob");
    let denied = bob.put("/-/package/a/dist-tags/x1").json(&json!("1.0.0")).send::<Npm>();
    assert_eq!(denied.status(), 403);
}

#[test]
fn search_finds_by_name_description_and_keyword() {
    let host = host();
    Publish::new("left-pad", "1.0.0").done(&host);
    let mut scoped = Publish::new("@example/text-tools", "2.0.0");
    scoped.manifest()["description"] = "pads and trims".into();
    scoped.manifest()["keywords"] = json!(["string"]);
    scoped.done(&host);
    let names = |text: &str| -> Vec<String> {
        let body = get(&host, &format!("/-/v1/search?text={text}")).json();
        let objects = body["objects"].as_array().unwrap();
        assert_eq!(body["total"], objects.len());
        let name = |object: &Value| object["package"]["name"].as_str().unwrap().to_owned();
        objects.iter().map(name).collect()
    };
    assert_eq!(names("pad"), ["left-pad", "@example/text-tools"]);
    assert_eq!(names("string"), ["@example/text-tools"]);
    assert_eq!(names("keywords:string+trims"), ["@example/text-tools"]);
    assert_eq!(names("scope:example"), ["@example/text-tools"]);
    assert_eq!(names("maintainer:ann").len(), 2);
    assert_eq!(names("nothing-like-it"), Vec::<String>::new());
    let page = get(&host, "/-/v1/search?text=&size=1&from=1&quality=0.65").json();
    assert_eq!(page["total"], 2);
    assert_eq!(page["objects"][0]["package"]["name"], "left-pad");
    assert_eq!(page["objects"][0]["package"]["publisher"]["username"], "ann");
    assert_eq!(page["objects"][0]["package"]["date"], "2026-01-01T00:00:00.000Z");
    let all = get(&host, "/-/all").json();
    assert_eq!(all["@example/text-tools"]["dist-tags"]["latest"], "2.0.0");
    let host = host.feature("search", false);
    assert_eq!(get(&host, "/-/v1/search?text=a").status(), 405);
}

#[test]
fn a_packument_that_is_too_large_does_not_stop_a_search() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    Publish::new("c", "1.0.0").done(&host);
    let large = format!(
        r#"{{"name":"b","dist-tags":{{"latest":"1.0.0"}},"versions":{{"1.0.0":{{"description":"{}"}}}}}}"#,
        "x".repeat(3 << 20)
    );
    host.insert("packages/b/index.json", large).unwrap();
    host.insert("packages/huge/index.json", vec![b' '; (48 << 20) + 1]).unwrap();
    host.insert("packages/odd/index.json", "{broken").unwrap();
    let body = get(&host, "/-/v1/search?text=").json();
    let name = |object: &Value| object["package"]["name"].as_str().unwrap().to_owned();
    let names: Vec<String> = body["objects"].as_array().unwrap().iter().map(name).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let all = get(&host, "/-/all").json();
    assert_eq!(all["b"]["description"].as_str().unwrap().len(), 1000);
    assert!(host.log().iter().any(|line| format!("{line:?}").contains("huge")));
}

#[test]
fn small_questions_have_honest_answers() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    assert_eq!(get(&host, "/-/ping").json(), json!({}));
    assert_eq!(get(&host, "/-/npm/v1/keys").json(), json!({ "keys": [] }));
    assert_eq!(get(&host, "/-/package/a/visibility").json(), json!({ "public": true }));
    assert_eq!(get(&host, "/-/package/a/access").json()["access"], "public");
    let ann = host.as_user("ann");
    let set = ann.post("/-/package/a/access").json(&json!({ "access": "restricted" })).send::<Npm>();
    assert_eq!(set.status(), 403);
    for path in ["advisories/bulk", "audits", "audits/quick"] {
        let audit = host.anonymous().post(&format!("/-/npm/v1/security/{path}"));
        let reply = audit.body("\x1f\u{fffd}").send::<Npm>();
        assert_eq!(reply.status(), 404, "clients say that there is no audit");
        assert!(reply.json()["reason"].as_str().unwrap().contains("nothing was audited"));
        let reply = host.anonymous().put(&format!("/-/npm/v1/security/{path}")).send::<Npm>();
        assert_eq!((reply.status(), reply.header("allow")), (404, None), "{path}");
    }
    assert_eq!(ann.get("/-/user/ann/package").send::<Npm>().json(), json!({ "a": "write" }));
    let bob = host.as_user("bob");
    assert_eq!(bob.get("/-/user/bob/package").send::<Npm>().json(), json!({ "a": "read" }));
    assert_eq!(bob.get("/-/user/ann/package").send::<Npm>().status(), 403);
    assert_eq!(host.anonymous().post("/a").send::<Npm>().status(), 405);
}

/// Corepack joins a registry's address that ends with a `/` and a name with another one.
#[test]
fn slashes_too_many_around_a_name_are_passed_over() {
    let host = host();
    legacy(&host);
    let full = get(&host, "/@example%2fpad").text();
    for path in ["//@example/pad", "//@example%2fpad", "/@example/pad/", "/@example%2fpad/"] {
        assert_eq!(get(&host, path).text(), full, "{path}");
    }
    assert_eq!(get(&host, "//@example/pad/1.0.0").status(), 200);
    assert_eq!(get(&host, "//@example/pad/-/pad-1.0.0.tgz").bytes(), b"one");
}

//! Who may do what, where nobody may read without signing in.

use super::*;

const READS: [&str; 8] = [
    "/packages.json",
    "/packages/list.json",
    "/search.json?q=acme",
    "/providers/psr/log.json",
    "/p2/acme/lib.json",
    "/p2/acme/lib~dev.json",
    "/p2/acme/none.json",
    "/dists/acme/lib/abc.zip",
];

/// ann may write everything, bob may read it, cat may write one package in the words of an earlier
/// system, dan may read one vendor, and eve nothing.
fn private() -> Host {
    let host = Host::new()
        .base_url("https://registry.example.com/composer")
        .user("ann", &["composer:package:*:write"])
        .user("bob", &["composer:package:*:read"])
        .user("cat", &["composer:package:acme/lib:write"])
        .user("dan", &["composer:package:other/*:read"])
        .user("eve", &[]);
    for name in ["acme/lib", "other/lib"] {
        let dist = samples::library(name, &json!({}));
        assert_eq!(upload(&host, &format!("/packages/{name}?version=1.0.0"), dist).status(), 201);
    }
    host
}

#[test]
fn nobody_reads_without_signing_in() {
    let host = private();
    for path in READS {
        for reply in [get(&host, path), host.rejected("the password is wrong").get(path).send::<Composer>()] {
            assert_eq!(reply.status(), 401, "{path}: {}", reply.text());
            assert_eq!(reply.header("www-authenticate"), Some("Basic realm=\"composer\""), "{path}");
            assert!(reply.json()["warning"].is_string(), "{path}");
        }
    }
}

#[test]
fn each_does_what_the_grants_allow() {
    let host = private();
    let next = samples::library("acme/lib", &json!({ "x": 1 }));
    for (user, read, write, delete) in [
        ("ann", 200, 201, 200),
        ("bob", 200, 403, 403),
        ("cat", 200, 201, 200),
        ("dan", 403, 403, 403),
        ("eve", 403, 403, 403),
    ] {
        let by = host.as_user(user);
        assert_eq!(by.get("/p2/acme/lib.json").send::<Composer>().status(), read, "{user} reads");
        let put = by.put("/packages/acme/lib?version=2.0.0").body(&next);
        assert_eq!(put.send::<Composer>().status(), write, "{user} writes");
        let put = by.put("/packages/acme/lib/abandoned").send::<Composer>();
        assert_eq!(put.status(), if write == 201 { 200 } else { write }, "{user} abandons");
        let advisory = json!({ "title": "x", "affectedVersions": "*" }).to_string();
        let put = by.put("/security-advisories/acme/lib/A-1").body(advisory).send::<Composer>();
        assert_eq!(put.status(), if write == 201 { 200 } else { write }, "{user} advises");
        let reply = by.delete("/packages/acme/lib/2.0.0").send::<Composer>();
        assert_eq!(reply.status(), delete, "{user} deletes");
    }
}

#[test]
fn lists_show_what_each_may_read() {
    let host = private();
    let ask = |user: &str, path: &str| host.as_user(user).get(path).send::<Composer>().json();
    for (user, expected) in [
        ("bob", json!(["acme/lib", "other/lib"])),
        ("cat", json!(["acme/lib"])),
        ("dan", json!(["other/lib"])),
        ("eve", json!([])),
    ] {
        assert_eq!(ask(user, "/packages.json")["available-packages"], expected, "{user}");
        assert_eq!(ask(user, "/packages/list.json")["packageNames"], expected, "{user}");
        let found = ask(user, "/search.json?q=lib")["total"].as_u64();
        assert_eq!(found, expected.as_array().map(|names| names.len() as u64), "{user}");
    }
    let form = "packages[0]=acme/lib&packages[1]=other/lib";
    let advisory = json!({ "title": "x", "affectedVersions": "*" }).to_string();
    host.as_user("ann").put("/security-advisories/acme/lib/A-1").body(advisory).send::<Composer>();
    for (user, expected) in [("bob", 1), ("dan", 0)] {
        let told = host.as_user(user).post("/security-advisories/").body(form).send::<Composer>().json();
        assert_eq!(told["advisories"].as_object().map(Map::len), Some(expected), "{user}");
    }
}

//! Names and paths that cannot be, and names that are one.

use super::*;

#[test]
fn names_that_cannot_be_are_refused_and_nothing_is_stored() {
    let host = host();
    let dist = samples::library("acme/lib", &json!({ "version": "1" }));
    for (path, sentence) in [
        ("/packages/Acme/lib", "use acme/lib"),
        ("/packages/acme/LIB", "use acme/lib"),
        ("/packages/acme/a b", "is not a package's name"),
        ("/packages/acme/l%C3%AFb", "is not a package's name"),
        ("/packages/con/lib", "reserved"),
        ("/packages/acme/lib.json", "reserved"),
        ("/packages/acme/-lib", "is not a package's name"),
    ] {
        assert_refused(&host, &upload(&host, path, dist.clone()), 400, sentence);
    }
    for path in [
        "/packages/%2e%2e/lib",
        "/packages/acme/%2e%2e",
        "/packages/acme%2flib/x",
        "/packages/acme/lib%00",
        "/packages/acme/lib%0d%0aX: y",
        "/packages/acme/..",
        "/packages/acme/lib%ff",
    ] {
        let reply = upload(&host, path, dist.clone());
        assert!(matches!(reply.status(), 400 | 404 | 405), "{path}: {}", reply.status());
        assert_eq!(host.objects(), Vec::<String>::new(), "{path}");
    }
}

#[test]
fn versions_that_cannot_be_are_refused() {
    let host = host();
    let dist = samples::library("acme/lib", &json!({}));
    for version in
        ["x", "1.2.3.4.5", "dev-", "1.0%20as%202.0", "dev-a%20b", "dev-a%0ab", "dev-a%23b", "dev-a/../b"]
    {
        let reply = upload(&host, &format!("/packages/acme/lib?version={version}"), dist.clone());
        assert_refused(&host, &reply, 400, "is not a version");
    }
}

#[test]
fn spellings_of_a_version_are_one_version() {
    let host = host();
    published(&host, "v1.0.0");
    for (index, spelled) in ["1.0.0", "v1.0", "1", "1.0.0.0", "V1.0.0+build"].into_iter().enumerate() {
        let other = samples::library("acme/lib", &json!({ "description": format!("other {index}") }));
        let path = format!("/packages/acme/lib?version={}", spelled.replace('+', "%2B"));
        assert_eq!(upload(&host, &path, other).status(), 409, "{spelled}");
    }
    assert_eq!(names(&host, "/p2/acme/lib.json"), ["v1.0.0"]);
    assert_eq!(delete(&host, "/packages/acme/lib/1").status(), 200);
    assert_eq!(get(&host, "/p2/acme/lib.json").status(), 404);
}

#[test]
fn a_package_is_told_from_its_branches() {
    let host = host();
    published(&host, "1.0.0");
    assert_eq!(get(&host, "/p2/acme/lib%7Edev.json").status(), 200);
    assert_eq!(get(&host, "/p2/acme/lib~dev~dev.json").status(), 400);
    assert_eq!(get(&host, "/p2/acme/~dev.json").status(), 400);
    assert_eq!(get(&host, "/p2/Acme/Lib.json").status(), 400);
}

//! Names, versions and tags, good and bad.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;

#[test]
fn takes_plain_and_scoped_names() {
    let plain = PackageName::parse("left-pad").unwrap();
    assert_eq!((plain.base(), plain.scope()), ("left-pad", None));
    let scoped = PackageName::parse("@example/left.pad_2").unwrap();
    assert_eq!((scoped.base(), scoped.scope()), ("left.pad_2", Some("example")));
}

#[test]
fn refuses_names_that_could_be_another_key() {
    for name in [
        "",
        ".",
        "..",
        "../a",
        "a/b",
        "/a",
        "a/",
        "@a",
        "@a/",
        "@/a",
        "@a/b/c",
        "@../a",
        "@a/..",
        "@a/.b",
        "a\0b",
        "a b",
        "a%2fb",
        "-",
        "-a",
        "@a/-",
        ".a",
        "_a",
        "é",
        "a\\b",
        "a?b",
        "a#b",
        "a:b",
        "node_modules",
        "Favicon.ico",
        "@@a/b",
    ] {
        assert!(PackageName::parse(name).is_err(), "{name:?}");
    }
    assert!(PackageName::parse(&"a".repeat(300)).is_err());
}

#[test]
fn legacy_names_can_be_read_and_not_made() {
    for name in ["JSONStream", "a~b", "it's", "wow!", "http", &"a".repeat(215)] {
        assert!(PackageName::parse(name).unwrap().check_new().is_err(), "{name}");
    }
    for name in ["a", "json-stream", "@example/http", "x_y", "1"] {
        assert!(PackageName::parse(name).unwrap().check_new().is_ok(), "{name}");
    }
}

#[test]
fn one_package_has_one_path() {
    for path in ["/@a/b/1.0.0", "/@a%2fb/1.0.0", "/@a%2Fb/1.0.0", "/%40a%2Fb/1.0.0", "/%40a/b/1.0.0"] {
        assert_eq!(normalise_path(path), "/@a%2fb/1.0.0");
    }
    assert_eq!(normalise_path("/-/package/@a/b/dist-tags/next"), "/-/package/@a%2fb/dist-tags/next");
    for path in ["/", "/a", "/a/-/a-1.0.0.tgz", "/-/user/@a/b", "/@a", "/a%2fb"] {
        assert_eq!(normalise_path(path), path);
    }
    assert_eq!(normalise_path("/@a/"), "/@a");
}

#[test]
fn versions_are_strict() {
    for version in ["1.0.0", "1.2.3-beta.1", "0.0.1+build.5"] {
        assert_eq!(Version::parse(version).unwrap().to_string(), version);
    }
    for version in ["", "1", "1.0", "v1.0.0", " 1.0.0", "1.0.0.0", "01.0.0", "../1.0.0", "1.0.0-a/b"] {
        assert!(Version::parse(version).is_err(), "{version}");
    }
}

/// Each pair is what `semver.clean(…, { loose: true })` of node-semver 7 makes of it.
#[test]
fn the_version_in_a_tarball_is_cleaned_as_npm_cleans_it() {
    for (written, published) in [
        ("v1.0.0", "1.0.0"),
        (" = v1.0.0 ", "1.0.0"),
        ("1.0.0+5", "1.0.0"),
        ("01.02.03", "1.2.3"),
        ("1.2.3beta", "1.2.3-beta"),
        ("1.2.3-beta.01", "1.2.3-beta.1"),
        ("1.2.3-0a", "1.2.3-0a"),
        ("1.2.3-beta", "1.2.3beta"),
        ("1.0.0-rc1+build.7", "1.0.0-rc1"),
        ("000.0.0", "0.0.0"),
    ] {
        assert!(same_release(written, published), "{written:?} is {published}");
    }
    for (written, published) in [
        ("1.0.0-a", "1.0.0"),
        ("1.2", "1.2.0"),
        ("1.2.3.4", "1.2.3"),
        ("", "1.0.0"),
        ("1.0.0-", "1.0.0"),
        ("1.0.0+", "1.0.0"),
        ("1.0.0 beta", "1.0.0-beta"),
        ("one", "1.0.0"),
    ] {
        assert!(!same_release(written, published), "{written:?} is not {published}");
    }
}

#[test]
fn a_tag_is_no_range() {
    for tag in ["latest", "next", "beta-1", "v", "release.1", "1a", "1.2.3.4"] {
        assert!(Tag::parse(tag).is_ok(), "{tag}");
    }
    for tag in ["1", "1.2", "1.2.3", "v1", "v1.x", "x", "X", "*", "1.x", "1.2.3-beta", "~1", "", "a b", "a/b"]
    {
        assert!(Tag::parse(tag).is_err(), "{tag}");
    }
}

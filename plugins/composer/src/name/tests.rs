//! Names, and normal forms as Composer's own parser gives them: each line was computed by
//! `Composer\Semver\VersionParser::normalize` of Composer 2.5 under PHP 8.2.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::cmp::Ordering;

use super::version::{compare, normalize};
use super::*;

#[test]
fn names_are_those_that_composer_allows() {
    for name in ["acme/lib", "a/b", "acme-inc/my_lib.php", "a1/b--c", "a.b-c_d/e"] {
        assert_eq!(PackageName::parse(name).unwrap().as_str(), name);
    }
    for name in [
        "",
        "acme",
        "/lib",
        "acme/",
        "acme/lib/x",
        "-acme/lib",
        "acme/lib-",
        "a--b/c",
        "a/b---c",
        "a/b__c",
        "a/b..c",
        "../x",
        "a/..",
        "a b/c",
        "a/b\0",
        "ä/b",
        "a/b~dev",
    ] {
        assert!(matches!(PackageName::parse(name), Err(NameError::Malformed(_))), "{name:?}");
    }
    assert!(PackageName::parse(&format!("a/{}", "b".repeat(101))).is_err());
    for name in ["con/lib", "acme/aux", "lpt9/x", "acme/com1", "acme/lib.json"] {
        assert!(matches!(PackageName::parse(name), Err(NameError::Reserved(_))), "{name}");
    }
    assert_eq!(PackageName::parse("Acme/Lib"), Err(NameError::UpperCase("acme/lib".to_owned())));
}

#[test]
fn versions_are_normalised_as_composer_does_it() {
    for (version, expected) in include!("tests/normalized.in") {
        assert_eq!(normalize(version).as_deref(), expected, "{version:?}");
    }
}

#[test]
fn two_spellings_are_one_version() {
    let normalized = |text| Version::parse(text).unwrap().normalized().to_owned();
    assert_eq!(normalized("v1.0.0"), normalized("1.0.0"));
    assert_eq!(normalized("1.0"), normalized("1.0.0+build.5"));
}

#[test]
fn what_no_client_could_ask_for_is_no_version() {
    for text in
        ["", "dev-", "1.0 as 2.0", "dev-a b", "dev-a,b", "dev-a#b", "dev-a/../b", "dev-a//b", "dev-a\nb", "x"]
    {
        assert!(Version::parse(text).is_err(), "{text:?}");
    }
    assert!(Version::parse(&format!("dev-{}", "a".repeat(200))).is_err());
    assert!(Version::parse("dev-feature/x").unwrap().is_dev());
}

#[test]
fn versions_have_the_order_of_php() {
    let ordered = [
        "dev-a",
        "dev-b",
        "1.0.0.0-dev",
        "1.0.0.0-alpha1",
        "1.0.0.0-alpha2",
        "1.0.0.0-beta1",
        "1.0.0.0-RC1",
        "1.0.0.0",
        "1.0.0.0-patch1",
        "1.0.1.0",
        "1.9.0.0",
        "1.10.0.0",
        "2.0.0.0",
        "2.9999999.9999999.9999999-dev",
        "20100102.0.0.0",
    ];
    for pair in ordered.windows(2) {
        assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
    }
}

//! Fuzz targets for what clients send. Each asserts a property; how they are run longer is in
//! `CONTRIBUTING.md`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::cmp::Ordering;

use packhouse_fuzz::target;
use packhouse_plugin::testing::Host;
use serde_json::{Value, json};

use crate::name::version::{compare, normalize};
use crate::name::{PackageName, Version};
use crate::upload::{Manifest, constraint};
use crate::{Composer, layout, samples};

#[test]
fn fuzz_package_name_is_safe_as_a_key() {
    let seeds = ["acme/lib", "a/b", "acme-inc/my_lib.php", "Acme/Lib"];
    target!("package-name").seeds(seeds).words(["/", "-", "--", ".", "_", "..", ".json", "con"]).check_text(
        |text| {
            let Ok(name) = PackageName::parse(text) else { return false };
            assert_eq!(name.as_str(), text);
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._/".contains(&byte);
            assert!(text.bytes().all(plain) && text.matches('/').count() == 1);
            assert!(text.split('/').all(|part| !part.starts_with(['.', '-', '_'])));
            assert_eq!(layout::package_of_document(&layout::document(&name)), Some(name));
            true
        },
    );
}

#[test]
fn fuzz_version_is_normalised_once() {
    let seeds = ["1.0.0", "v1.2.3.4-beta.2", "dev-main", "1.x-dev", "2010-01-02.5", "1.0+build", "1.0@dev"];
    let words = ["-", ".", "dev", "beta", "RC", "x", "@dev", "+", " as ", "0"];
    target!("version").seeds(seeds).words(words).check_text(|text| {
        let normalized = normalize(text);
        let Ok(version) = Version::parse(text) else { return false };
        assert_eq!(normalized.as_deref(), Some(version.normalized()));
        assert_eq!(version.as_str(), text.trim());
        assert!(!version.as_str().contains([' ', ',', '#', '\n']));
        // A branch keeps its name, whatever stands in it.
        if !version.is_dev() {
            let again = Version::parse(version.normalized()).unwrap();
            assert_eq!(again.normalized(), version.normalized());
            assert_eq!(compare(again.normalized(), version.normalized()), Ordering::Equal);
        }
        assert!(constraint::is_valid(version.normalized()) || version.normalized().starts_with("dev-"));
        true
    });
}

#[test]
fn fuzz_alternatives_of_valid_constraints_are_valid() {
    let seeds = ["^1.0 || ~2.1", ">=1.0,<2.0", "1.0 - 2.0", "dev-main as 1.0", "1.*", "@dev"];
    let words = ["||", "|", ",", " ", "^", "~", ">=", "!=", " - ", " as ", "*", ".x", "@dev"];
    target!("constraint").seeds(seeds).words(words).check_text(|text| {
        let valid = constraint::is_valid(text);
        assert_eq!(
            valid,
            constraint::is_valid(&format!(" {text} || 1.0")) || (valid && text == "self.version")
        );
        valid
    });
}

#[test]
fn fuzz_manifest_is_kept_as_it_is() {
    let seeds = [
        json!({ "name": "acme/lib", "version": "1.0", "require": { "php": ">=8" }, "x": [1, null, { "a": "b" }] }),
        json!({ "name": "acme/lib", "bin": ["a"], "autoload": { "psr-4": { "A\\": "src/" } }, "suggest": { "a/b": "c" } }),
    ];
    let words =
        ["\"require\":", "\"bin\":", "\"version\":", "null", "[]", "{}", "\"^1.0\"", "\u{feff}", "\\u0000"];
    target!("manifest").seeds(seeds.map(|seed| seed.to_string())).words(words).check_text(|text| {
        let Ok(manifest) = Manifest::parse(text.as_bytes()) else { return false };
        let plain: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap();
        assert_eq!(
            plain,
            serde_json::from_str::<Value>(&serde_json::to_string(&manifest.0).unwrap()).unwrap()
        );
        manifest.version().is_ok() && manifest.agree(&PackageName::parse("acme/lib").unwrap()).is_ok()
    });
}

/// Through the whole upload, since the host unpacks the files.
#[test]
fn fuzz_upload_is_taken_whole_or_leaves_nothing() {
    let seeds = [
        samples::library("acme/lib", &json!({})),
        samples::zip(&[("composer.json", b"{\"name\":\"acme/lib\"}"), ("src\\a.php", b"1"), ("src/", b"")]),
    ];
    let words = [
        b"PK\x01\x02".as_slice(),
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"PK\x07\x08",
        b"../",
        b"\\",
        b"up",
        &[0xff; 4],
    ];
    target!("upload").seeds(seeds).words(words).check(|input| {
        let host =
            Host::new().user("ann", &["composer:package:*:write"]).anonymous_grants(&["composer:*:*:read"]);
        let reply = host.as_user("ann").put("/packages/acme/lib?version=1").body(input).send::<Composer>();
        assert!(reply.status() < 500, "{} {}", reply.status(), reply.text());
        if reply.status() != 201 {
            assert_eq!((host.objects(), host.staged()), (Vec::new(), 0), "{}", reply.text());
            return false;
        }
        let metadata = host.anonymous().get("/p2/acme/lib.json").send::<Composer>().json();
        let url = metadata["packages"]["acme/lib"][0]["dist"]["url"].as_str().unwrap().to_owned();
        let (_, path) = url.split_once("/dists/").unwrap();
        let reply = host.anonymous().get(&format!("/dists/{path}")).send::<Composer>();
        assert_eq!((reply.status(), reply.bytes()), (200, input));
        true
    });
}

/// Requests of any path.
#[test]
fn fuzz_paths_are_never_an_internal_error() {
    let seeds =
        ["/p2/acme/lib.json", "/packages/acme/lib/1.0", "/dists/acme/lib/a.zip", "/search.json?q=a&page=2"];
    let words = ["/", "%2e", "%2f", "~dev", ".json", "..", "?", "&", "=", "%00", "acme", "packages.json"];
    let host =
        Host::new().user("ann", &["composer:package:*:write"]).anonymous_grants(&["composer:*:*:read"]);
    let sound = samples::library("acme/lib", &json!({}));
    host.as_user("ann").put("/packages/acme/lib?version=1").body(sound).send::<Composer>();
    target!("path").seeds(seeds).words(words).check_text(|text| {
        if !text.starts_with('/') || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return false;
        }
        let reply = host.anonymous().get(text).send::<Composer>();
        assert!(reply.status() < 500, "{text}: {} {}", reply.status(), reply.text());
        reply.status() == 200
    });
}

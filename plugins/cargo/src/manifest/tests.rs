//! What must agree between a crate's `Cargo.toml` and its publish request.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;
use serde_json::{Value, json};

/// As cargo 1.95 writes it.
const MANIFEST: &str = r#"
[package]
edition = "2024"
rust-version = "1.85"
name = "demo"
version = "1.0.0"
build = false
description = "A demo"
keywords = ["one", "two"]
links = "native"

[features]
default = ["json"]
json = ["dep:serde", "serde?/alloc"]

[lib]
name = "demo"
path = "src/lib.rs"

[dependencies.serde]
version = "1.0"
features = ["derive", "alloc"]
optional = true
default-features = false

[dependencies.renamed]
version = "=0.1.0"
package = "old-name"
registry-index = "sparse+http://127.0.0.1:1/cargo/"

[dev-dependencies.local]
path = "../local"

[build-dependencies]
cc = "1"

[target.'cfg(any(unix, windows,))'.dependencies.libc]
version = "0.2"
"#;

fn request() -> Value {
    let dependency = |name: &str, requirement: &str, kind: &str| {
        json!({ "name": name, "version_req": requirement, "kind": kind, "features": [], "optional": false,
                "default_features": true, "target": null, "registry": null, "explicit_name_in_toml": null })
    };
    let mut serde = dependency("serde", "^1.0", "normal");
    serde["features"] = json!(["alloc", "derive"]);
    serde["optional"] = json!(true);
    serde["default_features"] = json!(false);
    let mut renamed = dependency("old-name", "=0.1.0", "normal");
    renamed["explicit_name_in_toml"] = json!("renamed");
    let mut libc = dependency("libc", "^0.2", "normal");
    libc["registry"] = json!(CRATES_IO);
    libc["target"] = json!("cfg(any(unix, windows))");
    json!({
        "name": "demo", "vers": "1.0.0", "links": "native", "rust_version": "1.85",
        "features": { "default": ["json"], "json": ["dep:serde", "serde?/alloc"] },
        "deps": [serde, renamed, dependency("cc", "^1", "build"), libc],
    })
}

fn agree(request: Value) -> Result<(), Disagreement> {
    let mut request: NewCrate = serde_json::from_value(request).unwrap();
    Manifest::parse(MANIFEST.as_bytes()).unwrap().agree(&mut request)
}

#[test]
fn what_cargo_writes_agrees() {
    assert_eq!(agree(request()), Ok(()));
}

#[test]
fn a_missing_rust_version_is_taken_from_the_manifest() {
    let mut old = request();
    old["rust_version"] = Value::Null;
    let mut new: NewCrate = serde_json::from_value(old).unwrap();
    assert_eq!(Manifest::parse(MANIFEST.as_bytes()).unwrap().agree(&mut new), Ok(()));
    assert_eq!(new.rust_version.as_deref(), Some("1.85"));
}

/// Cargo accepts a last comma in `any` and `all` only, and cannot build a crate with another.
#[test]
fn one_target_may_be_spelled_in_several_ways() {
    let agree = |manifest: &str, target: &str| {
        let manifest = format!(
            "[package]\nname = \"a\"\nversion = \"1.0.0\"\n[target.'{manifest}'.dependencies]\nlibc = \"1\"\n"
        );
        let libc = json!({ "name": "libc", "version_req": "^1", "target": target, "registry": CRATES_IO });
        let request = json!({ "name": "a", "vers": "1.0.0", "deps": [libc] });
        let mut request: NewCrate = serde_json::from_value(request).unwrap();
        Manifest::parse(manifest.as_bytes()).unwrap().agree(&mut request).is_ok()
    };
    for (manifest, target) in [
        ("cfg(any(unix, windows,))", "cfg(any(unix, windows))"),
        ("cfg( all(unix,) )", "cfg(all(unix))"),
        ("cfg(target_os=\"linux\")", "cfg(target_os = \"linux\")"),
    ] {
        assert!(agree(manifest, target), "{manifest} is {target}");
    }
    for (manifest, target) in [
        ("cfg(not(windows,))", "cfg(not(windows))"),
        ("cfg(target_os = \"linux\",)", "cfg(target_os = \"linux\")"),
        ("cfg(target_os = \"a b\")", "cfg(target_os = \"ab\")"),
        ("cfg(any(windows, unix))", "cfg(any(unix, windows))"),
    ] {
        assert!(!agree(manifest, target), "{manifest} is not {target}");
    }
}

#[test]
fn every_difference_is_told() {
    type Alter = fn(&mut Value);
    let alterations: [(Alter, &str); 14] = [
        (|new| new["name"] = json!("other"), "the name: demo in the file, other in the request"),
        (|new| new["vers"] = json!("1.0.1"), "the version: 1.0.0 in the file, 1.0.1 in the request"),
        (|new| new["links"] = Value::Null, "`links`: native in the file, none in the request"),
        (|new| new["rust_version"] = json!("1.60"), "`rust-version`: 1.85 in the file, 1.60 in the request"),
        (|new| new["features"]["more"] = json!([]), "the feature more: none in the file, [] in the request"),
        (|new| new["features"]["json"] = json!(["dep:serde"]), "the feature json"),
        (|new| new["deps"][0]["optional"] = json!(false), "the normal dependency on serde"),
        (|new| new["deps"][0]["features"] = json!(["std"]), "the normal dependency on serde"),
        (
            |new| new["deps"][1]["name"] = json!("evil"),
            "old-name =0.1.0 in the file, evil =0.1.0 in the request",
        ),
        (|new| new["deps"][2]["version_req"] = json!("^2"), "cc ^1 in the file, cc ^2 in the request"),
        (
            |new| new["deps"][2]["kind"] = json!("normal"),
            "the build dependency on cc: cc ^1 in the file, none in the request",
        ),
        (|new| new["deps"][3]["target"] = Value::Null, "the normal dependency on libc"),
        (
            |new| new["deps"][1]["registry"] = json!("sparse+http://127.0.0.1:2/"),
            "the registry of the normal dependency on renamed: sparse+http://127.0.0.1:1/cargo/ in the file",
        ),
        (
            |new| new["deps"][0]["registry"] = json!("sparse+http://127.0.0.1:2/"),
            "crates.io-index in the file, sparse+http://127.0.0.1:2/ in the request",
        ),
    ];
    for (alter, told) in alterations {
        let mut changed = request();
        alter(&mut changed);
        let error = agree(changed).unwrap_err().to_string();
        assert!(error.contains(told), "{error:?} should say {told:?}");
    }
}

#[test]
fn a_registry_may_have_a_slash_more_or_be_this_one() {
    for registry in [json!("sparse+http://127.0.0.1:1/cargo"), Value::Null] {
        let mut same = request();
        same["deps"][1]["registry"] = registry;
        assert_eq!(agree(same), Ok(()));
    }
}

#[test]
fn no_dependency_hides_behind_another_of_its_name() {
    for place in [0, 4] {
        let mut two = request();
        let mut evil = two["deps"][0].clone();
        evil["name"] = json!("evil");
        evil["explicit_name_in_toml"] = json!("serde");
        two["deps"].as_array_mut().unwrap().insert(place, evil);
        let error = agree(two).unwrap_err().to_string();
        assert!(error.starts_with("the normal dependency on serde is listed twice"), "{error}");
    }
    let mut same = request();
    let again = same["deps"][0].clone();
    same["deps"].as_array_mut().unwrap().push(again);
    assert_eq!(agree(same), Ok(()), "for a target that is written in two ways");
}

#[test]
fn what_is_no_manifest_is_refused() {
    for text in ["", "[package]\nname = \"a\"", "not toml", "[package]\nname = 1\nversion = \"1.0.0\""] {
        assert!(matches!(Manifest::parse(text.as_bytes()), Err(Disagreement::Unreadable(_))), "{text}");
    }
    assert!(Manifest::parse(b"\xff").is_err());
    let deep = format!("x = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Manifest::parse(deep.as_bytes()).is_err());
    let dotted = format!("x{} = 1", ".x".repeat(200_000));
    assert!(Manifest::parse(dotted.as_bytes()).is_err());
    let header = format!("[x{}]", ".x".repeat(200_000));
    assert!(Manifest::parse(header.as_bytes()).is_err());
}

#[test]
fn a_search_shows_what_the_manifest_says() {
    let told = about(MANIFEST.as_bytes());
    assert_eq!(told.description.as_deref(), Some("A demo"));
    assert_eq!(told.keywords, ["one", "two"]);
    assert_eq!(about(b"nothing"), About::default());
}

#[test]
fn a_request_is_made_anew_from_what_was_packaged() {
    let manifest = Manifest::parse(MANIFEST.as_bytes()).unwrap();
    let mut request = manifest.to_request();
    assert_eq!(manifest.agree(&mut request), Ok(()));
    request.check().unwrap();
    assert_eq!((request.links.as_deref(), request.rust_version.as_deref()), (Some("native"), Some("1.85")));
    let of =
        |alias: &str| request.deps.iter().find(|dependency| dependency.alias() == alias).unwrap().clone();
    assert_eq!(of("serde").version_req, "^1.0");
    assert_eq!((of("renamed").name.as_str(), of("cc").kind), ("old-name", Kind::Build));
    assert_eq!(of("libc").target.as_deref(), Some("cfg(any(unix, windows,))"));
    assert_eq!(of("libc").registry.as_deref(), Some(CRATES_IO));
}

//! Renders what clients read: the metadata of Composer's repository format, version 2, in its minified
//! form (`Composer\MetadataMinifier`): each version contains only what differs from the version before
//! it.

use std::io;

use serde_json::json;
use serde_json::value::RawValue;

use super::{Abandoned, Package, Release};
use crate::members::Members;
use crate::name::version::{compare, is_dev};

/// The value of a member that the version before has, and this one does not.
const UNSET: &str = "__unset";
/// Members that say what the registry knows better than a file. A source would lead clients away
/// from the dist that was published here.
const OURS: [&str; 9] = [
    "name",
    "version",
    "version_normalized",
    "dist",
    "source",
    "time",
    "installation-source",
    "notification-url",
    "transport-options",
];

/// Writes the metadata of the branches, or of all other versions: one version after the other, since
/// there may be thousands.
pub fn write_metadata(
    out: &mut impl io::Write,
    package: &Package,
    branches: bool,
    base_url: &str,
) -> io::Result<()> {
    let mut releases: Vec<&Release> =
        package.versions.iter().filter(|release| is_dev(&release.normalized) == branches).collect();
    releases.sort_by(|one, other| compare(&other.normalized, &one.normalized));
    // A member that has this value would be taken for an absent one.
    let is_minified = !releases.iter().any(|release| release.composer.as_str().contains(UNSET));
    write!(out, "{{\"packages\":{{{}:[", json!(package.name))?;
    let mut before: Option<Members> = None;
    for release in releases {
        let version = version(package, release, base_url)?;
        match &before {
            None => serde_json::to_writer(&mut *out, &version)?,
            Some(before) => {
                out.write_all(b",")?;
                let written = if is_minified { &difference(before, &version)? } else { &version };
                serde_json::to_writer(&mut *out, written)?;
            }
        }
        before = Some(version);
    }
    out.write_all(if is_minified { b"]},\"minified\":\"composer/2.0\"}" } else { b"]}}" })
}

/// All that clients are told of one version.
fn version(package: &Package, release: &Release, base_url: &str) -> io::Result<Members> {
    let (name, dist) = (&package.name, &release.dist);
    let mut version = Members::default();
    version.set("name", name)?;
    version.set("version", &release.version)?;
    version.set("version_normalized", &release.normalized)?;
    version.set(
        "dist",
        &json!({
            "type": "zip",
            "url": format!("{base_url}/dists/{name}/{}.zip", dist.reference),
            "reference": dist.reference,
            "shasum": dist.sha1,
        }),
    )?;
    version.set("time", &release.time)?;
    for (key, value) in release.composer.members().iter().filter(|(key, _)| !OURS.contains(key)) {
        version.insert(key.to_owned(), value.to_owned());
    }
    match &package.abandoned {
        Some(Abandoned::Plain(is_abandoned)) => version.set("abandoned", is_abandoned)?,
        Some(Abandoned::Replacement(name)) => version.set("abandoned", name)?,
        None => {}
    }
    Ok(version)
}

/// What differs from the version before.
fn difference(before: &Members, version: &Members) -> io::Result<Members> {
    let mut difference = Members::default();
    for (key, value) in version.iter() {
        if before.get(key).map(RawValue::get) != Some(value.get()) {
            difference.insert(key.to_owned(), value.to_owned());
        }
    }
    for (key, _) in before.iter().filter(|(key, _)| version.get(key).is_none()) {
        difference.set(key, &UNSET)?;
    }
    Ok(difference)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]
    use super::*;
    use crate::document::{Dist, Manifest, Note};
    use crate::name::{PackageName, Version};
    use serde_json::{Map, Value};

    /// What is served of a package with these manifests, from the newest.
    fn served(manifests: &[Value]) -> Value {
        let mut package = Package::new(&PackageName::parse("acme/lib").unwrap());
        for (number, manifest) in manifests.iter().rev().enumerate() {
            let version = Version::parse(&format!("1.{number}")).unwrap();
            let note = Note { version: version.to_string(), time: "2026".to_owned(), uploader: None };
            let dist = Dist {
                reference: format!("r{number}"),
                size: 1,
                sha1: "s".to_owned(),
                sha256: "t".to_owned(),
            };
            let manifest = Manifest::new(&Members::read(&manifest.to_string()).unwrap()).unwrap();
            package.versions.push(Release::new(&version, note, dist, manifest));
        }
        let mut written = Vec::new();
        write_metadata(&mut written, &package, false, "https://example.com").unwrap();
        serde_json::from_slice(&written).unwrap()
    }

    /// As `Composer\MetadataMinifier\MetadataMinifier::expand`.
    fn expand(metadata: &Value) -> Vec<Map<String, Value>> {
        let mut expanded: Vec<Map<String, Value>> = Vec::new();
        for version in metadata["packages"]["acme/lib"].as_array().unwrap() {
            let mut now = expanded.last().cloned().unwrap_or_default();
            for (key, value) in version.as_object().unwrap() {
                if value == UNSET {
                    now.remove(key);
                } else {
                    now.insert(key.clone(), value.clone());
                }
            }
            expanded.push(now);
        }
        expanded
    }

    #[test]
    fn no_member_leaks_from_one_version_to_the_next() {
        let manifests = [
            json!({ "bin": ["a"], "extra": null, "require": { "php": ">=8" } }),
            json!({ "require": { "php": ">=8" }, "extra": {} }),
            json!({ "bin": ["a"], "suggest": [] }),
            json!({ "bin": null }),
        ];
        let metadata = served(&manifests);
        assert_eq!(metadata["minified"], "composer/2.0");
        let second = metadata["packages"]["acme/lib"][1].as_object().unwrap();
        assert_eq!(second["bin"], UNSET);
        assert!(!second.contains_key("require") && !second.contains_key("name"));
        for (expanded, manifest) in expand(&metadata).iter().zip(&manifests) {
            for key in ["bin", "extra", "require", "suggest"] {
                assert_eq!(expanded.get(key), manifest.get(key), "{key} of {manifest}");
            }
        }
    }

    #[test]
    fn a_value_that_looks_like_an_absent_one_is_kept() {
        let metadata = served(&[json!({ "a": 1 }), json!({ "a": UNSET })]);
        assert!(metadata.get("minified").is_none());
        assert_eq!(metadata["packages"]["acme/lib"][1]["a"], UNSET);
        assert_eq!(metadata["packages"]["acme/lib"][1]["name"], "acme/lib");
    }

    #[test]
    fn a_package_without_such_versions_has_an_empty_list() {
        assert_eq!(served(&[]), json!({ "packages": { "acme/lib": [] }, "minified": "composer/2.0" }));
    }
}

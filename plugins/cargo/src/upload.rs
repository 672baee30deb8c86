//! The metadata that cargo sends with a publish (web API, "Publish"). It is checked here as far as this
//! is possible without the file. It knows no storage and no HTTP.
//!
//! # Invariants
//! - After [`NewCrate::check`], a [`NewCrate`] gives an index line that every cargo can read.

use std::collections::BTreeMap;
use std::fmt;

use cargo_platform::Platform;
use packhouse_plugin::json::{Strict, Text, Unread};
use semver::VersionReq;
use serde::{Deserialize, Deserializer, Serialize};

pub use crate::document::Features;
use crate::name::{CrateName, NameError};

mod features;
mod rust_version;

/// The most dependencies and features of one version, and values of one feature.
const MOST: usize = 5000;
/// The longest text that goes into an index line, in bytes.
const LONGEST: usize = 1000;

/// The members that the index or a check needs, and those for web sites.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct NewCrate {
    pub name: String,
    pub vers: String,
    #[serde(default, deserialize_with = "objects")]
    pub deps: Vec<Dependency>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub features: Features,
    #[serde(default)]
    pub links: Option<String>,
    #[serde(default)]
    pub rust_version: Option<String>,
    #[serde(default)]
    pub authors: Unread<Vec<Text>>,
    #[serde(default)]
    pub description: Unread<Text>,
    #[serde(default)]
    pub documentation: Unread<Text>,
    #[serde(default)]
    pub homepage: Unread<Text>,
    #[serde(default)]
    pub readme: Unread<Text>,
    #[serde(default)]
    pub readme_file: Unread<Text>,
    #[serde(default)]
    pub keywords: Unread<Vec<Text>>,
    #[serde(default)]
    pub categories: Unread<Vec<Text>>,
    #[serde(default)]
    pub license: Unread<Text>,
    #[serde(default)]
    pub license_file: Unread<Text>,
    #[serde(default)]
    pub repository: Unread<Text>,
    #[serde(default)]
    pub badges: Unread<BTreeMap<String, BTreeMap<String, String>>>,
}

/// `name` is the package's own, `explicit_name_in_toml` what it was renamed to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dependency {
    pub name: String,
    pub version_req: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub features: Vec<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub optional: bool,
    #[serde(default = "yes")]
    pub default_features: bool,
    #[serde(default)]
    pub target: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub kind: Kind,
    /// The index of the registry that it comes from; none for this one.
    #[serde(default)]
    pub registry: Option<String>,
    #[serde(default)]
    pub explicit_name_in_toml: Option<String>,
    /// This and the next two: artifact dependencies, which are unstable in cargo.
    #[serde(default)]
    pub artifact: Option<Vec<String>>,
    #[serde(default)]
    pub bindep_target: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub lib: bool,
}

/// When a dependency is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    #[default]
    Normal,
    Build,
    Dev,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Normal => "normal",
            Self::Build => "build",
            Self::Dev => "dev",
        })
    }
}

fn yes() -> bool {
    true
}

/// "If a JSON field is missing, it should be assumed to be null", and the other way round.
fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// The same for a list of objects.
fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    let list: Vec<Strict<T>> = null_is_default(from)?;
    Ok(list.into_iter().map(|Strict(object)| object).collect())
}

/// What no index line may say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadError {
    /// Of a dependency.
    Name(NameError),
    /// Dependency and requirement.
    Requirement(String, String),
    /// The feature, or the value of one.
    Feature(String),
    /// A value of a feature that cargo rejects, and why.
    FeatureValue {
        feature: String,
        value: String,
        why: &'static str,
    },
    /// A dependency that is both optional and for development.
    OptionalDev(String),
    /// An optional dependency that no feature turns on.
    Unused(String),
    /// A dependency, and why its target cannot be read.
    Target(String, String),
    RustVersion(String),
    /// Which text, and what it is.
    Text(&'static str, String),
    /// Of what there are too many.
    TooMany(&'static str),
}

impl fmt::Display for UploadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(error) => write!(formatter, "a dependency has no valid name: {error}"),
            Self::Requirement(name, requirement) => {
                write!(
                    formatter,
                    "the dependency on {name} has no valid version requirement: {requirement:?}"
                )
            }
            Self::Feature(feature) => write!(
                formatter,
                "{feature:?} is not a valid feature: write letters, digits, `-`, `_`, `+` and `.`"
            ),
            Self::FeatureValue { feature, value, why } => {
                write!(formatter, "the feature {feature:?} contains {value:?}, {why}")
            }
            Self::OptionalDev(name) => {
                write!(
                    formatter,
                    "the dev-dependency on {name} is optional; cargo allows this only for others"
                )
            }
            Self::Unused(name) => write!(
                formatter,
                "no feature turns on the optional dependency {name}; add `dep:{name}` to a feature"
            ),
            Self::Target(name, why) => {
                write!(formatter, "the dependency on {name} has no valid target: {why}")
            }
            Self::RustVersion(text) => {
                write!(formatter, "{text:?} is not a valid `rust_version`: write a version such as 1.70")
            }
            Self::Text(what, text) => write!(formatter, "{text:?} cannot be {what}"),
            Self::TooMany(what) => write!(formatter, "a version may have at most {MOST} {what}"),
        }
    }
}

impl std::error::Error for UploadError {}

impl NewCrate {
    /// Nothing that cargo could not read in an index, and nothing without a bound.
    pub fn check(&self) -> Result<(), UploadError> {
        if self.deps.len() > MOST {
            return Err(UploadError::TooMany("dependencies"));
        }
        if self.features.len() > MOST || self.features.values().any(|values| values.len() > MOST) {
            return Err(UploadError::TooMany("features"));
        }
        self.deps.iter().try_for_each(Dependency::check)?;
        for (name, values) in &self.features {
            check_feature(name)?;
            for value in values {
                check_feature_value(value)?;
            }
        }
        features::check(&self.features, &self.deps)?;
        check_text("`links`", self.links.as_ref())?;
        self.check_rust_version()
    }

    /// Checked again if the value comes from the manifest.
    pub fn check_rust_version(&self) -> Result<(), UploadError> {
        check_text("`rust_version`", self.rust_version.as_ref())?;
        match &self.rust_version {
            Some(text) if !rust_version::is_valid(text) => Err(UploadError::RustVersion(shown(text))),
            _ => Ok(()),
        }
    }
}

impl Dependency {
    /// What the crate calls it.
    pub fn alias(&self) -> &str {
        self.explicit_name_in_toml.as_deref().unwrap_or(&self.name)
    }

    fn check(&self) -> Result<(), UploadError> {
        for name in [Some(&self.name), self.explicit_name_in_toml.as_ref()].into_iter().flatten() {
            CrateName::parse(name).map_err(UploadError::Name)?;
        }
        if self.version_req.len() > LONGEST || VersionReq::parse(&self.version_req).is_err() {
            let requirement = self.version_req.chars().take(LONGEST).collect();
            return Err(UploadError::Requirement(self.name.clone(), requirement));
        }
        if self.features.len() > MOST {
            return Err(UploadError::TooMany("features of a dependency"));
        }
        self.features.iter().try_for_each(|feature| check_feature_value(feature))?;
        check_text("the target of a dependency", self.target.as_ref())?;
        if let Some(Err(error)) = self.target.as_deref().map(str::parse::<Platform>) {
            return Err(UploadError::Target(self.name.clone(), error.to_string()));
        }
        check_text("the registry of a dependency", self.registry.as_ref())?;
        check_text("the target of a dependency", self.bindep_target.as_ref())?;
        self.artifact.iter().flatten().try_for_each(|kind| check_text("an artifact", Some(kind)))
    }
}

/// As cargo has it: a letter, digit or `_`, then also `-`, `+` and `.`.
fn check_feature(name: &str) -> Result<(), UploadError> {
    let is_first = |letter: char| letter.is_alphanumeric() || letter == '_';
    let good = name.starts_with(is_first)
        && name.chars().all(|letter| is_first(letter) || matches!(letter, '-' | '+' | '.'));
    if good && name.len() <= LONGEST { Ok(()) } else { Err(UploadError::Feature(shown(name))) }
}

/// A feature, `dep:name`, `name/feature` or `name?/feature`.
fn check_feature_value(value: &str) -> Result<(), UploadError> {
    let value = value.strip_prefix("dep:").unwrap_or(value);
    match value.split_once('/') {
        Some((dependency, feature)) => {
            check_feature(dependency.strip_suffix('?').unwrap_or(dependency))?;
            check_feature(feature)
        }
        None => check_feature(value),
    }
}

fn check_text(what: &'static str, text: Option<&String>) -> Result<(), UploadError> {
    match text {
        Some(text) if text.is_empty() || text.len() > LONGEST || text.contains(char::is_control) => {
            Err(UploadError::Text(what, shown(text)))
        }
        _ => Ok(()),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use serde_json::{Value, json};

    fn check(changes: &Value) -> Result<(), UploadError> {
        let mut new = json!({ "name": "a", "vers": "1.0.0" });
        new.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value::<NewCrate>(new).unwrap().check()
    }

    #[test]
    fn what_is_missing_or_null_is_nothing() {
        let new: NewCrate =
            serde_json::from_value(json!({ "name": "a", "vers": "1.0.0", "deps": null, "links": null }))
                .unwrap();
        assert_eq!((new.deps.len(), new.features.len(), new.links), (0, 0, None));
        let dependency: Dependency =
            serde_json::from_value(json!({ "name": "b", "version_req": "^1", "kind": null })).unwrap();
        assert_eq!(
            (dependency.kind, dependency.default_features, dependency.optional),
            (Kind::Normal, true, false)
        );
    }

    #[test]
    fn what_cargo_writes_is_good() {
        let dependency = json!({
            "name": "b_c-d", "version_req": ">=1.2, <3", "features": ["x/y", "c++20"], "optional": true,
            "explicit_name_in_toml": "b", "target": "cfg(any(unix, target_os = \"wasi\",))",
        });
        let features = json!({ "default": ["dep:b", "b?/std", "b/std"], "_x.y": [], "2d": [] });
        let all = json!({ "deps": [dependency], "features": features, "links": "z", "rust_version": "1.70" });
        assert_eq!(check(&all), Ok(()));
    }

    #[test]
    fn a_target_is_what_cargo_can_read() {
        let target = |target: &str| {
            check(&json!({ "deps": [{ "name": "b", "version_req": "^1", "target": target }] }))
        };
        for good in [
            "x86_64-unknown-linux-gnu",
            "thumbv8m.main-none-eabi",
            "cfg(unix)",
            "cfg( unix )",
            "cfg(any(unix, windows,))",
            "cfg(all())",
            "cfg(not(windows))",
            "cfg(target_os = \"linux\")",
            "cfg(true)",
            "cfg(r#true)",
        ] {
            assert_eq!(target(good), Ok(()), "{good}");
        }
        for bad in [
            "cfg(any(unix",
            "cfg()",
            "cfg(not(a,b))",
            "cfg(a b)",
            "cfg(a = b)",
            "cfg(é)",
            "my target.json",
            "x86 64",
            "cfg(not(windows,))",
            "cfg(target_os = \"linux\",)",
        ] {
            assert!(matches!(target(bad), Err(UploadError::Target(..))), "{bad}");
        }
    }

    #[test]
    fn what_would_break_the_index_is_refused() {
        for changes in [
            json!({ "deps": [{ "name": "../b", "version_req": "^1" }] }),
            json!({ "deps": [{ "name": "b", "version_req": "^1", "explicit_name_in_toml": "b/c" }] }),
            json!({ "deps": [{ "name": "b", "version_req": "one" }] }),
            json!({ "deps": [{ "name": "b", "version_req": "^1", "features": ["a b"] }] }),
            json!({ "deps": [{ "name": "b", "version_req": "^1", "target": "a\nb" }] }),
            json!({ "deps": [{ "name": "b", "version_req": "^1", "registry": "x".repeat(2000) }] }),
            json!({ "features": { "": [] } }),
            json!({ "features": { "a": ["dep:"] } }),
            json!({ "features": { "a": ["b//c"] } }),
            json!({ "features": { "a": vec!["b"; MOST + 1] } }),
            json!({ "features": { "a": ["nope"] } }),
            json!({ "rust_version": "1.70.0-nightly" }),
            json!({ "rust_version": "stable" }),
            json!({ "links": "" }),
        ] {
            assert!(check(&changes).is_err(), "{changes:.200}");
        }
    }
}

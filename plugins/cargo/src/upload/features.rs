//! What cargo requires of the features of a version in an index. It cannot use a version that breaks
//! one of these rules, so such a version must not get into the index.

use std::collections::{BTreeMap, BTreeSet};

use super::{Dependency, Features, Kind, UploadError, shown};

/// The features and dependencies of a version.
struct Rules<'a> {
    features: &'a Features,
    /// Each dependency by its name in the crate, and whether it is optional anywhere.
    dependencies: BTreeMap<&'a str, bool>,
    /// Dependencies that a feature names as `dep:name`. They have no feature of their own name.
    explicit: BTreeSet<&'a str>,
}

pub fn check(features: &Features, dependencies: &[Dependency]) -> Result<(), UploadError> {
    let mut rules = Rules { features, dependencies: BTreeMap::new(), explicit: BTreeSet::new() };
    for dependency in dependencies {
        if dependency.optional && dependency.kind == Kind::Dev {
            return Err(UploadError::OptionalDev(shown(dependency.alias())));
        }
        *rules.dependencies.entry(dependency.alias()).or_default() |= dependency.optional;
    }
    let values = || features.values().flatten();
    rules.explicit = values().filter_map(|value| value.strip_prefix("dep:")).collect();
    for (feature, values) in features {
        for value in values {
            if let Some(why) = rules.fault(feature, value) {
                let (feature, value) = (shown(feature), shown(value));
                return Err(UploadError::FeatureValue { feature, value, why });
            }
        }
    }
    rules.check_used(values().map(String::as_str))
}

impl<'a> Rules<'a> {
    fn fault(&self, feature: &str, value: &str) -> Option<&'static str> {
        if let Some((dependency, other)) = value.split_once('/') {
            let name = dependency.strip_suffix('?').unwrap_or(dependency);
            return match self.dependencies.get(name) {
                _ if other.contains('/') || name.starts_with("dep:") => Some("which has no meaning"),
                None => Some("which is a feature of a dependency that is missing"),
                Some(false) if name != dependency => Some("and the dependency is not optional"),
                Some(_) => None,
            };
        }
        if let Some(name) = value.strip_prefix("dep:") {
            return match self.dependencies.get(name) {
                None => Some("and this dependency is missing"),
                Some(false) => Some("and the dependency is not optional"),
                Some(true) => None,
            };
        }
        if value == feature {
            return Some("which is the feature itself");
        }
        match self.dependencies.get(value) {
            _ if self.features.contains_key(value) => None,
            None => Some("which is neither a feature nor a dependency"),
            Some(false) => Some("and the dependency is not optional"),
            Some(true) if self.explicit.contains(value) => Some("which must be written with `dep:`"),
            Some(true) => None,
        }
    }

    /// An optional dependency that no feature turns on can never be used.
    fn check_used(&self, values: impl Iterator<Item = &'a str>) -> Result<(), UploadError> {
        let of_dependency = |value: &'a str| {
            let (dependency, _) = value.split_once('/')?;
            Some(dependency.strip_suffix('?').unwrap_or(dependency))
        };
        let named: BTreeSet<&str> = values.filter_map(of_dependency).collect();
        let is_used = |name: &str| {
            !self.features.contains_key(name) || self.explicit.contains(name) || named.contains(name)
        };
        match self.dependencies.iter().find(|(name, optional)| **optional && !is_used(name)) {
            Some((name, _)) => Err(UploadError::Unused(shown(name))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use serde_json::{Value, json};

    fn check_of(features: &Value, dependencies: &[Value]) -> Result<(), UploadError> {
        let features: Features = serde_json::from_value(features.clone()).unwrap();
        let dependencies: Vec<Dependency> =
            dependencies.iter().map(|one| serde_json::from_value(one.clone()).unwrap()).collect();
        check(&features, &dependencies)
    }

    fn dependency(name: &str, optional: bool) -> Value {
        json!({ "name": name, "version_req": "^1", "optional": optional })
    }

    #[test]
    fn what_cargo_reads_is_good() {
        let renamed =
            json!({ "name": "b", "version_req": "^1", "explicit_name_in_toml": "c", "optional": true });
        let both = json!({ "name": "opt", "version_req": "^1", "optional": false, "kind": "build" });
        let dependencies = [dependency("plain", false), dependency("opt", true), both, renamed];
        for features in [
            json!({}),
            json!({ "a": ["b"], "b": ["a"] }),
            json!({ "a": ["opt", "c"] }),
            json!({ "a": ["dep:opt", "opt?/std", "opt/std", "plain/std", "c?/x"] }),
            json!({ "opt": ["dep:opt"], "c": ["c/std"] }),
            json!({ "plain": [], "a": ["plain"] }),
        ] {
            assert_eq!(check_of(&features, &dependencies), Ok(()), "{features}");
        }
    }

    #[test]
    fn what_cargo_cannot_read_is_an_error() {
        let dependencies = [dependency("plain", false), dependency("opt", true)];
        for features in [
            json!({ "a": ["nope"] }),
            json!({ "a": ["dep:nope"] }),
            json!({ "a": ["nope/x"] }),
            json!({ "a": ["nope?/x"] }),
            json!({ "a": ["a"] }),
            json!({ "a": ["plain"] }),
            json!({ "a": ["dep:plain"] }),
            json!({ "a": ["plain?/x"] }),
            json!({ "a": ["dep:opt", "opt"] }),
            json!({ "a": ["dep:opt/x"] }),
            json!({ "a": ["opt/x/y"] }),
            json!({ "opt": [] }),
        ] {
            assert!(check_of(&features, &dependencies).is_err(), "{features}");
        }
        let dev = json!({ "name": "b", "version_req": "^1", "optional": true, "kind": "dev" });
        assert!(check_of(&json!({}), &[dev]).is_err());
    }
}

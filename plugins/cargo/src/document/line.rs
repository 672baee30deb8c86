//! Makes the index line of a version from the publish request. The two have different formats (registry
//! index, the note on differences to the publish API).

use packhouse_plugin::time::rfc3339_seconds;
use serde::Serialize;

use super::features::{self, Features};
use crate::upload::{Dependency, Kind, NewCrate};

/// A version that is about to be named by the index.
pub struct Release<'a> {
    pub new: &'a NewCrate,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub checksum: &'a str,
    /// Of the file, in bytes.
    pub size: u64,
    /// Milliseconds since the Unix epoch.
    pub published: u64,
}

impl Release<'_> {
    /// The line, without its end.
    pub fn to_line(&self) -> Result<Vec<u8>, serde_json::Error> {
        let (features, features2) = features::split(&self.new.features);
        let version = if self.new.deps.iter().any(|dependency| dependency.artifact.is_some()) {
            Some(3)
        } else {
            (!features2.is_empty()).then_some(2)
        };
        serde_json::to_vec(&Line {
            name: &self.new.name,
            vers: &self.new.vers,
            deps: self.new.deps.iter().map(LineDependency::new).collect(),
            cksum: self.checksum,
            features,
            yanked: false,
            links: self.new.links.as_deref(),
            rust_version: self.new.rust_version.as_deref(),
            pubtime: rfc3339_seconds(self.published),
            crate_size: self.size,
            v: version,
            features2,
        })
    }
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    vers: &'a str,
    deps: Vec<LineDependency<'a>>,
    cksum: &'a str,
    features: Features,
    yanked: bool,
    links: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rust_version: Option<&'a str>,
    pubtime: String,
    /// Cargo ignores it. A download is compared with it.
    crate_size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<u32>,
    #[serde(skip_serializing_if = "Features::is_empty")]
    features2: Features,
}

#[derive(Serialize)]
struct LineDependency<'a> {
    name: &'a str,
    req: &'a str,
    features: &'a [String],
    optional: bool,
    default_features: bool,
    target: Option<&'a str>,
    kind: Kind,
    registry: Option<&'a str>,
    package: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bindep_target: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    lib: bool,
}

impl<'a> LineDependency<'a> {
    /// A renamed dependency has its new name in `name` here, and there the old one.
    fn new(dependency: &'a Dependency) -> Self {
        let alias = dependency.explicit_name_in_toml.as_deref();
        Self {
            name: alias.unwrap_or(&dependency.name),
            req: &dependency.version_req,
            features: &dependency.features,
            optional: dependency.optional,
            default_features: dependency.default_features,
            target: dependency.target.as_deref(),
            kind: dependency.kind,
            registry: dependency.registry.as_deref(),
            package: alias.map(|_| dependency.name.as_str()),
            artifact: dependency.artifact.as_deref(),
            bindep_target: dependency.bindep_target.as_deref(),
            lib: dependency.lib,
        }
    }
}

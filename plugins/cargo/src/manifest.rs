//! Compares the `Cargo.toml` in a crate with the publish request. Cargo builds from the file and
//! resolves from the index line, which is made from the request: they must not differ. It knows no
//! storage and no HTTP.
//!
//! When cargo packages a crate, it rewrites the file (it resolves inheritance and removes paths). Only
//! this form is read here.

use std::collections::BTreeMap;
use std::fmt;

use cargo_platform::Platform;
use packhouse_plugin::json::plain;
use semver::VersionReq;
use serde::Deserialize;

use crate::upload::{self, Features, Kind, NewCrate};

mod request;

/// What cargo calls crates.io in a request; a manifest leaves it out.
const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";

/// What a registry needs of a `Cargo.toml`.
#[derive(Debug, Deserialize)]
pub struct Manifest {
    package: Package,
    #[serde(default)]
    features: Features,
    #[serde(flatten)]
    dependencies: Dependencies,
    #[serde(default)]
    target: BTreeMap<String, Dependencies>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: String,
    version: String,
    links: Option<String>,
    rust_version: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Dependencies {
    #[serde(default, rename = "dependencies")]
    normal: BTreeMap<String, Dependency>,
    #[serde(default, rename = "dev-dependencies", alias = "dev_dependencies")]
    dev: BTreeMap<String, Dependency>,
    #[serde(default, rename = "build-dependencies", alias = "build_dependencies")]
    build: BTreeMap<String, Dependency>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Dependency {
    Version(String),
    Table(DependencyTable),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct DependencyTable {
    version: Option<String>,
    package: Option<String>,
    #[serde(default)]
    optional: bool,
    #[serde(alias = "default_features")]
    default_features: Option<bool>,
    #[serde(default)]
    features: Vec<String>,
    /// None for crates.io.
    registry_index: Option<String>,
}

/// What is shown of a crate by a search.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub struct About {
    pub description: Option<String>,
    #[serde(default)]
    pub keywords: Vec<String>,
}

/// Why a crate is refused for its `Cargo.toml`.
#[derive(Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// The parser's words.
    Unreadable(String),
    /// What it says, and what the request says.
    Differs { what: String, manifest: String, request: String },
    /// On one side, in two ways.
    Twice(String),
}

impl fmt::Display for Disagreement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(reason) => {
                write!(formatter, "the Cargo.toml in the crate cannot be read: {reason}")
            }
            Self::Differs { what, manifest, request } => write!(
                formatter,
                "the Cargo.toml in the crate and the publish request do not agree on {what}: {manifest} in the file, {request} in the request; publish with an unchanged cargo"
            ),
            Self::Twice(what) => {
                write!(formatter, "{what} is listed twice; publish with an unchanged cargo")
            }
        }
    }
}

impl std::error::Error for Disagreement {}

impl Manifest {
    pub fn parse(bytes: &[u8]) -> Result<Self, Disagreement> {
        toml::from_slice(bytes).map_err(|error| Disagreement::Unreadable(plain(error.message())))
    }

    /// Does the request say the same? Old versions of cargo leave out `rust_version`: then
    /// what the manifest says is put there.
    pub fn agree(&self, request: &mut NewCrate) -> Result<(), Disagreement> {
        let package = &self.package;
        compare("the name", Some(&package.name), Some(&request.name))?;
        compare("the version", Some(&package.version), Some(&request.vers))?;
        compare("`links`", package.links.as_ref(), request.links.as_ref())?;
        if request.rust_version.is_none() {
            request.rust_version.clone_from(&package.rust_version);
        }
        compare("`rust-version`", package.rust_version.as_ref(), request.rust_version.as_ref())?;
        self.agree_on_features(&request.features)?;
        self.agree_on_dependencies(&request.deps)
    }

    fn agree_on_features(&self, request: &Features) -> Result<(), Disagreement> {
        for name in self.features.keys().chain(request.keys()) {
            let told = |features: &Features| features.get(name).map(|values| format!("{:?}", sorted(values)));
            compare(&format!("the feature {name}"), told(&self.features).as_ref(), told(request).as_ref())?;
        }
        Ok(())
    }

    fn agree_on_dependencies(&self, request: &[upload::Dependency]) -> Result<(), Disagreement> {
        let request = by_place(request.iter().map(of_request))?;
        let manifest = by_place(self.dependencies())?;
        for place in manifest.keys().chain(request.keys()) {
            let (there, here) = (manifest.get(place), request.get(place));
            let what = place.to_string();
            compare(&what, there.map(|told| &told.text), here.map(|told| &told.text))?;
            if let (Some(there), Some(here)) = (there, here) {
                agree_on_registry(&what, there, here)?;
            }
        }
        Ok(())
    }

    fn dependencies(&self) -> impl Iterator<Item = (Place, Told)> {
        let tables = self.target.iter().map(|(target, table)| (Some(target.as_str()), table));
        tables.chain([(None, &self.dependencies)]).flat_map(|(target, table)| {
            let kinds = [(Kind::Normal, &table.normal), (Kind::Dev, &table.dev), (Kind::Build, &table.build)];
            kinds.into_iter().flat_map(move |(kind, dependencies)| {
                dependencies.iter().filter_map(move |(alias, dependency)| {
                    Some((Place::new(kind, target, alias), dependency.told(kind, alias)?))
                })
            })
        })
    }
}

/// No place may say two things: one of them would not be looked at.
fn by_place(
    dependencies: impl Iterator<Item = (Place, Told)>,
) -> Result<BTreeMap<Place, Told>, Disagreement> {
    let mut places = BTreeMap::new();
    for (place, told) in dependencies {
        match places.get(&place) {
            Some(there) if *there != told => return Err(Disagreement::Twice(place.to_string())),
            _ => places.insert(place, told),
        };
    }
    Ok(places)
}

/// A request names no registry when it is this one, and a manifest then has whatever address
/// the publisher knows it by.
fn agree_on_registry(what: &str, manifest: &Told, request: &Told) -> Result<(), Disagreement> {
    let Some(here) = &request.registry else { return Ok(()) };
    let there = manifest.registry.as_deref().unwrap_or(CRATES_IO);
    if there.trim_end_matches('/') == here.trim_end_matches('/') {
        return Ok(());
    }
    compare(&format!("the registry of {what}"), Some(&there.to_owned()), Some(here))
}

/// What tells one dependency from another.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    kind: Kind,
    /// As cargo writes it: a manifest and a request may spell one `cfg(…)` differently. One that cargo
    /// cannot read stays as it is, and agrees with none.
    target: Option<String>,
    alias: String,
}

impl Place {
    fn new(kind: Kind, target: Option<&str>, alias: &str) -> Self {
        let written = |target: &str| {
            target.parse().map_or_else(|_| target.to_owned(), |target: Platform| target.to_string())
        };
        let target = target.map(written);
        Self { kind, target, alias: alias.to_owned() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the {} dependency on {}", self.kind, self.alias)
    }
}

/// A dependency, as a text that can be compared and shown.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    text: String,
    registry: Option<String>,
}

impl Dependency {
    /// What must be the same on both sides; none for what cargo leaves out of the request.
    fn told(&self, kind: Kind, alias: &str) -> Option<Told> {
        let unsaid = DependencyTable::default();
        let (version, table) = match self {
            Self::Version(version) => (Some(version), &unsaid),
            Self::Table(table) => (table.version.as_ref(), table),
        };
        if version.is_none() && kind == Kind::Dev {
            return None;
        }
        let text = tell(
            table.package.as_deref().unwrap_or(alias),
            version.map_or("*", String::as_str),
            table.optional,
            table.default_features.unwrap_or(true),
            &table.features,
        );
        Some(Told { text, registry: table.registry_index.clone() })
    }
}

fn of_request(dependency: &upload::Dependency) -> (Place, Told) {
    let place = Place::new(dependency.kind, dependency.target.as_deref(), dependency.alias());
    let text = tell(
        &dependency.name,
        &dependency.version_req,
        dependency.optional,
        dependency.default_features,
        &dependency.features,
    );
    (place, Told { text, registry: dependency.registry.clone() })
}

fn tell(
    package: &str,
    requirement: &str,
    optional: bool,
    default_features: bool,
    features: &[String],
) -> String {
    let requirement =
        VersionReq::parse(requirement).map_or_else(|_| requirement.to_owned(), |req| req.to_string());
    let optional = if optional { ", optional" } else { "" };
    let bare = if default_features { "" } else { ", without default features" };
    let features = sorted(features);
    let features = if features.is_empty() { String::new() } else { format!(", with {}", features.join(" ")) };
    format!("{package} {requirement}{optional}{bare}{features}")
}

fn sorted(values: &[String]) -> Vec<&str> {
    let mut values: Vec<&str> = values.iter().map(String::as_str).collect();
    values.sort_unstable();
    values.dedup();
    values
}

fn compare(what: &str, manifest: Option<&String>, request: Option<&String>) -> Result<(), Disagreement> {
    if manifest == request {
        return Ok(());
    }
    let told = |side: Option<&String>| side.map_or_else(|| "none".to_owned(), |text| shorten(text));
    Err(Disagreement::Differs { what: what.to_owned(), manifest: told(manifest), request: told(request) })
}

fn shorten(text: &str) -> String {
    text.chars().take(300).collect()
}

/// What a `Cargo.toml` says of its crate; nothing when it cannot be read.
pub fn about(bytes: &[u8]) -> About {
    #[derive(Deserialize)]
    struct Outer {
        package: About,
    }
    toml::from_slice(bytes).map(|outer: Outer| outer.package).unwrap_or_default()
}

#[cfg(test)]
mod tests;

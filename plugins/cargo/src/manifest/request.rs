//! Derives the publish request from a `Cargo.toml`, as far as possible, for a version whose index line
//! was lost.

use semver::VersionReq;

use super::{CRATES_IO, Dependency, DependencyTable, Manifest};
use crate::upload::{self, Kind, NewCrate};

impl Manifest {
    /// What cargo said when it published this.
    pub fn to_request(&self) -> NewCrate {
        let tables = self.target.iter().map(|(target, table)| (Some(target.as_str()), table));
        let tables = [(None, &self.dependencies)].into_iter().chain(tables);
        let deps = tables.flat_map(|(target, table)| {
            let kinds = [(Kind::Normal, &table.normal), (Kind::Dev, &table.dev), (Kind::Build, &table.build)];
            kinds.into_iter().flat_map(move |(kind, dependencies)| {
                dependencies
                    .iter()
                    .filter_map(move |(alias, dependency)| dependency.to_request(kind, target, alias))
            })
        });
        NewCrate {
            name: self.package.name.clone(),
            vers: self.package.version.clone(),
            deps: deps.collect(),
            features: self.features.clone(),
            links: self.package.links.clone(),
            rust_version: self.package.rust_version.clone(),
            ..NewCrate::default()
        }
    }
}

impl Dependency {
    /// None for what cargo leaves out of the request.
    fn to_request(&self, kind: Kind, target: Option<&str>, alias: &str) -> Option<upload::Dependency> {
        let unsaid = DependencyTable::default();
        let (version, table) = match self {
            Self::Version(version) => (Some(version), &unsaid),
            Self::Table(table) => (table.version.as_ref(), table),
        };
        if version.is_none() && kind == Kind::Dev {
            return None;
        }
        Some(upload::Dependency {
            name: table.package.as_deref().unwrap_or(alias).to_owned(),
            version_req: requirement(version.map_or("*", String::as_str)),
            features: table.features.clone(),
            optional: table.optional,
            default_features: table.default_features.unwrap_or(true),
            target: target.map(str::to_owned),
            kind,
            registry: Some(table.registry_index.as_deref().unwrap_or(CRATES_IO).to_owned()),
            explicit_name_in_toml: table.package.as_ref().map(|_| alias.to_owned()),
            artifact: None,
            bindep_target: None,
            lib: false,
        })
    }
}

/// As cargo writes it.
fn requirement(text: &str) -> String {
    VersionReq::parse(text).map_or_else(|_| text.to_owned(), |requirement| requirement.to_string())
}

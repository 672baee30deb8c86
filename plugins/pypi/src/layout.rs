//! Where a project's objects lie, below the mount's prefix. The layout is fixed: buckets that
//! an earlier system wrote with it stay readable, so nothing here ever moves.
//!
//! # Layout
//! - `metadata/{name}/metadata.json`: the project's document
//! - `packages/{name}/{file}`: a distribution
//! - `packages/{name}/{file}.metadata`: the core metadata inside it (PEP 658)
//! - `packages/{name}/{file}.provenance`: its attestations (PEP 740; an object of ours)
//! - `simple/index.html`, `simple/{name}/index.html`: pages derived for other readers
//! - `simple/projects.json`, `simple/changed`: the list of all projects, and whether it is
//!   behind (objects of ours)
//!
//! `{name}` is normalised (PEP 503).

use crate::name::ProjectName;

/// Every project's document lies below this.
pub const METADATA: &str = "metadata/";
/// Every distribution lies below this.
pub const PACKAGES: &str = "packages/";
/// The derived list of all projects.
pub const ROOT_PAGE: &str = "simple/index.html";
/// What the last walk over all projects has found; an object of ours.
pub const LIST: &str = "simple/projects.json";
/// Made anew when a project comes or goes; an object of ours.
pub const MARK: &str = "simple/changed";
/// The ending of a distribution's core metadata.
pub const CORE_METADATA: &str = ".metadata";
/// The ending of a distribution's attestations.
pub const PROVENANCE: &str = ".provenance";

/// The key of the project's document.
pub fn document(name: &ProjectName) -> String {
    format!("{METADATA}{name}/metadata.json")
}

/// What the keys of a project's files begin with.
pub fn folder(name: &ProjectName) -> String {
    format!("{PACKAGES}{name}/")
}

/// The key of a distribution, or of what is kept beside it.
pub fn file(name: &ProjectName, file: &str) -> String {
    format!("{PACKAGES}{name}/{file}")
}

/// The key of the derived page of a project.
pub fn page(name: &ProjectName) -> String {
    format!("simple/{name}/index.html")
}

/// The project whose document lies at this key.
pub fn project_of_document(key: &str) -> Option<ProjectName> {
    let name = key.strip_prefix(METADATA)?.strip_suffix("/metadata.json")?;
    ProjectName::parse_normalised(name)
}

/// The project and file of a key below `packages/`.
pub fn project_of_file(key: &str) -> Option<(ProjectName, &str)> {
    let (name, file) = key.strip_prefix(PACKAGES)?.split_once('/')?;
    Some((ProjectName::parse_normalised(name)?, file))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn keys_are_those_of_the_layout() {
        let name = ProjectName::parse("Foo.Bar").unwrap();
        assert_eq!(document(&name), "metadata/foo-bar/metadata.json");
        assert_eq!(file(&name, "foo_bar-1.0.tar.gz"), "packages/foo-bar/foo_bar-1.0.tar.gz");
        assert_eq!(page(&name), "simple/foo-bar/index.html");
        assert_eq!(project_of_document("metadata/foo-bar/metadata.json"), Some(name.clone()));
        assert_eq!(project_of_document("metadata/Foo/metadata.json"), None);
        assert_eq!(project_of_file("packages/foo-bar/a.whl"), Some((name, "a.whl")));
    }
}

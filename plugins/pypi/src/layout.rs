//! The keys of a project's objects, below the mount's prefix. The layout never changes, so that buckets
//! written by an earlier system stay readable.
//!
//! # Layout
//! - `metadata/{name}/metadata.json`: the project's document
//! - `packages/{name}/{file}`: a distribution
//! - `packages/{name}/{file}.metadata`: the core metadata inside it (PEP 658)
//! - `packages/{name}/{file}.provenance`: its attestations (PEP 740; written only by this plugin)
//! - `simple/index.html`, `simple/{name}/index.html`: pages derived for other readers. That of a
//!   project also shows that this plugin has written a document
//! - `simple/projects.json`, `simple/changed`: the list of all projects, and whether it is behind
//!   (written only by this plugin)
//!
//! `{name}` is normalised (PEP 503).

use packhouse_plugin::maintenance::{FILE_FOR_FOLDER, FOLDER_FOR_FILE};

use crate::name::{FileName, ProjectName};

/// Every project's document lies below this.
pub const METADATA: &str = "metadata/";
/// Every distribution lies below this.
pub const PACKAGES: &str = "packages/";
/// Every derived page lies below this.
pub const PAGES: &str = "simple/";
/// The derived list of all projects.
pub const ROOT_PAGE: &str = "simple/index.html";
/// What the last walk over all projects has found; written only by this plugin.
pub const LIST: &str = "simple/projects.json";
/// Made anew when a project comes or goes; written only by this plugin.
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

/// Why nothing may lie at this key: the key of the layout that is a file instead of a folder, or
/// the other way round, and the reason.
pub fn misplaced(key: &str) -> Option<(&str, &'static str)> {
    let is_file = |key: &&str| {
        let of_project = || project_of_file(key).map(|(name, file)| FileName::parse_stored(&name, file));
        project_of_document(key).is_some() || of_project().flatten().is_some()
    };
    if let Some(file) = key.match_indices('/').filter_map(|(slash, _)| key.get(..slash)).find(is_file) {
        return Some((file, FOLDER_FOR_FILE));
    }
    let name = key.strip_prefix(METADATA).or_else(|| key.strip_prefix(PACKAGES))?;
    ProjectName::parse_normalised(name).map(|_| (key, FILE_FOR_FOLDER))
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
    fn a_file_for_a_folder_and_a_folder_for_a_file_are_told() {
        for key in ["metadata/demo", "packages/demo"] {
            assert_eq!(misplaced(key), Some((key, FILE_FOR_FOLDER)), "{key}");
        }
        for key in ["metadata/demo/metadata.json", "packages/demo/demo-1.0-py3-none-any.whl"] {
            assert_eq!(misplaced(key), None, "{key}");
            assert_eq!(misplaced(&format!("{key}/x/y")), Some((key, FOLDER_FOR_FILE)), "{key}");
        }
        assert_eq!(misplaced("packages/demo/readme.txt"), None);
    }

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

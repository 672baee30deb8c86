//! The keys of stored objects, below the mount's prefix. The layout never changes, so that buckets
//! written by an earlier system stay readable.
//!
//! # Layout
//! - `artifacts/{group path}/{artifact}/{version}/{file}`: a file of a version
//! - `metadata/{path}/maven-metadata.xml`: of the artifact and of the group of plugins at this path
//! - `versions/{group}/{artifact}/{version}.json`: the document of a version (written only by this
//!   plugin)
//! - `names/{group}/{artifact}`: in lower case, how an artifact is spelled (written only by this
//!   plugin)
//! - `changes/{group}/{artifact}/{version}`: a version whose metadata is about to follow its document
//!   (written only by this plugin)
//! - `plugins/{group}/{artifact}.json`: the prefix of a plugin, so that the metadata of its group can be
//!   made again (written only by this plugin)
//!
//! `{group path}` is the group id with `/` for its dots, `{group}` the group id itself. So nothing
//! below `versions/`, `names/`, `changes/` and `plugins/` is a file and a folder at once.

use crate::name::{Artifact, Coordinates, GroupId, METADATA_FILE};

/// Every file of a version lies below this.
pub const ARTIFACTS: &str = "artifacts/";
/// Every metadata document lies below this.
pub const METADATA: &str = "metadata/";
/// Every version's document lies below this.
pub const VERSIONS: &str = "versions/";
/// Every spelling lies below this.
pub const NAMES: &str = "names/";
/// Every note of a version that is being listed lies below this.
pub const CHANGES: &str = "changes/";
/// Every prefix of a plugin lies below this.
pub const PLUGINS: &str = "plugins/";

/// The key of a version's document.
pub fn document(coordinates: &Coordinates) -> String {
    format!("{}{}.json", documents(&coordinates.artifact), coordinates.version())
}

/// What the keys of an artifact's documents begin with.
pub fn documents(artifact: &Artifact) -> String {
    format!("{VERSIONS}{}/{}/", artifact.group, artifact.id())
}

/// What the keys of a version's files begin with.
pub fn folder(coordinates: &Coordinates) -> String {
    format!("{}{}/", artifact(&coordinates.artifact), coordinates.version())
}

/// What the keys of an artifact's files begin with.
pub fn artifact(artifact: &Artifact) -> String {
    format!("{ARTIFACTS}{}/", artifact.path())
}

/// The key of a file of a version.
pub fn file(coordinates: &Coordinates, name: &str) -> String {
    format!("{}{name}", folder(coordinates))
}

/// The key of the metadata at a path: that of an artifact, and of a group of plugins.
pub fn metadata(path: &str) -> String {
    format!("{METADATA}{path}/{METADATA_FILE}")
}

/// The key that says how an artifact is spelled.
pub fn spelling(artifact: &Artifact) -> String {
    format!("{NAMES}{}/{}", artifact.group, artifact.id()).to_ascii_lowercase()
}

/// The key of the note that the metadata of a version is about to follow its document.
pub fn change(coordinates: &Coordinates) -> String {
    format!("{}{}", changes(&coordinates.artifact), coordinates.version())
}

/// What the keys of these notes of an artifact begin with.
pub fn changes(artifact: &Artifact) -> String {
    format!("{CHANGES}{}/{}/", artifact.group, artifact.id())
}

/// The key of the prefix of a plugin.
pub fn plugin(artifact: &Artifact) -> String {
    format!("{}{}.json", plugins(&artifact.group), artifact.id())
}

/// What the keys of the prefixes of a group begin with.
pub fn plugins(group: &GroupId) -> String {
    format!("{PLUGINS}{group}/")
}

/// The version that this note is about.
pub fn version_of_change(key: &str) -> Option<Coordinates> {
    let [group, id, version] = key.strip_prefix(CHANGES)?.split('/').collect::<Vec<_>>()[..] else {
        return None;
    };
    let artifact = Artifact::parse(GroupId::parse(group).ok()?, id).ok()?;
    Coordinates::parse(artifact, version).ok()
}

/// The plugin whose prefix lies at this key.
pub fn artifact_of_plugin(key: &str) -> Option<Artifact> {
    let (group, file) = key.strip_prefix(PLUGINS)?.split_once('/')?;
    Artifact::parse(GroupId::parse(group).ok()?, file.strip_suffix(".json")?).ok()
}

/// The version whose document lies at this key.
pub fn version_of_document(key: &str) -> Option<Coordinates> {
    let (group, rest) = key.strip_prefix(VERSIONS)?.split_once('/')?;
    let (id, file) = rest.split_once('/')?;
    let artifact = Artifact::parse(GroupId::parse(group).ok()?, id).ok()?;
    Coordinates::parse(artifact, file.strip_suffix(".json")?).ok()
}

/// The version in whose folder a key lies, and the name of the file.
pub fn version_of_file(key: &str) -> Option<(Coordinates, &str)> {
    let segments: Vec<&str> = key.strip_prefix(ARTIFACTS)?.split('/').collect();
    let [group @ .., id, version, file] = segments.as_slice() else { return None };
    let artifact = Artifact::parse(GroupId::parse_segments(group).ok()?, id).ok()?;
    Some((Coordinates::parse(artifact, version).ok()?, *file))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn keys_are_those_of_the_layout() {
        let lib = Artifact::parse(GroupId::parse("com.Example").unwrap(), "lib.core").unwrap();
        let coordinates = Coordinates::parse(lib.clone(), "1.0").unwrap();
        let file = file(&coordinates, "lib.core-1.0.jar");
        assert_eq!(file, "artifacts/com/Example/lib.core/1.0/lib.core-1.0.jar");
        assert_eq!(document(&coordinates), "versions/com.Example/lib.core/1.0.json");
        assert_eq!(metadata(&lib.path()), "metadata/com/Example/lib.core/maven-metadata.xml");
        assert_eq!(spelling(&lib), "names/com.example/lib.core");
        assert_eq!(version_of_file(&file), Some((coordinates.clone(), "lib.core-1.0.jar")));
        assert_eq!(version_of_document(&document(&coordinates)), Some(coordinates));
        assert_eq!(version_of_file("artifacts/a.b/c/1/c-1.jar"), None, "a group's segment holds no dot");
        assert_eq!(version_of_file("artifacts/c/1/c-1.jar"), None, "it has no group");
    }
}

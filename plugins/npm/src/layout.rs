//! The keys of a package's objects, below the mount's prefix. The layout never changes, so that buckets
//! written by an earlier system stay readable.
//!
//! # Layout
//! - `packages/{name}/index.json`: the packument
//! - `packages/{name}/{base}-{version}.tgz`: a tarball
//! - `packages/{name}/{base}-{version}.{sha1}.sigstore`: the provenance bundle of the tarball with this
//!   SHA-1 (written only by this plugin)
//!
//! `{name}` is `name` or `@scope/name`, `{base}` the name without its scope.

use packhouse_plugin::maintenance::{FILE_FOR_FOLDER, FOLDER_FOR_FILE};

use crate::name::PackageName;

/// The folder of all packages.
pub const PACKAGES: &str = "packages/";
/// The longest segment of a key on every backend, in bytes.
pub const SEGMENT_LENGTH: usize = 255;

const INDEX: &str = "/index.json";

/// The prefix of the keys of a package, without the last `/`.
pub fn folder(name: &PackageName) -> String {
    format!("{PACKAGES}{name}")
}

/// The key of the packument.
pub fn index(name: &PackageName) -> String {
    format!("{PACKAGES}{name}{INDEX}")
}

/// The key of a tarball, or of another file of the package.
pub fn file(name: &PackageName, file: &str) -> String {
    format!("{PACKAGES}{name}/{file}")
}

/// The key of the provenance bundle that belongs to a tarball's bytes.
pub fn provenance(name: &PackageName, version: &str, sha1: &str) -> String {
    format!("{PACKAGES}{name}/{}-{version}.{sha1}.sigstore", name.base())
}

/// The name of a version's tarball, as a file: `{base}-{version}.tgz`.
pub fn tarball_name(name: &PackageName, version: &str) -> String {
    format!("{}-{version}.tgz", name.base())
}

/// The version in a file name: what is between `{base}-` and `.{extension}`.
pub fn version_of_file<'a>(name: &PackageName, file: &'a str, extension: &str) -> Option<&'a str> {
    file.strip_prefix(name.base())?
        .strip_prefix('-')?
        .strip_suffix(extension)?
        .strip_suffix('.')
        .filter(|version| !version.is_empty() && !version.contains('/'))
}

/// The package whose packument lies at this key.
pub fn package_of_index(key: &str) -> Option<PackageName> {
    let name = key.strip_prefix(PACKAGES)?.strip_suffix(INDEX)?;
    PackageName::parse(name).ok()
}

/// Why nothing may lie at this key: the key of the layout that is a file instead of a folder, or
/// the other way round, and the reason.
pub fn misplaced(key: &str) -> Option<(&str, &'static str)> {
    let mut above = key.match_indices('/').filter_map(|(slash, _)| key.get(..slash));
    if let Some(file) = above.find(|key| is_file(key)) {
        return Some((file, FOLDER_FOR_FILE));
    }
    let name = key.strip_prefix(PACKAGES)?;
    let is_scope = name.strip_prefix('@').is_some_and(|scope| !scope.contains('/'));
    (is_scope || PackageName::parse(name).is_ok()).then_some((key, FILE_FOR_FOLDER))
}

/// Whether the layout has a file at this key.
fn is_file(key: &str) -> bool {
    let file_of = || {
        let (folder, file) = key.rsplit_once('/')?;
        let name = PackageName::parse(folder.strip_prefix(PACKAGES)?).ok()?;
        version_of_file(&name, file, "tgz").or_else(|| version_of_file(&name, file, "sigstore"))
    };
    package_of_index(key).is_some() || file_of().is_some()
}

/// Where a version's tarball is downloaded, below the mount: `{name}/-/{base}-{version}.tgz`.
pub fn tarball_path(name: &PackageName, version: &str) -> String {
    format!("{name}/-/{}", tarball_name(name, version))
}

/// Where a version's attestations are read, below the mount.
pub fn attestations_path(name: &PackageName, version: &str) -> String {
    format!("-/npm/v1/attestations/{name}@{version}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn keys_are_those_of_the_layout() {
        let plain = PackageName::parse("left-pad").unwrap();
        assert_eq!(index(&plain), "packages/left-pad/index.json");
        assert_eq!(file(&plain, &tarball_name(&plain, "1.0.0")), "packages/left-pad/left-pad-1.0.0.tgz");
        let scoped = PackageName::parse("@example/pad").unwrap();
        assert_eq!(index(&scoped), "packages/@example/pad/index.json");
        assert_eq!(file(&scoped, &tarball_name(&scoped, "1.0.0")), "packages/@example/pad/pad-1.0.0.tgz");
        assert_eq!(package_of_index(&index(&scoped)), Some(scoped));
    }

    #[test]
    fn a_file_for_a_folder_and_a_folder_for_a_file_are_told() {
        for key in ["packages/a", "packages/@example", "packages/@example/a"] {
            assert_eq!(misplaced(key), Some((key, FILE_FOR_FOLDER)), "{key}");
        }
        for key in
            ["packages/a/index.json", "packages/a/a-1.0.0.tgz", "packages/@example/a/a-1.0.0.1.sigstore"]
        {
            assert_eq!(misplaced(key), None, "{key}");
            assert_eq!(misplaced(&format!("{key}/x/y")), Some((key, FOLDER_FOR_FILE)), "{key}");
        }
        assert_eq!(misplaced("packages/a/notes.txt"), None);
    }

    #[test]
    fn a_file_name_says_its_version() {
        let name = PackageName::parse("@example/pad").unwrap();
        let version = |file| version_of_file(&name, file, "tgz");
        assert_eq!(version("pad-1.0.0-beta.1.tgz"), Some("1.0.0-beta.1"));
        assert_eq!(version("pad-.tgz"), None);
        assert_eq!(version("other-1.0.0.tgz"), None);
        assert_eq!(version("pad-1.0.0.tar"), None);
    }
}

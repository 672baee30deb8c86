//! Where a package's objects lie, below the mount's prefix. The layout is fixed: buckets
//! that an earlier system wrote with it stay readable, so nothing here ever moves.
//!
//! # Layout
//! - `packages/{name}/index.json`: the packument
//! - `packages/{name}/{base}-{version}.tgz`: a tarball
//! - `packages/{name}/{base}-{version}.{sha1}.sigstore`: the provenance bundle of the
//!   tarball with this SHA-1 (an object of ours)
//!
//! `{name}` is `name` or `@scope/name`, `{base}` the name without its scope.

use crate::name::PackageName;

/// Everything of the protocol's packages lies below this.
pub const PACKAGES: &str = "packages/";
/// What a segment of a key holds on every backend, in bytes.
pub const SEGMENT_LENGTH: usize = 255;

const INDEX: &str = "/index.json";

/// What the keys of a package begin with, without the last `/`.
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

/// The version that a file name stands for: what is between `{base}-` and `.{extension}`.
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
    fn a_file_name_says_its_version() {
        let name = PackageName::parse("@example/pad").unwrap();
        let version = |file| version_of_file(&name, file, "tgz");
        assert_eq!(version("pad-1.0.0-beta.1.tgz"), Some("1.0.0-beta.1"));
        assert_eq!(version("pad-.tgz"), None);
        assert_eq!(version("other-1.0.0.tgz"), None);
        assert_eq!(version("pad-1.0.0.tar"), None);
    }
}

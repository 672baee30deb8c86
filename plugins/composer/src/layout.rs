//! The keys of a package's objects, below the mount's prefix. The layout never changes, so that buckets
//! written by an earlier system stay readable.
//!
//! # Layout
//! - `packages/{vendor}/{package}/metadata.json`: the package's document
//! - `packages/{vendor}/{package}/{reference}.zip`: a dist
//! - `packages/{vendor}/{package}/{reference}.json`: what its publisher said beside it (written only by
//!   this plugin)
//! - `packages/{vendor}/{package}/advisories.json`: security advisories (written only by this plugin)
//! - `deleted/{vendor}/{package}.json`: when the package was deleted (written only by this plugin)
//! - `list.json`, `catalog.json`, `changed`: which packages there are, what a search knows of them, and
//!   whether the list is behind (written only by this plugin)

use packhouse_plugin::maintenance::{FILE_FOR_FOLDER, FOLDER_FOR_FILE};

use crate::name::PackageName;

/// Every package lies below this.
pub const PACKAGES: &str = "packages/";
/// Every note of a deleted package lies below this.
pub const DELETED: &str = "deleted/";
/// The derived list of all packages.
pub const LIST: &str = "list.json";
/// What a search knows of all packages.
pub const CATALOG: &str = "catalog.json";
/// Made anew when a package comes or goes.
pub const MARK: &str = "changed";
/// The file name of a package's security advisories.
pub const ADVISORIES: &str = "advisories.json";
/// The longest reference, in bytes.
const LONGEST: usize = 100;

/// The key of the package's document.
pub fn document(name: &PackageName) -> String {
    format!("{PACKAGES}{name}/metadata.json")
}

/// What the keys of a package's objects begin with.
pub fn folder(name: &PackageName) -> String {
    format!("{PACKAGES}{name}/")
}

/// The key of a dist.
pub fn dist(name: &PackageName, reference: &str) -> String {
    format!("{PACKAGES}{name}/{reference}.zip")
}

/// The key of what a publisher said beside a dist.
pub fn note(name: &PackageName, reference: &str) -> String {
    format!("{PACKAGES}{name}/{reference}.json")
}

/// The key of a package's security advisories.
pub fn advisories(name: &PackageName) -> String {
    format!("{PACKAGES}{name}/{ADVISORIES}")
}

/// The key of the note that a package was deleted.
pub fn deleted(name: &PackageName) -> String {
    format!("{DELETED}{name}.json")
}

/// The package that a key below `packages/` belongs to, and the rest of the key.
pub fn package_of(key: &str) -> Option<(PackageName, &str)> {
    let rest = key.strip_prefix(PACKAGES)?;
    let (end, _) = rest.match_indices('/').nth(1)?;
    let (name, file) = rest.split_at_checked(end)?;
    Some((PackageName::parse(name).ok()?, file.strip_prefix('/')?))
}

/// The package whose document lies at this key.
pub fn package_of_document(key: &str) -> Option<PackageName> {
    package_of(key).filter(|(_, file)| *file == "metadata.json").map(|(name, _)| name)
}

/// The reference of a dist with this file name, or of the note beside one.
pub fn reference_of(file: &str) -> Option<&str> {
    let stem =
        file.strip_suffix(".zip").or_else(|| file.strip_suffix(".json").filter(|stem| is_ours(stem)))?;
    is_reference(stem).then_some(stem)
}

/// Whether it is the file name of a dist.
pub fn is_dist(file: &str) -> bool {
    file.strip_suffix(".zip").is_some()
}

/// Whether it can be the name of a dist: an earlier system may have given it another form.
pub fn is_reference(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+~".contains(&byte);
    !text.is_empty() && text.len() <= LONGEST && !text.starts_with('.') && text.bytes().all(is_plain)
}

/// Whether a reference has the form that a publish gives it.
pub fn is_ours(reference: &str) -> bool {
    reference.len() == 40 && reference.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Why nothing may lie at this key: the key of the layout that is a file instead of a folder, or
/// the other way round, and the reason.
pub fn misplaced(key: &str) -> Option<(&str, &'static str)> {
    let rest = key.strip_prefix(PACKAGES)?;
    let slashes: Vec<usize> = rest.match_indices('/').map(|(slash, _)| slash).collect();
    match slashes.as_slice() {
        [] | [_] => Some((key, FILE_FOR_FOLDER)),
        [_, _] => None,
        [_, second, third, ..] => {
            let file = rest.get(second + 1..*third)?;
            let is_file = file == "metadata.json" || file == ADVISORIES || reference_of(file).is_some();
            is_file.then(|| key.get(..PACKAGES.len() + third)).flatten().map(|file| (file, FOLDER_FOR_FILE))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn keys_are_those_of_the_layout() {
        let name = PackageName::parse("acme/lib").unwrap();
        assert_eq!(document(&name), "packages/acme/lib/metadata.json");
        assert_eq!(dist(&name, "abc"), "packages/acme/lib/abc.zip");
        assert_eq!(package_of("packages/acme/lib/abc.zip"), Some((name.clone(), "abc.zip")));
        assert_eq!(package_of_document("packages/acme/lib/metadata.json"), Some(name));
        assert_eq!(package_of_document("packages/acme/lib/x/metadata.json"), None);
        assert_eq!(package_of("packages/Acme/lib/abc.zip"), None);
        assert_eq!(package_of("packages/acme/metadata.json"), None);
    }

    #[test]
    fn references_are_told_from_other_files() {
        let ours = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(reference_of(&format!("{ours}.zip")), Some(ours));
        assert_eq!(reference_of(&format!("{ours}.json")), Some(ours));
        assert_eq!(reference_of("1.0.0.zip"), Some("1.0.0"));
        for file in ["metadata.json", "advisories.json", "1.0.0.json", ".zip", "..zip", "a b.zip", "a.tar"] {
            assert_eq!(reference_of(file), None, "{file}");
        }
    }

    #[test]
    fn a_file_for_a_folder_and_a_folder_for_a_file_are_told() {
        for key in ["packages/acme", "packages/acme/lib"] {
            assert_eq!(misplaced(key), Some((key, FILE_FOR_FOLDER)), "{key}");
        }
        for key in ["packages/acme/lib/metadata.json", "packages/acme/lib/abc.zip"] {
            assert_eq!(misplaced(key), None, "{key}");
            assert_eq!(misplaced(&format!("{key}/x/y")), Some((key, FOLDER_FOR_FILE)), "{key}");
        }
    }
}

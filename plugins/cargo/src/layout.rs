//! The keys of a crate's objects, below the mount's prefix. The layout never changes, so that buckets
//! written by an earlier system stay readable.
//!
//! # Layout
//! - `index/{folder}/{name in lower case}`: one line a version; the truth about a crate
//! - `crates/{name}/{name}-{version}.crate`: what was uploaded
//! - `config.json`: for other readers of the bucket; never read here
//! - `owners/{canonical name}.json`: who owns a crate and in which spelling (ours)
//! - `catalog.json`: what a search reads (ours; derived from the others)

use packhouse_plugin::maintenance::{FILE_FOR_FOLDER, FOLDER_FOR_FILE};

use crate::name::{CrateName, Version};

/// Every index file lies below this.
pub const INDEX: &str = "index/";
/// Every uploaded file lies below this.
pub const CRATES: &str = "crates/";
/// For other readers of the bucket.
pub const CONFIG: &str = "config.json";
/// What a search reads.
pub const CATALOG: &str = "catalog.json";
/// The documents of owners lie below this.
pub const OWNERS: &str = "owners/";

/// The value in the configuration for other programs that read the bucket: the place of the files, seen
/// from it. Cargo is never given this one.
pub fn configuration() -> String {
    format!("{{\"dl\":\"{CRATES}{{crate}}/{{crate}}-{{version}}.crate\"}}")
}

/// The key of the index file.
pub fn index(name: &CrateName) -> String {
    format!("{INDEX}{}/{}", name.index_folder(), name.lower())
}

/// The key of a version's file. `name` is in the spelling of the index.
pub fn crate_file(name: &CrateName, version: &Version) -> String {
    format!("{CRATES}{name}/{name}-{version}.crate")
}

/// The prefix of the keys of a crate's files. `name` is in the spelling of the index.
pub fn files(name: &CrateName) -> String {
    format!("{CRATES}{name}/")
}

/// The key that another system may have used: with the name in lower case.
pub fn lower_crate_file(name: &CrateName, version: &Version) -> String {
    let name = name.lower();
    format!("{CRATES}{name}/{name}-{version}.crate")
}

/// The key of the owners' document.
pub fn owners(name: &CrateName) -> String {
    format!("{OWNERS}{}.json", name.canonical())
}

/// The crate whose index file lies at this key, in lower case.
pub fn crate_of_index(key: &str) -> Option<CrateName> {
    let (_, name) = key.strip_prefix(INDEX)?.rsplit_once('/')?;
    CrateName::parse(name).ok().filter(|name| index(name) == key)
}

/// The crate whose owners' document lies at this key, in the canonical form of its name.
pub fn crate_of_owners(key: &str) -> Option<CrateName> {
    let name = key.strip_prefix(OWNERS)?.strip_suffix(".json")?;
    CrateName::parse(name).ok().filter(|name| owners(name) == key)
}

/// Why nothing may lie at this key: the key of the layout that is a file instead of a folder, or
/// the other way round, and the reason.
pub fn misplaced(key: &str) -> Option<(&str, &'static str)> {
    let above = key.match_indices('/').filter_map(|(slash, _)| key.get(..slash));
    let is_file =
        |key: &&str| crate_of_index(key).is_some() || release_of_file(key).is_some() || is_owners(key);
    if let Some(file) = above.into_iter().find(is_file) {
        return Some((file, FOLDER_FOR_FILE));
    }
    let is_folder = if let Some(below) = key.strip_prefix(INDEX) {
        below.split('/').count() <= 2 && below.split('/').all(|part| part.len() <= 2)
    } else {
        key.strip_prefix(CRATES).is_some_and(|name| CrateName::parse(name).is_ok())
    };
    (is_folder && crate_of_index(key).is_none()).then_some((key, FILE_FOR_FOLDER))
}

fn is_owners(key: &str) -> bool {
    let name = key.strip_prefix(OWNERS).and_then(|file| file.strip_suffix(".json"));
    name.is_some_and(|name| CrateName::parse(name).is_ok())
}

/// The crate and version whose file lies at this key.
pub fn release_of_file(key: &str) -> Option<(CrateName, Version)> {
    let (folder, file) = key.strip_prefix(CRATES)?.split_once('/')?;
    let version = file.strip_prefix(folder)?.strip_prefix('-')?.strip_suffix(".crate")?;
    Some((CrateName::parse(folder).ok()?, Version::parse(version).ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn keys_are_those_of_the_layout() {
        let name = CrateName::parse("My_Crate").unwrap();
        let version = Version::parse("1.0.0-rc.1+build").unwrap();
        assert_eq!(index(&name), "index/my/_c/my_crate");
        assert_eq!(crate_file(&name, &version), "crates/My_Crate/My_Crate-1.0.0-rc.1+build.crate");
        assert_eq!(owners(&name), "owners/my-crate.json");
        assert_eq!(release_of_file(&crate_file(&name, &version)), Some((name.clone(), version)));
        assert_eq!(crate_of_index(&index(&name)).unwrap().as_str(), "my_crate");
    }

    #[test]
    fn a_file_for_a_folder_and_a_folder_for_a_file_are_told() {
        for key in ["index/de", "index/de/mo", "index/1", "index/3/a", "crates/demo"] {
            assert_eq!(misplaced(key), Some((key, FILE_FOR_FOLDER)), "{key}");
        }
        for key in ["index/de/mo/demo", "index/1/a", "crates/demo/demo-1.0.0.crate", "owners/demo.json"] {
            assert_eq!(misplaced(key), None, "{key}");
            assert_eq!(misplaced(&format!("{key}/x/y")), Some((key, FOLDER_FOR_FILE)), "{key}");
        }
        for key in ["index/config.json", "crates/a b", "crates/demo/readme.txt", "config.json"] {
            assert_eq!(misplaced(key), None, "{key}");
        }
    }

    #[test]
    fn other_keys_are_of_no_crate() {
        for key in ["index/my/cr/other", "index/config.json", "index/a", "crates/a", "index/My/Cr/mycrate"] {
            assert_eq!(crate_of_index(key), None, "{key}");
        }
        for key in ["crates/a/b-1.0.0.crate", "crates/a/a-1.crate", "crates/a/a-1.0.0.tgz"] {
            assert_eq!(release_of_file(key), None, "{key}");
        }
    }
}

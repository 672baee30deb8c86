//! Where a crate's objects lie, below the mount's prefix. The layout is fixed: buckets
//! that an earlier system wrote with it stay readable, so nothing here ever moves.
//!
//! # Layout
//! - `index/{folder}/{name in lower case}`: one line a version; the truth about a crate
//! - `crates/{name}/{name}-{version}.crate`: what was uploaded
//! - `config.json`: for other readers of the bucket; never read here
//! - `owners/{canonical name}.json`: who owns a crate and in which spelling (ours)
//! - `catalog.json`: what a search reads (ours; derived from the others)

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

/// What stands in the configuration for other readers of the bucket: where files lie, seen
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

/// Where another system may have put it: with the name in lower case.
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
    fn other_keys_are_of_no_crate() {
        for key in ["index/my/cr/other", "index/config.json", "index/a", "crates/a", "index/My/Cr/mycrate"] {
            assert_eq!(crate_of_index(key), None, "{key}");
        }
        for key in ["crates/a/b-1.0.0.crate", "crates/a/a-1.crate", "crates/a/a-1.0.0.tgz"] {
            assert_eq!(release_of_file(key), None, "{key}");
        }
    }
}

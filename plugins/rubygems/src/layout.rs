//! The keys of a gem's objects, below the mount's prefix. The layout never changes, so that buckets
//! written by an earlier system stay readable.
//!
//! # Layout
//! - `gems/{full name}.gem`: what was pushed
//! - `packages/{name in lower case}.json`: what there is of a gem and who owns it (ours; the
//!   truth about a gem)
//! - `info/{name}`: a gem's page of the compact index, for other readers of the bucket
//! - `versions`: all gems, as the compact index lists them; `recent.json`: what is to be appended
//!   to it (ours)
//! - `changes/{name in lower case}`: a gem whose document is about to change (ours)
//! - `names`, `specs.4.8.gz`, `latest_specs.4.8.gz`, `prerelease_specs.4.8.gz`: made of `versions`;
//!   `rendered.json`: of which one (ours)

use crate::name::{GemName, Slot, full_name, readings};

/// Every pushed file lies below this.
pub const GEMS: &str = "gems/";
/// The documents of gems lie below this.
pub const PACKAGES: &str = "packages/";
/// The pages of the compact index lie below this.
pub const INFO: &str = "info/";
/// All gems, one line a change.
pub const VERSIONS: &str = "versions";
/// What is behind the end of [`VERSIONS`].
pub const RECENT: &str = "recent.json";
/// Gems whose document is about to change.
pub const CHANGES: &str = "changes/";
/// The names of all gems.
pub const NAMES: &str = "names";
/// Which state of [`VERSIONS`] the lists were made of.
pub const RENDERED: &str = "rendered.json";
/// All versions, without the pre-releases.
pub const SPECS: &str = "specs.4.8.gz";
/// The highest version of each gem and platform.
pub const LATEST_SPECS: &str = "latest_specs.4.8.gz";
/// All pre-releases.
pub const PRERELEASE_SPECS: &str = "prerelease_specs.4.8.gz";

const FILE: &str = ".gem";
const DOCUMENT: &str = ".json";

/// The key of a pushed file.
pub fn gem_file(name: &GemName, slot: &Slot) -> String {
    format!("{GEMS}{}{FILE}", full_name(name, slot))
}

/// The key of a gem's document. Names that differ in case have the same.
pub fn document(name: &GemName) -> String {
    format!("{PACKAGES}{}{DOCUMENT}", name.lower())
}

/// The key of a gem's page of the compact index.
pub fn info(name: &GemName) -> String {
    format!("{INFO}{name}")
}

/// The key of the note that a gem's document is about to change.
pub fn change(name: &GemName) -> String {
    format!("{CHANGES}{}", name.lower())
}

/// The name in lower case of the gem whose document lies at this key.
pub fn gem_of_document(key: &str) -> Option<GemName> {
    let name = key.strip_prefix(PACKAGES)?.strip_suffix(DOCUMENT)?;
    GemName::parse(name).ok().filter(|parsed| parsed.lower() == name)
}

/// The gem whose page lies at this key.
pub fn gem_of_info(key: &str) -> Option<GemName> {
    GemName::parse(key.strip_prefix(INFO)?).ok()
}

/// The name in lower case of the gem that this note is about.
pub fn gem_of_change(key: &str) -> Option<GemName> {
    GemName::parse(key.strip_prefix(CHANGES)?).ok()
}

/// The gems and versions whose file may lie at this key.
pub fn releases_of_file(key: &str) -> Vec<(GemName, Slot)> {
    key.strip_prefix(GEMS).and_then(|file| file.strip_suffix(FILE)).map(readings).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn keys_are_those_of_the_layout() {
        let name = GemName::parse("My.Gem-x").unwrap();
        let slot = Slot::parse("1.10-java").unwrap();
        assert_eq!(gem_file(&name, &slot), "gems/My.Gem-x-1.10-java.gem");
        assert_eq!(info(&name), "info/My.Gem-x");
        assert_eq!(document(&name), "packages/my.gem-x.json");
        assert_eq!(change(&name), "changes/my.gem-x");
        assert_eq!(releases_of_file(&gem_file(&name, &slot)), [(name.clone(), slot)]);
        assert_eq!(gem_of_info(&info(&name)), Some(name.clone()));
        assert_eq!(gem_of_document(&document(&name)).unwrap().as_str(), "my.gem-x");
        assert_eq!(gem_of_change(&change(&name)).unwrap().as_str(), "my.gem-x");
    }

    #[test]
    fn other_keys_are_of_no_gem() {
        for key in ["gems/rack.gem", "gems/rack-1.0", "gems/a/b-1.gem", "rack-1.0.gem"] {
            assert_eq!(releases_of_file(key), [], "{key}");
        }
        for key in ["packages/Rack.json", "packages/rack", "packages/a/b.json"] {
            assert_eq!(gem_of_document(key), None, "{key}");
        }
        assert_eq!(gem_of_info("info/a/b"), None);
    }
}

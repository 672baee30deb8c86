//! Where things lie: the checkout, the target directory, the cache outside the checkout.
//!
//! It only names folders, and creates none.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The folders that every command works in.
pub struct Workspace {
    /// The checkout.
    pub root: PathBuf,
    /// Cargo's target directory, of every crate and every guest.
    pub target: PathBuf,
    /// What is worth keeping between checkouts: `packhouse/` in the user's cache folder.
    pub cache: PathBuf,
}

impl Workspace {
    /// Of the checkout that cargo runs this program for; it may have been built from
    /// another one with the same target directory.
    pub fn find() -> Self {
        let manifest = variable("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest).parent().unwrap_or(Path::new(".")).to_path_buf();
        let target = variable("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |path| root.join(path));
        let cache = variable("PACKHOUSE_CACHE").map_or_else(user_cache, PathBuf::from);
        Self { root, target, cache }
    }

    /// A program of the workspace, as the one profile builds it.
    pub fn program(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(name)
    }

    /// The plugins that the host watches.
    pub fn plugins(&self) -> PathBuf {
        self.root.join("plugins")
    }

    /// Guests that only tests load.
    pub fn guests(&self) -> PathBuf {
        self.target.join("guests")
    }
}

/// Where cargo keeps the sources of dependencies.
pub fn cargo_home() -> PathBuf {
    variable("CARGO_HOME").map_or_else(|| home().join(".cargo"), PathBuf::from)
}

fn user_cache() -> PathBuf {
    let base = variable("XDG_CACHE_HOME").map_or_else(|| home().join(".cache"), PathBuf::from);
    base.join("packhouse")
}

fn home() -> PathBuf {
    PathBuf::from(variable("HOME").unwrap_or_else(|| OsString::from(".")))
}

fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

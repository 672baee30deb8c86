//! `[plugins]`: where protocols come from.

use std::path::PathBuf;

use serde::Deserialize;

/// `[plugins]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PluginsConfig {
    /// Folder of `<plugin>.wasm` files.
    pub dir: PathBuf,
    /// Folder for precompiled code; only the host may write there.
    pub cache: PathBuf,
    /// Take up changes of the folder while running.
    pub watch: bool,
    /// Serve a plugin that no mount names at `/{protocol}`.
    pub auto_mount: bool,
}

impl Default for PluginsConfig {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("plugins"),
            cache: PathBuf::from("data/cache"),
            watch: true,
            auto_mount: true,
        }
    }
}

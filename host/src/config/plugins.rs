//! `[plugins]`: where protocols come from.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::values::Size;

/// `[plugins]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PluginsConfig {
    /// Folder of `<plugin>.wasm` files.
    pub dir: PathBuf,
    /// Folder for precompiled code; only the host may write there.
    pub cache: PathBuf,
    /// How much of it is kept; what was used longest ago is removed first.
    pub cache_size: Size,
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
            cache_size: Size(1 << 30),
            watch: true,
            auto_mount: true,
        }
    }
}

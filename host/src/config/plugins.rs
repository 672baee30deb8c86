//! `[plugins]`: the plugin folder and the cache.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::values::Size;

/// `[plugins]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PluginsConfig {
    /// Folder of `<plugin>.wasm` files.
    pub dir: PathBuf,
    /// Folder for compiled code. Only the host may write to it.
    pub cache: PathBuf,
    /// The size of the cache. The least recently used code is removed first.
    pub cache_size: Size,
    /// Load changed files while the host runs.
    pub watch: bool,
    /// Serve a plugin without a mount at `/{protocol}`.
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

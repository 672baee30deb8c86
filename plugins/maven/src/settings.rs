//! The mount's settings.

use packhouse_plugin::Error;
use serde::Deserialize;

/// `[mount.NAME.settings]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How many of the newest builds of a snapshot are kept; 0 or nothing for all of them.
    #[serde(default)]
    pub keep_snapshot_builds: u32,
}

/// As they are for this mount.
pub fn get() -> Result<Settings, Error> {
    packhouse_plugin::settings::get()
}

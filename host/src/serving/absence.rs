//! Why a mount is not served: for clients, for the log, and for the pages of operators.

use crate::prefixes::PrefixError;

/// Why a mount that is enabled is not served; for operators.
#[derive(Debug, thiserror::Error)]
pub enum Absence {
    #[error("its plugin is missing: put `{0}.wasm` into the plugin folder, or set `enabled = false`")]
    NoFile(String),
    #[error(
        "objects of the protocol `{0}` are stored below `{0}`, and no plugin of the folder speaks it: put the plugin \
         back, or, to serve it no longer, add `[mount.{0}]` with `enabled = false` to the configuration"
    )]
    NoAutomatic(String),
    #[error("its plugin `{0}` waits to be compiled")]
    Waiting(String),
    #[error("its plugin `{0}` is being compiled")]
    Compiling(String),
    #[error("its plugin `{0}.wasm` cannot be loaded: {1}")]
    Refused(String, String),
    #[error("`{0}.wasm` is the plugin of another protocol: {1}")]
    OtherProtocol(String, PrefixError),
    /// In the words that the next start refuses the configuration with.
    #[error("{0}")]
    Feature(String),
    /// Likewise.
    #[error("{0}")]
    Settings(String),
    #[error("its plugin `{0}` could not check its settings yet: {1}")]
    SettingsUnknown(String, String),
    #[error(transparent)]
    Prefix(#[from] PrefixError),
}

impl Absence {
    /// What a client is told.
    pub fn for_clients(&self, mount: &str) -> String {
        let why = match self {
            Self::NoFile(plugin) | Self::NoAutomatic(plugin) => format!("its plugin `{plugin}` is missing"),
            Self::Waiting(plugin) => format!("its plugin `{plugin}` waits to be compiled"),
            Self::Compiling(plugin) => format!("its plugin `{plugin}` is being compiled"),
            Self::Refused(plugin, _) => format!("its plugin `{plugin}` cannot be loaded"),
            Self::OtherProtocol(plugin, PrefixError::OtherProtocol { recorded, spoken, .. }) => format!(
                "`{plugin}.wasm` is the plugin of another protocol, it speaks `{spoken}`, and the storage of this mount \
                 belongs to `{recorded}`"
            ),
            Self::OtherProtocol(plugin, PrefixError::Doubtful { spoken, .. }) => {
                format!("`{plugin}.wasm` is the plugin of another protocol, it speaks `{spoken}`")
            }
            Self::Feature(_) => "its configuration sets a feature that its plugin does not have".to_owned(),
            Self::Settings(_) => "its plugin cannot use its settings".to_owned(),
            Self::SettingsUnknown(plugin, _) => {
                format!("its plugin `{plugin}` has not checked its settings yet")
            }
            Self::Prefix(PrefixError::Missing { .. }) => "what was stored for it has disappeared".to_owned(),
            Self::Prefix(PrefixError::DamagedMark { .. }) => {
                "the mark of what is stored for it is damaged".to_owned()
            }
            Self::Prefix(PrefixError::Exchanged { .. }) => {
                "what is stored for it belongs to another mount".to_owned()
            }
            Self::Prefix(_) | Self::OtherProtocol(..) => {
                "the protocol of its storage is not known".to_owned()
            }
        };
        format!("[mount.{mount}] is not served now: {why}; its operators find more at /-/packhouse/plugins")
    }
}

impl Absence {
    /// Whether the plugin file is the one of another protocol.
    pub fn is_foreign(&self) -> bool {
        matches!(self, Self::OtherProtocol(..))
    }

    /// Whether the plugin speaks the protocol of the mount, and the mount is not served all the same.
    pub fn has_its_protocol(&self) -> bool {
        use PrefixError::{DamagedMark, Exchanged, Missing};
        matches!(
            self,
            Self::Feature(_)
                | Self::Settings(_)
                | Self::SettingsUnknown(..)
                | Self::Prefix(Missing { .. } | Exchanged { .. } | DamagedMark { .. })
        )
    }

    /// Whether it ends by itself.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Waiting(_) | Self::Compiling(_) | Self::SettingsUnknown(..))
    }
}

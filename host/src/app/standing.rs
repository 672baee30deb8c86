//! Which mounts are served, and why the others are not: for requests, for the log, and for the
//! pages of operators.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::app::layout::{self, Unmounted};
use crate::app::{Registry, targets};
use crate::mounts::Mount;
use crate::plugins::{Generation, Place, Stage};
use crate::prefixes::PrefixError;
use packhouse_guest::description::Description;

/// How long a start waits to learn which mounts can be served. It goes on without the answer.
const PATIENCE: Duration = Duration::from_secs(10);

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
            Self::Prefix(PrefixError::Missing { .. }) => "what was stored for it has disappeared".to_owned(),
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
    fn has_its_protocol(&self) -> bool {
        use PrefixError::{Exchanged, Missing};
        matches!(self, Self::Feature(_) | Self::Prefix(Missing { .. } | Exchanged { .. }))
    }

    /// Whether it ends by itself.
    fn is_passing(&self) -> bool {
        matches!(self, Self::Waiting(_) | Self::Compiling(_))
    }
}

/// What the log said last of each mount and plugin.
pub(super) type Said = BTreeMap<String, Vec<String>>;

/// Where the configuration grants what the plugin does not ask for, a sentence each.
pub fn remarks(mount: &Mount, description: &Description) -> Vec<String> {
    let wishes = description.all_wishes();
    let useless = mount.grants.iter().filter(|grant| !wishes.contains_key(grant.as_str()));
    useless.map(|grant| format!("`grants` gives `{grant}`, which its plugin does not ask for")).collect()
}

/// How the log names a mount.
fn title(mount: &Mount) -> String {
    format!("[mount.{}]", mount.name)
}

impl Registry {
    /// The generation that serves a mount now. A mount that is disabled is the caller's affair.
    pub(crate) async fn standing(&self, mount: &Mount) -> Result<Arc<Generation>, Absence> {
        let plugins = self.plugins();
        let Some(generation) = plugins.serving(&mount.plugin) else {
            let plugin = mount.plugin.clone();
            return Err(match (plugins.stage(&plugin), plugins.last_error(&plugin)) {
                (Some(Stage::Compiling), _) => Absence::Compiling(plugin),
                (_, Some(reason)) => Absence::Refused(plugin, reason),
                (Some(Stage::Waiting), None) => Absence::Waiting(plugin),
                (None, None) if self.is_configured(mount) => Absence::NoFile(plugin),
                (None, None) => Absence::NoAutomatic(plugin),
            });
        };
        let (protocol, features) = (&generation.description.protocol, &generation.description.features);
        let unknown = layout::unknown_feature(mount, features).map(Absence::Feature);
        let (certain, other) = if mount.is_named_like(protocol) { (unknown, None) } else { (None, unknown) };
        if let Some(absence) = certain {
            return Err(absence);
        }
        let claimed = self.prefixes().claim(&mount.prefix, protocol, mount.doubt(protocol, features)).await;
        claimed.map_err(|error| match error {
            PrefixError::OtherProtocol { .. } | PrefixError::Doubtful { .. } => {
                Absence::OtherProtocol(mount.plugin.clone(), error)
            }
            error => Absence::Prefix(error),
        })?;
        // The storage says that it is the right protocol.
        if let Some(absence) = other {
            return Err(absence);
        }
        generation.note_service(&mount.plugin, &mount.name);
        Ok(generation)
    }

    /// Logs which mounts are not served, or do not fit their plugin, where that has changed.
    pub(crate) async fn review(&self) {
        let mounts = self.mounts();
        let look = async {
            for mount in mounts.iter().filter(|mount| mount.enabled) {
                let _ = self.look_at(mount).await;
            }
            self.note("[plugins]", self.gaps(), Weight::Warning);
            for (key, remarks) in targets::of_anonymous(self) {
                self.note(&key, remarks, Weight::Warning);
            }
            for (plugin, _) in self.plugins().all_serving() {
                let why = self.unmounted().remove(&plugin);
                let why = why.filter(|why| !matches!(why, Unmounted::Disabled(_)));
                self.note(
                    &format!("plugin {plugin}"),
                    why.iter().map(|why| format!("it is not mounted: {why}")).collect(),
                    Weight::Warning,
                );
            }
        };
        if tokio::time::timeout(PATIENCE, look).await.is_err() {
            tracing::warn!("which mounts can be served is not known yet: the storage is slow to answer");
        }
    }

    /// As [`Registry::standing`], and what is to be said of it is logged.
    pub(crate) async fn look_at(&self, mount: &Mount) -> Result<Arc<Generation>, Absence> {
        let standing = self.standing(mount).await;
        match &standing {
            Ok(generation) => {
                self.note(&title(mount), remarks(mount, &generation.description), Weight::Warning);
            }
            // It will be asked again by the first request.
            Err(Absence::Prefix(PrefixError::Storage(_))) => {}
            Err(absence) => self.note_absence(mount, absence),
        }
        standing
    }

    pub(super) fn is_configured(&self, mount: &Mount) -> bool {
        self.0.configured.iter().any(|configured| configured.name == mount.name)
    }

    /// The features that mounts set, that the generation serving them has, and that the next one lacks:
    /// a sentence about the first.
    pub(super) fn missed_feature(
        &self,
        plugin: &str,
        now: &Description,
        next: &Description,
    ) -> Option<String> {
        let mounts = self.mounts();
        let mut of_plugin = mounts.iter().filter(|mount| mount.enabled && mount.plugin == plugin);
        of_plugin.find_map(|mount| {
            layout::unknown_feature(mount, &next.features)
                .filter(|_| mount.unknown_feature(&now.features).is_none())
        })
    }

    pub(crate) fn note_absence(&self, mount: &Mount, absence: &Absence) {
        let weight = if absence.is_passing() { Weight::Warning } else { Weight::Error };
        self.note(&title(mount), vec![format!("it answers 503, {absence}")], weight);
    }

    /// Logs what is to be said of a mount or plugin, once.
    fn note(&self, subject: &str, lines: Vec<String>, weight: Weight) {
        let mut said = self.0.said.lock().unwrap_or_else(PoisonError::into_inner);
        let before = said.get(subject).cloned().unwrap_or_default();
        for line in lines.iter().filter(|line| !before.contains(line)) {
            match weight {
                Weight::Warning => tracing::warn!("{subject}: {line}"),
                Weight::Error => tracing::error!("{subject}: {line}"),
            }
        }
        if lines.is_empty() && !before.is_empty() {
            tracing::info!("{subject} is well again");
        }
        said.insert(subject.to_owned(), lines);
    }

    /// Whether a mount depends on the protocol of a plugin's generation that serves.
    pub(super) async fn is_in_place(&self, plugin: &str) -> Place {
        let (mounts, mut place) = (self.mounts(), Place::Free);
        for mount in mounts.iter().filter(|mount| mount.enabled && mount.plugin == plugin) {
            match self.standing(mount).await {
                Ok(_) => return Place::Needed,
                Err(absence) if absence.has_its_protocol() => return Place::Needed,
                Err(absence) if absence.is_foreign() => {}
                Err(_) => place = Place::Unknown,
            }
        }
        let has_served = || self.plugins().serving(plugin).is_some_and(|serving| serving.has_served());
        if place == Place::Unknown && has_served() { Place::Needed } else { place }
    }
}

/// How a line is logged.
#[derive(Debug, Clone, Copy)]
enum Weight {
    Warning,
    Error,
}

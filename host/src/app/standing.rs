//! Which mounts are served, and why the others are not: for requests, for the log, and for the
//! pages of operators.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::app::Registry;
use crate::app::layout::Unmounted;
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
    #[error("its plugin `{0}` waits to be compiled")]
    Waiting(String),
    #[error("its plugin `{0}` is being compiled")]
    Compiling(String),
    #[error("its plugin `{0}.wasm` cannot be loaded: {1}")]
    Refused(String, String),
    #[error("`{0}.wasm` is the plugin of another protocol: {1}")]
    OtherProtocol(String, PrefixError),
    #[error(transparent)]
    Prefix(#[from] PrefixError),
}

impl Absence {
    /// What a client is told.
    pub fn for_clients(&self, mount: &str) -> String {
        let why = match self {
            Self::NoFile(plugin) => format!("its plugin `{plugin}` is missing"),
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

    /// Whether it ends by itself.
    fn is_passing(&self) -> bool {
        matches!(self, Self::Waiting(_) | Self::Compiling(_))
    }
}

/// What the log said last of each mount and plugin.
pub(super) type Said = BTreeMap<String, Vec<String>>;

/// Where the configuration gives what the plugin does not know, a sentence each.
pub fn remarks(mount: &Mount, description: &Description) -> Vec<String> {
    let unknown = mount.features.keys().filter(|name| !description.features.contains_key(*name));
    let features = unknown.map(|name| format!("`features` names `{name}`, which its plugin does not have"));
    let wishes = description.all_wishes();
    let useless = mount.grants.iter().filter(|grant| !wishes.contains_key(grant.as_str()));
    let grants = useless.map(|grant| format!("`grants` gives `{grant}`, which its plugin does not ask for"));
    features.chain(grants).collect()
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
                (None, None) => Absence::NoFile(plugin),
            });
        };
        let (protocol, features) = (&generation.description.protocol, &generation.description.features);
        let claimed = self.prefixes().claim(&mount.prefix, protocol, mount.doubt(protocol, features)).await;
        claimed.map_err(|error| match error {
            PrefixError::OtherProtocol { .. } | PrefixError::Doubtful { .. } => {
                Absence::OtherProtocol(mount.plugin.clone(), error)
            }
            error => Absence::Prefix(error),
        })?;
        generation.note_service(&mount.plugin, &mount.name);
        Ok(generation)
    }

    /// Logs which mounts are not served, or do not fit their plugin, where that has changed.
    pub(crate) async fn review(&self) {
        let mounts = self.mounts();
        let look = async {
            for mount in mounts.iter().filter(|mount| mount.enabled) {
                match self.standing(mount).await {
                    Ok(generation) => {
                        self.note(&title(mount), remarks(mount, &generation.description), Weight::Warning);
                    }
                    // It will be asked again by the first request.
                    Err(Absence::Prefix(PrefixError::Storage(_))) => {}
                    Err(absence) => self.note_absence(mount, &absence),
                }
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

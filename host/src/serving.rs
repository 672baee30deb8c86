//! The mounts, and the plugin that serves each of them now. It does not know how a request is
//! answered.

mod absence;
mod in_use;
mod layout;
mod review;
pub mod targets;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt as _;

use crate::auth::Grant;
use crate::mounts::{Mount, MountError, Mounts};
use crate::plugins::{Generation, Place, Plugins, Stage, Unusable};
use crate::prefixes::{PrefixError, Prefixes};
use crate::storage::StorageError;

pub use absence::Absence;
use in_use::InUse;
use layout::Layout;
pub use layout::{Configured, Unmounted, unknown_feature, unusable_settings};
use review::Said;
pub use review::remarks;

/// How long one question to the storage may take: which automatic mounts exist, or which mounts can
/// be served.
const PATIENCE: Duration = Duration::from_secs(10);

/// The mounts of a server.
pub struct Serving {
    configured: Configured,
    /// The rules of `[auth] anonymous` that are not in the default.
    anonymous: Vec<Grant>,
    plugins: Arc<Plugins>,
    prefixes: Arc<Prefixes>,
    layout: RwLock<Layout>,
    /// The protocols that have stored something.
    in_use: InUse,
    said: Said,
}

impl Serving {
    /// Without automatic mounts, see [`Serving::begin`].
    pub fn new(
        configured: Configured,
        anonymous: Vec<Grant>,
        plugins: Arc<Plugins>,
        prefixes: Arc<Prefixes>,
    ) -> Self {
        Self {
            configured,
            anonymous,
            plugins,
            prefixes,
            layout: RwLock::default(),
            in_use: InUse::default(),
            said: Said::default(),
        }
    }

    /// Makes the mounts. From then on, a new generation of a plugin takes over only if it can serve
    /// the plugin's mounts.
    pub async fn begin(self: &Arc<Self>) {
        self.ask_storage().await;
        self.lay_out();
        let (of_place, of_mounts) = (Arc::downgrade(self), Arc::downgrade(self));
        self.plugins.ask_before_a_change_of_protocol(Box::new(move |plugin| {
            let serving = of_place.clone();
            async move {
                match serving.upgrade() {
                    Some(serving) => serving.place_of(&plugin).await,
                    None => Place::Needed,
                }
            }
            .boxed()
        }));
        self.plugins.ask_before_a_mount_is_lost(Box::new(move |plugin, now, next| {
            let serving = of_mounts.upgrade();
            async move { serving?.lost_mount(plugin, now, next).await }.boxed()
        }));
    }

    /// For a program that serves no requests: the mounts, and the plugins that serve them.
    ///
    /// # Errors
    /// If the storage does not answer.
    pub async fn look(
        configured: Configured,
        plugins: Arc<Plugins>,
        prefixes: Arc<Prefixes>,
    ) -> Result<Self, StorageError> {
        let protocols = in_use::look(&configured, &prefixes).await?;
        let serving = Self::new(configured, Vec::new(), plugins, prefixes);
        serving.in_use.learn(protocols);
        serving.lay_out();
        Ok(serving)
    }

    pub fn plugins(&self) -> &Arc<Plugins> {
        &self.plugins
    }

    pub fn prefixes(&self) -> &Arc<Prefixes> {
        &self.prefixes
    }

    pub fn mounts(&self) -> Arc<Mounts> {
        Arc::clone(&self.layout.read().unwrap_or_else(PoisonError::into_inner).mounts)
    }

    /// Why plugins that could serve have no mount, by name.
    pub fn unmounted(&self) -> BTreeMap<String, Unmounted> {
        self.layout.read().unwrap_or_else(PoisonError::into_inner).unmounted.clone()
    }

    /// Why some plugins are not served, one sentence for each.
    pub fn gaps(&self) -> Vec<String> {
        layout::gaps(&self.configured, &self.mounts(), &self.plugins)
    }

    /// The generation that serves a mount now. Ask only for mounts that are enabled.
    pub async fn standing(&self, mount: &Mount) -> Result<Arc<Generation>, Absence> {
        let plugins = &self.plugins;
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
        let misfit = match layout::unknown_feature(mount, features) {
            Some(sentence) => Some(Absence::Feature(sentence)),
            None => self.unusable_settings(mount, &generation).await,
        };
        let (certain, other) = if mount.is_named_like(protocol) { (misfit, None) } else { (None, misfit) };
        if let Some(absence) = certain {
            return Err(absence);
        }
        let doubt = mount.doubt(protocol, features);
        let claimed = match &other {
            // A plugin that does not serve the mount claims nothing.
            Some(Absence::Settings(_) | Absence::SettingsUnknown(..)) => {
                self.prefixes.check(&mount.prefix, protocol, doubt).await
            }
            _ => self.prefixes.claim(&mount.prefix, protocol, doubt).await,
        };
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

    /// Called if no mount has an address: asks the storage whether an automatic mount is missing.
    /// False if the storage has not answered.
    pub async fn recall(&self) -> bool {
        if self.in_use.is_due() && self.ask_storage().await {
            self.lay_out();
        }
        self.in_use.is_known()
    }

    /// Applies a change of the plugin folder, and logs the consequences.
    pub async fn take_up(&self) {
        // A mount whose plugin is missing stays until the storage has answered.
        self.lay_out_with(&self.automatic_mounts());
        self.ask_storage().await;
        self.lay_out();
        self.review().await;
    }

    /// Asks the storage for the automatic mounts. True if they have changed.
    async fn ask_storage(&self) -> bool {
        let look = in_use::look(&self.configured, &self.prefixes);
        match tokio::time::timeout(PATIENCE, look).await {
            Ok(Ok(protocols)) => self.in_use.learn(protocols),
            Ok(Err(error)) => {
                tracing::debug!(error = %error, "the host cannot find out now which mounts have stored something: {error}");
                false
            }
            Err(_) => false,
        }
    }

    /// The mounts of the configuration, one for each plugin that none of them uses, and those of
    /// which only the storage knows.
    fn lay_out(&self) {
        self.lay_out_with(&self.in_use.protocols());
    }

    fn lay_out_with(&self, in_use: &[String]) {
        let mut now = self.layout.write().unwrap_or_else(PoisonError::into_inner);
        match layout::all_mounts(&self.configured, &self.plugins, in_use, &now) {
            Ok(layout) => *now = layout,
            Err(error) => tracing::error!(error = %error, "the mounts stay as they are: {error}"),
        }
    }

    /// The protocols that have an automatic mount now.
    fn automatic_mounts(&self) -> Vec<String> {
        let mounts = self.mounts();
        let automatic = mounts.iter().filter(|mount| !self.is_configured(mount));
        automatic.map(|mount| mount.name.clone()).collect()
    }

    fn is_configured(&self, mount: &Mount) -> bool {
        self.configured.mounts.iter().any(|configured| configured.name == mount.name)
    }

    /// Why the plugin cannot use the settings of a mount; none if it can.
    async fn unusable_settings(&self, mount: &Mount, generation: &Generation) -> Option<Absence> {
        Some(match generation.check_settings(mount).await.err()? {
            Unusable::Refused(why) => Absence::Settings(layout::unusable_settings(mount, &why)),
            Unusable::Unknown(why) => Absence::SettingsUnknown(mount.plugin.clone(), why),
        })
    }

    /// The first mount that the generation serving now can serve and the next one cannot, because it
    /// lacks a feature or refuses the settings: why it cannot.
    async fn lost_mount(&self, plugin: &str, now: &Generation, next: &Generation) -> Option<Unusable> {
        let (before, features) = (&now.description.features, &next.description.features);
        for mount in self.mounts().iter().filter(|mount| mount.enabled && mount.plugin == plugin) {
            let unknown = layout::unknown_feature(mount, features);
            if let Some(sentence) = unknown.filter(|_| mount.unknown_feature(before).is_none()) {
                return Some(Unusable::Refused(format!(
                    "{sentence}. Put a file there that has the feature, or correct `features` and restart the host"
                )));
            }
            let Err(unusable) = next.check_settings(mount).await else { continue };
            if now.check_settings(mount).await.is_err() {
                continue;
            }
            return Some(match unusable {
                Unusable::Refused(why) => Unusable::Refused(format!(
                    "{}. Correct the settings and restart the host, or put a file there that can use them",
                    layout::unusable_settings(mount, &why)
                )),
                unknown @ Unusable::Unknown(_) => unknown,
            });
        }
        None
    }

    /// Whether a mount depends on the protocol of a plugin's generation that serves.
    async fn place_of(&self, plugin: &str) -> Place {
        let (mounts, mut place) = (self.mounts(), Place::Free);
        for mount in mounts.iter().filter(|mount| mount.enabled && mount.plugin == plugin) {
            match self.standing(mount).await {
                Ok(_) => return Place::Needed,
                Err(absence) if absence.has_its_protocol() => return Place::Needed,
                Err(absence) if absence.is_foreign() => {}
                Err(_) => place = Place::Unknown,
            }
        }
        let has_served = || self.plugins.serving(plugin).is_some_and(|serving| serving.has_served());
        if place == Place::Unknown && has_served() { Place::Needed } else { place }
    }
}

/// The mounts of a configuration and a plugin folder, as far as they are known without the storage.
///
/// # Errors
/// If two mounts have the same address.
pub fn mounts_without_storage(configured: &Configured, plugins: &Plugins) -> Result<Arc<Mounts>, MountError> {
    Ok(layout::all_mounts(configured, plugins, &[], &Layout::default())?.mounts)
}

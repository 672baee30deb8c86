//! Which mounts there are: those of the configuration, and one for each plugin that none
//! of them names. It does not know what is served under them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::app::{BuildError, parse_scopes};
use crate::config::{Config, MountConfig};
use crate::mounts::{Mount, MountError, Mounts};
use crate::plugins::Plugins;
use crate::storage;
use packhouse_guest::description::Description;

/// Where everything is served.
#[derive(Default)]
pub struct Layout {
    pub mounts: Arc<Mounts>,
    /// Why plugins that could serve have no mount, by name.
    pub unmounted: BTreeMap<String, Unmounted>,
    /// The plugins of the automatic mounts, by protocol.
    automatic: BTreeMap<String, String>,
}

/// Why a plugin has no mount.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unmounted {
    #[error("[mount.{0}] is disabled: set `enabled = true`")]
    Disabled(String),
    #[error("no mount names it, and `auto_mount` is off: give it a `[mount.…]` table")]
    NotNamed,
    #[error("it cannot be mounted by itself: {0}")]
    Occupied(String),
    #[error(
        "`{file}.wasm` speaks the protocol `{protocol}`, and `{other}.wasm` has [mount.{protocol}] already: give \
         `{file}.wasm` a mount of its own, `[mount.NAME]` with `plugin = \"{file}\"`, or remove one of the two files{hint}"
    )]
    NameTaken {
        file: String,
        other: String,
        protocol: String,
        /// What the next start does in another way.
        hint: &'static str,
    },
}

const NEXT_START: &str = ". Otherwise the next start serves it instead";

/// The mounts of the configuration and those of plugins that none of them names. An automatic mount
/// stays with the plugin that has it `now`. Where none has it, a file that is named like its protocol
/// comes first, and then the first by name.
pub fn all_mounts(
    config: &Config,
    configured: &[Mount],
    plugins: &Plugins,
    now: &Layout,
) -> Result<Layout, MountError> {
    let (mut all, mut unmounted) = (configured.to_vec(), BTreeMap::new());
    let mut automatic = BTreeMap::new();
    let mut serving = plugins.all_serving();
    serving.sort_by_key(|(plugin, generation)| {
        let protocol = &generation.description.protocol;
        (now.automatic.get(protocol) != Some(plugin), plugin != protocol)
    });
    for (plugin, generation) in serving {
        let mut of_plugin = configured.iter().filter(|mount| mount.plugin == plugin);
        if let Some(mount) = of_plugin.clone().next() {
            if !of_plugin.any(|mount| mount.enabled) {
                unmounted.insert(plugin, Unmounted::Disabled(mount.name.clone()));
            }
            continue;
        }
        if !config.plugins.auto_mount {
            unmounted.insert(plugin, Unmounted::NotNamed);
            continue;
        }
        let protocol = &generation.description.protocol;
        if let Some(other) = all.iter().find(|mount| mount.name == *protocol) {
            let is_automatic = automatic.contains_key(protocol);
            unmounted.insert(plugin.clone(), name_taken(&plugin, &other.plugin, protocol, is_automatic));
            continue;
        }
        let mount = automatic_mount(&plugin, protocol);
        match Mounts::new(all.iter().cloned().chain([mount.clone()])) {
            Ok(_) => {
                automatic.insert(protocol.clone(), plugin);
                all.push(mount);
            }
            Err(error) => {
                unmounted.insert(plugin, Unmounted::Occupied(error.to_string()));
            }
        }
    }
    Ok(Layout { mounts: Arc::new(Mounts::new(all)?), unmounted, automatic })
}

fn name_taken(file: &str, other: &str, protocol: &str, is_automatic: bool) -> Unmounted {
    let comes_first = (file != protocol, file) < (other != protocol, other);
    Unmounted::NameTaken {
        file: file.to_owned(),
        other: other.to_owned(),
        protocol: protocol.to_owned(),
        hint: if is_automatic && comes_first { NEXT_START } else { "" },
    }
}

/// An error when a mount sets a feature that its plugin does not have.
pub fn knows_features(config: &Config, mount: &Mount, description: &Description) -> Result<(), BuildError> {
    let features = &description.features;
    let Some(unknown) = mount.unknown_feature(features) else { return Ok(()) };
    let nearest = features.keys().map(|name| (strsim::damerau_levenshtein(unknown, name), name)).min();
    let hint = match nearest {
        Some((distance, name)) if distance <= 3 => format!("did you mean `{name}`?"),
        Some(_) => format!("it has {}", features.keys().cloned().collect::<Vec<_>>().join(", ")),
        None => "it has none".to_owned(),
    };
    let (name, plugin) = (&mount.name, &mount.plugin);
    let message =
        format!("[mount.{name}] features holds `{unknown}`, which the plugin {plugin} does not have: {hint}");
    Err(config.error(message).into())
}

/// The mounts of the configuration; an error when they cannot stand side by side.
pub fn configured_mounts(config: &Config) -> Result<Vec<Mount>, BuildError> {
    let mounts: Result<Vec<_>, _> =
        config.mount.iter().map(|(name, mount)| configured_mount(config, name, mount)).collect();
    let mounts = mounts?;
    Mounts::new(mounts.clone())
        .map_err(|source| BuildError::Mount { file: config.file.display().to_string(), source })?;
    Ok(mounts)
}

fn configured_mount(config: &Config, name: &str, mount: &MountConfig) -> Result<Mount, BuildError> {
    let settings = mount.settings.json().map_err(|error| {
        config.error(format!("[mount.{name}.settings] cannot be written as JSON: {error}"))
    })?;
    let default_path = if mount.host.is_some() { String::new() } else { format!("/{name}") };
    let base_path =
        mount.base_path.as_deref().map_or(default_path, |path| path.trim_end_matches('/').to_owned());
    let key = format!("[mount.{name}] anonymous");
    let anonymous =
        mount.anonymous.as_deref().map(|scopes| parse_scopes(config, &key, scopes)).transpose()?;
    let prefix = mount.prefix.clone().unwrap_or_else(|| name.to_owned());
    storage::check_prefix(&prefix)
        .map_err(|error| config.error(format!("[mount.{name}] prefix: {error}")))?;
    Ok(Mount {
        name: name.to_owned(),
        plugin: mount.plugin.clone().unwrap_or_else(|| name.to_owned()),
        enabled: mount.enabled,
        base_path,
        host: mount.host.as_ref().map(|host| host.to_ascii_lowercase()),
        prefix,
        features: mount.features.clone(),
        grants: mount.grants.iter().cloned().collect(),
        anonymous,
        settings,
        secrets: mount.settings.secrets().to_vec(),
    })
}

/// The mount of a plugin that the configuration does not name: no grants, everything
/// else as the plugin says.
fn automatic_mount(plugin: &str, protocol: &str) -> Mount {
    Mount {
        name: protocol.to_owned(),
        plugin: plugin.to_owned(),
        enabled: true,
        base_path: format!("/{protocol}"),
        host: None,
        prefix: protocol.to_owned(),
        features: [].into(),
        grants: [].into(),
        anonymous: None,
        settings: "{}".to_owned().into(),
        secrets: Vec::new(),
    }
}

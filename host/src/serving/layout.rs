//! Which mounts exist: those of the configuration, and one for each plugin that none of them uses.
//! It does not know what is served under them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::mounts::{Mount, MountError, Mounts};
use crate::plugins::Plugins;

/// What the configuration says of mounts.
#[derive(Debug, Clone)]
pub struct Configured {
    pub mounts: Vec<Mount>,
    /// Whether a plugin that no mount names gets one.
    pub auto_mount: bool,
}

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
///
/// Where objects of a protocol that is `in_use` are stored and no plugin speaks it, its mount is there
/// all the same, without a plugin.
pub fn all_mounts(
    configured: &Configured,
    plugins: &Plugins,
    in_use: &[String],
    now: &Layout,
) -> Result<Layout, MountError> {
    let (mut all, mut unmounted) = (configured.mounts.clone(), BTreeMap::new());
    let mut automatic = BTreeMap::new();
    let mut serving = plugins.all_serving();
    serving.sort_by_key(|(plugin, generation)| {
        let protocol = &generation.description.protocol;
        (now.automatic.get(protocol) != Some(plugin), plugin != protocol)
    });
    for (plugin, generation) in serving {
        let mut of_plugin = configured.mounts.iter().filter(|mount| mount.plugin == plugin);
        if let Some(mount) = of_plugin.clone().next() {
            if !of_plugin.any(|mount| mount.enabled) {
                unmounted.insert(plugin, Unmounted::Disabled(mount.name.clone()));
            }
            continue;
        }
        if !configured.auto_mount {
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
    let is_spoken = |protocol: &String| {
        let mut loaded = plugins.all_serving().into_iter();
        loaded.any(|(_, generation)| generation.description.protocol == *protocol)
            || configured.mounts.iter().any(|mount| mount.plugin == *protocol)
    };
    for protocol in in_use.iter().filter(|protocol| configured.auto_mount && !is_spoken(protocol)) {
        let mount = automatic_mount(protocol, protocol);
        let fits = |all: &[Mount]| Mounts::new(all.iter().cloned().chain([mount.clone()])).is_ok();
        if !all.iter().any(|other| other.name == *protocol) && fits(&all) {
            all.push(mount);
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

/// A sentence when a mount sets a feature that a plugin with these features does not have.
pub fn unknown_feature(mount: &Mount, features: &BTreeMap<String, bool>) -> Option<String> {
    let unknown = mount.unknown_feature(features)?;
    let nearest = features.keys().map(|name| (strsim::damerau_levenshtein(unknown, name), name)).min();
    let hint = match nearest {
        Some((distance, name)) if distance <= 3 => format!("did you mean `{name}`?"),
        Some(_) => format!("it has {}", features.keys().cloned().collect::<Vec<_>>().join(", ")),
        None => "it has none".to_owned(),
    };
    let (name, plugin) = (&mount.name, &mount.plugin);
    Some(format!(
        "[mount.{name}] features holds `{unknown}`, which the plugin {plugin} does not have: {hint}"
    ))
}

/// A sentence about settings of a mount that its plugin refuses; `why` is the sentence of the plugin.
pub fn unusable_settings(mount: &Mount, why: &str) -> String {
    let (name, plugin) = (&mount.name, &mount.plugin);
    format!("[mount.{name}.settings] cannot be used by the plugin {plugin}: {why}")
}

/// What the mounts and the plugin folder lack for all plugins to be served, a sentence each: files
/// that would get a mount by themselves and cannot be loaded, and any mount at all.
pub fn gaps(configured: &Configured, mounts: &Mounts, plugins: &Plugins) -> Vec<String> {
    let files = plugins.status();
    let mut gaps = Vec::new();
    if configured.auto_mount {
        let damaged = files.iter().filter(|file| file.generation.is_none() && file.last_error.is_some());
        let unnamed = damaged.filter(|file| !mounts.iter().any(|mount| mount.plugin == file.name));
        gaps.extend(unnamed.map(|file| {
            format!(
                "`{}.wasm` has no mount, as it cannot be loaded; /-/packhouse/plugins says why",
                file.name
            )
        }));
    }
    if !mounts.iter().any(|mount| mount.enabled) {
        gaps.push(match (mounts.iter().next(), files.is_empty()) {
            (Some(_), _) => {
                "nothing is served, as every mount is disabled: set `enabled = true` for one".to_owned()
            }
            (None, true) => {
                "nothing is served, as the plugin folder holds no plugin: put the file of one into it"
                    .to_owned()
            }
            (None, false) => {
                "nothing is served, as no plugin of the folder has a mount: /-/packhouse/plugins says why"
                    .to_owned()
            }
        });
    }
    gaps
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

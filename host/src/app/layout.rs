//! Which mounts there are: those of the configuration, and one for each plugin that none
//! of them names. It does not know what is served under them.

use std::collections::BTreeSet;

use crate::app::{BuildError, parse_scopes};
use crate::config::{Config, MountConfig};
use crate::mounts::{Mount, MountError, Mounts};
use crate::plugins::Plugins;
use crate::storage;

/// The mounts of the configuration and those of plugins that none of them names.
pub fn all_mounts(config: &Config, configured: &[Mount], plugins: &Plugins) -> Result<Mounts, MountError> {
    let mut all = configured.to_vec();
    if !config.plugins.auto_mount {
        return Mounts::new(all);
    }
    let named: BTreeSet<_> = all.iter().map(|mount| mount.plugin.clone()).collect();
    let mut serving = plugins.all_serving();
    // A file that is named like its protocol goes before one that only says so.
    serving.sort_by_key(|(plugin, generation)| *plugin != generation.description.protocol);
    for (plugin, generation) in serving {
        if named.contains(&plugin) {
            continue;
        }
        let mount = automatic_mount(&plugin, &generation.description.protocol);
        match Mounts::new(all.iter().cloned().chain([mount.clone()])) {
            Ok(_) => all.push(mount),
            Err(error) => {
                tracing::error!(plugin, error = %error, "plugin {plugin} is not mounted by itself: {error}");
            }
        }
    }
    Mounts::new(all)
}

/// An error when a mount's plugin does not serve.
pub fn needs_plugin(config: &Config, plugins: &Plugins, mount: &Mount) -> Result<(), BuildError> {
    if plugins.serving(&mount.plugin).is_some() {
        return Ok(());
    }
    let file = plugins.folder().join(format!("{}.wasm", mount.plugin));
    let message = match plugins.last_error(&mount.plugin) {
        Some(reason) => {
            format!("[mount.{}] needs {}, which cannot be loaded: {reason}", mount.name, file.display())
        }
        None => format!(
            "[mount.{}] needs {}, which is not there: put it there, or set `enabled = false`",
            mount.name,
            file.display()
        ),
    };
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

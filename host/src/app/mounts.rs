//! The mounts of the configuration.

use super::{BuildError, parse_grants};
use crate::config::{Config, MountConfig};
use crate::mounts::{Mount, Mounts};
use crate::serving::Configured;
use crate::storage;

/// The mounts of the configuration; an error if two of them have one address or one part of the storage.
pub(super) fn configured(config: &Config) -> Result<Configured, BuildError> {
    let mounts: Result<Vec<_>, _> =
        config.mount.iter().map(|(name, mount)| configured_mount(config, name, mount)).collect();
    let mounts = mounts?;
    Mounts::new(mounts.clone())
        .map_err(|source| BuildError::Mount { file: config.file.display().to_string(), source })?;
    Ok(Configured { mounts, auto_mount: config.plugins.auto_mount })
}

fn configured_mount(config: &Config, name: &str, mount: &MountConfig) -> Result<Mount, BuildError> {
    let settings = mount.settings.json().map_err(|error| {
        config.error(format!("[mount.{name}.settings] cannot be written as JSON: {error}"))
    })?;
    let default_path = if mount.host.is_some() { String::new() } else { format!("/{name}") };
    let base_path =
        mount.base_path.as_deref().map_or(default_path, |path| path.trim_end_matches('/').to_owned());
    let key = format!("[mount.{name}] anonymous");
    let anonymous = mount.anonymous.as_deref().map(|rules| parse_grants(config, &key, rules)).transpose()?;
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

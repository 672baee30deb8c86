//! The mounts, kinds and actions of a configuration, for commands that accept scopes.

use std::path::Path;
use std::sync::Arc;

use super::loading::load_folder;
use super::{mounts, safety};
use crate::auth::{Area, Targets};
use crate::config::Config;
use crate::plugins::Plugins;
use crate::serving::mounts_without_storage;
use crate::serving::targets::target;

/// The mounts, and what their plugins say of themselves. Where the plugins cannot be asked, the names
/// of the mounts alone. The storage is not opened, and no cache folder is made: it may be that of
/// another user.
pub async fn targets(config: &Config) -> Targets {
    if config.plugins.cache.is_dir()
        && safety::check(config).is_ok()
        && let Ok(plugins) = load_folder(config, |_| Ok(())).await
        && let Some(targets) = of_plugins(config, &plugins)
    {
        return targets;
    }
    let of_files = if config.plugins.auto_mount { file_names(&config.plugins.dir) } else { Vec::new() };
    Targets(config.mount.keys().cloned().chain(of_files).map(|mount| (mount, None)).collect())
}

/// The mount of this name, and the actions of its protocol. The storage is not opened.
///
/// # Errors
/// A sentence if there is no such mount, or if its plugin cannot be loaded.
pub async fn area(config: &Config, name: &str) -> Result<Area, String> {
    let configured = mounts::configured(config).map_err(|error| error.to_string())?;
    if !config.plugins.cache.is_dir() {
        return Err("no host has loaded the plugins yet: start it once".to_owned());
    }
    safety::check(config).map_err(|error| error.to_string())?;
    let plugins = load_folder(config, |_| Ok(())).await.map_err(|error| error.to_string())?;
    let mounts = mounts_without_storage(&configured, &plugins).map_err(|error| error.to_string())?;
    let Some(mount) = mounts.iter().find(|mount| mount.name == name) else {
        let names: Vec<&str> = mounts.iter().map(|mount| mount.name.as_str()).collect();
        let name = name.escape_debug();
        return Err(format!("there is no mount `{name}`: the mounts are {}", names.join(", ")));
    };
    let generation = plugins.serving(&mount.plugin).ok_or_else(|| plugins.absence(&mount.plugin))?;
    Ok(Area {
        mount: mount.name.clone(),
        anonymous: mount.anonymous.clone(),
        actions: Arc::clone(&generation.description.actions),
    })
}

fn of_plugins(config: &Config, plugins: &Plugins) -> Option<Targets> {
    let mounts = mounts_without_storage(&mounts::configured(config).ok()?, plugins).ok()?;
    Some(Targets(mounts.iter().map(|mount| target(mount, plugins)).collect()))
}

/// An automatic mount is most often named like the file.
fn file_names(folder: &Path) -> Vec<String> {
    let paths = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let plugins = paths.filter(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    plugins.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}

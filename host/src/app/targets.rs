//! The mounts, kinds and actions of a configuration, for commands that accept scopes.

use std::path::Path;

use super::loading::load_folder;
use super::{mounts, safety};
use crate::auth::Targets;
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

//! What scopes can be about in a configuration: for the commands that give them, and for those of
//! `anonymous`.

use std::path::Path;
use std::sync::Arc;

use super::layout::{self, Layout};
use super::{Registry, load_folder, safety};
use crate::auth::{Kinds, Scope, Targets};
use crate::config::{AuthConfig, Config};
use crate::mounts::Mount;
use crate::plugins::{Generation, Plugins};

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
    let configured = layout::configured_mounts(config).ok()?;
    let layout = layout::all_mounts(config, &configured, plugins, &[], &Layout::default()).ok()?;
    Some(Targets(layout.mounts.iter().map(|mount| target(mount, plugins)).collect()))
}

fn target(mount: &Mount, plugins: &Plugins) -> (String, Option<Kinds>) {
    let serving = plugins.serving(&mount.plugin);
    let kinds = |generation: Arc<Generation>| {
        let kinds = generation.description.kinds.iter();
        kinds.map(|declared| (declared.kind.clone(), declared.actions.clone())).collect()
    };
    (mount.name.clone(), serving.map(kinds))
}

/// Which scopes of `anonymous` are about nothing: for each key of the configuration, a sentence each.
/// Those that hold unless the configuration sets others are for any plugin.
pub(super) fn of_anonymous(registry: &Registry) -> Vec<(String, Vec<String>)> {
    let (mounts, plugins) = (registry.mounts(), registry.plugins());
    if mounts.iter().next().is_none() {
        return Vec::new();
    }
    let usual = AuthConfig::default().anonymous;
    let common = registry.config().auth.anonymous.iter().filter(|scope| !usual.contains(scope));
    let common: Vec<_> = common.filter_map(|scope| Scope::parse(scope).ok()).collect();
    let all = Targets(mounts.iter().map(|mount| target(mount, plugins)).collect());
    let remarks = |scopes: &[Scope], targets: &Targets| -> Vec<String> {
        scopes.iter().filter_map(|scope| targets.remark(scope)).collect()
    };
    let of_mounts = mounts.iter().map(|mount| {
        let targets = Targets([target(mount, plugins)].into());
        let scopes = mount.anonymous.as_deref().unwrap_or_default();
        (format!("[mount.{}] anonymous", mount.name), remarks(scopes, &targets))
    });
    [("[auth] anonymous".to_owned(), remarks(&common, &all))].into_iter().chain(of_mounts).collect()
}

/// An automatic mount is most often named like the file.
fn file_names(folder: &Path) -> Vec<String> {
    let paths = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let plugins = paths.filter(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    plugins.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}

//! Loads the plugins of a configuration, and checks that they have the features that mounts set.

use std::sync::Arc;

use super::{BuildError, limits};
use crate::config::Config;
use crate::mounts::Mount;
use crate::plugins::{Generation, Imports, LinkResult, PluginFolders, Plugins, Sandbox};
use crate::prefixes::Prefixes;
use crate::serving::unknown_feature;

/// Loads all plugins. One that cannot be loaded is kept with its reason; a feature that it does not
/// have is an error, unless the file may be the one of another protocol.
pub(super) async fn load_plugins(
    config: &Config,
    configured: &[Mount],
    more: impl FnOnce(&mut Imports) -> LinkResult<()>,
) -> Result<Arc<Plugins>, BuildError> {
    let plugins = load_folder(config, more).await?;
    for mount in configured.iter().filter(|mount| mount.enabled) {
        if let Some(serving) = plugins.serving(&mount.plugin)
            && mount.is_named_like(&serving.description.protocol)
        {
            knows_features(config, mount, &serving)?;
        }
    }
    Ok(plugins)
}

pub(super) async fn load_folder(
    config: &Config,
    more: impl FnOnce(&mut Imports) -> LinkResult<()>,
) -> Result<Arc<Plugins>, BuildError> {
    let failed = |source| BuildError::Plugins { file: config.file.display().to_string(), source };
    let sandbox = Sandbox::new(limits::of_guests(config), more).map_err(failed)?;
    let folders = PluginFolders {
        plugins: &config.plugins.dir,
        cache: &config.plugins.cache,
        cache_size: config.plugins.cache_size.0,
    };
    Plugins::load(folders, sandbox).await.map_err(failed)
}

/// The same for plugin files of other names, where the storage says that it is the right protocol.
pub(super) async fn check_features(
    config: &Config,
    configured: &[Mount],
    plugins: &Plugins,
    prefixes: &Prefixes,
) -> Result<(), BuildError> {
    for mount in configured.iter().filter(|mount| mount.enabled) {
        let Some(serving) = plugins.serving(&mount.plugin) else { continue };
        let description = &serving.description;
        if mount.unknown_feature(&description.features).is_some()
            && prefixes
                .recorded(&mount.prefix)
                .await
                .is_ok_and(|it| it.as_ref() == Some(&description.protocol))
        {
            knows_features(config, mount, &serving)?;
        }
    }
    Ok(())
}

/// An error when a mount sets a feature that its plugin does not have.
fn knows_features(config: &Config, mount: &Mount, serving: &Generation) -> Result<(), BuildError> {
    let unknown = unknown_feature(mount, &serving.description.features);
    unknown.map_or(Ok(()), |sentence| Err(config.error(sentence).into()))
}

//! Loads the plugins of a configuration, and checks that they have the features that mounts set and can
//! use the settings of the mounts.

use std::sync::Arc;

use super::{BuildError, limits};
use crate::config::Config;
use crate::mounts::Mount;
use crate::plugins::{Generation, Imports, LinkResult, PluginFolders, Plugins, Sandbox, Unusable};
use crate::prefixes::Prefixes;
use crate::serving::{unknown_feature, unusable_settings};

/// Loads all plugins. One that cannot be loaded is kept with its reason. A feature that it does not have
/// is an error, and so are settings that it refuses, unless the file may be the one of another protocol.
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
            fits(config, mount, &serving).await?;
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
pub(super) async fn check_mounts(
    config: &Config,
    configured: &[Mount],
    plugins: &Plugins,
    prefixes: &Prefixes,
) -> Result<(), BuildError> {
    for mount in configured.iter().filter(|mount| mount.enabled) {
        let Some(serving) = plugins.serving(&mount.plugin) else { continue };
        let protocol = &serving.description.protocol;
        if let Err(misfit) = fits(config, mount, &serving).await
            && prefixes.recorded(&mount.prefix).await.is_ok_and(|it| it.as_ref() == Some(protocol))
        {
            return Err(misfit);
        }
    }
    Ok(())
}

/// An error if a mount sets a feature that its plugin does not have, or settings that it refuses. A
/// plugin that cannot be asked now is asked again before it serves the mount.
async fn fits(config: &Config, mount: &Mount, serving: &Generation) -> Result<(), BuildError> {
    if let Some(sentence) = unknown_feature(mount, &serving.description.features) {
        return Err(config.error(sentence).into());
    }
    match serving.check_settings(mount).await {
        Err(Unusable::Refused(why)) => Err(config.error(unusable_settings(mount, &why)).into()),
        Err(Unusable::Unknown(_)) | Ok(()) => Ok(()),
    }
}

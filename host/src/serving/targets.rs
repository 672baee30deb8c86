//! The kinds and actions that the plugins of the mounts declare, to which scopes can refer.

use std::sync::Arc;

use crate::auth::{Grant, Kinds, Targets};
use crate::mounts::{Mount, Mounts};
use crate::plugins::{Generation, Plugins};

/// A mount, and what its plugin declares; None while no plugin serves it.
pub fn target(mount: &Mount, plugins: &Plugins) -> (String, Option<Kinds>) {
    let serving = plugins.serving(&mount.plugin);
    let kinds = |generation: Arc<Generation>| {
        let kinds = generation.description.kinds.iter();
        kinds.map(|declared| (declared.kind.clone(), declared.actions.clone())).collect()
    };
    (mount.name.clone(), serving.map(kinds))
}

/// Which rules of `anonymous` are about nothing: for each key of the configuration, a sentence each.
///
/// `common` are the rules of `[auth] anonymous`.
pub(super) fn of_anonymous(
    common: &[Grant],
    mounts: &Mounts,
    plugins: &Plugins,
) -> Vec<(String, Vec<String>)> {
    if mounts.iter().next().is_none() {
        return Vec::new();
    }
    let all = Targets(mounts.iter().map(|mount| target(mount, plugins)).collect());
    let remarks = |rules: &[Grant], targets: &Targets| -> Vec<String> {
        rules.iter().filter_map(|rule| targets.remark(rule)).collect()
    };
    let of_mounts = mounts.iter().map(|mount| {
        let targets = Targets([target(mount, plugins)].into());
        let rules = mount.anonymous.as_deref().unwrap_or_default();
        (format!("[mount.{}] anonymous", mount.name), remarks(rules, &targets))
    });
    [("[auth] anonymous".to_owned(), remarks(common, &all))].into_iter().chain(of_mounts).collect()
}

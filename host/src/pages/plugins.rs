//! The page `/-/packhouse/plugins`: every plugin file and every mount, its state, and what an
//! operator should do. The page is public and contains no secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::Asked;
use crate::mounts::Mount;
use crate::plugins::PluginStatus;
use crate::prefixes::PrefixError;
use crate::serving::{Absence, Serving, Unmounted, remarks};
use packhouse_guest::description::Description;

#[derive(Serialize)]
pub(super) struct Page {
    plugins: Vec<Plugin>,
}

/// A file of the plugin folder, or one that a mount needs and that is not there.
#[derive(Serialize)]
struct Plugin {
    state: State,
    #[serde(flatten)]
    file: PluginStatus,
    /// What is wrong, and what to do.
    problem: Option<String>,
    mounts: Vec<MountLine>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// It waits to be compiled; `generation` says whether an earlier one serves meanwhile.
    Waiting,
    /// Its code is being compiled, and so on.
    Compiling,
    Serving,
    /// The newest file does not serve, or none of its mounts can be served; `generation` says whether
    /// a generation is loaded.
    Refused,
    /// It could serve, and no mount leads to it.
    #[serde(rename = "not mounted")]
    NotMounted,
    /// A mount needs it, and the file is not there.
    Missing,
}

#[derive(Serialize)]
struct MountLine {
    name: String,
    /// `serving`, `not served` or `disabled`.
    state: &'static str,
    path: String,
    /// The only host name under which it is served.
    host: Option<String>,
    /// Paths at the root that lead to it too.
    aliases: Vec<String>,
    /// What the plugin asked for and `grants` does not give.
    not_granted: Vec<Wish>,
    /// What its users set up.
    setup: Vec<String>,
    problem: Option<String>,
    /// Where the configuration and the plugin do not fit.
    remarks: Vec<String>,
}

#[derive(Serialize)]
struct Wish {
    wish: String,
    reason: Option<String>,
}

pub(super) async fn status(serving: &Serving, asked: &Asked<'_>) -> Page {
    let (mounts, unmounted) = (serving.mounts(), serving.unmounted());
    let mut by_plugin: BTreeMap<String, Vec<Arc<Mount>>> = BTreeMap::new();
    for mount in mounts.iter() {
        by_plugin.entry(mount.plugin.clone()).or_default().push(Arc::clone(mount));
    }
    let files = serving.plugins().status();
    let there: BTreeSet<_> = files.iter().map(|file| file.name.clone()).collect();
    let needed = by_plugin
        .iter()
        .filter(|(plugin, mounts)| !there.contains(*plugin) && mounts.iter().any(|mount| mount.enabled));
    let missing = needed.map(|(plugin, _)| PluginStatus::missing(plugin));
    let mut plugins = Vec::new();
    for file in files.iter().cloned().chain(missing) {
        let mounts = by_plugin.get(&file.name).map(Vec::as_slice).unwrap_or_default();
        plugins.push(plugin(serving, asked, file, mounts, &unmounted).await);
    }
    plugins.sort_by(|one, other| one.file.name.cmp(&other.file.name));
    Page { plugins }
}

async fn plugin(
    serving: &Serving,
    asked: &Asked<'_>,
    file: PluginStatus,
    mounts: &[Arc<Mount>],
    unmounted: &BTreeMap<String, Unmounted>,
) -> Plugin {
    let description =
        serving.plugins().serving(&file.name).map(|generation| Arc::clone(&generation.description));
    let (mut lines, mut absences) = (Vec::new(), Vec::new());
    for mount in mounts {
        let absence = if mount.enabled { serving.standing(mount).await.err() } else { None };
        let is_foreign = absence.as_ref().is_some_and(Absence::is_foreign);
        let description = description.as_deref().filter(|_| !is_foreign);
        lines.push(line(mount, description, absence.as_ref(), asked));
        absences.extend(absence);
    }
    lines.sort_by(|one, other| one.name.cmp(&other.name));
    let enabled = mounts.iter().filter(|mount| mount.enabled).count();
    let refusing = absences.iter().filter(|absence| is_refusal(absence));
    let is_foreign = enabled > 0 && absences.iter().filter(|absence| absence.is_foreign()).count() == enabled;
    let state = match () {
        () if !file.is_there => State::Missing,
        () if file.compiling_since.is_some() => State::Compiling,
        () if file.last_error.is_some() => State::Refused,
        () if file.waiting_since.is_some() => State::Waiting,
        // It was noticed, and nothing is known yet.
        () if file.generation.is_none() => State::Waiting,
        () if enabled == 0 => State::NotMounted,
        () if refusing.count() == enabled => State::Refused,
        () => State::Serving,
    };
    // One of another protocol has never served.
    let file = if is_foreign { PluginStatus { generation: None, ..file } } else { file };
    let not_mounted = || unmounted.get(&file.name).map(ToString::to_string);
    let problem = file.last_error.clone();
    let problem = problem.or_else(|| absences.first().map(ToString::to_string)).or_else(not_mounted);
    Plugin { state, file, problem, mounts: lines }
}

/// Whether a mount cannot be served, although its plugin is loaded, until an operator changes something.
fn is_refusal(absence: &Absence) -> bool {
    match absence {
        Absence::Prefix(error) => !matches!(error, PrefixError::Storage(_)),
        absence => absence.is_foreign() || matches!(absence, Absence::Feature(_) | Absence::Settings(_)),
    }
}

fn line(
    mount: &Mount,
    description: Option<&Description>,
    absence: Option<&Absence>,
    asked: &Asked<'_>,
) -> MountLine {
    let state = match absence {
        _ if !mount.enabled => "disabled",
        None => "serving",
        Some(_) => "not served",
    };
    let wishes = description.map(Description::all_wishes).unwrap_or_default();
    let refused = wishes.into_iter().filter(|(wish, _)| !mount.is_granted(wish));
    let is_wished =
        |alias: &&str| description.is_some_and(|it| it.root_aliases.iter().any(|wish| wish == alias));
    MountLine {
        name: mount.name.clone(),
        state,
        path: if mount.base_path.is_empty() { "/".to_owned() } else { mount.base_path.clone() },
        host: mount.host.clone(),
        aliases: mount.root_aliases().filter(is_wished).map(str::to_owned).collect(),
        not_granted: refused
            .map(|(wish, reason)| Wish { wish: wish.to_owned(), reason: reason.map(str::to_owned) })
            .collect(),
        setup: description
            .map(|description| description.setup_lines(&address(mount, asked), |wish| mount.has(wish)))
            .unwrap_or_default(),
        problem: absence.map(ToString::to_string),
        remarks: description.map(|description| remarks(mount, description)).unwrap_or_default(),
    }
}

/// Where clients reach a mount, as far as the request for this page tells.
fn address(mount: &Mount, asked: &Asked<'_>) -> String {
    let used = format!("{}://{}", asked.scheme, asked.host.unwrap_or("localhost"));
    let public_url = asked.public_url.filter(|_| mount.host.is_none());
    mount.address(public_url.unwrap_or(&used))
}

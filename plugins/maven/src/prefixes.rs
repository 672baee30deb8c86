//! The prefixes of plugins, beside the metadata of their groups. The metadata that clients read is one
//! file of a group, and nothing else says which prefixes it had: with these notes it can be made again.

use packhouse_plugin::storage::{self, Json, Precondition, get_each};
use packhouse_plugin::{Error, log};
use serde::{Deserialize, Serialize};

use crate::layout;
use crate::metadata::Plugin;
use crate::name::{Artifact, GroupId};

/// What is stored of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    prefix: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// To be called after the metadata lists the plugin. A note that cannot be written fails nothing: the
/// next reindex writes it.
pub fn note(group: &GroupId, plugin: &Plugin) {
    if let Err(error) = write(group, plugin) {
        let fields = [("package.name", plugin.artifact.as_str()), ("error", &error.to_string())];
        log::warn("the prefix of a plugin could not be written down", &fields);
    }
}

/// Does nothing for a plugin whose artifact cannot have a key.
pub fn write(group: &GroupId, plugin: &Plugin) -> Result<(), Error> {
    let Ok(artifact) = Artifact::parse(group.clone(), &plugin.artifact) else { return Ok(()) };
    let note = Note { prefix: plugin.prefix.clone(), name: plugin.name.clone() };
    Json::at(layout::plugin(&artifact)).write(&note).map(drop)
}

/// To be called before the metadata ceases to list the plugin.
pub fn forget(group: &GroupId, artifact: &str) -> Result<(), Error> {
    let Ok(artifact) = Artifact::parse(group.clone(), artifact) else { return Ok(()) };
    storage::remove(&layout::plugin(&artifact), Precondition::Any).map(drop)
}

/// The plugins of a group that have a note. `Damaged` if one cannot be read.
pub fn of_group(group: &GroupId) -> Result<Vec<Plugin>, Error> {
    let mut keys = Vec::new();
    for note in storage::list(&layout::plugins(group)) {
        keys.push(note?.key);
    }
    let mut plugins = Vec::new();
    for (key, note) in keys.iter().zip(get_each(&keys)) {
        let (Some(artifact), Some(note)) = (layout::artifact_of_plugin(key), note?) else { continue };
        let Note { prefix, name } = note.json()?;
        plugins.push(Plugin { name, prefix, artifact: artifact.id().to_owned() });
    }
    Ok(plugins)
}

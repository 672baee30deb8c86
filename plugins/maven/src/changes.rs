//! Versions that are being listed or unlisted. A deployment writes the document of a version and then the
//! metadata of its artifact; a deletion does too. A note says so meanwhile, so one that was cut short in
//! between is told from metadata that was lost: it is no damage, and the next collection ends it.

use std::collections::BTreeSet;

use packhouse_plugin::storage::{self, Precondition, unless_conflict};
use packhouse_plugin::{Error, ObjectInfo, log, random};

use crate::layout;
use crate::name::{Artifact, Coordinates};

/// To be called before the document of a version says whether the version is listed. The bytes are unlike
/// any others, so that no other request takes this note away.
pub fn announce(coordinates: &Coordinates) -> Result<ObjectInfo, Error> {
    storage::put(&layout::change(coordinates), &random::bytes(16), Precondition::Any, None)
}

/// To be called after the metadata has followed. A note that stays fails nothing.
pub fn settle(note: &ObjectInfo) {
    if let Err(error) = unless_conflict(storage::remove(&note.key, Precondition::Version(&note.version))) {
        let fields = [("key", note.key.as_str()), ("error", &error.to_string())];
        log::warn("a note of a change could not be removed; the next collection removes it", &fields);
    }
}

/// The versions of the artifact that have a note.
pub fn pending(artifact: &Artifact) -> Result<BTreeSet<String>, Error> {
    let mut versions = BTreeSet::new();
    for note in storage::list(&layout::changes(artifact)) {
        versions.extend(layout::version_of_change(&note?.key).map(|found| found.version().to_owned()));
    }
    Ok(versions)
}

//! Decides which builds of a snapshot are kept: the newest ones of each classifier and extension,
//! because several machines may build one classifier each. Each deployment applies this, and a
//! collection if no deployment follows.

use std::collections::{BTreeMap, BTreeSet};

use packhouse_plugin::{Error, log};

use crate::document::Release;
use crate::endpoints::change;
use crate::name::{Build, Coordinates, FileName, Kind};
use crate::settings;

/// Removes the other builds. If this fails, the upload still succeeds, and the next upload removes
/// them.
pub fn apply(coordinates: &Coordinates) {
    if let Err(error) = try_apply(coordinates) {
        let fields = [("package.name", &*coordinates.artifact.to_string()), ("error", &error.to_string())];
        log::warn("old builds of a snapshot were not removed; the next deployment tries again", &fields);
    }
}

fn try_apply(coordinates: &Coordinates) -> Result<(), Error> {
    if let Some(keep) = kept()? {
        change::remove_some(coordinates, |release| expired(coordinates, release, keep))?;
    }
    Ok(())
}

/// How many builds of a kind are kept; none for all of them.
pub fn kept() -> Result<Option<usize>, Error> {
    let keep = settings::get()?.keep_snapshot_builds as usize;
    Ok((keep > 0).then_some(keep))
}

/// The names of the files of builds that are not kept.
pub fn expired(coordinates: &Coordinates, release: &Release, keep: usize) -> BTreeSet<String> {
    let names: Vec<FileName> =
        release.files.iter().filter_map(|file| FileName::parse(coordinates, &file.name).ok()).collect();
    // A POM keeps its build only where the build has nothing else.
    let main: BTreeSet<&Build> =
        names.iter().filter(|name| !name.is_pom()).filter_map(FileName::build).collect();
    let mut kinds: BTreeMap<&Kind, BTreeSet<&Build>> = BTreeMap::new();
    for name in names.iter().filter(|name| !name.kind().is_beside()) {
        if let Some(build) = name.build()
            && (!name.is_pom() || !main.contains(build))
        {
            kinds.entry(name.kind()).or_default().insert(build);
        }
    }
    let kept: BTreeSet<&Build> =
        kinds.values().flat_map(|builds| builds.iter().rev().take(keep)).copied().collect();
    let is_expired = |name: &&FileName| name.build().is_some_and(|build| !kept.contains(build));
    names.iter().filter(is_expired).map(|name| name.as_str().to_owned()).collect()
}

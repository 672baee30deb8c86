//! Decides which builds of a snapshot are kept: the newest ones of each classifier and extension,
//! because several machines may build one classifier each. A client names its build by its own clock,
//! so the builds that were uploaded last are kept too. Each deployment applies this, and a
//! collection if no deployment follows.

use std::collections::{BTreeMap, BTreeSet};

use packhouse_plugin::{Error, log};

use crate::document::{File, Release};
use crate::endpoints::change;
use crate::name::{Build, Coordinates, FileName, Kind};
use crate::settings;

/// Removes the other builds, except the one that was just deployed with this file. If this fails, the
/// upload still succeeds, and the next upload removes them.
pub fn apply(coordinates: &Coordinates, deployed: &FileName) {
    if let Err(error) = try_apply(coordinates, deployed) {
        let fields = [("package.name", &*coordinates.artifact.to_string()), ("error", &error.to_string())];
        log::warn("old builds of a snapshot were not removed; the next deployment tries again", &fields);
    }
}

fn try_apply(coordinates: &Coordinates, deployed: &FileName) -> Result<(), Error> {
    let Some(keep) = kept()? else { return Ok(()) };
    let is_other =
        |name: &String| FileName::parse(coordinates, name).is_ok_and(|name| name.build() != deployed.build());
    change::remove_some(coordinates, |release| {
        expired(coordinates, release, keep).into_iter().filter(is_other).collect()
    })?;
    Ok(())
}

/// How many builds of a kind are kept; none for all of them.
pub fn kept() -> Result<Option<usize>, Error> {
    let keep = settings::get()?.keep_snapshot_builds as usize;
    Ok((keep > 0).then_some(keep))
}

/// The names of the files of builds that are not kept: neither the time in their names nor the time of
/// their upload is among the newest ones.
pub fn expired(coordinates: &Coordinates, release: &Release, keep: usize) -> BTreeSet<String> {
    let parse = |file: &'_ File| FileName::parse(coordinates, &file.name).ok();
    let files: Vec<(FileName, &File)> =
        release.files.iter().filter_map(|file| Some((parse(file)?, file))).collect();
    let names = || files.iter().map(|(name, _)| name);
    // A POM keeps its build only where the build has nothing else.
    let main: BTreeSet<&Build> = names().filter(|name| !name.is_pom()).filter_map(FileName::build).collect();
    let mut kinds: BTreeMap<&Kind, BTreeMap<&Build, &str>> = BTreeMap::new();
    for (name, file) in files.iter().filter(|(name, _)| !name.kind().is_beside()) {
        if let Some(build) = name.build()
            && (!name.is_pom() || !main.contains(build))
        {
            kinds.entry(name.kind()).or_default().insert(build, &file.uploaded);
        }
    }
    let mut kept: BTreeSet<&Build> = BTreeSet::new();
    for builds in kinds.values() {
        kept.extend(builds.keys().rev().take(keep));
        // The clock of a client may be wrong, and times of files that were copied in say little.
        let by_upload: BTreeSet<(&str, &Build)> =
            builds.iter().map(|(build, uploaded)| (*uploaded, *build)).collect();
        kept.extend(by_upload.iter().rev().take(keep).map(|(_, build)| *build));
    }
    let is_expired = |name: &&FileName| name.build().is_some_and(|build| !kept.contains(build));
    names().filter(is_expired).map(|name| name.as_str().to_owned()).collect()
}

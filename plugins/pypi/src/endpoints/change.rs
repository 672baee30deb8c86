//! Changing what is there: a project's document by compare-and-swap, and then what no longer
//! is named.

use packhouse_plugin::log;
use packhouse_plugin::storage::{self, ObjectInfo, Precondition};

use super::{JSON, directory, load_whole, no_project, pages};
use crate::document::{File, Project};
use crate::error::Error;
use crate::layout;
use crate::name::ProjectName;

/// Changes the project. `change` may be called several times, and says whether it has changed
/// anything; what it refuses changes nothing. Gives the version of the stored document.
pub fn project(
    name: &ProjectName,
    mut change: impl FnMut(&mut Project) -> Result<bool, Error>,
) -> Result<Option<String>, Error> {
    let key = layout::document(name);
    let mut attempt = 1;
    loop {
        let mut loaded = load_whole(name)?.ok_or_else(|| no_project(name))?;
        if !change(&mut loaded.project)? {
            return Ok(None);
        }
        match storage::put(&key, &storage::to_json(&loaded.project)?, loaded.precondition(), Some(JSON)) {
            Ok(info) => {
                pages::write_project(name);
                return Ok(Some(info.version));
            }
            Err(packhouse_plugin::Error::Conflict) => storage::wait_turn(&key, attempt)?,
            Err(error) => return Err(error.into()),
        }
        attempt += 1;
    }
}

/// Removes the files that `is_meant` names, from the document first. A project that has none
/// left goes too. False when none was meant.
pub fn remove_files(name: &ProjectName, is_meant: impl Fn(&File) -> bool) -> Result<bool, Error> {
    let mut leftovers = Vec::new();
    let mut is_empty = false;
    let version = project(name, |project| {
        let (meant, kept): (Vec<File>, Vec<File>) = project.files.drain(..).partition(|file| is_meant(file));
        // Looked up before the document is written: what is uploaded again meanwhile has
        // another version, and stays.
        leftovers = objects_of(name, &meant)?;
        is_empty = kept.is_empty();
        project.files = kept;
        Ok(!meant.is_empty())
    })?;
    let Some(version) = version else {
        return Ok(false);
    };
    // All of them are tried.
    let left = leftovers.iter().filter(|info| !remove_leftover(&info.key, &info.version)).count();
    if is_empty {
        // As long as a file lies there, the document says that nobody should see it.
        if left == 0 {
            remove_leftover(&layout::document(name), &version);
        }
        directory::changed();
    }
    Ok(true)
}

/// What lies in the store of these files.
fn objects_of(name: &ProjectName, files: &[File]) -> Result<Vec<ObjectInfo>, Error> {
    let keys: Vec<String> = files
        .iter()
        .flat_map(|file| {
            ["", layout::CORE_METADATA, layout::PROVENANCE]
                .map(|ending| layout::file(name, &format!("{}{ending}", file.filename)))
        })
        .collect();
    Ok(storage::stat_many(&keys)?.into_iter().flatten().collect())
}

/// Nobody can see it any more, so that failing to remove it is no failure: maintenance finds
/// it. What was written anew meanwhile has another version, and stays. False when something
/// may lie there still.
fn remove_leftover(key: &str, version: &str) -> bool {
    match storage::remove(key, Precondition::Version(version)) {
        Ok(_) => true,
        Err(packhouse_plugin::Error::Conflict) => false,
        Err(error) => {
            let fields = [("key", key), ("error", &error.to_string())];
            log::warn("an object that nothing names any more was left behind", &fields);
            false
        }
    }
}

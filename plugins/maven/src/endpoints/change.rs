//! Removes files: first from the document of their version, and then from the storage.

use std::collections::BTreeSet;

use packhouse_plugin::maintenance::RemovalMark;
use packhouse_plugin::storage::{
    self, ListingOptions, Precondition, Removal, list_page, put_proven, unless_conflict,
};
use packhouse_plugin::{Error as HostError, ObjectInfo, log};

use crate::catalog;
use crate::changes;
use crate::document::Release;
use crate::error::Error;
use crate::layout;
use crate::name::Coordinates;
use crate::stored::{self, JSON};

/// Removes the files that `meant` names. False when it names none. A version that has none left goes
/// too; the metadata of the artifact is left to the caller, if `Changed` says so.
pub fn remove_some(
    coordinates: &Coordinates,
    meant: impl FnMut(&Release) -> BTreeSet<String>,
) -> Result<bool, HostError> {
    remove_telling(coordinates, meant, || Ok(()))
}

/// The same, with a note that the metadata is about to follow.
pub fn remove_noting(
    coordinates: &Coordinates,
    meant: impl FnMut(&Release) -> BTreeSet<String>,
    noted: &mut Vec<ObjectInfo>,
) -> Result<bool, HostError> {
    remove_telling(coordinates, meant, || {
        noted.push(changes::announce(coordinates)?);
        Ok(())
    })
}

/// Calls `tell` before each attempt to write the document.
fn remove_telling(
    coordinates: &Coordinates,
    mut meant: impl FnMut(&Release) -> BTreeSet<String>,
    mut tell: impl FnMut() -> Result<(), HostError>,
) -> Result<bool, HostError> {
    let key = layout::document(coordinates);
    let folder = layout::folder(coordinates);
    let mut removal = Removal::of(folder.trim_end_matches('/'));
    let mut is_done = false;
    let written = storage::retry(&key, |_| {
        let loaded = stored::load(coordinates)?;
        // Another request has continued the deletion that this one began.
        let has_vanished = is_done && loaded.as_ref().is_none_or(|loaded| loaded.before.is_none());
        let Some(mut loaded) = loaded.filter(|_| !has_vanished) else { return Ok(Some(None)) };
        let names = meant(&loaded.release);
        if names.is_empty() {
            return Ok::<_, HostError>(Some(None));
        }
        let keys: Vec<String> = names.iter().flat_map(|name| keys_of(coordinates, name)).collect();
        if let Some(before) = &loaded.before {
            storage::check_newest(&key, before)?;
            removal.announce_from(&key, before, &keys)?;
        } else {
            storage::check_absent(&key)?;
            removal.announce(&keys)?;
        }
        tell()?;
        loaded.release.files.retain(|file| !names.contains(&file.name));
        is_done = true;
        let bytes = storage::to_json(&loaded.release)?;
        let written = unless_conflict(put_proven(&key, loaded.before.as_ref(), bytes, Some(JSON)))?;
        Ok(written.map(|info| Some((info, loaded.release.files.is_empty()))))
    })?;
    // The files of an attempt whose answer was lost must be removed too.
    if is_done {
        removal.carry_out();
    }
    if let Some((info, true)) = written {
        remove_document(&key, &info.version, &folder)?;
    }
    Ok(is_done)
}

/// Removes the files, and the version from the metadata if it has none left or no POM.
pub fn remove(
    coordinates: &Coordinates,
    meant: impl FnMut(&Release) -> BTreeSet<String>,
) -> Result<bool, Error> {
    let mut noted = Vec::new();
    let is_done = remove_noting(coordinates, meant, &mut noted)?;
    catalog::follow(&coordinates.artifact, &[coordinates.version().to_owned()])?;
    noted.iter().for_each(changes::settle);
    Ok(is_done)
}

/// The file, and the checksums that an earlier system stored beside it.
fn keys_of(coordinates: &Coordinates, name: &str) -> Vec<String> {
    ["", ".md5", ".sha1", ".sha256", ".sha512"]
        .map(|ending| layout::file(coordinates, &format!("{name}{ending}")))
        .to_vec()
}

/// A document without files shows nothing, so a failed removal does not fail the request: maintenance
/// finds it. As long as a file lies there it says that nobody should see it.
fn remove_document(key: &str, version: &str, folder: &str) -> Result<(), HostError> {
    let left = list_page(&ListingOptions { limit: 1, ..ListingOptions::new(folder) })?;
    if !left.objects.is_empty() {
        return Ok(());
    }
    // Without it its proof would tell that it was lost.
    let Some(mark) = unless_conflict(RemovalMark::begin_at(key, version, &[]))? else { return Ok(()) };
    match storage::remove(key, Precondition::Version(version)) {
        Ok(_) | Err(HostError::Conflict) => mark.finish(),
        Err(error) => {
            let fields = [("key", key), ("error", &error.to_string())];
            log::warn("an object that nothing references was left behind", &fields);
        }
    }
    Ok(())
}

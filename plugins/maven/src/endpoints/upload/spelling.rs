//! Refuses artifacts, versions and files whose names differ from stored ones only in case: they would
//! be one on some clients' file systems.

use packhouse_plugin::storage::{self, GRACE, Precondition, unless_conflict};

use crate::catalog;
use crate::document::Release;
use crate::error::{self, Error};
use crate::layout;
use crate::name::{Artifact, Coordinates};
use crate::stored;

/// Of a version that has no document yet. Claims the spelling of the artifact.
pub fn check_new(coordinates: &Coordinates) -> Result<(), Error> {
    let artifact = &coordinates.artifact;
    let (key, ours) = (layout::spelling(artifact), artifact.to_string());
    let versions =
        catalog::read(&artifact.path())?.map(|(_, metadata)| metadata.versions).unwrap_or_default();
    // What has versions has a spelling, unless an earlier system wrote it.
    let mut there = if versions.is_empty() { None } else { storage::get(&key)? };
    if there.is_none()
        && unless_conflict(storage::put(&key, ours.as_bytes(), Precondition::Absent, None))?.is_none()
    {
        there = storage::get(&key)?;
    }
    if let Some(there) = there.filter(|there| there.bytes != ours.as_bytes()) {
        let there = String::from_utf8_lossy(&there.bytes).into_owned();
        let sentence = format!("{there} already exists, and differs from {ours} only in case");
        return Err(Error::because(error::SPELLING, sentence));
    }
    if let Some(there) = versions.iter().find(|there| is_other(there, coordinates.version())) {
        return Err(has_version(artifact, there, coordinates.version()));
    }
    check_begun(coordinates)
}

/// Compares the version with all documents of the artifact: its own document may be there, without files.
/// Each of two requests that begin their documents at the same moment finds the document of the other
/// one, so at most one of them goes on. A document without files counts as long as its upload may be
/// under way.
pub fn check_begun(coordinates: &Coordinates) -> Result<(), Error> {
    let version = coordinates.version();
    if !version.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return Ok(());
    }
    for info in storage::list(&layout::documents(&coordinates.artifact)) {
        let info = info?;
        let Some(other) = layout::version_of_document(&info.key) else { continue };
        if !is_other(other.version(), version) {
            continue;
        }
        let now = storage::now()?;
        let is_young = info.modified.is_none_or(|modified| now.saturating_sub(modified) <= GRACE);
        if is_young || stored::load(&other)?.is_some_and(|loaded| !loaded.release.files.is_empty()) {
            return Err(has_version(&coordinates.artifact, other.version(), version));
        }
    }
    Ok(())
}

/// Of a file that the version does not have.
pub fn check_file(release: &Release, name: &str) -> Result<(), Error> {
    match release.files.iter().find(|there| is_other(&there.name, name)) {
        Some(there) => {
            let sentence =
                format!("the file {} already exists, and differs from {name} only in case", there.name);
            Err(Error::because(error::SPELLING, sentence))
        }
        None => Ok(()),
    }
}

fn is_other(there: &str, ours: &str) -> bool {
    there.eq_ignore_ascii_case(ours) && there != ours
}

fn has_version(artifact: &Artifact, there: &str, ours: &str) -> Error {
    let sentence =
        format!("{artifact} already has the version {there}, which differs from {ours} only in case");
    Error::because(error::SPELLING, sentence)
}

//! What the push of a manifest proved: which blobs the repository had at that moment. A
//! manifest can name any blob, so what it says proves nothing.
//!
//! # Invariants
//! - The record of a push is written before its manifest. So a manifest without a record was not
//!   pushed here: an earlier system stored it, or somebody copied it in.
//! - A deletion marks the record before it removes the manifest. So a manifest that is missing
//!   while its record is not marked was lost, or its push was interrupted.

use packhouse_plugin::storage::{self, Change, Precondition, Update};
use packhouse_plugin::{Error, settings};
use serde::{Deserialize, Serialize};

use crate::digest::ContentDigest;
use crate::document::Manifest;
use crate::layout;
use crate::name::RepositoryName;

const JSON: &str = "application/json";

/// What is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub state: State,
    /// What the repository had when the manifest was pushed.
    pub blobs: Vec<String>,
    /// What the manifest named when it was deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Pushed,
    /// A request deleted the manifest.
    Deleted,
}

/// Before the manifest is written.
pub fn push(
    repository: &RepositoryName,
    digest: &ContentDigest,
    proven: &[ContentDigest],
) -> Result<(), Error> {
    let record = Record { state: State::Pushed, blobs: texts(proven), released: Vec::new() };
    let bytes = storage::to_json(&record)?;
    storage::put(&layout::pushed(repository, digest), &bytes, Precondition::Any, Some(JSON)).map(|_| ())
}

/// Before the manifest is removed. `named` is what it names.
pub fn delete(
    repository: &RepositoryName,
    digest: &ContentDigest,
    named: &[ContentDigest],
) -> Result<(), Error> {
    Update::new(&layout::pushed(repository, digest)).content_type(JSON).run(|document| {
        let there = document.and_then(|document| document.json::<Record>().ok());
        let blobs = there.map(|record| record.blobs).unwrap_or_default();
        Change::json(&Record { state: State::Deleted, blobs, released: texts(named) })
    })?;
    Ok(())
}

/// None where the manifest was not pushed here.
pub fn read(repository: &RepositoryName, digest: &ContentDigest) -> Result<Option<Record>, Error> {
    let document = storage::get(&layout::pushed(repository, digest))?;
    document.map(|document| document.json()).transpose()
}

/// The blobs that the repository has because of this manifest, which was read before. For one
/// that was not pushed here, these are what every system demands at a push: neither layers
/// that are kept elsewhere nor members that only other kinds of manifests have. Where
/// manifests may name what is not here, it proves nothing once the repository was adopted.
pub fn proven(
    repository: &RepositoryName,
    digest: &ContentDigest,
    manifest: &Manifest,
    is_adopted: bool,
) -> Result<Vec<ContentDigest>, Error> {
    match read(repository, digest)? {
        Some(record) => Ok(record.blobs.iter().filter_map(|blob| ContentDigest::parse(blob).ok()).collect()),
        None if is_adopted && settings::feature("sparse") => Ok(Vec::new()),
        None => Ok(manifest.held()),
    }
}

fn texts(digests: &[ContentDigest]) -> Vec<String> {
    digests.iter().map(ToString::to_string).collect()
}

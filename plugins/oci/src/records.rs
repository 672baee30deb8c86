//! The record of a push: which blobs the repository had at that moment. A manifest can reference any
//! blob, so the manifest alone proves nothing.
//!
//! # Invariants
//! - The record of a push is written before its manifest. So a manifest without a record was not pushed
//!   to this registry: an earlier system stored it, or somebody copied it into the bucket.
//! - A deletion marks the record before it removes the manifest. So a manifest that is missing
//!   while its record is not marked was lost, or its push was interrupted.

use packhouse_plugin::storage::{self, Change, Document, Json, ListingOptions, ObjectInfo, Update};
use packhouse_plugin::{Error, settings};
use serde::{Deserialize, Serialize};

use crate::digest::ContentDigest;
use crate::document::Manifest;
use crate::name::{RepositoryName, Tag};
use crate::{layout, sparse};

const JSON: &str = "application/json";
/// Records that are listed at once.
const PAGE: u32 = 200;

/// What is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub state: State,
    /// What the repository had when the manifest was pushed.
    pub blobs: Vec<String>,
    /// What it was tagged as. Proves that its repository has had tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What the manifest named when it was deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<String>,
    /// When a manifest was pushed that a request has deleted since, in milliseconds of the store's
    /// clock: its repository has had documents since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<u64>,
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
    tags: &[Tag],
) -> Result<(), Error> {
    let tags = tags.iter().map(ToString::to_string).collect();
    let record =
        Record { state: State::Pushed, blobs: texts(proven), tags, released: Vec::new(), begun: None };
    Json::at(layout::pushed(repository, digest)).write(&record).map(drop)
}

/// Records that the manifest, which was stored at `pushed`, is going to be removed. `named` are the blobs
/// that it names.
pub fn delete(
    repository: &RepositoryName,
    digest: &ContentDigest,
    named: &[ContentDigest],
    pushed: Option<u64>,
) -> Result<(), Error> {
    Update::new(&layout::pushed(repository, digest)).content_type(JSON).run(|document| {
        let there = document.and_then(|document| parse(document).ok());
        let begun = there.as_ref().and_then(|record| record.begun).into_iter().chain(pushed).min();
        let blobs = there.map(|record| record.blobs).unwrap_or_default();
        let state = State::Deleted;
        Change::json(&Record { state, blobs, tags: Vec::new(), released: texts(named), begun })
    })?;
    Ok(())
}

/// What a stored record says, or how to repair it.
pub fn parse(document: &Document) -> Result<Record, Error> {
    serde_json::from_slice(&document.bytes)
        .map_err(|error| document.damaged(format!("{error}: push its manifest again")))
}

/// None where the manifest was not pushed here.
pub fn read(repository: &RepositoryName, digest: &ContentDigest) -> Result<Option<Record>, Error> {
    let document = storage::get(&layout::pushed(repository, digest))?;
    document.as_ref().map(parse).transpose()
}

/// Whether a missing manifest was lost: its push has ended long ago, and no request has deleted it. The
/// host may also have been killed during the push. A record that cannot be read means a lost manifest.
pub fn is_lost(repository: &RepositoryName, digest: &ContentDigest) -> Result<bool, Error> {
    let Some(document) = storage::get(&layout::pushed(repository, digest))? else { return Ok(false) };
    Ok(!is_deletion(&document) && is_old(&document.info)?)
}

/// Whether a request has deleted the manifest. A record that cannot be read does not say so.
pub fn is_deleted(repository: &RepositoryName, digest: &ContentDigest) -> Result<bool, Error> {
    let document = storage::get(&layout::pushed(repository, digest))?;
    Ok(document.is_some_and(|document| is_deletion(&document)))
}

fn is_deletion(document: &Document) -> bool {
    match parse(document) {
        Ok(record) => record.state == State::Deleted,
        Err(error) => {
            error.log_unless_clients();
            false
        }
    }
}

/// Whether a record says why a manifest is not there: a request has deleted it, or its push may
/// still be under way.
pub fn explain_absence(repository: &RepositoryName, digest: &ContentDigest) -> Result<bool, Error> {
    let Some(document) = storage::get(&layout::pushed(repository, digest))? else { return Ok(false) };
    Ok(is_deletion(&document) || !is_old(&document.info)?)
}

/// Whether pushes have filled the repository with something: with tags, or with anything. A
/// record that cannot be read may be that of such a push.
pub fn prove(repository: &RepositoryName, tagged: bool) -> Result<bool, Error> {
    let prefix = layout::pushes(repository);
    let mut after = None;
    loop {
        let options = ListingOptions { after: after.as_deref(), limit: PAGE, ..ListingOptions::new(&prefix) };
        let listing = storage::list_page(&options)?;
        let mut old = Vec::new();
        for object in &listing.objects {
            if is_old(object)? {
                old.push(&object.key);
            }
        }
        for document in storage::get_each(&old) {
            let Some(document) = document? else { continue };
            let proves =
                |record: Record| record.state == State::Pushed && !(tagged && record.tags.is_empty());
            if parse(&document).map_or(true, proves) {
                return Ok(true);
            }
        }
        match listing.next {
            Some(next) => after = Some(next),
            None => return Ok(false),
        }
    }
}

/// Was it written so long ago that the request that wrote it has ended?
pub fn is_old(info: &ObjectInfo) -> Result<bool, Error> {
    Ok(storage::age(info)?.is_some_and(|age| age > storage::GRACE))
}

/// The blobs that the repository has because of this manifest, which was read before. If the manifest
/// was not pushed here, these are the blobs that every system requires at a push: no layers that are
/// stored elsewhere, and no members of other kinds of manifests. If manifests may reference missing
/// content, the manifest proves nothing once the repository was adopted or such a manifest was
/// accepted ([`sparse`]).
pub fn proven(
    repository: &RepositoryName,
    digest: &ContentDigest,
    info: &ObjectInfo,
    manifest: &Manifest,
    is_adopted: bool,
) -> Result<Vec<ContentDigest>, Error> {
    match read(repository, digest)? {
        Some(record) => Ok(record.blobs.iter().filter_map(|blob| ContentDigest::parse(blob).ok()).collect()),
        None if is_adopted && settings::feature("sparse") => Ok(Vec::new()),
        None if sparse::may_be(info)? => Ok(Vec::new()),
        None => Ok(manifest.held()),
    }
}

fn texts(digests: &[ContentDigest]) -> Vec<String> {
    digests.iter().map(ToString::to_string).collect()
}

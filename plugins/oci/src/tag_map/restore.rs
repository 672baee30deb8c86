//! Makes a document of tags anew, from what its proof says of the newest state.

use packhouse_plugin::Error;
use packhouse_plugin::storage::{self, Before, Document, Proof, unless_conflict};

use super::{JSON, create, parse};
use crate::digest::ContentDigest;
use crate::document::Tags;
use crate::layout;
use crate::name::{RepositoryName, Tag};

/// What has become of the tags that the proof names.
#[derive(Debug, Default)]
pub struct Restored {
    pub set: usize,
    /// Their manifests are lost too.
    pub lost: Vec<String>,
}

/// Makes the document anew that is lost, or an older copy, or that of another repository, unless it changes
/// meanwhile: the tags that its proof names stand for what the proof says. The others stay as they are where
/// their manifest is here, because an earlier version named none.
pub fn restore(
    repository: &RepositoryName,
    document: Option<&Document>,
    is_dry_run: bool,
) -> Result<Restored, Error> {
    let key = layout::tags(repository);
    let proof = Proof::of(&key)?;
    let mut map = others(repository, document, &proof)?;
    let mut restored = Restored::default();
    for (name, _) in proof.files() {
        let Ok(tag) = Tag::parse(name) else { continue };
        let Some(digest) = proof.note(name).and_then(|note| ContentDigest::parse(note).ok()) else {
            continue;
        };
        if storage::stat(&layout::manifest(repository, &digest))?.is_some() {
            map.set(&tag, &digest);
            restored.set += 1;
        } else {
            restored.lost.push(name.to_owned());
        }
    }
    if is_dry_run {
        return Ok(restored);
    }
    // A document that has never had a tag has no proof.
    if !proof.is_there() && document.is_none_or(|document| Tags::holds_nothing(&document.bytes)) {
        return create(repository).map(|()| restored);
    }
    let bytes = map.to_bytes().map_err(|error| Error::Misused(error.to_string()))?;
    let before = document.map(Before::from);
    unless_conflict(storage::put_rebuilt(&key, before.as_ref(), bytes, Some(JSON)))?;
    Ok(restored)
}

/// The tags of the document whose manifests are here. Of another repository's, none count if the proof names
/// the repository's own.
fn others(repository: &RepositoryName, document: Option<&Document>, proof: &Proof) -> Result<Tags, Error> {
    let Some(document) = document.filter(|document| !Tags::holds_nothing(&document.bytes)) else {
        return Ok(Tags::default());
    };
    if Before::from(document).is_foreign() && proof.files().next().is_some() {
        return Ok(Tags::default());
    }
    let mut map = parse(&document.bytes, &document.info.key)?;
    let tags: Vec<String> = map.names_after("").map(str::to_owned).collect();
    for tag in tags.iter().filter_map(|name| Tag::parse(name).ok()) {
        if let Some(digest) = map.get(&tag)
            && storage::stat(&layout::manifest(repository, &digest))?.is_none()
        {
            map.remove(&tag);
        }
    }
    Ok(map)
}

//! The stored tags of a repository, changed by compare-and-swap.

use packhouse_plugin::Error;
use packhouse_plugin::storage::{self, Change, Update};

use crate::digest::ContentDigest;
use crate::document::Tags;
use crate::layout;
use crate::name::{RepositoryName, Tag};

/// None when the repository has no document of tags.
pub fn load(repository: &RepositoryName) -> Result<Option<Tags>, Error> {
    let Some(document) = storage::get(&layout::tags(repository))? else {
        return Ok(None);
    };
    parse(&document.bytes, &document.info.key).map(Some)
}

/// The digest that a tag stands for.
pub fn resolve(repository: &RepositoryName, tag: &Tag) -> Result<Option<ContentDigest>, Error> {
    Ok(load(repository)?.and_then(|tags| tags.get(tag)))
}

/// Lets these tags stand for a manifest; without tags it makes the document if there is none.
pub fn set(repository: &RepositoryName, tags: &[Tag], digest: &ContentDigest) -> Result<(), Error> {
    change(repository, |map| {
        let mut changed = false;
        for tag in tags {
            changed |= map.set(tag, digest);
        }
        changed
    })
}

/// An empty document, if there is none.
pub fn create(repository: &RepositoryName) -> Result<(), Error> {
    change(repository, |_| false)
}

/// False when there was no such tag.
pub fn remove(repository: &RepositoryName, tag: &Tag) -> Result<bool, Error> {
    let mut removed = false;
    change(repository, |map| {
        removed = map.remove(tag);
        removed
    })?;
    Ok(removed)
}

/// Removes the tags of a manifest.
pub fn remove_all(repository: &RepositoryName, digest: &ContentDigest) -> Result<(), Error> {
    change(repository, |map| map.remove_all(digest))
}

/// `change` says whether it has changed something.
fn change(repository: &RepositoryName, mut change: impl FnMut(&mut Tags) -> bool) -> Result<(), Error> {
    let key = layout::tags(repository);
    Update::new(&key).content_type("application/json").run(|document| {
        let mut tags = match document {
            Some(document) => parse(&document.bytes, &key)?,
            None => Tags::default(),
        };
        if !change(&mut tags) && document.is_some() {
            return Ok(Change::Keep);
        }
        tags.to_bytes().map(Change::Write).map_err(|error| Error::Misused(error.to_string()))
    })?;
    Ok(())
}

fn parse(bytes: &[u8], key: &str) -> Result<Tags, Error> {
    Tags::parse(bytes).map_err(|error| Error::damaged(key, error))
}

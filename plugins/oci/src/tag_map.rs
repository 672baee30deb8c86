//! The stored tags of a repository, changed by compare-and-swap.

use packhouse_plugin::Error;
use packhouse_plugin::storage::{self, Change, Update};

use crate::digest::ContentDigest;
use crate::document::Tags;
use crate::layout;
use crate::name::{RepositoryName, Tag};

/// The longest value of a tag, in bytes.
const LONGEST_VALUE: u64 = 1 << 20;

/// None when the repository has no document of tags.
pub fn load(repository: &RepositoryName) -> Result<Option<Tags>, Error> {
    let Some(document) = storage::get(&layout::tags(repository))? else {
        return Ok(None);
    };
    parse(&document.bytes, &document.info.key).map(Some)
}

/// The digest that a tag stands for. The document is not read whole: every pull by tag asks
/// for one.
pub fn resolve(repository: &RepositoryName, tag: &Tag) -> Result<Option<ContentDigest>, Error> {
    let found = storage::scan(&layout::tags(repository), |scan| {
        if !scan.begin_object()? {
            return Err(scan.damaged());
        }
        while let Some(name) = scan.next_member()? {
            if name == tag.as_str() {
                return scan.value(LONGEST_VALUE).map(Some);
            }
            scan.skip()?;
        }
        Ok(None)
    })?;
    let text: Option<String> = found.flatten().and_then(|value| serde_json::from_slice(&value).ok());
    Ok(text.and_then(|text| ContentDigest::parse(&text).ok()))
}

/// Lets these tags stand for a manifest; without tags it makes the document if there is none.
pub fn set(repository: &RepositoryName, tags: &[Tag], digest: &ContentDigest) -> Result<(), Error> {
    change(repository, |map, _| {
        let mut changed = false;
        for tag in tags {
            changed |= map.set(tag, digest);
        }
        changed
    })
}

/// An empty document, if there is none.
pub fn create(repository: &RepositoryName) -> Result<(), Error> {
    change(repository, |_, _| false)
}

/// False when there was no such tag. One that is gone after this has tried to remove it was
/// removed by this.
pub fn remove(repository: &RepositoryName, tag: &Tag) -> Result<bool, Error> {
    let mut removed = false;
    change(repository, |map, has_tried| {
        let is_there = map.remove(tag);
        removed = is_there || has_tried;
        is_there
    })?;
    Ok(removed)
}

/// Removes the tags of a manifest.
pub fn remove_all(repository: &RepositoryName, digest: &ContentDigest) -> Result<(), Error> {
    change(repository, |map, _| map.remove_all(digest))
}

/// `change` says whether it has changed something. Its second argument tells whether this has
/// tried to write before.
fn change(repository: &RepositoryName, mut change: impl FnMut(&mut Tags, bool) -> bool) -> Result<(), Error> {
    let key = layout::tags(repository);
    Update::new(&key).content_type("application/json").run_telling(|document, has_tried| {
        let mut tags = match document {
            Some(document) => parse(&document.bytes, &key)?,
            None => Tags::default(),
        };
        if !change(&mut tags, has_tried) && document.is_some() {
            return Ok(Change::Keep);
        }
        tags.to_bytes().map(Change::Write).map_err(|error| Error::Misused(error.to_string()))
    })?;
    Ok(())
}

fn parse(bytes: &[u8], key: &str) -> Result<Tags, Error> {
    Tags::parse(bytes).map_err(|error| Error::damaged(key, error))
}

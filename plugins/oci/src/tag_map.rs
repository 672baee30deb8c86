//! The stored tags of a repository, changed by compare-and-swap.
//!
//! Its stamp tells the repository and the last change: a copy of the tags of another repository is damaged,
//! and nothing is built on an older copy; see the module `damage`.
//!
//! A lost or emptied document must not look like a repository without tags: the next push would write a
//! document with one tag, and nobody would notice the loss of the others. A document that has had a tag
//! has a proof, which is written before the push is answered. If an earlier version wrote the document,
//! the records of pushes ([`crate::records`]) prove that it existed, and so does the adoption of a
//! repository with manifests.

use packhouse_plugin::Error;
use packhouse_plugin::storage::{self, Before, Change, Document, Name, Proof, Update, unless_conflict};

use crate::digest::ContentDigest;
use crate::document::Tags;
use crate::layout;
use crate::name::{RepositoryName, Tag};

use damage::{WHY_FOREIGN, check_unstamped};
pub use damage::{check, check_stored, has_proof, is_proof_left, why_lost, why_not_newest, why_unreadable};
pub use restore::{Restored, restore};

mod damage;
mod restore;

const JSON: &str = "application/json";
/// The longest value of a tag, in bytes.
const LONGEST_VALUE: u64 = 1 << 20;

/// None when the repository has no document of tags. `Damaged` when it was lost or emptied, or is that of
/// another repository.
pub fn load(repository: &RepositoryName) -> Result<Option<Tags>, Error> {
    let document = storage::get(&layout::tags(repository))?;
    check(repository, document.as_ref())?;
    let Some(document) = document else {
        return Ok(None);
    };
    if Before::from(&document).is_foreign() {
        return Err(document.damaged(WHY_FOREIGN));
    }
    parse(&document.bytes, &document.info.key).map(Some)
}

/// The digest of a tag. `Damaged` as for [`load`]; the inner error is `Damaged` too: the tag exists and contains no digest. The document is not read whole: every pull by tag asks
/// for one.
pub fn resolve(
    repository: &RepositoryName,
    tag: &Tag,
) -> Result<Option<Result<ContentDigest, Error>>, Error> {
    let key = layout::tags(repository);
    let found = storage::scan(&key, |scan| {
        if scan.is_foreign()? {
            return Err(Error::damaged(&scan.info().key, WHY_FOREIGN));
        }
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
    let Some(value) = found.flatten() else {
        check_stored(repository)?;
        return Ok(None);
    };
    let text: Option<String> = serde_json::from_slice(&value).ok();
    let digest = text.and_then(|text| ContentDigest::parse(&text).ok());
    let why = || format!("the tag {tag} does not contain a digest: push or delete it");
    Ok(Some(digest.ok_or_else(|| Error::damaged(key, why()))))
}

/// What a push found of the document before it wrote anything.
pub struct Found {
    is_there: bool,
    /// For [`set`], if there are tags.
    proof: Option<Proof>,
}

impl Found {
    /// Creates the document if there is none. Call this before the record of the push is written: a record
    /// without a document means that the document was lost.
    pub fn create_missing(&self, repository: &RepositoryName) -> Result<(), Error> {
        if self.is_there { Ok(()) } else { create(repository) }
    }
}

/// Before a push writes anything that looks like a proof: `Damaged` when it could not set its tags, as the
/// document was lost or emptied, or is not the newest state of this repository's.
pub fn check_to_push(repository: &RepositoryName, tags: &[Tag]) -> Result<Found, Error> {
    if tags.is_empty() {
        return Ok(Found { is_there: check_stored(repository)?, proof: None });
    }
    let key = layout::tags(repository);
    storage::retry(&key, |_| {
        let document = storage::get(&key)?;
        check(repository, document.as_ref())?;
        let proof = Proof::of(&key)?;
        let is_there = document.is_some();
        let checked = document.map_or(Ok(()), |document| damage::check_newest(&document, &proof));
        Ok(unless_conflict(checked)?.map(|()| Found { is_there, proof: Some(proof) }))
    })
}

/// What the tags stand for.
pub fn names_of(tags: &Tags) -> Vec<Name> {
    let name = |name: &str| {
        let digest = tags.get(&Tag::parse(name).ok()?)?;
        Some(Name { note: Some(digest.to_string()), ..Name::from(name.to_owned()) })
    };
    tags.names_after("").filter_map(name).collect()
}

/// Points these tags to a manifest. Without tags, it makes the document if there is none.
pub fn set(
    repository: &RepositoryName,
    tags: &[Tag],
    digest: &ContentDigest,
    found: &Found,
) -> Result<(), Error> {
    if tags.is_empty() {
        // A document that has never had a tag has no proof.
        return run(Update::new(&layout::tags(repository)), repository, |_, _, _| Ok(false));
    }
    let note = Some(digest.to_string());
    let names: Vec<Name> =
        tags.iter().map(|tag| Name { note: note.clone(), ..Name::from(tag.to_string()) }).collect();
    let key = layout::tags(repository);
    let update = Update::new(&key).proven().naming(&names);
    let update = if let Some(proof) = &found.proof { update.known(proof) } else { update };
    run(update, repository, |map, document, _| {
        document.map_or(Ok(()), check_unstamped)?;
        let mut changed = false;
        for tag in tags {
            changed |= map.set(tag, digest);
        }
        Ok(changed)
    })
}

/// Writes an empty document if there is none, or if the stored one has no tags.
pub fn create(repository: &RepositoryName) -> Result<(), Error> {
    let key = layout::tags(repository);
    Update::new(&key).content_type(JSON).run(|document| match document {
        Some(document) if !Tags::holds_nothing(&document.bytes) => Ok(Change::Keep),
        _ => write(&Tags::default()),
    })?;
    Ok(())
}

/// False when there was no such tag. One that is gone after this has tried to remove it was
/// removed by this.
pub fn remove(repository: &RepositoryName, tag: &Tag) -> Result<bool, Error> {
    let key = layout::tags(repository);
    let mut removed = false;
    take_out(repository, |map, has_tried| {
        let is_there = map.remove(tag);
        removed = is_there || has_tried;
        // The document may have lost it.
        let is_named = is_there || Proof::of(&key)?.names(tag.as_str());
        Ok((is_there, is_named.then(|| tag.to_string()).into_iter().collect()))
    })?;
    Ok(removed)
}

/// Removes the tags of a manifest.
pub fn remove_all(repository: &RepositoryName, digest: &ContentDigest) -> Result<(), Error> {
    take_out(repository, |map, _| {
        let names = map.names_of(digest);
        Ok((map.remove_all(digest), names))
    })
}

/// `take` takes tags out of the map. It says whether it has changed the map, and which tags the proof must
/// not name any more. Its second argument tells whether this has tried to write before.
fn take_out(
    repository: &RepositoryName,
    mut take: impl FnMut(&mut Tags, bool) -> Result<(bool, Vec<String>), Error>,
) -> Result<(), Error> {
    let key = layout::tags(repository);
    run(Update::new(&key).proven(), repository, |tags, document, has_tried| {
        document.map_or(Ok(()), check_unstamped)?;
        let (is_changed, taken) = take(tags, has_tried)?;
        if let Some(document) = document {
            storage::release(&key, &document.into(), &taken)?;
        }
        Ok(is_changed)
    })
}

/// `change` gets the stored document too, and says whether it has changed something. Its last argument
/// tells whether this has tried to write before.
fn run(
    update: Update<'_>,
    repository: &RepositoryName,
    mut change: impl FnMut(&mut Tags, Option<&Document>, bool) -> Result<bool, Error>,
) -> Result<(), Error> {
    let key = layout::tags(repository);
    update.content_type(JSON).run_telling(|document, has_tried| {
        check(repository, document)?;
        let mut tags = match document {
            Some(document) => parse(&document.bytes, &key)?,
            None => Tags::default(),
        };
        // One that an earlier version left empty is written anew, as empty.
        let is_clear = document.is_some_and(|document| !Tags::may_be_emptied(&document.bytes));
        if !change(&mut tags, document, has_tried)? && is_clear {
            return Ok(Change::Keep);
        }
        write(&tags)
    })?;
    Ok(())
}

fn write(tags: &Tags) -> Result<Change, Error> {
    tags.to_bytes().map(Change::Write).map_err(|error| Error::Misused(error.to_string()))
}

fn parse(bytes: &[u8], key: &str) -> Result<Tags, Error> {
    Tags::parse(bytes).map_err(|error| Error::damaged(key, why_unreadable(bytes, &error)))
}

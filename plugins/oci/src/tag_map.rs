//! The stored tags of a repository, changed by compare-and-swap.
//!
//! A lost or emptied document must not look like a repository without tags: the next push would write a
//! document with one tag, and nobody would notice the loss of the others. A document that has had a tag
//! has a proof, which is written before the push is answered. If an earlier version wrote the document,
//! the records of pushes ([`crate::records`]) prove that it existed, and so does the adoption of a
//! repository with manifests.

use packhouse_plugin::Error;
use packhouse_plugin::storage::{self, Change, Document, Name, Proof, Update, unless_conflict};

use crate::digest::ContentDigest;
use crate::document::{LONGEST_EMPTY, Tags};
use crate::name::{RepositoryName, Tag};
use crate::{adoption, layout, records};

const JSON: &str = "application/json";
/// The longest value of a tag, in bytes.
const LONGEST_VALUE: u64 = 1 << 20;

/// None when the repository has no document of tags. `Damaged` when it was lost or emptied.
pub fn load(repository: &RepositoryName) -> Result<Option<Tags>, Error> {
    let document = storage::get(&layout::tags(repository))?;
    check(repository, document.as_ref())?;
    let Some(document) = document else {
        return Ok(None);
    };
    parse(&document.bytes, &document.info.key).map(Some)
}

/// The digest of a tag. `Damaged` when the document was lost or emptied; the inner error is `Damaged`
/// too: the tag exists and contains no digest. The document is not read whole: every pull by tag asks
/// for one.
pub fn resolve(
    repository: &RepositoryName,
    tag: &Tag,
) -> Result<Option<Result<ContentDigest, Error>>, Error> {
    let key = layout::tags(repository);
    let found = storage::scan(&key, |scan| {
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

/// [`check`] of what is stored; whether there is a document.
pub fn check_stored(repository: &RepositoryName) -> Result<bool, Error> {
    let key = layout::tags(repository);
    match storage::stat(&key)? {
        Some(info) if info.size > LONGEST_EMPTY as u64 => Ok(true),
        _ => {
            let document = storage::get(&key)?;
            check(repository, document.as_ref())?;
            Ok(document.is_some())
        }
    }
}

/// `Damaged` when the document was lost or emptied.
pub fn check(repository: &RepositoryName, document: Option<&Document>) -> Result<(), Error> {
    let is_damaged = match document {
        None => {
            is_proof_left(repository)?
                || records::prove(repository, false)?
                || adoption::has_made_tags(repository)?
        }
        Some(document) => {
            Tags::may_be_emptied(&document.bytes)
                && (has_proof(repository)? || records::prove(repository, true)?)
        }
    };
    if is_damaged {
        return Err(Error::damaged(layout::tags(repository), why_lost(document.is_some())));
    }
    Ok(())
}

/// Whether the document is not there, and its proof is.
pub fn is_proof_left(repository: &RepositoryName) -> Result<bool, Error> {
    match storage::check_absent(&layout::tags(repository)) {
        Err(Error::Damaged { .. }) => Ok(true),
        checked => checked.map(|()| false),
    }
}

/// Whether the document has had a tag.
pub fn has_proof(repository: &RepositoryName) -> Result<bool, Error> {
    Ok(storage::stat(&format!("{}{}", storage::PROOFS, layout::tags(repository)))?.is_some())
}

/// What is wrong with a document of tags that is empty or not there.
pub fn why_lost(is_there: bool) -> String {
    let what = if is_there { "has no tags" } else { "does not exist" };
    format!(
        "it {what}, and a push or an adoption has written it: restore it, or run `packhouse reindex` to begin \
         without tags"
    )
}

/// What is wrong with a document of tags that cannot be read.
pub fn why_unreadable(bytes: &[u8], error: &dyn std::fmt::Display) -> String {
    let removed = if Tags::holds_nothing(bytes) { "" } else { "remove it and " };
    format!(
        "it is not a map of tags: {error}. Restore it, or {removed}run `packhouse reindex` to begin without tags"
    )
}

/// What a push found of the document before it wrote anything.
pub struct Found {
    is_there: bool,
    /// For [`set`], if there are tags.
    proof: Option<Proof>,
}

impl Found {
    /// Before the record of the push: a record without a document means that the document was lost. The
    /// push may be cut short between the two.
    pub fn create_missing(&self, repository: &RepositoryName) -> Result<(), Error> {
        if self.is_there { Ok(()) } else { create(repository) }
    }
}

/// Before a push writes anything that looks like a proof: `Damaged` when it could not set its tags, as the
/// document was lost or emptied, or is an older copy.
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
        let checked = document.map_or(Ok(()), |document| proof.check(&(&document).into()));
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
        return change(Update::new(&layout::tags(repository)), repository, |_, _| false);
    }
    let note = Some(digest.to_string());
    let names: Vec<Name> =
        tags.iter().map(|tag| Name { note: note.clone(), ..Name::from(tag.to_string()) }).collect();
    let key = layout::tags(repository);
    let update = Update::new(&key).proven().naming(&names);
    let update = if let Some(proof) = &found.proof { update.known(proof) } else { update };
    change(update, repository, |map, _| {
        let mut changed = false;
        for tag in tags {
            changed |= map.set(tag, digest);
        }
        changed
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

/// Whether the document is an older copy of what was acknowledged, as its proof tells.
pub fn is_older(document: &Document) -> Result<bool, Error> {
    Proof::of(&document.info.key)?.is_ahead_of(document)
}

/// What is wrong with an older copy.
pub const WHY_OLDER: &str = "it is an older copy, and a newer one was acknowledged: restore the newest copy, or run \
                             `packhouse reindex`, which sets the tags again";

/// `take` takes tags out of the map. It says whether it has changed the map, and which tags the proof must
/// not name any more. Its second argument tells whether this has tried to write before.
fn take_out(
    repository: &RepositoryName,
    mut take: impl FnMut(&mut Tags, bool) -> Result<(bool, Vec<String>), Error>,
) -> Result<(), Error> {
    let key = layout::tags(repository);
    run(Update::new(&key).proven(), repository, |tags, document, has_tried| {
        let (is_changed, taken) = take(tags, has_tried)?;
        if let Some(document) = document {
            storage::release(&key, &document.into(), &taken)?;
        }
        Ok(is_changed)
    })
}

/// `change` says whether it has changed something. Its second argument tells whether this has
/// tried to write before.
fn change(
    update: Update<'_>,
    repository: &RepositoryName,
    mut change: impl FnMut(&mut Tags, bool) -> bool,
) -> Result<(), Error> {
    run(update, repository, |tags, _, has_tried| Ok(change(tags, has_tried)))
}

/// The same, where `change` also gets the stored document.
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

/// Makes an older copy anew: the tags that its proof names stand for what it says. The others stay as they
/// are where their manifest is here: an earlier version named none. Gives the tags that are lost, as their
/// manifests are.
pub fn rebuild(
    repository: &RepositoryName,
    document: &Document,
    is_dry_run: bool,
) -> Result<Vec<String>, Error> {
    let key = &document.info.key;
    let proof = Proof::of(key)?;
    let (mut map, mut lost) = (parse(&document.bytes, key)?, Vec::new());
    let tags: Vec<String> = map.names_after("").map(str::to_owned).collect();
    for tag in tags.iter().filter_map(|name| Tag::parse(name).ok()) {
        if let Some(digest) = map.get(&tag)
            && storage::stat(&layout::manifest(repository, &digest))?.is_none()
        {
            map.remove(&tag);
        }
    }
    for (name, _) in proof.files() {
        let Ok(tag) = Tag::parse(name) else { continue };
        let Some(digest) = proof.note(name).and_then(|note| ContentDigest::parse(note).ok()) else {
            continue;
        };
        if storage::stat(&layout::manifest(repository, &digest))?.is_some() {
            map.set(&tag, &digest);
        } else {
            lost.push(name.to_owned());
        }
    }
    if !is_dry_run {
        let bytes = map.to_bytes().map_err(|error| Error::Misused(error.to_string()))?;
        unless_conflict(storage::put_rebuilt(key, Some(&document.into()), bytes, Some(JSON)))?;
    }
    Ok(lost)
}

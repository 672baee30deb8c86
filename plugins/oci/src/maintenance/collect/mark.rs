//! Remembers which blobs are referenced, and which were used lately.

use packhouse_plugin::maintenance::Step;
use packhouse_plugin::{Error, ObjectInfo, storage};

use super::damage;
use crate::digest::ContentDigest;
use crate::layout;
use crate::maintenance::{DOCUMENTS, KEYS, page, reason};
use crate::pending::Content;
use crate::{holdings, records};

/// A push that has been under way for longer is dead, in milliseconds.
const LONGEST_PUSH: u64 = 60 * 60 * 1000;
/// A manifest that was written after the start of the run may have a time that is this much earlier, in
/// milliseconds.
const MARGIN: u64 = 60_000;
/// A step ends after it has read this many bytes of documents.
const MOST_READ: u64 = 32 << 20;

/// Blobs that a push under way names. Dead pushes are removed.
pub fn pending(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::PENDING, after, KEYS)?;
    let alive = step.started().saturating_sub(LONGEST_PUSH);
    let is_alive = |object: &ObjectInfo| object.modified.is_none_or(|moment| moment >= alive);
    let (alive, dead): (Vec<_>, Vec<_>) = listing.objects.into_iter().partition(is_alive);
    for object in dead {
        if step.remove(&object)? {
            step.left_over(&object.key, object.size, "its push has been under way for over an hour");
        }
    }
    let keys: Vec<String> = alive.into_iter().map(|object| object.key).collect();
    for document in storage::get_each(&keys) {
        // Ended since it was listed: its manifest is there by now.
        let Some(document) = document? else { continue };
        match document.json::<Content>() {
            Ok(content) => step.remember(&content.blobs),
            Err(error) => damage::hold_all(step, &document.info.key, &reason(error)),
        }
    }
    Ok(listing.next)
}

/// Blobs that were brought or confirmed lately.
pub fn members(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::MEMBERS, after, KEYS)?;
    let recent = listing.objects.iter().filter(|member| step.is_young(member));
    let digests: Vec<String> =
        recent.filter_map(|member| Some(recently(&layout::member_of(&member.key)?.0))).collect();
    step.remember(&digests);
    Ok(listing.next)
}

/// Blobs that any manifest names.
pub fn manifests(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    manifests_since(step, after, 0, DOCUMENTS)
}

/// The same for manifests that have come since the run began.
pub fn later_manifests(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    manifests_since(step, after, step.started().saturating_sub(MARGIN), KEYS)
}

fn manifests_since(
    step: &Step<'_>,
    after: Option<&str>,
    since: u64,
    limit: u32,
) -> Result<Option<String>, Error> {
    let listing = page(layout::MANIFESTS, after, limit)?;
    let is_wanted = |object: &&ObjectInfo| object.modified.is_none_or(|moment| moment >= since);
    let manifests = listing.objects.iter().filter(is_wanted);
    let keys: Vec<&String> = manifests.map(|object| &object.key).filter(|key| is_manifest(key)).collect();
    let mut read = 0;
    for (key, document) in keys.iter().zip(storage::get_each(&keys)) {
        // Deleted since it was listed.
        let (Some(document), Some((repository, digest))) = (document?, layout::manifest_of(key)) else {
            continue;
        };
        match holdings::check(&digest, &document)? {
            Ok(manifest) => {
                let named: Vec<String> = manifest.named().iter().map(ToString::to_string).collect();
                step.remember(&named);
                damage::check_children(step, &repository, &document, &manifest)?;
            }
            Err(why) => match step.pass(records::read(&repository, &digest))? {
                // What its push proved stays anyway.
                Some(Some(_)) => step.damaged_once(key, &why),
                Some(None) | None => damage::hold(step, &repository, key, &why)?,
            },
        }
        read += document.bytes.len() as u64;
        if read > MOST_READ {
            step.checked(1, read);
            return Ok(Some((*key).clone()));
        }
    }
    step.checked(keys.len() as u64, read);
    Ok(listing.next)
}

fn is_manifest(key: &str) -> bool {
    layout::manifest_of(key).is_some()
}

/// The word for a blob that was brought lately; the one for a blob that is named is its
/// digest.
pub fn recently(digest: &ContentDigest) -> String {
    format!("recently {digest}")
}

/// For each of these blobs whether it is named, and whether it was brought lately.
pub fn marks(step: &Step<'_>, digests: &[ContentDigest]) -> Vec<(bool, bool)> {
    let named: Vec<String> = digests.iter().map(ToString::to_string).collect();
    let recent: Vec<String> = digests.iter().map(recently).collect();
    step.remembered(&named).into_iter().zip(step.remembered(&recent)).collect()
}

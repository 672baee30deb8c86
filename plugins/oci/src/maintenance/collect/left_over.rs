//! Small objects about content that no longer exists; interrupted uploads and deletions leave them.
//! After each removal the object is checked again, and restored if the removal was too early, because a
//! storage does not always show that the same bytes were rewritten.

use packhouse_plugin::maintenance::Step;
use packhouse_plugin::storage::{self, Precondition, unless_conflict};
use packhouse_plugin::{Error, ObjectInfo};

use crate::digest::ContentDigest;
use crate::layout;
use crate::maintenance::evidence::Evidence;
use crate::maintenance::{DOCUMENTS, KEYS, page};
use crate::membership;
use crate::records::{self, Record, State};

/// Notes of uploads that have not ended, and members of blobs that are gone.
pub fn members(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::MEMBERS, after, KEYS)?;
    let old: Vec<&ObjectInfo> = listing.objects.iter().filter(|member| !step.is_young(member)).collect();
    let blob_of = |member: &&ObjectInfo| Some(layout::blob(&layout::member_of(&member.key)?.0));
    let blobs: Vec<(&ObjectInfo, String)> =
        old.iter().filter_map(|member| Some((*member, blob_of(member)?))).collect();
    let keys: Vec<&String> = blobs.iter().map(|(_, blob)| blob).collect();
    let mut evidence = Evidence::new(step);
    for ((member, blob), found) in blobs.iter().zip(storage::stat_many(&keys)?) {
        if membership::is_deleted(member) && found.is_some() {
            continue;
        }
        // A blob that is lost may come back: as long as a manifest names it, its members stay.
        let about = layout::member_of(&member.key);
        let digest = about.as_ref().map(|(digest, _)| digest.to_string());
        if found.is_none() && digest.is_some_and(|digest| step.remembered(&[digest]).contains(&true)) {
            continue;
        }
        if !membership::is_settled(member) && !membership::is_deleted(member) {
            drop_note(step, member)?;
        } else if found.is_none() {
            if let Some((digest, repository)) = about
                && !step.removes_orphans()
                && let Some(why) = evidence.predates(&digest, &repository, member)?
            {
                step.orphan(&member.key, member.size, &why);
                continue;
            }
            drop_unless(step, member, "its blob is gone", blob)?;
        }
    }
    Ok(listing.next)
}

/// The note of an upload that has not ended. A member of an unknown kind is damaged.
fn drop_note(step: &Step<'_>, member: &ObjectInfo) -> Result<(), Error> {
    let Some(document) = storage::get(&member.key)? else {
        return Ok(());
    };
    if !membership::is_note(&document) {
        step.pass(membership::is_whole(document))?;
    } else if step.remove(member)? {
        step.left_over(&member.key, member.size, "its upload has not ended");
    }
    Ok(())
}

/// Entries of manifests that are gone.
pub fn referrers(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    of_manifests(step, layout::REFERRERS, after)
}

/// Media types of manifests that are gone.
pub fn types(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    of_manifests(step, layout::TYPES, after)
}

/// Removes the records of manifests that a request has deleted, once the blobs that they released are
/// gone. With `--orphans`, it also removes the records of lost manifests. If an index or a tag still names
/// the manifest, the record is kept: it says why the manifest does not exist.
pub fn records(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::PUSHED, after, DOCUMENTS)?;
    let old: Vec<&ObjectInfo> = listing.objects.iter().filter(|record| !step.is_young(record)).collect();
    let keys: Vec<&String> = old.iter().map(|record| &record.key).collect();
    for (object, document) in old.iter().zip(storage::get_each(&keys)) {
        let (Some(document), Some((repository, digest))) =
            (document?, layout::manifest_of_record(&object.key))
        else {
            continue;
        };
        let Ok(record) = records::parse(&document) else { continue };
        let is_needed = step.remembered(&[digest.to_string()]).contains(&true);
        let may_go = match record.state {
            State::Deleted => !is_proof(step, &record)?,
            State::Pushed => step.removes_orphans(),
        };
        let manifest = layout::manifest(&repository, &digest);
        if may_go && !is_needed && storage::stat(&manifest)?.is_none() {
            drop_unless(step, object, "its manifest is gone", &manifest)?;
        }
    }
    Ok(listing.next)
}

/// Whether blobs that the manifest named are still here and no other one names them: a later
/// collection needs the record to know that they may go.
fn is_proof(step: &Step<'_>, record: &Record) -> Result<bool, Error> {
    // The collection would have removed them by now.
    if step.is_dry_run() {
        return Ok(false);
    }
    let is_named = step.remembered(&record.released);
    let unnamed = record.released.iter().zip(is_named).filter(|(_, is_named)| !is_named);
    let blobs: Vec<String> =
        unnamed.filter_map(|(blob, _)| Some(layout::blob(&ContentDigest::parse(blob).ok()?))).collect();
    Ok(storage::stat_many(&blobs)?.iter().any(Option::is_some))
}

fn of_manifests(step: &Step<'_>, prefix: &str, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(prefix, after, KEYS)?;
    let manifest_of = |object: &ObjectInfo| {
        let (repository, digest) = layout::manifest_about(&object.key)?;
        Some(layout::manifest(&repository, &digest))
    };
    let old = listing.objects.iter().filter(|object| !step.is_young(object));
    let old: Vec<(&ObjectInfo, String)> =
        old.filter_map(|object| Some((object, manifest_of(object)?))).collect();
    let keys: Vec<&String> = old.iter().map(|(_, manifest)| manifest).collect();
    for ((object, manifest), found) in old.iter().zip(storage::stat_many(&keys)?) {
        if found.is_none() && !is_lost(manifest)? {
            drop_unless(step, object, "its manifest is gone", manifest)?;
        }
    }
    Ok(listing.next)
}

/// Whether a push of the missing manifest was recorded, and no deletion: the operator may restore it.
fn is_lost(manifest: &str) -> Result<bool, Error> {
    let Some((repository, digest)) = layout::manifest_of(manifest) else { return Ok(false) };
    match records::read(&repository, &digest) {
        Ok(record) => Ok(record.is_some_and(|record| record.state == State::Pushed)),
        // Reported by now.
        Err(Error::Damaged { .. }) => Ok(true),
        Err(other) => Err(other),
    }
}

/// Removes an object that is about another one, which is not there.
fn drop_unless(step: &Step<'_>, object: &ObjectInfo, why: &str, other: &str) -> Result<(), Error> {
    let Some(document) = storage::get(&object.key)? else {
        return Ok(());
    };
    if !step.remove(object)? {
        return Ok(());
    }
    if !step.is_dry_run() && storage::stat(other)?.is_some() {
        let kind = document.info.content_type.as_deref();
        return unless_conflict(storage::put(&object.key, &document.bytes, Precondition::Absent, kind))
            .map(drop);
    }
    step.left_over(&object.key, object.size, why);
    Ok(())
}

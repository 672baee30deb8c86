//! Reads everything and changes nothing. It verifies that blobs and manifests match their digests, that
//! everything exists that they reference, that all pushed manifests and tags exist, that every tag
//! points to a manifest, and that the content of members, referrers and media types exists.

use std::collections::BTreeSet;

use packhouse_plugin::maintenance::{Phase, Step, digests};
use packhouse_plugin::storage::{self, Document};
use packhouse_plugin::{Error, ObjectInfo, settings};

use super::evidence::{self, Evidence, Verdict};
use super::{DOCUMENTS, page, reason};
use crate::digest::ContentDigest;
use crate::document::{Manifest, Tags};
use crate::name::{RepositoryName, Tag};
use crate::records::{Record, State};
use crate::{holdings, layout, membership, records, referrers, tag_map};

pub const PHASES: &[Phase] = &[
    Phase { name: "manifests", step: manifests },
    Phase { name: "records", step: pushed },
    Phase { name: "tags", step: tags },
    Phase { name: "lost tags", step: lost_tags },
    Phase { name: "blobs", step: blobs },
    Phase { name: "members", step: lost::members },
    Phase { name: "referrers", step: lost::referrers },
    Phase { name: "types", step: lost::types },
];

mod lost;

/// Of blobs, after which a step ends, in bytes.
const MOST_READ: u64 = 1 << 30;

fn blobs(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::BLOBS, after, DOCUMENTS)?;
    let mut read = 0;
    let mut evidence = Evidence::new(step);
    for blob in &listing.objects {
        let Some(digest) = layout::digest_of(&blob.key) else {
            step.damaged(&blob.key, "its name is not a digest");
            continue;
        };
        // Removed since it was listed.
        let Some(computed) = digests(&blob.key, &[digest.algorithm().as_str()])? else { continue };
        step.checked(1, blob.size);
        if !computed.contains(&digest.to_host()) {
            let computed = computed.first().map(ToString::to_string).unwrap_or_default();
            step.damaged(&blob.key, &format!("its content is {computed}"));
        }
        if !step.is_recent(blob) && !step.remembered(&[digest.to_string()]).contains(&true) {
            let members = storage::list(&layout::members(&digest)).collect::<Result<Vec<_>, _>>()?;
            if let Verdict::Orphan(why) = evidence.judge(&digest, &members)? {
                step.orphan(&blob.key, blob.size, &why);
            }
        }
        read += blob.size;
        if read > MOST_READ {
            return Ok(Some(blob.key.clone()));
        }
    }
    Ok(listing.next)
}

/// Manifests that were pushed, are not there, and were not deleted.
fn pushed(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::PUSHED, after, DOCUMENTS)?;
    let keys: Vec<&String> = listing.objects.iter().map(|object| &object.key).collect();
    let mut filled = BTreeSet::new();
    for (object, document) in listing.objects.iter().zip(storage::get_each(&keys)) {
        let (Some(document), Some((repository, digest))) =
            (document?, layout::manifest_of_record(&object.key))
        else {
            continue;
        };
        match records::parse(&document) {
            Ok(Record { state: State::Pushed, tags, .. }) => {
                if is_old(step, object) {
                    if !tags.is_empty() {
                        step.remember(&[tagged_word(&repository)]);
                    }
                    filled.insert(repository.clone());
                }
                let manifest = layout::manifest(&repository, &digest);
                step.report_orphans(std::slice::from_ref(object), &manifest)?;
            }
            Ok(record) => evidence::release(step, &repository, &record),
            Err(error) => step.damaged_once(&object.key, &reason(error)),
        }
    }
    report_lost_tags(step, &filled)?;
    Ok(listing.next)
}

/// Whether the object is so old that the request that wrote it has ended.
fn is_old(step: &Step<'_>, info: &ObjectInfo) -> bool {
    info.modified.is_some_and(|modified| modified.saturating_add(storage::GRACE) < step.started())
}

/// Reports missing documents of tags of repositories to which something was pushed.
fn report_lost_tags(step: &Step<'_>, repositories: &BTreeSet<RepositoryName>) -> Result<(), Error> {
    let keys: Vec<String> = repositories.iter().map(layout::tags).collect();
    for (key, found) in keys.iter().zip(storage::stat_many(&keys)?) {
        if found.is_none() {
            step.damaged_once(key, &tag_map::why_lost(false));
        }
    }
    Ok(())
}

/// The repositories whose manifests have been adopted. In a bucket of an earlier system, a repository
/// without tags has no document of tags. The adoption writes one.
fn adopted(repositories: &BTreeSet<RepositoryName>) -> Result<BTreeSet<RepositoryName>, Error> {
    let marks: Vec<String> = repositories.iter().map(layout::adopted).collect();
    let found = repositories.iter().zip(storage::stat_many(&marks)?);
    Ok(found.filter(|(_, mark)| mark.is_some()).map(|(repository, _)| repository.clone()).collect())
}

/// The word that a step remembers for a repository in which pushes have tagged something.
fn tagged_word(repository: &RepositoryName) -> String {
    format!("tagged {repository}")
}

fn manifests(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::MANIFESTS, after, DOCUMENTS)?;
    let keys: Vec<String> = listing.objects.into_iter().map(|object| object.key).collect();
    let mut filled = BTreeSet::new();
    for (key, document) in keys.iter().zip(storage::get_each(&keys)) {
        // Deleted since it was listed.
        let Some(document) = document? else { continue };
        let Some((repository, digest)) = layout::manifest_of(key) else {
            step.damaged(key, "its name is not that of a repository and a digest");
            continue;
        };
        step.checked(1, document.bytes.len() as u64);
        if is_old(step, &document.info) {
            filled.insert(repository.clone());
        }
        if let Ok(manifest) = Manifest::parse(&document.bytes) {
            let named: Vec<String> = manifest.named().iter().map(ToString::to_string).collect();
            step.remember(&named);
            if is_old(step, &document.info) {
                check_referrer(step, &repository, &digest, &manifest)?;
            }
        }
        if let Some(why) = step.pass(fault(&repository, &digest, &document))?.flatten() {
            // It may have been deleted with what it names meanwhile.
            if storage::stat(key)?.is_some() {
                step.damaged(key, &why);
            }
        }
    }
    report_lost_tags(step, &adopted(&filled)?)?;
    Ok(listing.next)
}

/// The entry of a manifest among the referrers of its subject.
fn check_referrer(
    step: &Step<'_>,
    repository: &RepositoryName,
    digest: &ContentDigest,
    manifest: &Manifest,
) -> Result<(), Error> {
    let Some(subject) = manifest.subject() else { return Ok(()) };
    if storage::stat(&layout::adopted(repository))?.is_none() {
        return Ok(());
    }
    let why = match referrers::fault(repository, &subject, digest) {
        Err(Error::Damaged { why, .. }) => why,
        fault => match fault? {
            Some(why) => why.to_owned(),
            None => return Ok(()),
        },
    };
    // A deletion of the manifest removes the entry first, and marks the record before.
    let is_there = storage::stat(&layout::manifest(repository, digest))?.is_some();
    if is_there && !records::is_deleted(repository, digest)? {
        step.damaged_once(&layout::referrer(repository, &subject, digest), &why);
    }
    Ok(())
}

/// What is wrong with a manifest.
fn fault(
    repository: &RepositoryName,
    digest: &ContentDigest,
    document: &Document,
) -> Result<Option<String>, Error> {
    let manifest = match holdings::check(digest, document)? {
        Ok(manifest) => manifest,
        Err(why) => return Ok(Some(why)),
    };
    if !settings::feature("sparse") {
        for blob in manifest.needed_blobs().filter_map(super::super::document::Descriptor::content) {
            if storage::stat(&layout::blob(&blob))?.is_none() {
                return Ok(Some(format!("it names the blob {blob}, which does not exist")));
            }
        }
        if let Some(child) = holdings::lost_children(repository, &manifest)?.first() {
            return Ok(Some(format!("it names the manifest {child}, which does not exist")));
        }
    }
    let is_adopted = storage::stat(&layout::adopted(repository))?.is_some();
    let proven = records::proven(repository, digest, &document.info, &manifest, is_adopted)?;
    if is_adopted {
        let lacking = membership::lacking(repository, &proven, &manifest.sizes())?;
        if let Some(lacking) = lacking.iter().find(|lacking| !lacking.is_settled) {
            let blob = &lacking.digest;
            return Ok(Some(format!("the blob {blob} is not visible beside it: run `packhouse reindex`")));
        }
    }
    Ok(None)
}

fn tags(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::TAGS, after, DOCUMENTS)?;
    let keys: Vec<String> = listing.objects.into_iter().map(|object| object.key).collect();
    for (key, document) in keys.iter().zip(storage::get_each(&keys)) {
        let Some(document) = document? else { continue };
        let Some(repository) = layout::repository_of_tags(key) else {
            step.damaged(key, "its name is not that of a repository's tags");
            continue;
        };
        step.checked(1, document.bytes.len() as u64);
        let is_emptied = Tags::may_be_emptied(&document.bytes);
        let is_tagged = || step.remembered(&[tagged_word(&repository)]).contains(&true);
        if is_emptied && (is_tagged() || tag_map::has_proof(&repository)?) {
            step.damaged(key, &tag_map::why_lost(true));
        } else if let Some(why) = tag_map::why_not_newest(&document)? {
            step.damaged_once(key, why);
            continue;
        }
        match Tags::parse(&document.bytes) {
            Ok(tags) => check_tags(step, &repository, key, &tags)?,
            Err(error) => step.damaged(key, &tag_map::why_unreadable(&document.bytes, &error)),
        }
    }
    Ok(listing.next)
}

/// Documents of tags that were lost, as their proofs tell.
fn lost_tags(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let (lost, next) = super::lost_tags(after)?;
    for repository in &lost {
        step.damaged_once(&layout::tags(repository), &tag_map::why_lost(false));
    }
    Ok(next)
}

fn check_tags(step: &Step<'_>, repository: &RepositoryName, key: &str, tags: &Tags) -> Result<(), Error> {
    let mut digests = Vec::new();
    for name in tags.names_after("") {
        match Tag::parse(name).ok().and_then(|tag| tags.get(&tag)) {
            Some(digest) => digests.push((name, digest)),
            None => step.damaged(key, &format!("the tag {name:?} does not contain a digest")),
        }
    }
    let known: Vec<ContentDigest> = digests.iter().map(|(_, digest)| digest.clone()).collect();
    let lost = holdings::lost(repository, &known)?;
    if lost.is_empty() {
        return Ok(());
    }
    // A deletion may have taken the tags away since they were read.
    let Some(now) = storage::get(key)?.and_then(|document| Tags::parse(&document.bytes).ok()) else {
        return Ok(());
    };
    for (name, digest) in digests.iter().filter(|(_, digest)| lost.contains(digest)) {
        let stands_for = Tag::parse(name).ok().and_then(|tag| now.get(&tag));
        if stands_for.as_ref() == Some(digest) {
            step.damaged(key, &format!("the tag {name} points to {digest}, which does not exist"));
        }
    }
    Ok(())
}

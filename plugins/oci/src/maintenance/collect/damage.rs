//! Finds lost and damaged manifests and tags, and notes which blobs must be kept because of them.

use std::collections::BTreeSet;

use packhouse_plugin::maintenance::Step;
use packhouse_plugin::storage::{self, Document};
use packhouse_plugin::{Error, settings};

use crate::digest::ContentDigest;
use crate::document::{Manifest, Tags};
use crate::maintenance::{DOCUMENTS, evidence, page, reason};
use crate::name::{RepositoryName, Tag};
use crate::records::{self, Record, State};
use crate::{holdings, layout, tag_map};

/// The word for a damage that any blob may suffer from.
const ANYWHERE: &str = "damaged";
/// The word for any damage at all.
const SOMEWHERE: &str = "damaged somewhere";

/// What the pushes of manifests proved that are not marked as deleted stays. Of the others,
/// what they released may go.
pub fn records(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::PUSHED, after, DOCUMENTS)?;
    let keys: Vec<&String> = listing.objects.iter().map(|object| &object.key).collect();
    let mut repositories = BTreeSet::new();
    for (object, document) in listing.objects.iter().zip(storage::get_each(&keys)) {
        let (Some(document), Some((repository, digest))) =
            (document?, layout::manifest_of_record(&object.key))
        else {
            continue;
        };
        repositories.insert(repository.clone());
        match records::parse(&document) {
            Ok(record) if record.state == State::Deleted => evidence::release(step, &repository, &record),
            Ok(Record { blobs, .. }) => {
                let manifest = layout::manifest(&repository, &digest);
                let is_lost = !step.is_young(object) && storage::stat(&manifest)?.is_none();
                if !is_lost || !step.removes_orphans() {
                    step.remember(&blobs);
                }
                if is_lost && !step.removes_orphans() {
                    let why = format!(
                        "its manifest {manifest} does not exist: it was lost, or its push was interrupted; push it again"
                    );
                    step.orphan(&object.key, object.size, &why);
                }
            }
            Err(error) => hold(step, &repository, &object.key, &reason(error))?,
        }
    }
    let tags: Vec<String> = repositories.iter().map(layout::tags).collect();
    for (repository, found) in repositories.iter().zip(storage::stat_many(&tags)?) {
        if found.is_none() {
            check_stored(step, repository)?;
        }
    }
    Ok(listing.next)
}

/// Documents of tags that were lost, as their proofs tell.
pub fn lost_tags(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let (lost, next) = crate::maintenance::lost_tags(after)?;
    for repository in &lost {
        hold(step, repository, &layout::tags(repository), &tag_map::why_lost(false))?;
    }
    Ok(next)
}

/// A document of tags that was lost or emptied.
fn check_stored(step: &Step<'_>, repository: &RepositoryName) -> Result<(), Error> {
    match tag_map::check_stored(repository) {
        Err(Error::Damaged { key, why }) => hold(step, repository, &key, &why),
        checked => checked.map(drop),
    }
}

/// Tags that stand for nothing.
pub fn tags(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::TAGS, after, DOCUMENTS)?;
    let keys: Vec<String> = listing.objects.into_iter().map(|object| object.key).collect();
    for (key, document) in keys.iter().zip(storage::get_each(&keys)) {
        let (Some(document), Some(repository)) = (document?, layout::repository_of_tags(key)) else {
            continue;
        };
        if let Some(why) = tag_map::why_not_newest(&document)? {
            hold(step, &repository, key, why)?;
        }
        match Tags::parse(&document.bytes) {
            Ok(_) if Tags::may_be_emptied(&document.bytes) => check_stored(step, &repository)?,
            Ok(tags) => check_tags(step, &repository, key, &tags)?,
            Err(error) => {
                hold(step, &repository, key, &tag_map::why_unreadable(&document.bytes, &error))?;
            }
        }
    }
    Ok(listing.next)
}

fn check_tags(step: &Step<'_>, repository: &RepositoryName, key: &str, tags: &Tags) -> Result<(), Error> {
    let names: Vec<&str> = tags.names_after("").collect();
    let digests: Vec<Option<ContentDigest>> =
        names.iter().map(|name| Tag::parse(name).ok().and_then(|tag| tags.get(&tag))).collect();
    let known: Vec<ContentDigest> = digests.iter().flatten().cloned().collect();
    let lost = holdings::lost(repository, &known)?;
    for (name, digest) in names.iter().zip(&digests) {
        let Some(digest) = digest else {
            hold(step, repository, key, &format!("the tag {name:?} does not contain a digest"))?;
            continue;
        };
        // Its record is needed as long as the tag is there.
        step.remember(&[digest.to_string()]);
        if lost.contains(digest) {
            hold(step, repository, key, &format!("the tag {name} points to {digest}, which does not exist"))?;
        }
    }
    Ok(())
}

/// An index that names a manifest which was lost: nobody knows what that one named.
pub fn check_children(
    step: &Step<'_>,
    repository: &RepositoryName,
    document: &Document,
    manifest: &Manifest,
) -> Result<(), Error> {
    if settings::feature("sparse") {
        return Ok(());
    }
    for child in holdings::lost_children(repository, manifest)? {
        let why = format!("it names the manifest {child}, which does not exist");
        hold(step, repository, &document.info.key, &why)?;
    }
    Ok(())
}

/// Reports a damage, and keeps the blobs that may have been named there.
pub fn hold(step: &Step<'_>, repository: &RepositoryName, key: &str, why: &str) -> Result<(), Error> {
    step.damaged_once(key, why);
    let is_adopted = storage::stat(&layout::adopted(repository))?.is_some();
    let word = if is_adopted { damaged_word(repository) } else { ANYWHERE.to_owned() };
    step.remember(&[word, SOMEWHERE.to_owned()]);
    Ok(())
}

/// Reports a damage, and keeps all blobs.
pub fn hold_all(step: &Step<'_>, key: &str, why: &str) {
    step.damaged_once(key, why);
    step.remember(&[ANYWHERE, SOMEWHERE]);
}

/// Whether a blob stays because something is damaged. `repositories` have it; one that no
/// repository has may be that of any.
pub fn is_held(step: &Step<'_>, repositories: &[RepositoryName]) -> bool {
    let mut words: Vec<String> = repositories.iter().map(damaged_word).collect();
    words.push(if words.is_empty() { SOMEWHERE } else { ANYWHERE }.to_owned());
    step.remembered(&words).contains(&true)
}

fn damaged_word(repository: &RepositoryName) -> String {
    format!("damaged {repository}")
}

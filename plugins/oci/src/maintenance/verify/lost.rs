//! Small objects about content that does not exist: lost blobs of repositories, and objects that the
//! next collection removes.

use packhouse_plugin::maintenance::Step;
use packhouse_plugin::storage::{self, Listing};
use packhouse_plugin::{Error, ObjectInfo};

use super::is_old;
use crate::layout;
use crate::maintenance::{KEYS, page, reason};
use crate::membership::{self, Found};
use crate::referrers;

/// Members that cannot be read, and blobs that repositories have and that are lost. Where a
/// manifest names one of these, that is damage; else the member is left over.
pub fn members(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::MEMBERS, after, KEYS)?;
    let keys: Vec<&String> = listing.objects.iter().map(|member| &member.key).collect();
    let mut about = Vec::new();
    for (member, document) in listing.objects.iter().zip(storage::get_each(&keys)) {
        let Some(document) = document? else { continue };
        let is_settled = step.pass(membership::is_whole(document))?.unwrap_or(false);
        if is_settled && is_old(step, member) {
            about.extend(layout::member_of(&member.key).map(|about| (member, about)));
        }
    }
    let blobs: Vec<String> = about.iter().map(|(_, (digest, _))| layout::blob(digest)).collect();
    for ((member, (digest, repository)), blob) in about.iter().zip(storage::stat_many(&blobs)?) {
        if blob.is_some() {
            continue;
        }
        // It may be on its way out.
        let found = step.pass(membership::find(repository, digest))?;
        let Some(Found::Damaged(error)) = found else { continue };
        if step.remembered(&[digest.to_string()]).contains(&true) {
            if let Error::Damaged { key, why } = error {
                step.damaged_once(&key, &why);
            }
        } else {
            step.orphan(&member.key, member.size, "its blob does not exist, and no manifest names it");
        }
    }
    Ok(listing.next)
}

/// Reports entries that cannot be read, that are about other manifests, or whose manifests are missing.
pub fn referrers(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::REFERRERS, after, KEYS)?;
    let keys: Vec<&String> = listing.objects.iter().map(|object| &object.key).collect();
    for (key, document) in keys.iter().zip(storage::get_each(&keys)) {
        let (Some(document), Some((repository, digest))) = (document?, layout::manifest_about(key)) else {
            continue;
        };
        let Err(error) = referrers::parse(&document, &digest) else { continue };
        if storage::stat(&layout::manifest(&repository, &digest))?.is_some() {
            step.damaged_once(key, &reason(error));
        }
    }
    report_left(step, &listing)?;
    Ok(listing.next)
}

/// Media types of manifests that are not here.
pub fn types(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::TYPES, after, KEYS)?;
    report_left(step, &listing)?;
    Ok(listing.next)
}

fn report_left(step: &Step<'_>, listing: &Listing) -> Result<(), Error> {
    let about: Vec<(&ObjectInfo, String)> = listing
        .objects
        .iter()
        .filter_map(|object| {
            let (repository, digest) = layout::manifest_about(&object.key)?;
            Some((object, layout::manifest(&repository, &digest)))
        })
        .collect();
    let keys: Vec<&String> = about.iter().map(|(_, manifest)| manifest).collect();
    for ((object, manifest), found) in about.iter().zip(storage::stat_many(&keys)?) {
        if found.is_none() {
            step.report_orphans(std::slice::from_ref(*object), manifest)?;
        }
    }
    Ok(())
}

//! Small objects that are about something that is not here: blobs that repositories have and
//! that are lost, and what the next collection removes.

use packhouse_plugin::maintenance::Step;
use packhouse_plugin::storage;
use packhouse_plugin::{Error, ObjectInfo};

use super::is_old;
use crate::layout;
use crate::maintenance::{KEYS, page};
use crate::membership::{self, Found};

/// Blobs that repositories have and that are lost. Where a manifest names one, that is damage;
/// else the member is left over.
pub fn members(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::MEMBERS, after, KEYS)?;
    let settled =
        listing.objects.iter().filter(|member| membership::is_settled(member) && is_old(step, member));
    let about: Vec<_> =
        settled.filter_map(|member| Some((member, layout::member_of(&member.key)?))).collect();
    let blobs: Vec<String> = about.iter().map(|(_, (digest, _))| layout::blob(digest)).collect();
    for ((member, (digest, repository)), blob) in about.iter().zip(storage::stat_many(&blobs)?) {
        if blob.is_some() {
            continue;
        }
        // It may be on its way out.
        let Found::Damaged(error) = membership::find(repository, digest)? else { continue };
        if step.remembered(&[digest.to_string()]).contains(&true) {
            if let Error::Damaged { key, why } = error {
                step.damaged_once(&key, &why);
            }
        } else {
            step.orphan(&member.key, member.size, "its blob is not here, and no manifest names it");
        }
    }
    Ok(listing.next)
}

/// Entries of manifests that are not here.
pub fn referrers(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    of_manifests(step, layout::REFERRERS, after)
}

/// Media types of manifests that are not here.
pub fn types(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    of_manifests(step, layout::TYPES, after)
}

fn of_manifests(step: &Step<'_>, prefix: &str, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(prefix, after, KEYS)?;
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
    Ok(listing.next)
}

//! Condemns the blobs that are going to be removed, so that pushes can rescue them.

use packhouse_plugin::maintenance::{Mark, MarkState, Step};
use packhouse_plugin::storage::{self, Precondition};
use packhouse_plugin::{Error, ObjectInfo};

use super::{damage, mark};
use crate::condemned;
use crate::digest::ContentDigest;
use crate::layout;
use crate::maintenance::evidence::{self, Evidence, Verdict};
use crate::maintenance::{KEYS, page};
use crate::name::RepositoryName;

/// A run that has condemned a blob this long ago is dead, in milliseconds.
pub const LONGEST_RUN: u64 = 60 * 60 * 1000;

/// Blobs that are neither named nor recent. A dry run ends with them.
pub fn blobs(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::BLOBS, after, KEYS)?;
    step.checked(listing.objects.len() as u64, 0);
    let blobs: Vec<(ContentDigest, &ObjectInfo)> =
        listing.objects.iter().filter_map(|blob| Some((layout::digest_of(&blob.key)?, blob))).collect();
    let mut evidence = Evidence::new(step);
    let digests: Vec<ContentDigest> = blobs.iter().map(|(digest, _)| digest.clone()).collect();
    for ((digest, blob), (is_named, is_recent)) in blobs.iter().zip(mark::marks(step, &digests)) {
        if is_named {
            continue;
        }
        if is_recent || step.is_young(blob) {
            step.kept(1, blob.size);
        } else if may_go(step, &mut evidence, digest, blob)? {
            if step.is_dry_run() {
                step.left_over(&blob.key, blob.size, "no manifest names it");
                step.ordered(u64::from(evidence::is_released(step, digest)));
            } else {
                condemn(step, digest)?;
            }
        }
    }
    Ok(listing.next)
}

/// Whether something proves that nobody needs a blob that no manifest names.
fn may_go(
    step: &Step<'_>,
    evidence: &mut Evidence<'_>,
    digest: &ContentDigest,
    blob: &ObjectInfo,
) -> Result<bool, Error> {
    let members = storage::list(&layout::members(digest)).collect::<Result<Vec<_>, _>>()?;
    let repositories: Vec<RepositoryName> =
        members.iter().filter_map(|member| Some(layout::member_of(&member.key)?.1)).collect();
    if damage::is_held(step, &repositories) {
        return Ok(false);
    }
    if step.removes_orphans() {
        return Ok(true);
    }
    match evidence.judge(digest, &members)? {
        Verdict::MayGo => Ok(true),
        Verdict::Orphan(why) => {
            step.orphan(&blob.key, blob.size, &why);
            Ok(false)
        }
    }
}

/// Leaves what another run has in its hands, unless that run is dead.
fn condemn(step: &Step<'_>, digest: &ContentDigest) -> Result<(), Error> {
    let condemn = |precondition| condemned::write(digest, MarkState::Announced, &step.run(), precondition);
    match condemn(Precondition::Absent) {
        Err(Error::Conflict) => {}
        other => return other.map(drop),
    }
    let Some(found) = Mark::read(&layout::condemned(digest))? else {
        return Ok(());
    };
    let is_free = match found.state {
        Some(MarkState::Kept) => true,
        Some(MarkState::Removing) => false,
        Some(MarkState::Announced) | None => is_older(step, &found.info, LONGEST_RUN),
    };
    if !is_free {
        return Ok(());
    }
    match condemn(Precondition::Version(&found.info.version)) {
        // Somebody has rescued it, or has been quicker.
        Err(Error::Conflict) => Ok(()),
        other => other.map(drop),
    }
}

/// Was it written so long before this run, in milliseconds?
pub fn is_older(step: &Step<'_>, info: &ObjectInfo, age: u64) -> bool {
    info.modified.is_some_and(|moment| moment.saturating_add(age) < step.started())
}

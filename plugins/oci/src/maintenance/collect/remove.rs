//! Removes blobs that this run has condemned and no push has rescued, and completes removals that
//! another run has left unfinished.

use packhouse_plugin::maintenance::{Mark, MarkState, Step};
use packhouse_plugin::storage::{self, Precondition};
use packhouse_plugin::{Error, log};

use super::condemn::{LONGEST_RUN, is_older};
use super::{damage, mark};
use crate::condemned;
use crate::digest::ContentDigest;
use crate::layout;
use crate::maintenance::{DOCUMENTS, evidence, page};
use crate::name::RepositoryName;

/// A removal that began this long ago has been left, in milliseconds.
const LONGEST_REMOVAL: u64 = 10 * 60 * 1000;

pub fn condemned(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::CONDEMNED, after, DOCUMENTS)?;
    let keys: Vec<String> = listing.objects.into_iter().map(|object| object.key).collect();
    for document in storage::get_each(&keys) {
        // Rescued since it was listed.
        let Some(document) = document? else { continue };
        if let Some(digest) = layout::digest_of(&document.info.key) {
            decide(step, &digest, &Mark::of(&document))?;
        }
    }
    Ok(listing.next)
}

fn decide(step: &Step<'_>, digest: &ContentDigest, found: &Mark) -> Result<(), Error> {
    let is_older = |age| is_older(step, &found.info, age);
    let is_ours = found.by == step.run();
    match found.state {
        Some(MarkState::Announced) if is_ours => {
            let marks = mark::marks(step, std::slice::from_ref(digest));
            if marks.iter().any(|(is_named, is_recent)| *is_named || *is_recent) {
                return spare(step, found);
            }
            // A damage may have been found since it was condemned.
            if damage::is_held(step, &repositories(digest)?) {
                return spare(step, found);
            }
            let theirs = Precondition::Version(&found.info.version);
            match condemned::write(digest, MarkState::Removing, &step.run(), theirs) {
                Ok(_) => remove(step, digest),
                // Rescued in this moment.
                Err(Error::Conflict) => Ok(()),
                Err(other) => Err(other),
            }
        }
        Some(MarkState::Removing) if is_ours || is_older(LONGEST_REMOVAL) => {
            if step.is_dry_run() {
                Ok(())
            } else {
                remove(step, digest)
            }
        }
        Some(MarkState::Kept) => spare(step, found),
        Some(MarkState::Announced) if is_older(LONGEST_RUN) => spare(step, found),
        Some(MarkState::Announced | MarkState::Removing) => Ok(()),
        None => {
            log::error("a condemnation cannot be read", &[("key", &found.info.key)]);
            if is_older(LONGEST_RUN) { spare(step, found) } else { Ok(()) }
        }
    }
}

/// Those that have the blob.
fn repositories(digest: &ContentDigest) -> Result<Vec<RepositoryName>, Error> {
    let members = storage::list(&layout::members(digest)).collect::<Result<Vec<_>, _>>()?;
    Ok(members.iter().filter_map(|member| Some(layout::member_of(&member.key)?.1)).collect())
}

/// Takes the condemnation away, unless it has changed.
fn spare(step: &Step<'_>, found: &Mark) -> Result<(), Error> {
    step.remove(&found.info).map(|_| ())
}

/// The bytes, then all that says that repositories have them, then the condemnation: who
/// waits for it begins anew.
fn remove(step: &Step<'_>, digest: &ContentDigest) -> Result<(), Error> {
    let key = layout::blob(digest);
    let size = storage::stat(&key)?.map(|blob| blob.size);
    storage::remove(&key, Precondition::Any)?;
    for member in storage::list(&layout::members(digest)) {
        storage::remove(&member?.key, Precondition::Any)?;
    }
    storage::remove(&layout::condemned(digest), Precondition::Any)?;
    if let Some(size) = size {
        step.left_over(&key, size, "no manifest names it");
        step.ordered(u64::from(evidence::is_released(step, digest)));
    }
    Ok(())
}

//! Removes what this run has condemned and nobody has rescued, and ends the removals that
//! another run has died in.

use packhouse_plugin::maintenance::Step;
use packhouse_plugin::storage::{self, Document, Precondition};
use packhouse_plugin::{Error, log};

use super::condemn::{LONGEST_RUN, is_older};
use super::{damage, mark};
use crate::condemned::{Condemned, State};
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
            decide(step, &digest, &document)?;
        }
    }
    Ok(listing.next)
}

fn decide(step: &Step<'_>, digest: &ContentDigest, document: &Document) -> Result<(), Error> {
    let is_older = |age| is_older(step, &document.info, age);
    let found = document.json::<Condemned>();
    match &found {
        Ok(Condemned { run, state: State::Condemned }) if *run == step.run() => {
            let marks = mark::marks(step, std::slice::from_ref(digest));
            if marks.iter().any(|(is_named, is_recent)| *is_named || *is_recent) {
                return spare(step, document);
            }
            // A damage may have been found since it was condemned.
            if damage::is_held(step, &repositories(digest)?) {
                return spare(step, document);
            }
            let deleting = Condemned { run: step.run(), state: State::Deleting };
            match deleting.write(digest, document.precondition()) {
                Ok(_) => remove(step, digest),
                // Rescued in this moment.
                Err(Error::Conflict) => Ok(()),
                Err(other) => Err(other),
            }
        }
        Ok(Condemned { run, state: State::Deleting }) if *run == step.run() || is_older(LONGEST_REMOVAL) => {
            if step.is_dry_run() {
                Ok(())
            } else {
                remove(step, digest)
            }
        }
        Ok(Condemned { state: State::Rescued, .. }) => spare(step, document),
        Ok(Condemned { state: State::Condemned, .. }) if is_older(LONGEST_RUN) => spare(step, document),
        Ok(_) => Ok(()),
        Err(error) => {
            log::error("a condemnation cannot be read", &[("error", &error.to_string())]);
            if is_older(LONGEST_RUN) { spare(step, document) } else { Ok(()) }
        }
    }
}

/// Those that have the blob.
fn repositories(digest: &ContentDigest) -> Result<Vec<RepositoryName>, Error> {
    let members = storage::list(&layout::members(digest)).collect::<Result<Vec<_>, _>>()?;
    Ok(members.iter().filter_map(|member| Some(layout::member_of(&member.key)?.1)).collect())
}

/// Takes the condemnation away, unless it has changed.
fn spare(step: &Step<'_>, document: &Document) -> Result<(), Error> {
    step.remove(&document.info).map(|_| ())
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

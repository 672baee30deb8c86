//! Looking after the bucket: what `packhouse gc`, `reindex` and `verify` do here.
//!
//! Each is a chain of phases over one prefix of keys; a cursor names the phase and the key
//! that it goes on behind.

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::{Maintenance, Step};
use packhouse_plugin::storage::{self, Listing, ListingOptions};

use crate::name::RepositoryName;
use crate::{Oci, layout, tag_map};

mod collect;
mod evidence;
mod reindex;
mod verify;

/// Keys of one step, where they are only listed.
const KEYS: u32 = 1000;
/// Keys of one step, where each document is read.
const DOCUMENTS: u32 = 200;

impl Maintenance for Oci {
    fn collect(step: &Step<'_>) -> Result<(), Error> {
        take(step, collect::PHASES)
    }

    fn reindex(step: &Step<'_>) -> Result<(), Error> {
        take(step, reindex::PHASES)
    }

    fn verify(step: &Step<'_>) -> Result<(), Error> {
        take(step, verify::PHASES)
    }
}

/// One phase of a run.
struct Phase {
    name: &'static str,
    /// One step behind this key; gives the key behind which the next one goes on.
    step: fn(&Step<'_>, Option<&str>) -> Result<Option<String>, Error>,
}

/// Between the phase and the key of a cursor; no key holds it.
const BETWEEN: char = '\t';

/// Goes on where the step before has ended.
fn take(step: &Step<'_>, phases: &[Phase]) -> Result<(), Error> {
    let cursor = step.cursor().unwrap_or_default();
    let (name, after) = cursor.split_once(BETWEEN).unwrap_or((&cursor, ""));
    let number = phases.iter().position(|phase| phase.name == name).unwrap_or(0);
    let Some(phase) = phases.get(number) else {
        return Ok(());
    };
    match (phase.step)(step, Some(after).filter(|after| !after.is_empty()))? {
        Some(after) => step.set_cursor(&format!("{}{BETWEEN}{after}", phase.name)),
        None => phases.get(number + 1).iter().for_each(|next| step.set_cursor(next.name)),
    }
    Ok(())
}

/// The repositories of a page of proofs whose documents of tags were lost, and the key behind which
/// the next page begins.
fn lost_tags(after: Option<&str>) -> Result<(Vec<RepositoryName>, Option<String>), Error> {
    let listing = page(storage::PROOFS, after, KEYS)?;
    let keys = listing.objects.iter().filter_map(|proof| proof.key.strip_prefix(storage::PROOFS));
    let (keys, repositories): (Vec<&str>, Vec<RepositoryName>) =
        keys.filter_map(|key| Some((key, layout::repository_of_tags(key)?))).unzip();
    let mut lost = Vec::new();
    for (repository, found) in repositories.into_iter().zip(storage::stat_many(&keys)?) {
        if found.is_none() && tag_map::is_proof_left(&repository)? {
            lost.push(repository);
        }
    }
    Ok((lost, listing.next))
}

/// One page of all keys below a prefix.
fn page(prefix: &str, after: Option<&str>, limit: u32) -> Result<Listing, Error> {
    storage::list_page(&ListingOptions { after, limit, ..ListingOptions::new(prefix) })
}

/// Reports a damaged object by its key. The run goes on without it: one must not keep the
/// operator from hearing of the others.
fn pass<T>(step: &Step<'_>, result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Err(Error::Damaged { key, why }) => {
            step.damaged_once(&key, &why);
            Ok(None)
        }
        result => result.map(Some),
    }
}

/// What is wrong with an object that is reported by its key.
fn reason(error: Error) -> String {
    match error {
        Error::Damaged { why, .. } => why,
        other => other.to_string(),
    }
}

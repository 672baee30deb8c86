//! Maintenance of the bucket: `packhouse gc`, `reindex` and `verify`.
//!
//! Each is a chain of phases over one prefix of keys.

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
        step.run_phases(collect::PHASES)
    }

    fn reindex(step: &Step<'_>) -> Result<(), Error> {
        step.run_phases(reindex::PHASES)
    }

    fn verify(step: &Step<'_>) -> Result<(), Error> {
        step.run_phases(verify::PHASES)
    }
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

/// What is wrong with an object that is reported by its key.
fn reason(error: Error) -> String {
    match error {
        Error::Damaged { why, .. } => why,
        other => other.to_string(),
    }
}

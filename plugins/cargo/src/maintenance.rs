//! Maintenance of the bucket: removes what interrupted publishes left, rebuilds derived documents, and
//! verifies the files against the index.

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::{Maintenance, Reference, Step, Stored};
use packhouse_plugin::storage::{Document, Json};

use crate::Cargo;
use crate::document::Index;
use crate::layout;
use crate::name::{CrateName, Version};
use crate::owners::Owners;

mod collect;
mod reindex;
mod verify;

impl Maintenance for Cargo {
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

/// The index file of a crate as it is now.
fn stored(name: &CrateName) -> Result<Stored, Error> {
    Stored::read(&layout::index(name), |document| {
        let checked = Index::new(&document.bytes).check(name);
        Ok(Stored::ours(document, (), checked))
    })
}

/// Its lines, as far as they can be read.
fn index(stored: &Stored) -> Option<Index<'_>> {
    stored.document().map(|document| Index::new(&document.bytes))
}

fn reference(stored: &Stored, version: &Version) -> Reference {
    match stored {
        Stored::Nothing => Reference::NoDocument,
        Stored::Damaged(..) | Stored::Foreign(_) => Reference::Damaged,
        Stored::Ours(document, ()) => match Index::new(&document.bytes).find(version) {
            Some(_) => Reference::Named,
            None => Reference::Unnamed,
        },
    }
}

/// When the first version of an index that is whole was published.
fn begun(stored: &Stored) -> Option<u64> {
    if let Stored::Ours(document, ()) = stored { Index::new(&document.bytes).begun() } else { None }
}

/// A crate whose first version was published here has a document of owners. The first line of
/// another system's crate has no size.
fn is_published_here(index: Index<'_>) -> bool {
    index.lines().next().is_some_and(|line| line.crate_size.is_some())
}

/// Why a missing document of owners is damage.
fn lost_owners(name: &CrateName) -> String {
    format!(
        "it is missing, so {name} has no owners: restore it, or add owners again. If it has a proof, remove that first"
    )
}

/// Why a missing index file is damage if the crate has a document of owners.
fn lost_index(owners: &str) -> String {
    format!(
        "it is lost: `{owners}` shows that the crate was published. Restore it, or run `packhouse gc --orphans` to remove everything that is left of the crate"
    )
}

/// What a document of owners says, or why it is damaged, as its proof may tell.
fn owners(document: Result<Document, Error>) -> Result<Result<Owners, String>, Error> {
    let parsed = document.and_then(|document| {
        let owners: Owners = document.json()?;
        match Json::<Owners>::at(&document.info.key).strict().parse(&document) {
            // It was changed after it was read.
            Err(Error::Conflict) => Ok((document.info.key, owners)),
            checked => checked.map(|owners| (document.info.key, owners)),
        }
    });
    match parsed {
        Ok((key, owners)) => Ok(wrong_owners(&key, &owners).map_or(Ok(owners), Err)),
        Err(Error::Damaged { why, .. }) => Ok(Err(why)),
        Err(error) => Err(error),
    }
}

/// Why a document of owners does not belong to its key; none if it does.
pub(crate) fn wrong_owners(key: &str, owners: &Owners) -> Option<String> {
    match CrateName::parse(&owners.name) {
        Ok(name) if layout::owners(&name) == key => None,
        Ok(name) => Some(format!("it is the list of owners of {name}")),
        Err(error) => Some(error.to_string()),
    }
}

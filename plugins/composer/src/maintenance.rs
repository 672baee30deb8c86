//! Maintenance of the bucket: removes what interrupted publishes left, makes documents from dists that
//! were copied in, and verifies the stored objects against the documents.

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::{self, Maintenance, Reference, Step};
use packhouse_plugin::storage;

use crate::Composer;
use crate::document::Package;
use crate::layout;
use crate::name::PackageName;

mod collect;
mod notes;
mod reindex;
mod verify;

impl Maintenance for Composer {
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

/// What lies at a package's key.
type Stored = maintenance::Stored<Package>;

/// The document of a package as it is now. It is read after the files were listed.
fn stored(name: &PackageName) -> Result<Stored, Error> {
    Stored::read(&layout::document(name), |document| match Package::parse(&document.bytes) {
        Err(why) => Err(document.damaged(why)),
        Ok(None) => Ok(Stored::Foreign(document)),
        Ok(Some(package)) => {
            let checked = package.check(name);
            Ok(Stored::ours(document, package, checked))
        }
    })
}

/// What the document says now of a dist, or of the note beside it.
fn reference(name: &PackageName, stored: &Stored, file: &str) -> Result<Reference, Error> {
    if file == layout::ADVISORIES && matches!(stored, Stored::Nothing) {
        return Ok(Reference::NoDocument);
    }
    let Some(reference) = layout::reference_of(file) else { return Ok(Reference::Named) };
    let is_note = !layout::is_dist(file);
    Ok(match stored {
        Stored::Ours(_, package) if package.dists().any(|dist| dist.reference == reference) => {
            Reference::Named
        }
        // The note stays as long as the dist lies there.
        Stored::Ours(..) if is_note && storage::stat(&layout::dist(name, reference))?.is_some() => {
            Reference::Named
        }
        Stored::Ours(..) => Reference::Unnamed,
        Stored::Nothing => Reference::NoDocument,
        Stored::Foreign(_) | Stored::Damaged(..) => Reference::Damaged,
    })
}

//! Maintenance of the bucket: removes what interrupted deployments left, makes documents and metadata
//! from files that were copied in, and verifies the stored files against the documents.

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::{self, Maintenance, Step};

use crate::Maven;
use crate::document::Release;
use crate::layout;
use crate::name::Coordinates;

mod changes;
mod collect;
mod reindex;
mod verify;

impl Maintenance for Maven {
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

/// What lies at the key of a version's document.
type Stored = maintenance::Stored<Release>;

/// The document of a version as it is now. It is read after the files were listed.
fn stored(coordinates: &Coordinates) -> Result<Stored, Error> {
    Stored::read(&layout::document(coordinates), |document| {
        let release: Release = document.json()?;
        let checked = release.check(coordinates);
        Ok(Stored::ours(document, release, checked))
    })
}

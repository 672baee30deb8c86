//! Maintenance of the bucket: removes what interrupted publishes left, and verifies the stored files
//! against the packuments.

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::{Maintenance, Step, Stored};
use packhouse_plugin::storage::folder_of;

use crate::Npm;
use crate::document::Packument;
use crate::layout;
use crate::name::PackageName;

mod collect;
mod part;
mod reindex;
mod verify;

impl Maintenance for Npm {
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

/// The packument as it is now. It is read after the files were listed.
fn stored(name: &PackageName) -> Result<Stored, Error> {
    Stored::read(&layout::index(name), |document| {
        let checked = match Packument::parse(&document.bytes) {
            // A packument without versions is damaged: it cannot show that a file is unused.
            Ok(packument) if packument.has_versions() => packument.check(name),
            Ok(_) => Err("it has no versions".to_owned()),
            Err(error) => Err(format!("it is not a packument: {error}")),
        };
        Ok(Stored::ours(document, (), checked))
    })
}

/// The packument, also if it is damaged; none if it cannot be read.
fn packument(stored: &Stored) -> Option<Packument<'_>> {
    stored.document().and_then(|document| Packument::parse(&document.bytes).ok())
}

/// When a whole packument was begun.
fn begun(packument: Option<&Packument<'_>>) -> Option<u64> {
    packument.and_then(Packument::begun)
}

/// The package that the folder of this key belongs to.
fn package_of(key: &str) -> Option<PackageName> {
    PackageName::parse(folder_of(key).strip_prefix(layout::PACKAGES)?).ok()
}

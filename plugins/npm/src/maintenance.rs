//! Looking after the bucket: what interrupted publishes left behind, and whether what is
//! stored is what the packuments say. No document is derived from another here, so there
//! is nothing to rebuild.

use packhouse_plugin::maintenance::{Maintenance, Step};
use packhouse_plugin::storage::{self, Document};
use packhouse_plugin::{Error, log};

use crate::Npm;
use crate::document::Packument;
use crate::layout;
use crate::name::PackageName;

mod collect;
mod verify;

impl Maintenance for Npm {
    fn collect(step: &Step<'_>) -> Result<(), Error> {
        collect::collect(step)
    }

    fn reindex(_: &Step<'_>) -> Result<(), Error> {
        log::info("npm has no derived documents: there is nothing to rebuild", &[]);
        Ok(())
    }

    fn verify(step: &Step<'_>) -> Result<(), Error> {
        verify::verify(step)
    }
}

/// What lies at a package's key.
enum Stored {
    Nothing,
    Packument(Document),
    /// Why it cannot be used.
    Damaged(String),
}

impl Stored {
    /// Reads the packument as it is now, so after whatever was listed before.
    fn read(name: &PackageName) -> Result<Stored, Error> {
        match storage::get(&layout::index(name)) {
            Ok(None) => Ok(Stored::Nothing),
            Ok(Some(document)) => Ok(match Packument::parse(&document.bytes) {
                Ok(_) => Stored::Packument(document),
                Err(error) => Stored::Damaged(format!("it is no packument: {error}")),
            }),
            Err(Error::TooLarge(limit)) => {
                Ok(Stored::Damaged(format!("it is larger than the {limit} bytes that can be read")))
            }
            Err(error) => Err(error),
        }
    }

    /// None when nothing usable is there.
    fn packument(&self) -> Option<Packument<'_>> {
        match self {
            Stored::Packument(document) => Packument::parse(&document.bytes).ok(),
            Stored::Nothing | Stored::Damaged(_) => None,
        }
    }

    /// Bytes that were read.
    fn size(&self) -> u64 {
        match self {
            Stored::Packument(document) => document.bytes.len() as u64,
            Stored::Nothing | Stored::Damaged(_) => 0,
        }
    }
}

//! Looking after the bucket: what interrupted publishes left behind, what is derived, and
//! whether every file is what the index says.

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::{Maintenance, Step};
use packhouse_plugin::storage::{self, Document};

use crate::Cargo;
use crate::document::Index;
use crate::layout;
use crate::name::{CrateName, Version};

mod collect;
mod reindex;
mod verify;

impl Maintenance for Cargo {
    fn collect(step: &Step<'_>) -> Result<(), Error> {
        collect::collect(step)
    }

    fn reindex(step: &Step<'_>) -> Result<(), Error> {
        reindex::reindex(step)
    }

    fn verify(step: &Step<'_>) -> Result<(), Error> {
        verify::verify(step)
    }
}

/// What lies at the key of a crate's index file, as it is now.
enum Stored {
    Nothing,
    Index(Document),
    /// It cannot be read back, so nothing is known of what it names.
    TooLarge(u64),
}

impl Stored {
    fn read(name: &CrateName) -> Result<Stored, Error> {
        match storage::get(&layout::index(name)) {
            Ok(None) => Ok(Stored::Nothing),
            Ok(Some(document)) => Ok(Stored::Index(document)),
            Err(Error::TooLarge(limit)) => Ok(Stored::TooLarge(limit)),
            Err(error) => Err(error),
        }
    }

    fn index(&self) -> Option<Index<'_>> {
        match self {
            Stored::Index(document) => Some(Index::new(&document.bytes)),
            Stored::Nothing | Stored::TooLarge(_) => None,
        }
    }

    /// Whether this version may not be taken away.
    fn names(&self, version: &Version) -> bool {
        matches!(self, Stored::TooLarge(_)) || self.index().is_some_and(|index| index.find(version).is_some())
    }

    /// Bytes that were read.
    fn size(&self) -> u64 {
        match self {
            Stored::Index(document) => document.bytes.len() as u64,
            Stored::Nothing | Stored::TooLarge(_) => 0,
        }
    }
}

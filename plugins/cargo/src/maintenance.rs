//! Looking after the bucket: what interrupted publishes left behind, what is derived, and
//! whether every file is what the index says.

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::{Maintenance, Reference, Step};
use packhouse_plugin::storage::{self, Document};

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
    /// A whole one.
    Index(Document),
    /// There is a file, and it is not whole: why.
    Damaged(Option<Document>, String),
}

impl Stored {
    fn read(name: &CrateName) -> Result<Stored, Error> {
        match storage::get(&layout::index(name)) {
            Ok(None) => Ok(Stored::Nothing),
            Ok(Some(document)) => Ok(match Index::new(&document.bytes).check(name) {
                Ok(()) => Stored::Index(document),
                Err(why) => Stored::Damaged(Some(document), why),
            }),
            Err(Error::Damaged { why, .. }) => Ok(Stored::Damaged(None, why)),
            Err(error) => Err(error),
        }
    }

    fn document(&self) -> Option<&Document> {
        match self {
            Stored::Index(document) | Stored::Damaged(Some(document), _) => Some(document),
            Stored::Nothing | Stored::Damaged(None, _) => None,
        }
    }

    /// Its lines, as far as they can be read.
    fn index(&self) -> Option<Index<'_>> {
        self.document().map(|document| Index::new(&document.bytes))
    }

    fn reference(&self, version: &Version) -> Reference {
        match self {
            Stored::Nothing => Reference::NoDocument,
            Stored::Damaged(..) => Reference::Damaged,
            Stored::Index(document) => match Index::new(&document.bytes).find(version) {
                Some(_) => Reference::Named,
                None => Reference::Unnamed,
            },
        }
    }

    /// When the first version of an index that is whole was published.
    fn begun(&self) -> Option<u64> {
        match self {
            Stored::Index(document) => Index::new(&document.bytes).begun(),
            Stored::Nothing | Stored::Damaged(..) => None,
        }
    }

    /// Bytes that were read.
    fn size(&self) -> u64 {
        self.document().map_or(0, |document| document.bytes.len() as u64)
    }
}

/// A crate whose first version was published here has a document of owners. The first line of
/// another system's crate has no size.
fn is_published_here(index: Index<'_>) -> bool {
    index.lines().next().is_some_and(|line| line.crate_size.is_some())
}

/// Why a document of owners is damaged that is missing.
fn lost_owners(name: &CrateName) -> String {
    format!("it is missing, so {name} has no owners: restore it, or name owners anew")
}

/// Why a document of owners does not belong to its key; none if it does.
fn wrong_owners(key: &str, owners: &Owners) -> Option<String> {
    match CrateName::parse(&owners.name) {
        Ok(name) if layout::owners(&name) == key => None,
        Ok(name) => Some(format!("it is about {name}")),
        Err(error) => Some(error.to_string()),
    }
}

fn folder(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(folder, _)| folder)
}

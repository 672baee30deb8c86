//! Looking after the bucket: what interrupted pushes left behind, what is derived, and whether
//! every gem is what its document says.

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::{Maintenance, Reference, Step, Stored};
use packhouse_plugin::{ObjectInfo, storage};

use crate::document::Package;
use crate::layout;
use crate::name::{GemName, Slot};
use crate::{RubyGems, stored};

mod collect;
mod reindex;
mod verify;

impl Maintenance for RubyGems {
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

/// A gem's document as it is now. The page of an earlier system is foreign; that of a gem whose
/// document was lost says nothing.
fn document(name: &GemName) -> Result<Stored<Package>, Error> {
    let key = layout::document(name);
    let read = Stored::read(&key, |document| {
        let package = stored::parse(&document)?;
        Ok(Stored::Ours(document, package))
    })?;
    if !matches!(read, Stored::Nothing) || is_lost(name)? {
        return Ok(read);
    }
    let page = storage::get(&layout::info(name)).map(|page| page.map_or(Stored::Nothing, Stored::Foreign));
    Stored::or_damaged(page)
}

/// Whether the gem had a document that was lost.
fn is_lost(name: &GemName) -> Result<bool, Error> {
    match storage::check_absent(&layout::document(name)) {
        Err(Error::Damaged { .. }) => Ok(true),
        checked => checked.map(|()| false),
    }
}

/// What is known about a file: from the gem that names it, or else from the gem to which it most likely
/// belongs.
struct Said {
    document: String,
    reference: Reference,
}

/// A file may be of one of several gems (`a-1-2`). One that is damaged keeps it.
fn said_of(file: &ObjectInfo, readings: &[(GemName, Slot)]) -> Result<Option<Said>, Error> {
    let mut said: Option<Said> = None;
    for (name, slot) in readings {
        let stored = document(name)?;
        let reference = match &stored {
            Stored::Nothing => Reference::NoDocument,
            Stored::Damaged(..) | Stored::Foreign(_) => Reference::Damaged,
            Stored::Ours(_, package) => match package.find(slot) {
                Some(_) if package.name == name.as_str() => Reference::Named,
                _ => Reference::Unnamed.beside(file, package.begun()),
            },
        };
        let weight = |reference: Reference| match reference {
            Reference::NoDocument => 0,
            Reference::Unnamed => 1,
            Reference::Predates => 2,
            Reference::Damaged => 3,
            Reference::Named => 4,
        };
        if said.as_ref().is_none_or(|said| weight(reference) > weight(said.reference)) {
            said = Some(Said { document: layout::document(name), reference });
        }
    }
    Ok(said)
}

/// The keys of the files that a gem names.
fn files(package: &Package) -> Vec<String> {
    let Ok(name) = GemName::parse(&package.name) else { return Vec::new() };
    let slots = package.versions.iter().filter_map(|release| release.parsed().ok());
    slots.map(|slot| layout::gem_file(&name, &slot)).collect()
}

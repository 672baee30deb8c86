//! Looking after the bucket: what interrupted publishes left behind, and whether what is
//! stored is what the packuments say. No document is derived from another here, so a reindex
//! writes only the proofs of packuments that an earlier version left, and reports the packuments
//! that were lost.

use packhouse_plugin::maintenance::{Maintenance, Step};
use packhouse_plugin::storage::{self, Document, ListingOptions, PROOFS, list_page};
use packhouse_plugin::{Error, log};

use crate::Npm;
use crate::document::Packument;
use crate::layout;
use crate::name::PackageName;

mod collect;
mod part;
mod verify;

impl Maintenance for Npm {
    fn collect(step: &Step<'_>) -> Result<(), Error> {
        collect::collect(step)
    }

    fn reindex(step: &Step<'_>) -> Result<(), Error> {
        reindex(step)
    }

    fn verify(step: &Step<'_>) -> Result<(), Error> {
        verify::verify(step)
    }
}

/// One step: a page of keys, then the proofs.
fn reindex(step: &Step<'_>) -> Result<(), Error> {
    let after = step.cursor();
    if after.is_none() {
        log::info("npm has no derived documents: there is nothing to rebuild", &[]);
    }
    if let Some(after) = after.as_deref().filter(|after| after.starts_with(PROOFS)) {
        step.report_lost(Some(after))?.iter().for_each(|next| step.set_cursor(next));
        return Ok(());
    }
    let options = ListingOptions { after: after.as_deref(), ..ListingOptions::new(layout::PACKAGES) };
    let page = list_page(&options)?;
    let keys = page.objects.iter().map(|object| object.key.as_str());
    let packuments: Vec<&str> = keys.filter(|key| layout::package_of_index(key).is_some()).collect();
    step.checked(packuments.len() as u64, 0);
    step.prove(&packuments)?;
    step.set_cursor(page.next.as_deref().unwrap_or(PROOFS));
    Ok(())
}

/// What lies at a package's key.
enum Stored {
    Nothing,
    /// A whole packument.
    Packument(Document),
    /// There is a document, and it is not whole: why.
    Damaged(Option<Document>, String),
}

impl Stored {
    /// Reads the packument as it is now, so after whatever was listed before.
    fn read(name: &PackageName) -> Result<Stored, Error> {
        match storage::get(&layout::index(name)) {
            Ok(None) => Ok(Stored::Nothing),
            Ok(Some(document)) => {
                let checked = match Packument::parse(&document.bytes) {
                    // What names nothing says of no file that it may go.
                    Ok(packument) if packument.has_versions() => packument.check(name),
                    Ok(_) => Err("it has no versions".to_owned()),
                    Err(error) => Err(format!("it is no packument: {error}")),
                };
                Ok(match checked {
                    Ok(()) => Stored::Packument(document),
                    Err(why) => Stored::Damaged(Some(document), why),
                })
            }
            Err(Error::Damaged { why, .. }) => Ok(Stored::Damaged(None, why)),
            Err(error) => Err(error),
        }
    }

    fn document(&self) -> Option<&Document> {
        match self {
            Stored::Packument(document) | Stored::Damaged(Some(document), _) => Some(document),
            Stored::Nothing | Stored::Damaged(None, _) => None,
        }
    }

    /// As far as it can be read; none when nothing can.
    fn packument(&self) -> Option<Packument<'_>> {
        self.document().and_then(|document| Packument::parse(&document.bytes).ok())
    }

    /// Bytes that were read.
    fn size(&self) -> u64 {
        self.document().map_or(0, |document| document.bytes.len() as u64)
    }
}

/// When a whole packument was begun.
fn begun(packument: Option<&Packument<'_>>) -> Option<u64> {
    packument.and_then(Packument::begun)
}

fn folder(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The package in whose folder this lies.
fn package_of(key: &str) -> Option<PackageName> {
    PackageName::parse(folder(key).strip_prefix(layout::PACKAGES)?).ok()
}

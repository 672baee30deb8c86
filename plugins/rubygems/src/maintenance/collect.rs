//! Removes gems that no document names, which interrupted pushes leave, and notes of changes that have
//! ended.
//!
//! # Invariants
//! - A document is read after the files of its gem were listed, so it also names what was pushed in
//!   between.
//! - A file is removed only if the document beside it is intact and all its gems exist.

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::{Phase, Reference, Step, Stored, each, first_missing, forget_claims};
use packhouse_plugin::storage::{self, ListingOptions, list_page};

use super::{document, files, is_lost, said_of};
use crate::catalog;
use crate::layout;

/// Keys of one step.
const KEYS: u32 = 200;

pub const PHASES: &[Phase] = &[
    Phase { name: "gems", step: gems },
    Phase { name: "pages", step: pages },
    Phase { name: "lost", step: |step, after| step.collect_lost(after, has_files_of) },
    Phase { name: "notes", step: notes },
];

fn gems(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    if after.is_none() {
        forget_claims(step)?;
    }
    each(layout::GEMS, after, KEYS, |file| {
        step.checked(1, 0);
        let readings = layout::releases_of_file(&file.key);
        let Some(said) = said_of(file, &readings)? else { return Ok(()) };
        if said.reference == Reference::Named {
            return Ok(());
        }
        for (name, _) in &readings {
            let stored = document(name)?;
            if let Some(why) = stored.damage() {
                step.damaged_once(&layout::document(name), why);
            }
            if let Stored::Ours(_, package) = &stored
                && step.report_missing(&layout::document(name), first_missing(&files(package))?.as_deref())
            {
                return Ok(());
            }
        }
        let again = || {
            let said = said_of(file, &readings)?;
            Ok::<_, Error>(said.map_or(Reference::Damaged, |said| said.reference))
        };
        step.reclaim(file, &said.document, said.reference, again)
    })
}

/// The page of a gem whose document was lost is an orphan, as its files are.
fn pages(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each(layout::INFO, after, KEYS, |page| {
        let Some(name) = layout::gem_of_info(&page.key) else { return Ok(()) };
        if storage::stat(&layout::document(&name))?.is_some() || !is_lost(&name)? {
            return Ok(());
        }
        let why = "the document of this gem was lost";
        if !step.removes_orphans() {
            step.orphan(&page.key, page.size, why);
        } else if !step.is_young(page) {
            // The next request that reads the list removes the gem from it.
            if !step.is_dry_run() && step.unless_full(&page.key, catalog::announce(&name))?.is_none() {
                return Ok(());
            }
            if step.remove(page)? {
                step.left_over(&page.key, page.size, why);
            }
        }
        Ok(())
    })
}

/// Whether a file of the gem is there whose document lies at this key.
fn has_files_of(key: &str) -> Result<bool, Error> {
    let Some(name) = layout::gem_of_document(key) else { return Ok(false) };
    let prefix = format!("{}{name}-", layout::GEMS);
    let page = list_page(&ListingOptions { limit: 100, ..ListingOptions::new(&prefix) })?;
    let is_of =
        |key: &str| layout::releases_of_file(key).iter().any(|(other, _)| other.lower() == name.lower());
    Ok(page.objects.iter().any(|object| is_of(&object.key)))
}

/// Reading the list removes the notes that it has followed.
fn notes(step: &Step<'_>, _: Option<&str>) -> Result<Option<String>, Error> {
    if !step.is_dry_run() {
        step.pass(step.unless_full(layout::RECENT, catalog::current()))?;
    }
    Ok(None)
}

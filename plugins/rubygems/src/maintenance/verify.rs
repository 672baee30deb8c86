//! Compares each gem with its document, and verifies the compact index. It also reports gems without a
//! document. It changes nothing.

use packhouse_plugin::Error;
use packhouse_plugin::digests::SHA256;
use packhouse_plugin::find_digest;
use packhouse_plugin::maintenance::{
    Budget, Phase, Place, Reference, Step, Stored, digests, each, each_in_parts,
};
use packhouse_plugin::storage::{self, Before};

use super::{document, said_of};
use crate::catalog::{self, listing::Listing};
use crate::document::{Package, Release};
use crate::layout;
use crate::name::{GemName, Slot};
use crate::stored;

/// Keys of one step.
const KEYS: u32 = 200;
/// Versions after which a step ends, and bytes.
const MOST_VERSIONS: u64 = 200;
const MOST_READ: u64 = 1 << 30;

/// What the layout has folders for.
const FOLDERS: [&str; 4] = ["gems", "info", "packages", "changes"];

pub const PHASES: &[Phase] = &[
    Phase { name: "documents", step: documents },
    Phase { name: "found", step: found },
    Phase { name: "gems", step: gems },
    Phase { name: "list", step: list },
    Phase { name: "lost", step: |step, after| step.report_lost(after) },
];

fn documents(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    if after.is_none() {
        step.report_files_for_folders(&FOLDERS)?;
    }
    let mut budget = Budget::new(MOST_VERSIONS, MOST_READ);
    each_in_parts(layout::PACKAGES, after, KEYS, |key, done| {
        let Some(document) = step.pass(storage::get(key))?.flatten() else { return Ok(None) };
        step.checked(1, document.bytes.len() as u64);
        let Some(package) = step.pass(stored::parse(&document))? else { return Ok(None) };
        if done == 0 {
            step.pass(storage::check_newest(key, &Before::from(&document)))?;
        }
        verify_releases(step, key, &package, done, &mut budget)
    })
}

/// Gems of an earlier system, whose pages speak.
fn found(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let mut budget = Budget::new(MOST_VERSIONS, MOST_READ);
    each_in_parts(layout::INFO, after, KEYS, |key, done| {
        let Some(name) = layout::gem_of_info(key) else { return Ok(None) };
        if storage::stat(&layout::document(&name))?.is_some() {
            return Ok(None);
        }
        let Some(package) = step.pass(stored::found(&name))?.flatten() else { return Ok(None) };
        step.checked(1, 0);
        verify_releases(step, key, &package, done, &mut budget)
    })
}

/// Gives the place to go on at when the step has done enough.
fn verify_releases(
    step: &Step<'_>,
    key: &str,
    package: &Package,
    done: usize,
    budget: &mut Budget,
) -> Result<Option<String>, Error> {
    let Ok(name) = GemName::parse(&package.name) else { return Ok(None) };
    for (number, release) in package.versions.iter().enumerate().skip(done) {
        if budget.is_spent() {
            return Ok(Some(Place::at(number, key)));
        }
        if let Ok(slot) = release.parsed() {
            verify_release(step, &name, &slot, release, budget)?;
        }
    }
    Ok(None)
}

fn verify_release(
    step: &Step<'_>,
    name: &GemName,
    slot: &Slot,
    release: &Release,
    budget: &mut Budget,
) -> Result<(), Error> {
    let key = layout::gem_file(name, slot);
    let size = storage::stat(&key)?.map_or(0, |info| info.size);
    budget.spend(1, size);
    step.checked(1, size);
    let computed = digests(&key, &[SHA256])?;
    let computed = computed.as_deref().and_then(|digests| find_digest(digests, SHA256));
    let why = match (computed, &release.sha256) {
        (None, _) => "it is missing, but the document lists it".to_owned(),
        (Some(computed), Some(wanted)) if !computed.hex.eq_ignore_ascii_case(wanted) => {
            format!("its SHA-256 is {}, but the document says {wanted}", computed.hex)
        }
        _ => return Ok(()),
    };
    step.damaged_if(&key, Some(&why), || {
        let now = stored::load(name)?;
        Ok(now
            .and_then(|package| package.find(slot).cloned())
            .is_some_and(|now| now.sha256 == release.sha256))
    })
}

/// Files that no document names, or that have no document.
fn gems(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each(layout::GEMS, after, KEYS, |file| {
        let Some(said) = said_of(file, &layout::releases_of_file(&file.key))? else { return Ok(()) };
        if said.reference == Reference::Named {
            return Ok(());
        }
        step.report_unnamed(&[(file, said.reference)], &said.document)
    })
}

/// The pages and the list against the documents. A change that has not reached the list yet has a
/// note.
fn list(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let mut names = Vec::new();
    let next = each(layout::PACKAGES, after, KEYS, |object| {
        names.extend(layout::gem_of_document(&object.key));
        Ok(())
    })?;
    let Some(listed) = step.pass(catalog::peek())? else { return Ok(next) };
    for name in &names {
        let stored = document(name)?;
        let Stored::Ours(_, package) = &stored else { continue };
        let Ok(name) = GemName::parse(&package.name) else { continue };
        let behind = |text: &str| Ok::<_, Error>(!Listing::new(text).lines_for(&[&name])?.is_empty());
        if !behind(&listed)? {
            continue;
        }
        let why = format!("its entry for {name} is out of date: run `packhouse reindex`");
        step.damaged_if(layout::VERSIONS, Some(&why), || {
            Ok(storage::stat(&layout::change(&name))?.is_none() && behind(&catalog::peek()?)?)
        })?;
    }
    Ok(next)
}

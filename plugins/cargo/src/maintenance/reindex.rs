//! Rewrites what is derived: the configuration for other programs that read the bucket, the reserved
//! names (if another system wrote the index), and the catalog.
//!
//! Index files are not derived: only they, and their proofs, know which versions are yanked and when they
//! were published. Lost index files are reported. If an index file has lost lines, they are restored.

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::{Phase, Step, Stored as StoredIndex, each};
use packhouse_plugin::storage::{self, Precondition};

use super::{index, is_published_here, lost_owners, stored};
use crate::catalog::{self, Catalog, Present, Stored};
use crate::document::Index;
use crate::layout;
use crate::name::CrateName;
use crate::owners::Owners;

mod older;

/// Index files of one step.
const KEYS: u32 = 300;
const JSON: &str = "application/json";

pub const PHASES: &[Phase] = &[
    Phase { name: "names", step: names },
    Phase {
        name: "older",
        step: |step, after| step.each_proven(after, |index, proof| older::rebuild(step, &index, proof)),
    },
    Phase { name: "catalog", step: fill_catalog },
    Phase { name: "lost", step: |step, after| step.report_lost(after) },
];

fn write_configuration(step: &Step<'_>) -> Result<(), Error> {
    let wanted = layout::configuration();
    let there = storage::get(layout::CONFIG)?;
    step.checked(1, wanted.len() as u64);
    if there.as_ref().is_some_and(|there| there.bytes == wanted.as_bytes()) {
        return Ok(());
    }
    if !step.is_dry_run() {
        storage::put(layout::CONFIG, wanted.as_bytes(), Precondition::Any, Some(JSON))?;
    }
    step.rebuilt(layout::CONFIG);
    Ok(())
}

fn names(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    if after.is_none() {
        write_configuration(step)?;
    }
    let mut names = Vec::new();
    let next = each(layout::INDEX, after, KEYS, |object| {
        names.extend(layout::crate_of_index(&object.key));
        Ok(())
    })?;
    step.checked(names.len() as u64, 0);
    let indexes: Vec<String> = names.iter().map(layout::index).collect();
    step.prove(&indexes)?;
    let keys: Vec<String> = names.iter().map(layout::owners).collect();
    for (name, taken) in names.iter().zip(storage::stat_many(&keys)?) {
        if taken.is_none() {
            take_name(step, name)?;
        }
    }
    step.prove_strict(&keys)?;
    Ok(next)
}

/// With no owners: nobody knows who published it first. But if it was published here, its owners
/// were lost, and a document without owners would hide that.
fn take_name(step: &Step<'_>, name: &CrateName) -> Result<(), Error> {
    let stored = stored(name)?;
    let (document, spelled) = match (&stored, index(&stored).and_then(Index::name)) {
        (StoredIndex::Ours(document, ()), Some(spelled)) => (document, spelled),
        (StoredIndex::Damaged(_, why), _) => {
            step.damaged_once(&layout::index(name), why);
            return Ok(());
        }
        _ => return Ok(()),
    };
    let key = layout::owners(&spelled);
    if is_published_here(Index::new(&document.bytes)) {
        step.damaged_once(&key, &lost_owners(&spelled));
        return Ok(());
    }
    if !step.is_dry_run() {
        let bytes = storage::to_json(&Owners::new(&spelled, None))?;
        match storage::put(&key, &bytes, Precondition::Absent, Some(JSON)) {
            // Somebody publishes it at this moment, or another spelling was there first.
            Err(Error::Conflict) => return Ok(()),
            written => written?,
        };
    }
    step.rebuilt(&key);
    Ok(())
}

/// Some hundred crates more. A damaged index file is reported, and what the catalog says of its
/// crate stays.
fn fill_catalog(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let number: u64 = after.and_then(|number| number.parse().ok()).unwrap_or(0);
    let stored = Catalog::stored()?;
    let is_whole = matches!(stored, Stored::Catalog(_));
    let is_unreadable = matches!(stored, Stored::Unreadable);
    let mut catalog = stored.into_catalog();
    let present = catalog::list()?;
    let stale: Vec<&Present> = present.iter().filter(|present| catalog.is_stale(present)).collect();
    // Those that an earlier step has looked at are damaged, or stale because this is a dry run.
    let words: Vec<String> = stale.iter().map(|present| format!("catalog {}", present.name)).collect();
    let tried = step.remembered(&words);
    let (stale, words): (Vec<&Present>, Vec<&String>) =
        stale.into_iter().zip(&words).zip(tried).filter(|(_, tried)| !tried).map(|(new, _)| new).unzip();
    let refreshed = catalog.refresh(stale.into_iter())?;
    step.checked(refreshed.tried as u64, 0);
    step.remember(words.get(..refreshed.tried).unwrap_or_default());
    for (key, why) in &refreshed.damaged {
        step.damaged_once(key, why);
    }
    let gone = catalog.gone(&present);
    if refreshed.read > 0 || gone > 0 || is_unreadable {
        if !step.is_dry_run() {
            catalog.write(&present)?;
        }
        // No publish writes the catalog, so one that is behind is as it should be.
        if (!is_whole || gone > 0) && step.remembered(&[layout::CATALOG]).contains(&false) {
            step.remember(&[layout::CATALOG]);
            step.rebuilt(layout::CATALOG);
        }
    }
    Ok((refreshed.tried > 0).then(|| (number + 1).to_string()))
}

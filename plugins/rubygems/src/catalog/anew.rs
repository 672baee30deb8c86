//! A list that was lost or damaged, written anew from the gems' documents.
//!
//! A reindex begins it, lists the gems step by step, and ends it. Until then `recent.json` says that
//! it is partial, so no request gets a list without most gems, also if the reindex was interrupted.

use packhouse_plugin::storage::{self, Document, Json, Precondition, unless_conflict};
use packhouse_plugin::{Error, clock, time};

use super::{Recent, Sums, beside, read_base, text_of};
use crate::layout::{self, PACKAGES, RECENT, VERSIONS};

/// The first lines of a list.
pub(super) fn header() -> String {
    format!("created_at: {}\n---\n", time::rfc3339_seconds(clock::now()))
}

/// Call this if `recent.json` does not exist. `Damaged` if it existed before: the note of a gem stays
/// until the gem is in the list, and the request that adds the gem writes `recent.json`.
pub(super) fn check_begun(has_versions: bool) -> Result<(), Error> {
    for document in storage::list(PACKAGES) {
        let document = document?;
        let Some(name) = layout::gem_of_document(&document.key) else { continue };
        // Another request may have written the list and removed the note.
        if storage::stat_many(&[layout::change(&name).as_str(), RECENT])?.iter().all(Option::is_none) {
            return Err(if has_versions {
                let why = "it is missing, so gems and yanks that `versions` does not contain yet are lost from the list: \
                           run `packhouse reindex` to write both again";
                Error::damaged(RECENT, why)
            } else {
                let why =
                    "it is missing, and so is `recent.json`: run `packhouse reindex` to write both again";
                Error::damaged(VERSIONS, why)
            });
        }
    }
    Ok(())
}

/// The list as it is stored, also if it is partial.
pub fn draft() -> Result<String, Error> {
    let stored = storage::get(RECENT)?;
    let recent = Recent::of(stored.as_ref())?;
    let base = read_base()?;
    let recent = beside(stored.as_ref(), recent, base.as_ref())?;
    Ok(text_of(base.as_ref())? + &recent.lines)
}

/// Puts an empty list in the place of the stored one, as partial.
pub fn begin() -> Result<(), Error> {
    storage::retry(RECENT, |_| {
        let stored = storage::get(RECENT)?;
        let base = storage::stat(VERSIONS)?;
        let lines = header();
        let sums = Sums::of(&lines)?;
        let recent = Recent { lines, sums, head: Some(Sums::of("")?), is_partial: true, ..Recent::default() };
        if !put(stored.as_ref(), &recent)? {
            return Ok(None);
        }
        if let Some(base) = base {
            let removed = storage::remove(VERSIONS, Precondition::Version(&base.version));
            return Ok(unless_conflict(removed)?.map(drop));
        }
        Ok(Some(()))
    })
}

/// The list holds every gem again.
pub fn end() -> Result<(), Error> {
    storage::retry(RECENT, |_| {
        let stored = storage::get(RECENT)?;
        let recent = Recent::of(stored.as_ref())?;
        if !recent.is_partial {
            return Ok(Some(()));
        }
        let is_put = put(stored.as_ref(), &Recent { is_partial: false, ..recent })?;
        Ok(is_put.then_some(()))
    })
}

/// False if another request was faster.
fn put(stored: Option<&Document>, recent: &Recent) -> Result<bool, Error> {
    let precondition = stored.map_or(Precondition::Absent, Document::precondition);
    Ok(unless_conflict(Json::<Recent>::at(RECENT).put(recent, precondition))?.is_some())
}

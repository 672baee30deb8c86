//! Changes a project's document by compare-and-swap, and then removes what it no longer names.

use packhouse_plugin::log;
use packhouse_plugin::maintenance::RemovalMark;
use packhouse_plugin::storage::{
    self, Before, ListingOptions, Precondition, Proof, Removal, list_page, put_naming, unless_conflict,
};

use super::{JSON, load_whole, no_project, pages};
use crate::catalog;
use crate::document::{File, Project};
use crate::error::Error;
use crate::layout;
use crate::name::ProjectName;

/// What became of a change.
pub enum Changed {
    /// There was nothing to change.
    Nothing,
    /// The document has this version now.
    To(String),
    /// There is no document any more.
    Gone,
}

/// Changes the project. `change` may be called several times, and says whether it has changed
/// anything; what it refuses changes nothing. Its second argument is the document as it was read, if
/// there is one. The third tells whether this request has tried to write before: what is found done
/// then may be its own work, whose answer was lost.
pub fn project(
    name: &ProjectName,
    mut change: impl FnMut(&mut Project, Option<&Before>, bool) -> Result<bool, Error>,
) -> Result<Changed, Error> {
    let key = layout::document(name);
    let mut has_emptied = false;
    storage::retry(&key, |attempt| {
        let has_tried = attempt > 1;
        // Without files it may have gone since: somebody else carried on with the deletion.
        if has_emptied && storage::stat(&key)?.is_none() {
            pages::remove_project(name)?;
            return Ok(Some(Changed::Gone));
        }
        let mut loaded = match load_whole(name)? {
            Some(loaded) => loaded,
            None if has_tried => return Ok(Some(Changed::Gone)),
            None => return Err(no_project(name)),
        };
        if let Some(before) = &loaded.before {
            storage::check_newest(&key, before)?;
        }
        if !change(&mut loaded.project, loaded.before.as_ref(), has_tried)? {
            if !has_tried {
                return Ok(Some(Changed::Nothing));
            }
            pages::write_project(name);
            let version = loaded.before.map(|before| before.version().to_owned());
            return Ok(Some(version.map_or(Changed::Gone, Changed::To)));
        }
        has_emptied = loaded.project.files.is_empty();
        let bytes = storage::to_json(&loaded.project.stored())?;
        let proof = Proof::of(&key)?.saying(loaded.project.said());
        let written = put_naming(proof, loaded.before.as_ref(), bytes, Some(JSON), &[]);
        Ok(unless_conflict(written)?.map(|info| {
            pages::write_project(name);
            Changed::To(info.version)
        }))
    })
}

/// Removes the files that `is_meant` names, from the document first. A project that has none
/// left goes too. False when none was meant.
pub fn remove_files(name: &ProjectName, is_meant: impl Fn(&File) -> bool) -> Result<bool, Error> {
    let mut removal = Removal::of(layout::folder(name).trim_end_matches('/'));
    let mut is_empty = false;
    let changed = project(name, |project, before, has_tried| {
        let (meant, kept): (Vec<File>, Vec<File>) = project.files.drain(..).partition(|file| is_meant(file));
        is_empty = kept.is_empty();
        project.files = kept;
        // Those of an earlier attempt are the ones to be removed if it has succeeded.
        if !meant.is_empty() || !has_tried {
            let keys = keys_of(name, &meant);
            match before {
                Some(before) => removal.announce_from(&layout::document(name), before, &keys)?,
                None => removal.announce(&keys)?,
            }
        }
        Ok(!meant.is_empty())
    })?;
    if matches!(changed, Changed::Nothing) {
        return Ok(false);
    }
    removal.carry_out();
    if is_empty {
        // As long as a file exists, the document says that the file is hidden: also one
        // that an earlier deletion had to leave behind.
        let folder = layout::folder(name);
        let there = list_page(&ListingOptions { limit: 1, ..ListingOptions::new(&folder) })?;
        if let (Changed::To(version), true) = (changed, there.objects.is_empty()) {
            remove_document(name, &version);
        }
        catalog::changed();
    }
    Ok(true)
}

/// What may lie in the store of these files.
fn keys_of(name: &ProjectName, files: &[File]) -> Vec<String> {
    files
        .iter()
        .flat_map(|file| {
            ["", layout::CORE_METADATA, layout::PROVENANCE]
                .map(|ending| layout::file(name, &format!("{}{ending}", file.filename)))
        })
        .collect()
}

/// A document without files shows nothing, so a failed removal does not fail the request: maintenance
/// finds it. One that names a file again has another version, and stays.
fn remove_document(name: &ProjectName, version: &str) {
    let key = layout::document(name);
    match remove_with_evidence(name, version) {
        Ok(_) => {}
        Err(packhouse_plugin::Error::Conflict) => pages::write_project(name),
        Err(error) => {
            let fields = [("key", key.as_str()), ("error", &error.to_string())];
            log::warn("an object that nothing references was left behind", &fields);
        }
    }
}

/// Removes a document of this version that names no file. Its proof says so before, and its page goes
/// before: both would tell that the document was lost. `Conflict` if it has changed.
pub(crate) fn remove_with_evidence(
    name: &ProjectName,
    version: &str,
) -> Result<bool, packhouse_plugin::Error> {
    let key = layout::document(name);
    let mark = RemovalMark::begin_at(&key, version, &[])?;
    let removed =
        pages::remove_project(name).and_then(|()| storage::remove(&key, Precondition::Version(version)));
    if matches!(removed, Ok(_) | Err(packhouse_plugin::Error::Conflict)) {
        mark.finish();
    }
    removed
}

//! Changes a package's document by compare-and-swap, and then removes what it no longer names.

use packhouse_plugin::Error as HostError;
use packhouse_plugin::maintenance::{RemovalMark, void_removal};
use packhouse_plugin::storage::{
    self, Before, Document, GRACE, Json, Proof, Removal, age, list, put_naming, unless_conflict,
};
use serde_json::{Value, json};

use super::{JSON, advisories, load, no_version, seconds};
use crate::catalog;
use crate::document::{Dist, Package};
use crate::error::Error;
use crate::layout;
use crate::name::{PackageName, Version};

/// Changes the package. `change` may be called several times, and says whether it has changed anything;
/// what it refuses changes nothing.
pub fn package(
    name: &PackageName,
    mut change: impl FnMut(&mut Package) -> Result<bool, Error>,
) -> Result<(), Error> {
    storage::retry(&layout::document(name), |_| {
        let (document, mut package) = load(name)?;
        if !change(&mut package)? {
            return Ok(Some(()));
        }
        Ok(write(&document, &mut package)?.then_some(()))
    })
}

/// False if somebody else was faster.
fn write(document: &Document, package: &mut Package) -> Result<bool, Error> {
    package.touch(seconds()?, None);
    void_removal(&document.info.key)?;
    let bytes = storage::to_json(package)?;
    let proof = Proof::of(&document.info.key)?.saying(package.said());
    let written = put_naming(proof, Some(&Before::from(document)), bytes, Some(JSON), &[]);
    Ok(unless_conflict(written)?.is_some())
}

/// Removes a version, or all of them: from the document first, then their dists. A package that has no
/// version left goes too.
pub fn remove(name: &PackageName, version: Option<&Version>) -> Result<(), Error> {
    let key = layout::document(name);
    let mut removal = Removal::of(layout::folder(name).trim_end_matches('/'));
    let mark = storage::retry(&key, |attempt| {
        // A change that is already made may be that of an earlier attempt whose answer was lost.
        let has_tried = attempt > 1;
        let (document, mut package) = match load(name) {
            Err(error) if has_tried && error.status() == 404 => return Ok(Some(None)),
            loaded => loaded?,
        };
        let before = Before::from(&document);
        storage::check_newest(&key, &before)?;
        let gone = match version {
            Some(version) if package.find(version).is_some() => package.take(version),
            Some(_) if has_tried => return Ok(Some(None)),
            Some(version) => return Err(no_version(name, version)),
            None => {
                let all = package.dists().cloned().collect();
                package.versions.clear();
                all
            }
        };
        let mut files = keys_of(name, &gone);
        if !package.versions.is_empty() {
            removal.announce_from(&key, &before, &files)?;
            return Ok(write(&document, &mut package)?.then_some(None));
        }
        files.extend(left_over(name, &files)?);
        removal.announce(&files)?;
        // A collection removes them too if this request is interrupted.
        files.push(layout::advisories(name));
        // If the package comes back, its clients have to notice.
        let note = json!({ "name": name.as_str(), "modified": package.modified.max(seconds()?) });
        Json::<Value>::at(layout::deleted(name)).write(&note)?;
        // If this request is interrupted, a collection can tell its files from those of a lost document.
        let mark = RemovalMark::remove(&key, &before, &files)?;
        Ok::<_, Error>(mark.map(|mark| Some((mark, files))))
    })?;
    removal.carry_out();
    if let Some((mark, files)) = mark {
        advisories::remove(name);
        // The mark stays where a file does.
        if storage::stat_many(&files)?.iter().all(Option::is_none) {
            mark.finish();
        }
        catalog::changed();
    }
    Ok(())
}

/// What interrupted publishes have left of the package, besides these files. What is younger than
/// [`GRACE`] may belong to a publish under way.
fn left_over(name: &PackageName, files: &[String]) -> Result<Vec<String>, HostError> {
    let mut found = Vec::new();
    for object in list(&layout::folder(name)) {
        let object = object?;
        let is_file =
            layout::package_of(&object.key).is_some_and(|(_, file)| layout::reference_of(file).is_some());
        if is_file && !files.contains(&object.key) && age(&object)?.is_some_and(|age| age > GRACE) {
            found.push(object.key);
        }
    }
    Ok(found)
}

/// What lies in the store of these dists.
fn keys_of(name: &PackageName, dists: &[Dist]) -> Vec<String> {
    let keys = |dist: &Dist| [layout::dist(name, &dist.reference), layout::note(name, &dist.reference)];
    dists.iter().flat_map(keys).collect()
}

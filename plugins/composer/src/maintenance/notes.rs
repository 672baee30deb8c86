//! The notes beside dists, from which a lost document is made again. A publish always writes one. A dist of
//! another system has none: its name has another form than a publish gives.

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::{Budget, Place, Step, each_in_parts};
use packhouse_plugin::storage::{self, Json, Precondition, unless_conflict};
use packhouse_plugin::time;

use super::verify::is_named;
use super::{Stored, stored};
use crate::document::{Dist, Note, Package, Release};
use crate::endpoints::publish::{reference_of, written};
use crate::layout;
use crate::name::{PackageName, Version};

/// Keys of one listing.
const KEYS: u32 = 500;
/// Notes after which a step ends, and bytes of documents.
const MOST_NOTES: u64 = 500;
const MOST_READ: u64 = 16 << 20;

/// Reports a note that is missing or damaged.
pub fn verify(step: &Step<'_>, name: &PackageName, normalized: &str, dist: &Dist) -> Result<(), Error> {
    let why = damage(name, normalized, dist)?;
    let why = why.map(|why| format!("{why}: run `packhouse reindex`, which writes it again"));
    step.damaged_if(&layout::note(name, &dist.reference), why.as_deref(), || is_named(name, dist))
}

/// Writes the notes of a page of documents that are missing or damaged.
pub fn write(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let mut budget = Budget::new(MOST_NOTES, MOST_READ);
    each_in_parts(layout::PACKAGES, after, KEYS, |key, done| {
        let Some(name) = layout::package_of_document(key) else { return Ok(None) };
        if budget.is_spent() {
            return Ok(Some(Place::at(done, key)));
        }
        let stored = stored(&name)?;
        budget.spend(0, stored.size());
        let Stored::Ours(_, package) = &stored else { return Ok(None) };
        for (index, (normalized, dist)) in package.files().enumerate().skip(done) {
            if budget.is_spent() && index > done {
                return Ok(Some(Place::at(index, key)));
            }
            budget.spend(1, 0);
            if damage(&name, normalized, dist)?.is_some() {
                write_one(step, &name, package, normalized, dist)?;
            }
        }
        Ok(None)
    })
}

/// Why the note beside this dist is damaged, if it is.
fn damage(name: &PackageName, normalized: &str, dist: &Dist) -> Result<Option<String>, Error> {
    if reference_of(normalized, &dist.sha256)? != dist.reference {
        return Ok(None);
    }
    let note: Note = match Json::at(layout::note(name, &dist.reference)).read() {
        Ok(Some(note)) => note,
        Ok(None) => return Ok(Some("it is missing, but every publish writes it".to_owned())),
        Err(Error::Damaged { why, .. }) => return Ok(Some(why)),
        Err(error) => return Err(error),
    };
    let is_same = Version::parse(&note.version).is_ok_and(|version| version.normalized() == normalized);
    if !is_same {
        return Ok(Some(format!(
            "it is about version {:?}, but the document says {normalized}",
            note.version
        )));
    }
    let is_time = time::parse_rfc3339(&note.time).is_some();
    Ok((!is_time).then(|| format!("its time {:?} is not valid", note.time)))
}

fn write_one(
    step: &Step<'_>,
    name: &PackageName,
    package: &Package,
    normalized: &str,
    dist: &Dist,
) -> Result<(), Error> {
    // Without the dist, the note is of no use.
    let Some(file) = storage::stat(&layout::dist(name, &dist.reference))? else { return Ok(()) };
    let release = package.versions.iter().find(|release| release.dist.reference == dist.reference);
    // The document does not say when a branch got an earlier dist.
    let note = release.map_or_else(
        || Note {
            version: normalized.to_owned(),
            time: written(file.modified.unwrap_or_default()),
            uploader: None,
        },
        Release::note,
    );
    let key = layout::note(name, &dist.reference);
    let there = storage::stat(&key)?;
    let precondition =
        there.as_ref().map_or(Precondition::Absent, |there| Precondition::Version(&there.version));
    if step.is_dry_run() || unless_conflict(Json::at(&key).put(&note, precondition))?.is_some() {
        step.rebuilt(&key);
    }
    Ok(())
}

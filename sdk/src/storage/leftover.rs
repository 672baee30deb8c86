//! Decides whether an interrupted publish can have left a file that no document names. Otherwise the
//! document that named it was lost, and the file may be the last copy of a version.

use crate::Error;
use crate::maintenance::is_marked;
use crate::storage::{GRACE, age, list};
use crate::types::ObjectInfo;

/// Milliseconds. A publisher whose first publish was interrupted tries again on the same day. A
/// document that is lost is seldom that of a package that was published on the same day.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// What is known of the document that names a file, or should.
#[derive(Debug, Clone, Copy)]
pub(super) enum Begun {
    NoDocument,
    /// It does not say when.
    Sometime,
    /// Milliseconds since the Unix epoch.
    At(u64),
}

/// `Damaged` if other bytes must not replace the file. `document` is the key of its document, and
/// `was_named` whether that has named the file, as its proof says.
pub(super) fn check(file: &ObjectInfo, document: &str, begun: Begun, was_named: bool) -> Result<(), Error> {
    let why = match begun {
        _ if was_named => Some(format!("its document {document} named it earlier, but no longer does")),
        Begun::Sometime => None,
        Begun::At(begun) => {
            // A publish writes its file a moment before the package's first document.
            let floor = begun.saturating_sub(GRACE);
            let is_older = file.modified.is_some_and(|modified| modified < floor);
            is_older.then(|| format!("it is older than its document {document}"))
        }
        Begun::NoDocument => is_of_lost(file)?.then(|| format!("its document {document} does not exist")),
    };
    let Some(why) = why else { return Ok(()) };
    if is_marked(document, file)? {
        return Ok(());
    }
    Err(Error::damaged(
        &file.key,
        format!(
            "{why}, so an earlier document was lost and this file may be the last copy: other bytes do not \
             replace it. Restore the document, publish the same bytes, or remove the file with \
             `packhouse gc --orphans`"
        ),
    ))
}

/// Whether a file without a document cannot be that of an interrupted first publish.
fn is_of_lost(file: &ObjectInfo) -> Result<bool, Error> {
    Ok(age(file)?.is_none_or(|age| age > DAY) || has_others(file)?)
}

/// Whether other files of the package are stored. What was written beside this file has its name
/// and another ending.
fn has_others(file: &ObjectInfo) -> Result<bool, Error> {
    let folder = file.key.rfind('/').map_or("", |slash| file.key.get(..=slash).unwrap_or_default());
    let own = file.key.rfind('.').and_then(|dot| file.key.get(..=dot));
    let own = own.filter(|own| own.len() > folder.len()).unwrap_or(&file.key);
    for other in list(folder) {
        if !other?.key.starts_with(own) {
            return Ok(true);
        }
    }
    Ok(false)
}

//! Blobs that the garbage collection is about to remove. A push can rescue a condemned blob until its
//! removal has begun. The condemnation at [`layout::condemned`] is a [`Mark`], whose protocol decides
//! between the push and the collection.

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::{Mark, MarkState, Standing};
use packhouse_plugin::storage::{self, ObjectInfo, Precondition};

use crate::digest::ContentDigest;
use crate::layout;

/// Keeps a condemned blob from being removed, if its removal has not begun.
pub fn rescue(digest: &ContentDigest) -> Result<Standing, Error> {
    Mark::keep(&layout::condemned(digest))
}

/// Rescues several blobs, and returns those whose removal has begun. Most blobs are not condemned,
/// which one call to the storage shows.
pub fn rescue_all(digests: &[ContentDigest]) -> Result<Vec<ContentDigest>, Error> {
    let keys: Vec<String> = digests.iter().map(layout::condemned).collect();
    let found = storage::stat_many(&keys)?;
    let mut lost = Vec::new();
    for (digest, _) in digests.iter().zip(found).filter(|(_, found)| found.is_some()) {
        if rescue(digest)? == Standing::Removing {
            lost.push(digest.clone());
        }
    }
    Ok(lost)
}

/// Writes the state of a blob in this run; `Conflict` if somebody else wrote first.
pub fn write(
    digest: &ContentDigest,
    state: MarkState,
    run: &str,
    precondition: Precondition<'_>,
) -> Result<ObjectInfo, Error> {
    Mark::write(&layout::condemned(digest), state, run, &layout::blob(digest), precondition)
}

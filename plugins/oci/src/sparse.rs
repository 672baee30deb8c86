//! Since when manifests of this mount may name what is not here.
//!
//! A manifest without a record proves that its repository has what it names if all of it was
//! demanded when the manifest was stored. With the feature `sparse` nothing is demanded, and the
//! loss of a record must not make a blob visible that its push did not prove. So the first
//! manifest that is taken without what it names writes a mark for the whole mount: no manifest
//! that was written later proves anything by itself, also when the feature is off again. The mark
//! belongs to no repository, so the loss of a repository's objects does not undo it.

use packhouse_plugin::Error;
use packhouse_plugin::storage::{self, Json, ObjectInfo};
use serde::{Deserialize, Serialize};

use crate::layout;

/// How much too early a store may say that an object was written, with room to spare; in
/// milliseconds.
const MARGIN: u64 = 10_000;

#[derive(Serialize, Deserialize)]
struct Mark {
    /// In milliseconds since the Unix epoch by the store's clock.
    since: u64,
}

/// Before a manifest is taken that names something which is not here.
pub fn mark() -> Result<(), Error> {
    if storage::stat(layout::SPARSE)?.is_some() {
        return Ok(());
    }
    Json::at(layout::SPARSE).create(&Mark { since: storage::now()? }).map(drop)
}

/// May this manifest name what its repository never had?
pub fn may_be(manifest: &ObjectInfo) -> Result<bool, Error> {
    let Some(document) = storage::get(layout::SPARSE)? else {
        return Ok(false);
    };
    let since = match document.json::<Mark>() {
        // Whichever is earlier: a copy of the bucket changes one of them.
        Ok(mark) => document.info.modified.map_or(mark.since, |modified| modified.min(mark.since)),
        // Then nothing proves anything.
        Err(error) => {
            error.log_unless_clients();
            return Ok(true);
        }
    };
    Ok(manifest.modified.is_none_or(|modified| modified.saturating_add(MARGIN) >= since))
}

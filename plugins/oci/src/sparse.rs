//! Since when manifests of this mount may reference missing content.
//!
//! If all content was required when a manifest was stored, then the manifest proves that its repository
//! has this content, even without a record. With the feature `sparse` the content is not required, and
//! the loss of a record must not make a blob visible that the push did not prove. So the first manifest
//! that is accepted without its content writes a mark for the whole mount. No later manifest proves
//! anything without a record, even after the feature is off again. The mark belongs to no repository,
//! so it survives the loss of a repository's objects.

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

/// Whether this manifest may reference content that its repository never had.
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

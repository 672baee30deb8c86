//! Handles keys that would be an object and a folder at once. The host answers a write of such a
//! key with `Other` and the code `clash`, and logs it. Hosts up to 0.1.0 answer `Invalid`, as for
//! an invalid key. A plugin has parsed the names from which it makes keys, so an object in the way
//! is damage in the store, not the client's fault.

use crate::Error;
use crate::maintenance::{FILE_FOR_FOLDER, FOLDER_FOR_FILE};
use crate::storage::{ListingOptions, list_page, stat_many};

/// The code of the host's error.
const CLASH: &str = "clash";

/// Called after a write of this key failed: `Damaged`, with the name of the object in the way, if
/// there is one.
pub(crate) fn explain(key: &str, error: Error) -> Error {
    match error {
        Error::Invalid(_) => find(key).unwrap_or(error),
        Error::Other { ref code, .. } if code == CLASH => find(key).unwrap_or(error),
        other => other,
    }
}

/// None if nothing is in the way, or the store does not say.
fn find(key: &str) -> Option<Error> {
    let above: Vec<&str> = key.match_indices('/').filter_map(|(slash, _)| key.get(..slash)).collect();
    let found = stat_many(&above).ok()?.into_iter().flatten().next();
    if let Some(object) = found {
        return Some(Error::damaged(object.key, FILE_FOR_FOLDER));
    }
    let below = list_page(&ListingOptions { limit: 1, ..ListingOptions::new(&format!("{key}/")) }).ok()?;
    below.objects.first().map(|_| Error::damaged(key, FOLDER_FOR_FILE))
}

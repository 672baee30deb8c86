//! Objects under the mount's own prefix. A document is small, and is changed by compare-and-swap
//! ([`update`]). A blob is large and never changes; it is saved from a body, or staged.
//!
//! A key is a relative path of UTF-8 segments. These keys are `Invalid`: with `.`, `..`, empty segments
//! or control characters, with a `/` at the start or the end, with `.packhouse` as the first segment.
//! A key cannot be both an object and a folder: writing such a key is `Damaged`. So choose a layout in
//! which no name from a client makes such a key.
//!
//! The functions accept and return data of any size: data larger than [`crate::PIECE`] is split into
//! pieces.
//!
//! # Order of a publish
//! Check the permission, stage the file, verify its digests and the metadata inside, prepare everything
//! that can fail, [`Staged::claim`] the key, then [`update`] the document. [`Publish`] implements this
//! order; it decides which of two publishers of a version succeeds. [`Removal`] implements the order of
//! removing a version.

mod claim;
pub(crate) mod clash;
mod derived;
mod document;
mod json;
mod leftover;
mod listing;
mod proof;
mod publish;
mod reader;
mod removal;
mod scan;
pub(crate) mod stamp;
mod update;
mod writer;

pub use crate::types::{ObjectInfo, Precondition};
pub use claim::{Claim, GRACE};
pub use derived::Derived;
pub use document::{DEFAULT_LIMIT, Document, Documents, get, get_each, get_many, get_up_to, put, to_json};
pub use json::Json;
pub use listing::{Folders, List, Listing, ListingOptions, folder_of, folders, list, list_page};
pub use proof::{
    Before, Name, PROOFS, Proof, Said, begin, check_absent, check_newest, get_each_newest,
    get_each_newest_strict, leave_proof, put_anew, put_naming, put_proven, put_rebuilt, release,
};
pub(crate) use proof::{
    add_names, announce_removal, confirm_removal, is_damaged as is_damaged_proof, is_lost, proof_of,
    record as record_proof, record_strict as record_strict_proof, settle as settle_proof, settle_absent,
    why_lost, why_unnamed,
};
pub use publish::{Claimed, Entry, Named, Prepared, Publish, Refused};
pub use reader::Reader;
pub use removal::Removal;
pub use scan::{Scan, scan};
pub use update::{Change, Update, update};
pub use writer::{Packed, Packing, Staged, Unpacked, Writer};

use crate::types::Digest;
use crate::{Error, sys};

/// The most keys of one call.
const STAT_MANY: usize = 1000;

/// None if the object does not exist. Costs one request to the store.
pub fn stat(key: &str) -> Result<Option<ObjectInfo>, Error> {
    sys::stat(key)
}

/// [`stat`] for several keys concurrently, in the order of `keys`.
pub fn stat_many<S: AsRef<str>>(keys: &[S]) -> Result<Vec<Option<ObjectInfo>>, Error> {
    let mut all = Vec::with_capacity(keys.len());
    for keys in keys.chunks(STAT_MANY) {
        let keys: Vec<String> = keys.iter().map(|key| key.as_ref().to_owned()).collect();
        all.extend(sys::stat_many(&keys)?);
    }
    Ok(all)
}

/// Writes a second object with the bytes of `source`, which must have this version. The store copies
/// them itself if it can. `NotFound` if `source` has no object; `Conflict` if it has another version,
/// or if the precondition does not hold for `key`. Without a content type, the copy has that of
/// `source`. A host of contract 0.1.0 does not load a plugin that calls this function.
///
/// ```
/// use packhouse_plugin::storage::{self, Precondition};
/// # let _host = packhouse_plugin::testing::Host::new();
/// let verified = storage::put("incoming/a", b"bytes", Precondition::Absent, None)?;
/// storage::copy("incoming/a", &verified.version, "released/a", Precondition::Absent, None)?;
/// # Ok::<_, packhouse_plugin::Error>(())
/// ```
pub fn copy(
    source: &str,
    version: &str,
    key: &str,
    precondition: Precondition<'_>,
    content_type: Option<&str>,
) -> Result<ObjectInfo, Error> {
    let copied = sys::copy(source, version, key, precondition, content_type);
    copied.map_err(|error| clash::explain(key, error))
}

/// False if the object did not exist.
pub fn remove(key: &str, precondition: Precondition<'_>) -> Result<bool, Error> {
    sys::remove(key, precondition)
}

/// Digests of a stored object, in the order of `algorithms`. None if the object does not exist. The
/// host reads the whole object.
pub fn digests(key: &str, algorithms: &[&str]) -> Result<Option<Vec<Digest>>, Error> {
    sys::digests(key, algorithms)
}

/// The time by the store's clock, in milliseconds since the Unix epoch. Compute ages from
/// [`ObjectInfo::modified`] with it, never with [`crate::clock::now`], which is the clock of the host:
/// the two may differ by any amount.
///
/// It is never ahead of the store's clock. It is behind by at most two seconds plus the time of one
/// answer of the store. It seldom costs a request. `Unavailable` if the store does not answer. A host of
/// contract 0.1.0 does not load a plugin that calls this function.
pub fn now() -> Result<u64, Error> {
    sys::store_now()
}

/// Milliseconds since the object was last written, by the store's clock. None if the store does not
/// record when that was. Up to two seconds too large.
pub fn age(info: &ObjectInfo) -> Result<Option<u64>, Error> {
    let Some(modified) = info.modified else { return Ok(None) };
    Ok(Some(now()?.saturating_sub(modified)))
}

/// Repeats a change until it is not in conflict with others: the loop of [`update`], for changes that
/// need more than one document. `attempt` gets the number of the attempt, from 1, and returns `None` if
/// somebody else has changed `key` in between ([`unless_conflict`]). `Unavailable` if every attempt was
/// a conflict. An attempt whose answer was lost looks like a change by somebody else. So from the second
/// attempt on, a change that is already made may be your own.
///
/// ```
/// use packhouse_plugin::Error;
/// use packhouse_plugin::storage::{self, Precondition, unless_conflict};
/// # let _host = packhouse_plugin::testing::Host::new();
///
/// let number = storage::retry("next", |_| {
///     let next = storage::get("next")?;
///     let number: u32 = next.as_ref().map_or(Ok(1), |next| next.json())?;
///     let precondition = next.as_ref().map_or(Precondition::Absent, |next| next.precondition());
///     let written = storage::put("next", (number + 1).to_string().as_bytes(), precondition, None);
///     Ok::<_, Error>(unless_conflict(written)?.map(|_| number))
/// })?;
/// assert_eq!(number, 1);
/// # Ok::<(), Error>(())
/// ```
pub fn retry<T, E: From<Error>>(
    key: &str,
    mut attempt: impl FnMut(u32) -> Result<Option<T>, E>,
) -> Result<T, E> {
    let mut number = 1;
    loop {
        if let Some(done) = attempt(number)? {
            return Ok(done);
        }
        wait_turn(key, number)?;
        number += 1;
    }
}

/// For hand-written loops; [`retry`] calls it. Call it after a `Conflict` on `key`, before you read it
/// again. The host waits for a while that grows with `attempt`, which starts at 1. `Unavailable` means:
/// give up.
pub fn wait_turn(key: &str, attempt: u32) -> Result<(), Error> {
    sys::wait_turn(key, attempt)
}

/// Makes `None` of a `Conflict`, for changes after which it does not matter that somebody else has written
/// or removed the object first.
///
/// ```
/// use packhouse_plugin::storage::{self, Precondition};
/// # let _host = packhouse_plugin::testing::Host::new();
///
/// let begin = || storage::unless_conflict(storage::put("begun", b"", Precondition::Absent, None));
/// assert!(begin()?.is_some());
/// assert!(begin()?.is_none());
/// # Ok::<(), packhouse_plugin::Error>(())
/// ```
pub fn unless_conflict<T>(done: Result<T, Error>) -> Result<Option<T>, Error> {
    match done {
        Err(Error::Conflict) => Ok(None),
        done => done.map(Some),
    }
}

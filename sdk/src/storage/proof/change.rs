//! Writing a document and then its proof.

use super::{Before, Name, Proof};
use crate::Error;
use crate::storage::{Document, Precondition, put, stamp, unless_conflict};
use crate::types::ObjectInfo;

/// Writes a document that has a proof, if it is still what was read (`Conflict` if not), and then
/// its proof. `Damaged`, with nothing written, if what was read is an older copy, or if it was lost.
///
/// ```
/// use packhouse_plugin::Error;
/// use packhouse_plugin::storage::{self, Before, put_proven};
/// # let host = packhouse_plugin::testing::Host::new();
///
/// put_proven("index.json", None, b"[1]".to_vec(), None)?;
/// let old = storage::get("index.json")?.expect("it was written");
/// put_proven("index.json", Some(&Before::from(&old)), b"[1,2]".to_vec(), None)?;
///
/// // Somebody restores an older copy.
/// host.insert("index.json", &old.bytes)?;
/// let older = storage::get("index.json")?.expect("it was restored");
/// let refused = put_proven("index.json", Some(&Before::from(&older)), b"[1,3]".to_vec(), None);
/// assert!(matches!(refused, Err(Error::Damaged { .. })));
/// # Ok::<(), Error>(())
/// ```
pub fn put_proven(
    key: &str,
    before: Option<&Before>,
    bytes: Vec<u8>,
    content_type: Option<&str>,
) -> Result<ObjectInfo, Error> {
    put_naming(Proof::of(key)?, before, bytes, content_type, &[])
}

/// The same for `reindex`, which makes a document anew from what is stored: also in the place of
/// an older copy, or of one that was lost.
pub fn put_rebuilt(
    key: &str,
    before: Option<&Before>,
    bytes: Vec<u8>,
    content_type: Option<&str>,
) -> Result<ObjectInfo, Error> {
    put_anew(Proof::of(key)?, before, bytes, content_type)
}

/// As [`put_rebuilt`], with the proof of the document, which may tell what the document says
/// ([`Proof::saying`]).
pub fn put_anew(
    proof: Proof,
    before: Option<&Before>,
    bytes: Vec<u8>,
    content_type: Option<&str>,
) -> Result<ObjectInfo, Error> {
    put_after(proof, before, bytes, content_type, &[])
}

/// Begins a document that says nothing yet, for a [`Publish`](crate::storage::Publish) that is proven
/// and comes next: [`Publish::prepare_read`](crate::storage::Publish::prepare_read) takes what this
/// gives, and leaves the proof. None if something is there by now; `Damaged`, without asking `make`, if
/// the document was lost.
pub fn begin<E: From<Error>>(
    key: &str,
    content_type: Option<&str>,
    make: impl FnOnce() -> Result<Vec<u8>, E>,
) -> Result<Option<(Document, Proof)>, E> {
    let mut proof = Proof::of(key)?;
    proof.check_absent()?;
    let bytes = stamp::with(key, make()?, proof.begin());
    let written = unless_conflict(put(key, &bytes, Precondition::Absent, content_type))?;
    Ok(written.map(|info| (Document { info, bytes }, proof)))
}

/// `Damaged` if what was read of the document at this key is an older copy. Call it before
/// [`Removal::announce`](crate::storage::Removal::announce), which changes the proof. What has been
/// changed since it was read is for the write to notice.
pub fn check_newest(key: &str, before: &Before) -> Result<(), Error> {
    unless_conflict(Proof::of(key)?.check(before)).map(drop)
}

/// As [`put_proven`], with the proof that was read after the document, where the document names these
/// from now on.
pub fn put_naming(
    mut proof: Proof,
    before: Option<&Before>,
    bytes: Vec<u8>,
    content_type: Option<&str>,
    names: &[Name],
) -> Result<ObjectInfo, Error> {
    match before {
        Some(before) => proof.check(before)?,
        None => proof.check_absent()?,
    }
    put_after(proof, before, bytes, content_type, names)
}

fn put_after(
    mut proof: Proof,
    before: Option<&Before>,
    bytes: Vec<u8>,
    content_type: Option<&str>,
    names: &[Name],
) -> Result<ObjectInfo, Error> {
    proof.build_on(before);
    let stamp = proof.next_stamp(before.and_then(|before| before.stamp));
    let bytes = stamp::with(&proof.document, bytes, stamp);
    let stamp = stamp::of(&bytes);
    let precondition = before.map_or(Precondition::Absent, Before::precondition);
    let written = put(&proof.document, &bytes, precondition, content_type)?;
    Ok(proof.record(&written, stamp, names).unwrap_or(written))
}

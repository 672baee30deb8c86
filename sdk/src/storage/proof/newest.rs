//! Reading many documents together with their proofs.

use super::removal::Base;
use super::{Before, Proof, parse, proof_of};
use crate::Error;
use crate::storage::{Document, get, get_each, retry, unless_conflict};

/// As [`get_each`], for documents that have proofs: one that is an older copy is `Damaged`, and the
/// others follow. This reads twice as many objects.
///
/// ```
/// use packhouse_plugin::Error;
/// use packhouse_plugin::storage::{self, Json};
/// # let host = packhouse_plugin::testing::Host::new();
///
/// let soup = Json::<[u32; 1]>::at("soup.json").proven();
/// soup.update(|_| Ok::<_, Error>(Some([1])))?;
/// let older = storage::get("soup.json")?.expect("it was written");
/// soup.update(|_| Ok::<_, Error>(Some([2])))?;
///
/// // Somebody restores an older copy.
/// host.insert("soup.json", &older.bytes)?;
/// let read: Vec<_> = storage::get_each_newest(&["soup.json", "none.json"]).collect();
/// assert!(matches!(read[0], Err(Error::Damaged { .. })));
/// assert_eq!(read[1], Ok(None));
/// # Ok::<(), Error>(())
/// ```
pub fn get_each_newest<S: AsRef<str>>(keys: &[S]) -> impl Iterator<Item = Result<Option<Document>, Error>> {
    each(keys, |document| Before::from(document))
}

/// The same for documents that decide who may do what: [`Json::strict`](crate::storage::Json::strict).
pub fn get_each_newest_strict<S: AsRef<str>>(
    keys: &[S],
) -> impl Iterator<Item = Result<Option<Document>, Error>> {
    each(keys, Before::strict)
}

fn each<S: AsRef<str>>(
    keys: &[S],
    before: fn(&Document) -> Before,
) -> impl Iterator<Item = Result<Option<Document>, Error>> {
    let keys: Vec<String> = keys.iter().map(|key| key.as_ref().to_owned()).collect();
    let proofs: Vec<String> = keys.iter().map(|key| proof_of(key)).collect();
    let read = get_each(&keys).zip(get_each(&proofs));
    keys.into_iter().zip(read).map(move |(key, (document, proof))| {
        let (Some(document), proof) = (document?, proof?) else { return Ok(None) };
        let known = Proof {
            document: key,
            state: proof.as_ref().map(parse).unwrap_or_default(),
            info: proof.map(|proof| proof.info),
            base: Base::Unknown,
            new: None,
        };
        if unless_conflict(known.check(&before(&document)))?.is_some() {
            return Ok(Some(document));
        }
        // It has been changed since it was read.
        retry(&known.document, |_| {
            let Some(document) = get(&known.document)? else { return Ok(Some(None)) };
            let checked = Proof::of(&known.document)?.check(&before(&document));
            Ok(unless_conflict(checked)?.map(|()| Some(document)))
        })
    })
}

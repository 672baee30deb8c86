//! Walks over stored objects, one page at a time. Each function takes the key after which it
//! continues, and returns the key after which the next step continues; none at the end.

use super::phases::Place;
use crate::Error;
use crate::storage::{self, Document, ListingOptions, folder_of};
use crate::types::ObjectInfo;

/// The objects of one page of at most `n` keys (1 to 1000) that begin with `prefix`.
///
/// ```
/// use packhouse_plugin::maintenance::each;
/// # let host = packhouse_plugin::testing::Host::new();
/// # for key in ["notes/a", "notes/b", "notes/c"] { host.insert(key, "…")?; }
///
/// let mut seen = Vec::new();
/// let next = each("notes/", None, 2, |note| { seen.push(note.key.clone()); Ok(()) })?;
/// assert_eq!((seen.len(), next.as_deref()), (2, Some("notes/b")));
/// # Ok::<(), packhouse_plugin::Error>(())
/// ```
pub fn each(
    prefix: &str,
    after: Option<&str>,
    n: u32,
    mut visit: impl FnMut(&ObjectInfo) -> Result<(), Error>,
) -> Result<Option<String>, Error> {
    let page = storage::list_page(&ListingOptions { after, limit: n, ..ListingOptions::new(prefix) })?;
    page.objects.iter().try_for_each(&mut visit)?;
    Ok(page.next)
}

/// The same with the content of each object, without objects that were removed meanwhile. At most 1
/// MiB of content, or one larger document, is in memory at a time. A document that is too large to
/// read is [`Error::Damaged`]. The page ends early after `bytes` bytes of documents.
///
/// ```
/// use packhouse_plugin::Error;
/// use packhouse_plugin::maintenance::each_document;
/// # let host = packhouse_plugin::testing::Host::new();
/// # host.insert("notes/a", "milk")?;
///
/// each_document("notes/", None, 100, 16 << 20, |note, document: Result<_, Error>| {
///     assert_eq!((note.key.as_str(), document?.bytes.as_slice()), ("notes/a", &b"milk"[..]));
///     Ok(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
pub fn each_document(
    prefix: &str,
    after: Option<&str>,
    n: u32,
    bytes: u64,
    mut visit: impl FnMut(&ObjectInfo, Result<Document, Error>) -> Result<(), Error>,
) -> Result<Option<String>, Error> {
    let page = storage::list_page(&ListingOptions { after, limit: n, ..ListingOptions::new(prefix) })?;
    let keys: Vec<&str> = page.objects.iter().map(|object| object.key.as_str()).collect();
    let mut read = 0;
    for (object, document) in page.objects.iter().zip(storage::get_each(&keys)) {
        match document {
            Ok(None) => continue,
            Ok(Some(document)) => {
                read += document.bytes.len() as u64;
                visit(object, Ok(document))?;
            }
            Err(error @ Error::Damaged { .. }) => visit(object, Err(error))?,
            Err(error) => return Err(error),
        }
        if read > bytes {
            return Ok(Some(object.key.clone()));
        }
    }
    Ok(page.next)
}

/// The documents of one page of at most `n` keys that begin with `prefix`, where one document may
/// have more entries than a step processes. `after` is a [`Place`], and so is the result. `visit`
/// gets the key of a document and the number of its entries that earlier steps processed. It
/// returns the position at which to continue ([`Place::at`]) when the step has done enough, and
/// none when the document is done.
///
/// ```
/// use packhouse_plugin::maintenance::{Budget, Place, each_in_parts};
/// # let host = packhouse_plugin::testing::Host::new();
/// # host.insert("notes/a", "milk")?;
///
/// // Each note has three entries, and a step does two.
/// let step = |after: Option<&str>| {
///     let mut budget = Budget::new(2, u64::MAX);
///     each_in_parts("notes/", after, 100, |key, done| {
///         for entry in done..3 {
///             if budget.is_spent() {
///                 return Ok(Some(Place::at(entry, key)));
///             }
///             budget.spend(1, 0);
///         }
///         Ok(None)
///     })
/// };
/// let place = step(None)?;
/// assert_eq!(place.as_deref(), Some("2 notes/a"));
/// assert_eq!(step(place.as_deref())?, None);
/// # Ok::<(), packhouse_plugin::Error>(())
/// ```
pub fn each_in_parts(
    prefix: &str,
    after: Option<&str>,
    n: u32,
    mut visit: impl FnMut(&str, usize) -> Result<Option<String>, Error>,
) -> Result<Option<String>, Error> {
    let place = Place::parse(after);
    if let Place::Within { key, done } = place
        && let Some(place) = visit(key, done)?
    {
        return Ok(Some(place));
    }
    let options = ListingOptions { after: place.key(), limit: n, ..ListingOptions::new(prefix) };
    let page = storage::list_page(&options)?;
    for object in &page.objects {
        if let Some(place) = visit(&object.key, 0)? {
            return Ok(Some(place));
        }
    }
    Ok(page.next.as_deref().map(Place::behind))
}

/// The objects of one page, folder by folder: all files of one package together, or a part of them
/// if the page ends between them. `visit` returns how many bytes it has read. After `bytes` of them
/// the page ends early.
///
/// ```
/// use packhouse_plugin::maintenance::each_folder;
/// # let host = packhouse_plugin::testing::Host::new();
/// # for key in ["files/a/1", "files/a/2", "files/b/1"] { host.insert(key, "…")?; }
///
/// let mut sizes = Vec::new();
/// each_folder("files/", None, 500, 16 << 20, |files| { sizes.push(files.len()); Ok(0) })?;
/// assert_eq!(sizes, [2, 1]);
/// # Ok::<(), packhouse_plugin::Error>(())
/// ```
pub fn each_folder(
    prefix: &str,
    after: Option<&str>,
    n: u32,
    bytes: u64,
    mut visit: impl FnMut(&[ObjectInfo]) -> Result<u64, Error>,
) -> Result<Option<String>, Error> {
    let page = storage::list_page(&ListingOptions { after, limit: n, ..ListingOptions::new(prefix) })?;
    let mut read = 0;
    for files in page.objects.chunk_by(|one, next| folder_of(&one.key) == folder_of(&next.key)) {
        read += visit(files)?;
        if let Some(last) = files.last().filter(|_| read > bytes) {
            return Ok(Some(last.key.clone()));
        }
    }
    Ok(page.next)
}

//! Finds the things of an account in the documents below a prefix. A document that cannot be read may
//! list the account. So it is never passed over: the answer ends with an error that names it.
//!
//! One page cannot contain both things and an error. So the cursor carries the keys of the documents that
//! could not be read, and the error is the answer in the place of the last page, which has no things: it
//! looks for documents that were lost.

use serde::{Deserialize, Serialize};

use super::{Page, Thing};
use crate::storage::{
    Document, ListingOptions, PROOFS, get_each_newest, get_each_newest_strict, is_lost, list_page, proof_of,
    stat_many, why_lost,
};
use crate::{Error, log};

/// Documents of one page: each is read, and its proof too.
const DOCUMENTS: usize = 250;
/// Bytes of documents after which a page ends.
const MOST_READ: u64 = 16 << 20;
/// The most keys of an answer, and the most bytes of them: a cursor has at most 4 KiB.
const MOST_NAMED: usize = 20;
const MOST_NAMED_BYTES: usize = 1 << 10;
/// The most characters of a reason.
const LONGEST_WHY: usize = 300;

/// The documents below a prefix, of which each may list owners. It finds those that were lost by their
/// proofs, and older copies too.
///
/// ```
/// use packhouse_plugin::ownership::{Survey, Thing};
/// use packhouse_plugin::{Error, storage};
/// # let host = packhouse_plugin::testing::Host::new();
/// # host.insert("owners/soup", r#"["ann"]"#)?;
/// # host.insert("owners/tea", "[")?;
///
/// let survey = Survey::of("owners/");
/// let look = |document: &storage::Document| {
///     let owners: Vec<String> = document.json()?;
///     Ok(owners.contains(&"ann".to_owned()).then(|| Thing::new("dish", &document.info.key)))
/// };
/// let page = survey.page(None, |_| true, look)?;
/// assert_eq!(page.things, [Thing::new("dish", "owners/soup")]);
///
/// // Nobody knows who owns the tea.
/// let answer = survey.page(page.next.as_deref(), |_| true, look);
/// assert!(matches!(answer, Err(Error::Damaged { key, .. }) if key == "owners/tea"));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Survey<'a> {
    prefix: &'a str,
    is_strict: bool,
}

/// Where the next page begins, and what the pages before it could not read.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Cursor {
    /// The key of a document or of a proof.
    after: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unread: Vec<String>,
    /// Why the first of these cannot be read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    why: String,
    /// How many more there are.
    #[serde(default)]
    more: u64,
}

impl<'a> Survey<'a> {
    /// Of the documents whose keys begin with this.
    pub fn of(prefix: &'a str) -> Survey<'a> {
        Survey { prefix, is_strict: false }
    }

    /// For documents that are changed with [`Update::strict`](crate::storage::Update::strict).
    #[must_use]
    pub fn strict(self) -> Survey<'a> {
        Survey { is_strict: true, ..self }
    }

    /// One page, for [`Ownership::owned_by`](super::Ownership::owned_by). `is_document` says whether the
    /// object at a key is a document with owners. `look` gives the thing of a document that lists the
    /// account, or `Damaged` if it cannot be read. After the last page, the answer is `Damaged` if any
    /// document was damaged or lost, or was an older copy of itself: it names the keys.
    pub fn page(
        self,
        cursor: Option<&str>,
        is_document: impl Fn(&str) -> bool,
        look: impl FnMut(&Document) -> Result<Option<Thing>, Error>,
    ) -> Result<Page, Error> {
        let mut cursor: Cursor = match cursor {
            Some(cursor) => serde_json::from_str(cursor)
                .map_err(|error| Error::Misused(format!("the cursor was not made here: {error}")))?,
            None => Cursor { after: self.prefix.to_owned(), ..Cursor::default() },
        };
        let after = std::mem::take(&mut cursor.after);
        let mut page = Page::default();
        let next = if after.starts_with(PROOFS) {
            self.find_lost(&after, is_document, &mut cursor)?
        } else {
            Some(self.find_things(&after, is_document, look, &mut page, &mut cursor)?)
        };
        // The last page has proofs, and no things.
        let Some(next) = next else { return cursor.into_error().map_or(Ok(page), Err) };
        cursor.after = next;
        page.next = Some(serde_json::to_string(&cursor).map_err(|error| Error::Misused(error.to_string()))?);
        Ok(page)
    }

    /// After the documents come the proofs.
    fn find_things(
        self,
        after: &str,
        is_document: impl Fn(&str) -> bool,
        mut look: impl FnMut(&Document) -> Result<Option<Thing>, Error>,
        page: &mut Page,
        cursor: &mut Cursor,
    ) -> Result<String, Error> {
        let listing = list_page(&options(self.prefix, after))?;
        let next = listing.next.unwrap_or_else(|| proof_of(self.prefix));
        let keys: Vec<String> =
            listing.objects.into_iter().map(|object| object.key).filter(|key| is_document(key)).collect();
        let (mut read, mut seen) = (0, 0);
        let documents: Box<dyn Iterator<Item = Result<Option<Document>, Error>> + '_> = if self.is_strict {
            Box::new(get_each_newest_strict(&keys))
        } else {
            Box::new(get_each_newest(&keys))
        };
        for (key, document) in keys.iter().zip(documents) {
            seen += 1;
            let found = document.and_then(|document| {
                let Some(document) = document else { return Ok(None) };
                read += document.bytes.len() as u64;
                look(&document)
            });
            match found {
                Ok(thing) => page.things.extend(thing),
                Err(Error::Damaged { key: damaged, why }) if damaged == *key => cursor.add(key, &why),
                Err(error) => return Err(error),
            }
            if (read > MOST_READ || seen >= DOCUMENTS) && seen < keys.len() {
                return Ok(key.clone());
            }
        }
        Ok(next)
    }

    fn find_lost(
        self,
        after: &str,
        is_document: impl Fn(&str) -> bool,
        cursor: &mut Cursor,
    ) -> Result<Option<String>, Error> {
        let listing = list_page(&options(&proof_of(self.prefix), after))?;
        let proofs = listing.objects.into_iter().filter_map(|proof| {
            let document = proof.key.strip_prefix(PROOFS).filter(|document| is_document(document))?;
            Some((document.to_owned(), proof))
        });
        let (documents, proofs): (Vec<String>, Vec<_>) = proofs.unzip();
        for ((document, proof), there) in documents.iter().zip(proofs).zip(stat_many(&documents)?) {
            if there.is_none() && is_lost(document, &proof)? {
                cursor.add(document, &why_lost(&proof.key));
            }
        }
        Ok(listing.next)
    }
}

/// Keys that begin with this. A walk begins at the prefix itself.
fn options<'k>(prefix: &'k str, after: &'k str) -> ListingOptions<'k> {
    let after = Some(after).filter(|after| *after != prefix);
    ListingOptions { after, ..ListingOptions::new(prefix) }
}

impl Cursor {
    fn add(&mut self, key: &str, why: &str) {
        log::error("it is not known who owns what a document is about", &[("key", key), ("error", why)]);
        if self.unread.is_empty() {
            self.why = why.chars().take(LONGEST_WHY).collect();
        }
        let bytes: usize = self.unread.iter().map(String::len).sum();
        let has_room = self.unread.len() < MOST_NAMED && bytes + key.len() <= MOST_NAMED_BYTES;
        if self.unread.is_empty() || has_room {
            self.unread.push(key.to_owned());
        } else {
            self.more += 1;
        }
    }

    /// None if all documents could be read.
    fn into_error(self) -> Option<Error> {
        let mut unread = self.unread.into_iter();
        let first = unread.next()?;
        let mut others: Vec<String> = unread.map(|key| format!("`{key}` is damaged too")).collect();
        if self.more > 0 {
            others.push(format!("and so are {} more", self.more));
        }
        let why = [vec![self.why], others].concat().join("; ");
        Some(Error::damaged(first, why))
    }
}

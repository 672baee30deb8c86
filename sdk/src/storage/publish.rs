//! The order of a publish, for protocols whose documents name blobs by version: prepare the document,
//! claim the key of the blob, write the objects beside it, and then write the document that names the
//! blob. It knows no document and no protocol: the caller's `look` reads and changes the document.
//!
//! # Invariants
//! - **Of two publishers of one version, exactly one succeeds.** The document is written by
//!   compare-and-swap. The second publisher gets a conflict, reads the document again, finds the
//!   version, and gets [`Refused::Exists`].
//! - **A missing blob is never named.** Before each write of the document, and after it was read,
//!   the blob is looked up.
//! - **A publish whose answer was lost is a success.** If the version is found with the bytes of this
//!   publish after it has tried to write, it may be its own or somebody else's; both are a success.
//! - **An old claim is not used**, because others treat it as left by a crash.
//! - **Other bytes replace a file only if a publish may have left it** (see [`leftover`]): without its
//!   document, a file may be the last copy of a version.
//! - **An older copy of an acknowledged document is never changed** (see [`proof`](super::proof)), if
//!   the publish is [`Publish::proven`].

use std::cell::RefCell;

use super::claim::There;
use super::document::oversized;
use super::leftover::{self, Begun};
use crate::Error;
use crate::storage::{
    Before, Claim, DEFAULT_LIMIT, Document, Proof, Said, Staged, get_up_to, now, retry, stamp, stat,
    unless_conflict,
};
use crate::types::ObjectInfo;

mod claimed;

/// What a document says of the version that is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// It does not name the version. This is the document with the version in it.
    New(Vec<u8>),
    /// It names the version, with the bytes of this publish.
    Same,
    /// It names the version, with other bytes.
    Other,
}

/// Why a publish has changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The version was there before this publish, with the same bytes. Most protocols answer
    /// as for [`Refused::Exists`].
    Same,
    /// The version is there.
    Exists,
    /// Somebody else is publishing this version, or a removal of it is under way: try again
    /// in some minutes.
    Busy,
    /// With the version, the document would be larger than can be read back ([`DEFAULT_LIMIT`]):
    /// answer 413.
    TooLarge,
}

/// A publish of one version into a document. Each step takes `look`, which is asked what the
/// document says. It may be called several times: it must do nothing that cannot be
/// repeated. Its errors end the publish.
///
/// ```
/// use packhouse_plugin::storage::{Document, Entry, Publish, Refused, Writer};
/// use packhouse_plugin::Error;
/// # let _host = packhouse_plugin::testing::Host::new();
///
/// let mut writer = Writer::new(&["sha256"]);
/// writer.add(b"bytes of 1.0.0")?;
/// let mut staged = writer.finish()?;
/// let line = format!("1.0.0 {}\n", staged.digest("sha256")?.hex);
/// let mut look = |document: Option<&Document>| {
///     let there = document.map_or(&b""[..], |document| &document.bytes);
///     let text = String::from_utf8_lossy(there).into_owned();
///     Ok::<_, Error>(match text.lines().find(|line| line.starts_with("1.0.0 ")) {
///         None => Entry::New(format!("{text}{line}").into_bytes()),
///         Some(found) if found == line.trim_end() => Entry::Same,
///         Some(_) => Entry::Other,
///     })
/// };
///
/// let prepared = Publish::new("index/demo").prepare(&mut look)?.expect("it is new");
/// let claimed = prepared.claim(&mut staged, "files/demo-1.0.0", None, &mut look)?.expect("it is free");
/// let named = claimed.name(&mut look)?.expect("nobody else was faster");
/// assert!(named.is_new_document);
/// assert_eq!(Publish::new("index/demo").prepare(&mut look)?.err(), Some(Refused::Same));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Publish<'a> {
    document: &'a str,
    content_type: Option<&'a str>,
    limit: u64,
    begun: fn(&Document) -> Option<u64>,
    is_proven: bool,
    said: Option<fn(&[u8]) -> Said>,
}

/// A document that is ready to be written.
#[derive(Debug)]
#[must_use]
pub struct Prepared<'a> {
    publish: Publish<'a>,
    bytes: Vec<u8>,
    /// The document that was read, if there is one.
    before: Option<Before>,
    begun: Begun,
    /// None if the publish leaves none.
    proof: Option<Proof>,
}

/// A blob that has its key, and the document that is about to name it.
#[derive(Debug)]
#[must_use]
pub struct Claimed<'a> {
    prepared: Prepared<'a>,
    blob: String,
    /// The keys of the objects beside it.
    beside: RefCell<Vec<String>>,
    /// By the store's clock, not after the claim.
    since: u64,
}

/// A version that can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The document that names it.
    pub document: ObjectInfo,
    /// There may have been no document before this publish.
    pub is_new_document: bool,
}

impl<'a> Publish<'a> {
    /// Into the document at this key.
    pub fn new(document: &'a str) -> Publish<'a> {
        Publish {
            document,
            content_type: None,
            limit: DEFAULT_LIMIT,
            begun: |_| None,
            is_proven: false,
            said: None,
        }
    }

    /// Of the document.
    #[must_use]
    pub fn content_type(self, content_type: &'a str) -> Publish<'a> {
        Publish { content_type: Some(content_type), ..self }
    }

    /// Tells when a document was begun, in milliseconds since the Unix epoch; none if it does not
    /// say. A file that is older than its document is not replaced by other bytes: an earlier
    /// document may have named it.
    #[must_use]
    pub fn begun(self, begun: fn(&Document) -> Option<u64>) -> Publish<'a> {
        Publish { begun, ..self }
    }

    /// Leaves a proof of the document (see [`Proof`]): `Damaged`, with nothing written, if the
    /// document was lost or is an older copy of what was acknowledged. Every other change of the
    /// document must be proven too: [`Update::proven`](crate::storage::Update::proven),
    /// [`put_proven`](crate::storage::put_proven). A request that takes a version out of it must use
    /// [`Removal::announce_from`](crate::storage::Removal::announce_from), and one that removes it
    /// [`RemovalMark::remove`](crate::maintenance::RemovalMark::remove).
    ///
    /// It costs two calls of the store: the proof is read and written.
    #[must_use]
    pub fn proven(self) -> Publish<'a> {
        Publish { is_proven: true, ..self }
    }

    /// What a document with these bytes says of access and of withdrawn versions, for a
    /// [`Publish::proven`] publish. See [`Update::saying`](crate::storage::Update::saying).
    #[must_use]
    pub fn saying(self, said: fn(&[u8]) -> Said) -> Publish<'a> {
        Publish { said: Some(said), ..self }
    }

    /// All steps, for protocols that write nothing beside the file: [`Publish::prepare`],
    /// [`Prepared::claim`], [`Claimed::name`].
    pub fn run<E: From<Error>>(
        self,
        staged: &mut Staged,
        blob: &str,
        content_type: Option<&str>,
        look: &mut impl FnMut(Option<&Document>) -> Result<Entry, E>,
    ) -> Result<Result<Named, Refused>, E> {
        let prepared = match self.prepare(look)? {
            Ok(prepared) => prepared,
            Err(refused) => return Ok(Err(refused)),
        };
        match prepared.claim(staged, blob, content_type, look)? {
            Ok(claimed) => claimed.name(look),
            Err(refused) => Ok(Err(refused)),
        }
    }

    /// Reads the document, and makes it ready to be written.
    pub fn prepare<E: From<Error>>(
        self,
        look: &mut impl FnMut(Option<&Document>) -> Result<Entry, E>,
    ) -> Result<Result<Prepared<'a>, Refused>, E> {
        retry(self.document, |_| {
            let current = read(self.document, self.limit)?;
            self.prepare_on(current.as_ref(), None, look)
        })
    }

    /// The same for a document that was read a moment ago, and for its proof if that was read after it
    /// ([`begin`](crate::storage::begin)): neither is read again.
    pub fn prepare_read<E: From<Error>>(
        self,
        seen: Document,
        proof: Option<Proof>,
        look: &mut impl FnMut(Option<&Document>) -> Result<Entry, E>,
    ) -> Result<Result<Prepared<'a>, Refused>, E> {
        if let Some(prepared) = self.prepare_on(Some(&seen), proof, look)? {
            return Ok(prepared);
        }
        drop(seen);
        self.prepare(look)
    }

    /// The same for a document that was read a while ago. It is read again if it has changed.
    pub fn prepare_from<E: From<Error>>(
        self,
        seen: Option<Document>,
        look: &mut impl FnMut(Option<&Document>) -> Result<Entry, E>,
    ) -> Result<Result<Prepared<'a>, Refused>, E> {
        let now = stat(self.document)?;
        if seen.as_ref().map(|document| &document.info.version) == now.as_ref().map(|info| &info.version)
            && let Some(prepared) = self.prepare_on(seen.as_ref(), None, look)?
        {
            return Ok(prepared);
        }
        drop(seen);
        self.prepare(look)
    }

    /// None if the document has changed meanwhile.
    fn prepare_on<E: From<Error>>(
        self,
        current: Option<&Document>,
        proof: Option<Proof>,
        look: &mut impl FnMut(Option<&Document>) -> Result<Entry, E>,
    ) -> Result<Option<Result<Prepared<'a>, Refused>>, E> {
        Ok(match look(current)? {
            Entry::New(bytes) if self.is_too_large(&bytes) => Some(Err(Refused::TooLarge)),
            Entry::New(bytes) => {
                let proof = match proof {
                    None if self.is_proven => Some(Proof::of(self.document)?),
                    proof => proof,
                };
                unless_conflict(self.prepare_after(current, bytes, proof))?.map(Ok)
            }
            Entry::Same => Some(Err(Refused::Same)),
            Entry::Other => Some(Err(Refused::Exists)),
        })
    }

    /// `Damaged` if what is there is not what the proof says; `Conflict` if it has changed
    /// meanwhile.
    fn prepare_after(
        self,
        current: Option<&Document>,
        bytes: Vec<u8>,
        mut proof: Option<Proof>,
    ) -> Result<Prepared<'a>, Error> {
        let before = current.map(Before::from);
        let begun = current
            .map_or(Begun::NoDocument, |current| (self.begun)(current).map_or(Begun::Sometime, Begun::At));
        let bytes = match &mut proof {
            None => bytes,
            Some(proof) => {
                match &before {
                    Some(before) => proof.check(before)?,
                    None => proof.check_absent()?,
                }
                proof.build_on(before.as_ref());
                let stamp = proof.next_stamp(before.as_ref().and_then(Before::stamp));
                stamp::with(self.document, bytes, stamp)
            }
        };
        Ok(Prepared { publish: self, bytes, before, begun, proof })
    }

    /// With the stamp that it may get.
    fn is_too_large(self, bytes: &[u8]) -> bool {
        let stamp = if self.is_proven { stamp::LENGTH } else { 0 };
        (bytes.len() + stamp) as u64 > self.limit
    }
}

impl<'a> Prepared<'a> {
    /// Whether there is no document yet.
    pub fn is_new_document(&self) -> bool {
        self.before.is_none()
    }

    /// Gives the staged bytes their key; see [`Staged::claim`]. `Damaged` if other bytes lie
    /// there that may be all that is left of a version, because the document was lost.
    pub fn claim<E: From<Error>>(
        mut self,
        staged: &mut Staged,
        blob: &str,
        content_type: Option<&str>,
        look: &mut impl FnMut(Option<&Document>) -> Result<Entry, E>,
    ) -> Result<Result<Claimed<'a>, Refused>, E> {
        let since = now()?;
        let mut refused = Refused::Exists;
        let claim = staged.claim_unless(blob, content_type, || {
            // The old document and two new ones may be more than there is room for.
            self.bytes = Vec::new();
            let key = self.publish.document;
            match self.publish.prepare(look)? {
                Ok(prepared) => self = prepared,
                Err(found) => {
                    refused = found;
                    return Ok(There::Named);
                }
            }
            let was_named = self.proof.as_ref().is_some_and(|proof| proof.names(blob));
            let begun = self.begun;
            let check = move |file: &ObjectInfo| leftover::check(file, key, begun, was_named);
            Ok::<_, E>(There::Unnamed(move |file: &ObjectInfo| Ok(check(file)?)))
        })?;
        Ok(match claim {
            Claim::Committed => {
                Ok(Claimed { prepared: self, blob: blob.to_owned(), beside: RefCell::default(), since })
            }
            Claim::Named => Err(refused),
            Claim::Busy => Err(Refused::Busy),
        })
    }
}

fn read(key: &str, limit: u64) -> Result<Option<Document>, Error> {
    get_up_to(key, limit).map_err(|error| oversized(key, error))
}

//! The order of a publish, for protocols whose documents name blobs by version: the document
//! is prepared, the blob is claimed, what lies beside it is written, and then the document that
//! names it. It knows no document and no protocol: the caller's `look` reads and changes the
//! document.
//!
//! # Invariants
//! **A blob that is not there is never named.** Before each write of the document, and after
//! it was read, the blob is looked at.
//! **A publish whose answer was lost is a success.** Of a version that is found after this
//! publish has tried to write it, with the bytes of this publish, it cannot be told whose it
//! is, and it does not matter.
//! **A claim that has become old is not used**: others take it for what a crash left.
//! **Other bytes replace a file only if a publish may have left it** (see [`leftover`]): without
//! its document, a file may be the last copy of a version.

use super::claim::There;
use super::document::oversized;
use super::leftover::{self, Begun};
use super::proof;
use crate::Error;
use crate::maintenance::hold;
use crate::storage::{
    Claim, DEFAULT_LIMIT, Document, GRACE, Precondition, Staged, get_up_to, now, put, stat, wait_turn,
};
use crate::types::ObjectInfo;

/// How old a claim may be when the document is written, in milliseconds. The write may take
/// two minutes more before the claim is worth nothing.
const CLAIM_USED_WITHIN: u64 = GRACE - 2 * 60 * 1000;

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
}

/// A document that is ready to be written.
#[derive(Debug)]
#[must_use]
pub struct Prepared<'a> {
    publish: Publish<'a>,
    bytes: Vec<u8>,
    /// Of the document that was read; none when there is none.
    version: Option<String>,
}

/// A blob that has its key, and the document that is about to name it.
#[derive(Debug)]
#[must_use]
pub struct Claimed<'a> {
    prepared: Prepared<'a>,
    blob: String,
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
        Publish { document, content_type: None, limit: DEFAULT_LIMIT, begun: |_| None, is_proven: false }
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

    /// Leaves a proof that the document exists, and refuses to begin a new document in the place of
    /// one that was lost: `Damaged`. A request that removes the document must use
    /// [`RemovalMark`](crate::maintenance::RemovalMark); see
    /// [`check_absent`](crate::storage::check_absent).
    #[must_use]
    pub fn proven(self) -> Publish<'a> {
        Publish { is_proven: true, ..self }
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
        let current = read(self.document, self.limit)?;
        self.prepare_on(current, look)
    }

    /// The same for a document that was read a while ago. It is read again if it has changed.
    pub fn prepare_from<E: From<Error>>(
        self,
        seen: Option<Document>,
        look: &mut impl FnMut(Option<&Document>) -> Result<Entry, E>,
    ) -> Result<Result<Prepared<'a>, Refused>, E> {
        let now = stat(self.document)?;
        if seen.as_ref().map(|document| &document.info.version) == now.as_ref().map(|info| &info.version) {
            return self.prepare_on(seen, look);
        }
        drop(seen);
        self.prepare(look)
    }

    fn prepare_on<E: From<Error>>(
        self,
        current: Option<Document>,
        look: &mut impl FnMut(Option<&Document>) -> Result<Entry, E>,
    ) -> Result<Result<Prepared<'a>, Refused>, E> {
        Ok(match look(current.as_ref())? {
            Entry::New(bytes) if self.is_too_large(&bytes) => Err(Refused::TooLarge),
            Entry::New(bytes) => {
                self.check_absent(current.is_none())?;
                let version = current.map(|document| document.info.version);
                Ok(Prepared { publish: self, bytes, version })
            }
            Entry::Same => Err(Refused::Same),
            Entry::Other => Err(Refused::Exists),
        })
    }

    fn check_absent(self, is_absent: bool) -> Result<(), Error> {
        if self.is_proven && is_absent { proof::check_absent(self.document) } else { Ok(()) }
    }

    fn is_too_large(self, bytes: &[u8]) -> bool {
        bytes.len() as u64 > self.limit
    }
}

impl<'a> Prepared<'a> {
    /// Whether there is no document yet.
    pub fn is_new_document(&self) -> bool {
        self.version.is_none()
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
            let Publish { document: key, limit, begun, .. } = self.publish;
            let current = read(key, limit)?;
            let begun = current
                .as_ref()
                .map_or(Begun::NoDocument, |document| begun(document).map_or(Begun::Sometime, Begun::At));
            match self.publish.prepare_on(current, look)? {
                Ok(prepared) => self = prepared,
                Err(found) => {
                    refused = found;
                    return Ok(There::Named);
                }
            }
            Ok::<_, E>(There::Unnamed(move |file: &ObjectInfo| Ok(leftover::check(file, key, begun)?)))
        })?;
        Ok(match claim {
            Claim::Committed => Ok(Claimed { prepared: self, blob: blob.to_owned(), since }),
            Claim::Named => Err(refused),
            Claim::Busy => Err(Refused::Busy),
        })
    }
}

impl Claimed<'_> {
    /// Writes what belongs to the version and lies beside its file, e.g. a signature. Nobody sees
    /// it before the document names the version; if that fails, it is left over.
    #[expect(clippy::unused_self, reason = "a step of the order: before the claim nothing may be written")]
    pub fn beside(&self, key: &str, bytes: &[u8], content_type: Option<&str>) -> Result<(), Error> {
        put(key, bytes, Precondition::Any, content_type).map(drop)
    }

    /// Writes the document that names the blob. Whenever somebody else was faster, the
    /// document is read and made anew. `Unavailable` when others kept winning, or the publish
    /// has taken too long.
    pub fn name<E: From<Error>>(
        self,
        look: &mut impl FnMut(Option<&Document>) -> Result<Entry, E>,
    ) -> Result<Result<Named, Refused>, E> {
        let Publish { document, is_proven, .. } = self.prepared.publish;
        let named = self.write(look)?;
        if let (Ok(named), true) = (&named, is_proven) {
            proof::record_publish(document, named.is_new_document);
        }
        Ok(named)
    }

    fn write<E: From<Error>>(
        mut self,
        look: &mut impl FnMut(Option<&Document>) -> Result<Entry, E>,
    ) -> Result<Result<Named, Refused>, E> {
        let Publish { document: key, content_type, limit, .. } = self.prepared.publish;
        let mut is_new_document = false;
        for attempt in 1.. {
            if now()?.saturating_sub(self.since) > CLAIM_USED_WITHIN {
                return Err(Error::Unavailable("the publish took too long".to_owned()).into());
            }
            is_new_document |= self.prepared.is_new_document();
            let precondition =
                self.prepared.version.as_deref().map_or(Precondition::Absent, Precondition::Version);
            let error = match put(key, &self.prepared.bytes, precondition, content_type) {
                Ok(document) => return Ok(Ok(Named { document, is_new_document })),
                Err(error) => error,
            };
            self.prepared.bytes = Vec::new();
            match error {
                Error::Conflict => wait_turn(key, attempt)?,
                Error::Unavailable(_) | Error::Other { .. } => {
                    let found = written_after_all(key, limit, look);
                    return found.map(|document| Ok(Named { document, is_new_document })).ok_or(error.into());
                }
                other => return Err(other.into()),
            }
            let current = read(key, limit)?;
            match look(current.as_ref())? {
                Entry::New(bytes) if self.prepared.publish.is_too_large(&bytes) => {
                    return Ok(Err(Refused::TooLarge));
                }
                Entry::New(bytes) => {
                    self.prepared.publish.check_absent(current.is_none())?;
                    let version = current.map(|document| document.info.version);
                    self.prepared = Prepared { publish: self.prepared.publish, bytes, version };
                }
                Entry::Same => {
                    // The document cannot be absent where it names something.
                    let document = current.map(|document| document.info).ok_or(Error::NotFound)?;
                    return Ok(Ok(Named { document, is_new_document }));
                }
                Entry::Other => return Ok(Err(Refused::Exists)),
            }
            // Somebody may have published the same, removed it, and the blob with it.
            if !hold(&self.blob)? {
                return Ok(Err(Refused::Busy));
            }
        }
        Ok(Err(Refused::Busy))
    }
}

fn read(key: &str, limit: u64) -> Result<Option<Document>, Error> {
    get_up_to(key, limit).map_err(|error| oversized(key, error))
}

/// After a write whose outcome is unknown: the document, if it names the version. What goes
/// wrong here does not matter beside what went wrong there.
fn written_after_all<E>(
    key: &str,
    limit: u64,
    look: &mut impl FnMut(Option<&Document>) -> Result<Entry, E>,
) -> Option<ObjectInfo> {
    let current = get_up_to(key, limit).ok()?;
    matches!(look(current.as_ref()), Ok(Entry::Same)).then(|| current.map(|document| document.info))?
}

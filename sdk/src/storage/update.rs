//! Read, change, write if nobody else did, else again: the only way to change a document.

use super::document::oversized;
use crate::storage::{
    Before, DEFAULT_LIMIT, Document, Name, Proof, Said, announce_removal, get_up_to, put, put_naming, remove,
    retry, stamp, to_json, unless_conflict,
};
use crate::types::{ObjectInfo, Precondition};
use crate::{Error, clock};

/// What is to become of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing is written.
    Keep,
    /// The new bytes, whole.
    Write(Vec<u8>),
    /// The document is removed.
    Remove,
}

impl Change {
    /// The value as JSON.
    pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<Change, Error> {
        to_json(value).map(Change::Write)
    }
}

/// Changes a document by compare-and-swap. `change` gets the stored document (`None` if there is none)
/// and may be called several times, so it must not do anything that cannot be repeated. If it returns
/// an error, nothing is written.
///
/// Returns the document's information after the change; `None` if there is no document. `Unavailable`
/// if every attempt was a conflict, `Damaged` above [`DEFAULT_LIMIT`].
///
/// ```
/// use packhouse_plugin::Error;
/// use packhouse_plugin::storage::{self, Change};
/// # let _host = packhouse_plugin::testing::Host::new();
///
/// let info = storage::update("visits", |current| {
///     let visits: u64 = current.map_or(Ok(0), |document| document.json())?;
///     Change::json(&(visits + 1))
/// })?;
/// assert!(info.is_some());
/// # Ok::<(), Error>(())
/// ```
pub fn update<E: From<Error>>(
    key: &str,
    change: impl FnMut(Option<&Document>) -> Result<Change, E>,
) -> Result<Option<ObjectInfo>, E> {
    Update::new(key).run(change)
}

/// [`update`] with options.
#[derive(Debug, Clone, Copy)]
pub struct Update<'a> {
    key: &'a str,
    limit: u64,
    content_type: Option<&'a str>,
    kind: Kind,
    names: &'a [Name],
    known: Option<&'a Proof>,
    said: Option<fn(&[u8]) -> Said>,
}

/// What is done about older copies of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Stamped,
    Proven,
    Strict,
}

impl<'a> Update<'a> {
    pub fn new(key: &'a str) -> Update<'a> {
        Update {
            key,
            limit: DEFAULT_LIMIT,
            content_type: None,
            kind: Kind::Plain,
            names: &[],
            known: None,
            said: None,
        }
    }

    /// For a document that is changed with [`Publish::proven`](crate::storage::Publish::proven) or only
    /// with this: the proof records which state of it was acknowledged. If the document is an older
    /// copy or was lost, nothing is written, `change` is not called, and the error is `Damaged`.
    #[must_use]
    pub fn proven(self) -> Update<'a> {
        self.of_kind(Kind::Proven)
    }

    /// The same for a document that decides who may do what, and names no files: a copy without a stamp
    /// is an older one too, once the proof has a stamp.
    #[must_use]
    pub fn strict(self) -> Update<'a> {
        self.of_kind(Kind::Strict)
    }

    /// Gives the document a stamp and leaves no proof: for the first states of a document that is
    /// changed with [`Update::proven`] or [`Update::strict`] later. The first such change leaves the
    /// proof, and every state before it has an earlier stamp.
    #[must_use]
    pub fn stamped(self) -> Update<'a> {
        self.of_kind(Kind::Stamped)
    }

    pub(super) fn of_kind(self, kind: Kind) -> Update<'a> {
        Update { kind, ..self }
    }

    /// The document names these from now on: the proof says so. Call [`storage::release`] before the
    /// document is written without one of them.
    ///
    /// [`storage::release`]: crate::storage::release
    #[must_use]
    pub fn naming(self, names: &'a [Name]) -> Update<'a> {
        Update { names, ..self }
    }

    /// What a document with these bytes says of access and of withdrawn versions, for a
    /// [`Update::proven`] change. Every change of such a document must tell it; see [`Said`].
    #[must_use]
    pub fn saying(self, said: fn(&[u8]) -> Said) -> Update<'a> {
        Update { said: Some(said), ..self }
    }

    /// The proof of the document as the caller has read it a moment ago. It is not read again then.
    #[must_use]
    pub fn known(self, proof: &'a Proof) -> Update<'a> {
        Update { known: Some(proof), ..self }
    }

    /// Refuses to read more than this many bytes, with `Damaged`.
    #[must_use]
    pub fn limit(self, limit: u64) -> Update<'a> {
        Update { limit, ..self }
    }

    /// The content type of the document. By default it is not changed.
    #[must_use]
    pub fn content_type(self, content_type: &'a str) -> Update<'a> {
        Update { content_type: Some(content_type), ..self }
    }

    /// See [`update`].
    pub fn run<E: From<Error>>(
        self,
        mut change: impl FnMut(Option<&Document>) -> Result<Change, E>,
    ) -> Result<Option<ObjectInfo>, E> {
        self.run_telling(|document, _| change(document))
    }

    /// The same for changes that fail if they are already done, e.g. the removal of an entry. The
    /// second argument of `change` says whether this update has tried to write before. If it has, a
    /// change that is found done may be its own, whose answer was lost before somebody else wrote:
    /// treat it as a success ([`Change::Keep`]).
    pub fn run_telling<E: From<Error>>(
        self,
        mut change: impl FnMut(Option<&Document>, bool) -> Result<Change, E>,
    ) -> Result<Option<ObjectInfo>, E> {
        let mut has_tried = false;
        retry(self.key, |_| {
            let Some(current) = unless_conflict(get_up_to(self.key, self.limit))
                .map_err(|error| oversized(self.key, error))?
            else {
                return Ok(None);
            };
            let before = current.as_ref().filter(|_| self.kind != Kind::Plain).map(|now| self.before(now));
            let checked = match self.kind {
                Kind::Proven | Kind::Strict => {
                    let Some(proof) = unless_conflict(self.checked(before.as_ref()))? else {
                        return Ok(None);
                    };
                    Some(proof)
                }
                Kind::Plain | Kind::Stamped => None,
            };
            let change_now = change(current.as_ref(), has_tried)?;
            if has_tried && change_now == Change::Keep {
                self.record(current.as_ref())?;
            }
            has_tried |= change_now != Change::Keep;
            // Its bytes go before the new ones are written: both may be large.
            match self.apply(current.map(|document| document.info), before.as_ref(), checked, change_now) {
                Err(error @ (Error::Unavailable(_) | Error::Other { .. })) => {
                    self.done_after_all(&mut change, error).map(Some)
                }
                written => Ok(unless_conflict(written)?),
            }
        })
    }

    /// After a write whose outcome is unknown: what is there, if nothing is left to be done.
    /// What goes wrong here does not matter beside `error`, which went wrong there.
    fn done_after_all<E: From<Error>>(
        self,
        change: &mut impl FnMut(Option<&Document>, bool) -> Result<Change, E>,
        error: Error,
    ) -> Result<Option<ObjectInfo>, E> {
        let Ok(current) = get_up_to(self.key, self.limit) else { return Err(error.into()) };
        let is_done = match change(current.as_ref(), true) {
            Ok(Change::Keep) => true,
            Ok(Change::Remove) => current.is_none(),
            Ok(Change::Write(_)) | Err(_) => false,
        };
        if !is_done {
            return Err(error.into());
        }
        self.record(current.as_ref())?;
        Ok(current.map(|document| document.info))
    }

    /// After a change that was made although its answer was lost.
    fn record(self, current: Option<&Document>) -> Result<(), Error> {
        if let (Some(document), Kind::Proven | Kind::Strict) = (current, self.kind) {
            let mut proof = self.telling(Proof::of(self.key)?, &document.bytes);
            proof.build_on(Some(&document.into()));
            proof.record(&document.info, stamp::of(&document.bytes), self.names);
        }
        Ok(())
    }

    fn telling(self, proof: Proof, bytes: &[u8]) -> Proof {
        match self.said {
            Some(said) => proof.saying(said(bytes)),
            None => proof,
        }
    }

    fn before(self, document: &Document) -> Before {
        if self.kind == Kind::Strict { Before::strict(document) } else { Before::from(document) }
    }

    /// The proof of the document; `Damaged` if what was read is an older copy, or nothing is there
    /// because the document was lost.
    fn checked(self, before: Option<&Before>) -> Result<Proof, Error> {
        let mut proof = self.known.cloned().map_or_else(|| Proof::of(self.key), Ok)?;
        match before {
            Some(before) => proof.check(before)?,
            None => proof.check_absent()?,
        }
        Ok(proof)
    }

    fn apply(
        self,
        current: Option<ObjectInfo>,
        before: Option<&Before>,
        proof: Option<Proof>,
        change: Change,
    ) -> Result<Option<ObjectInfo>, Error> {
        let precondition =
            current.as_ref().map_or(Precondition::Absent, |info| Precondition::Version(&info.version));
        match change {
            Change::Keep => Ok(current),
            Change::Write(bytes) => {
                let kept = current.as_ref().and_then(|info| info.content_type.as_deref());
                let content_type = self.content_type.or(kept);
                if let Some(proof) = proof {
                    let proof = self.telling(proof, &bytes);
                    return put_naming(proof, before, bytes, content_type, self.names).map(Some);
                }
                let bytes = if self.kind == Kind::Stamped {
                    let stamp = stamp::next(before.and_then(Before::stamp), 0, clock::now());
                    stamp::with(self.key, bytes, stamp)
                } else {
                    bytes
                };
                put(self.key, &bytes, precondition, content_type).map(Some)
            }
            Change::Remove if current.is_none() => Ok(None),
            Change::Remove => {
                if let (Some(before), true) = (before, proof.is_some()) {
                    announce_removal(self.key, before)?;
                }
                remove(self.key, precondition).map(|_| None)
            }
        }
    }
}

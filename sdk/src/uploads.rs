//! Uploads that last over several requests and hosts. The host stores the state of their digests with
//! them, so it seldom reads the bytes again to finish an upload (see `wit/uploads.wit`).

use crate::body::Body;
use crate::storage::clash;
use crate::types::{Digest, ObjectInfo, Precondition};
use crate::{Error, sys};

/// How many uploads this caller may have open on this mount, if the last [`Upload::start`] of this request
/// was refused because the caller has that many open. `start` answers with it already.
pub fn reached_limit() -> Option<u64> {
    sys::reached_limit()
}

/// See `wit/uploads.wit`.
pub struct Upload {
    raw: sys::Upload,
}

impl Upload {
    /// `label` is a note of the plugin, e.g. the repository that the upload belongs to. `compute` lists
    /// the algorithms of the digests that `finish` will expect. `TooMany` if the caller has as many
    /// uploads open as a caller may have. A host of contract 0.1.0 does not load a plugin that calls this
    /// function.
    pub fn start(label: &str, compute: &[&str]) -> Result<Upload, Error> {
        let started = sys::Upload::start(label, compute).map(|raw| Upload { raw });
        started.map_err(|error| match (error, sys::reached_limit()) {
            (Error::Unavailable(_), Some(most)) => Error::TooMany(format!(
                "you have {most} uploads open, and more are not allowed: finish or cancel some, or wait until they \
                 expire"
            )),
            (error, _) => error,
        })
    }

    /// None if the upload never existed, was finished or cancelled, or has expired.
    pub fn open(id: &str) -> Result<Option<Upload>, Error> {
        Ok(sys::Upload::open(id)?.map(|raw| Upload { raw }))
    }

    /// Hard to guess and safe in a URL: one segment of letters, digits and `-`.
    pub fn id(&self) -> String {
        self.raw.id()
    }

    pub fn label(&self) -> String {
        self.raw.label()
    }

    /// The number of bytes so far. Also valid after a `Conflict`.
    pub fn offset(&self) -> u64 {
        self.raw.offset()
    }

    /// Appends the rest of the body, and returns the new offset. `Conflict` if the upload does not end
    /// at `at`, or another host is appending. `Truncated` if the body did not have `length` bytes.
    /// After an error the upload is unchanged.
    pub fn append(
        &mut self,
        at: Option<u64>,
        length: Option<u64>,
        body: &mut Body<'_>,
    ) -> Result<u64, Error> {
        self.raw.append(at, length, body.raw())
    }

    /// Stores the upload at `key`, and ends it. `Damaged` if an object is in the place of a folder of the
    /// key, or a folder in the place of the key. After an error the upload is unchanged.
    pub fn finish(
        &mut self,
        key: &str,
        expect: &[Digest],
        precondition: Precondition<'_>,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo, Error> {
        let finished = self.raw.finish(key, expect, precondition, content_type);
        finished.map_err(|error| clash::explain(key, error))
    }

    /// Ends the upload, and removes its bytes.
    pub fn cancel(self) -> Result<(), Error> {
        self.raw.cancel()
    }
}

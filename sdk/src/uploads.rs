//! Uploads that last over several requests and hosts. The state of their digests is kept
//! with them, so that finishing never reads the bytes again.

use crate::body::Body;
use crate::storage::clash;
use crate::types::{Digest, ObjectInfo, Precondition};
use crate::{Error, sys};

/// See `wit/uploads.wit`.
pub struct Upload {
    raw: sys::Upload,
}

impl Upload {
    /// `label` is the plugin's own note (e.g. the repository it belongs to); `compute`
    /// the algorithms of the digests that finishing will expect.
    pub fn start(label: &str, compute: &[&str]) -> Result<Upload, Error> {
        sys::Upload::start(label, compute).map(|raw| Upload { raw })
    }

    /// None when it never was, has been finished or cancelled, or has expired.
    pub fn open(id: &str) -> Result<Option<Upload>, Error> {
        Ok(sys::Upload::open(id)?.map(|raw| Upload { raw }))
    }

    /// Hard to guess, safe in a URL: one segment of letters, digits and `-`.
    pub fn id(&self) -> String {
        self.raw.id()
    }

    pub fn label(&self) -> String {
        self.raw.label()
    }

    /// Bytes so far, also after a `Conflict`.
    pub fn offset(&self) -> u64 {
        self.raw.offset()
    }

    /// Appends the rest of the body and returns the new offset. `Conflict`, with no byte taken, unless
    /// its end is `at` and no other host is appending; `Truncated` and unchanged unless it was `length`
    /// bytes.
    pub fn append(
        &mut self,
        at: Option<u64>,
        length: Option<u64>,
        body: &mut Body<'_>,
    ) -> Result<u64, Error> {
        self.raw.append(at, length, body.raw())
    }

    /// Gives the upload its key and ends it. `Damaged` if an object is in the place of a folder of the
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

    /// Ends it and removes its bytes.
    pub fn cancel(self) -> Result<(), Error> {
        self.raw.cancel()
    }
}

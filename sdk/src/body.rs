//! The body of a request, which is read once and in order. To store a body, use [`Body::stage`] and
//! [`Body::save`]: its bytes then do not pass through the plugin.

use std::io;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::part::Part;
use crate::storage::Staged;
use crate::storage::clash;
use crate::types::{Digest, ObjectInfo, Precondition};
use crate::{Error, PIECE, json, sys};

/// See `wit/http.wit`.
///
/// [`Body::slice`], [`Body::json_string`], [`Body::base64`] and [`Body::next_part`] give a
/// body that is cut or decoded from this one and borrows it, so that nothing can be read past
/// it meanwhile. The next call here first skips what was not read there.
///
/// ```compile_fail
/// # fn read(call: &packhouse_plugin::Call) -> Result<(), packhouse_plugin::Error> {
/// let mut body = call.body();
/// let mut part = body.slice(10)?;
/// body.read(1)?; // does not compile: `part` still borrows `body`
/// part.read(1)?;
/// # Ok(())
/// # }
/// ```
pub struct Body<'parent> {
    raw: sys::Body,
    parent: PhantomData<&'parent mut ()>,
}

/// For [`Body::save`].
#[derive(Debug, Clone)]
pub struct SaveOptions<'a> {
    /// Refuse more than this many bytes; none for the mount's limit.
    pub limit: Option<u64>,
    /// Algorithms to compute besides those of the expected digests.
    pub compute: &'a [&'a str],
    pub expect: &'a [Digest],
    pub precondition: Precondition<'a>,
    pub content_type: Option<&'a str>,
}

/// No precondition, no digests, the mount's limit.
impl Default for SaveOptions<'_> {
    fn default() -> Self {
        SaveOptions {
            limit: None,
            compute: &[],
            expect: &[],
            precondition: Precondition::Any,
            content_type: None,
        }
    }
}

/// `digests`: the expected ones, then those of `compute`.
#[derive(Debug, Clone)]
pub struct Saved {
    pub info: ObjectInfo,
    pub digests: Vec<Digest>,
}

impl Body<'_> {
    pub(crate) fn new(raw: sys::Body) -> Self {
        Body { raw, parent: PhantomData }
    }

    pub(crate) fn raw(&mut self) -> &mut sys::Body {
        &mut self.raw
    }

    /// The declared length in bytes; none when unknown.
    pub fn length(&self) -> Option<u64> {
        self.raw.length()
    }

    /// Reads exactly `max` bytes, fewer only at the end, and none after the end. `Invalid` above 1 MiB.
    pub fn read(&mut self, max: u32) -> Result<Vec<u8>, Error> {
        self.raw.read(max)
    }

    /// Puts back the last `count` bytes of the last `read`. The next call reads them again.
    pub fn unread(&mut self, count: u32) -> Result<(), Error> {
        self.raw.unread(count)
    }

    /// The next `length` bytes as a body. If there are fewer, reading it returns `Truncated`.
    pub fn slice(&mut self, length: u64) -> Result<Body<'_>, Error> {
        self.raw.slice(length).map(Body::new)
    }

    /// The JSON string whose opening quote was the last byte read, unescaped, up to its closing quote,
    /// which is taken too. Bad escapes are `Invalid` when they are read.
    pub fn json_string(&mut self) -> Result<Body<'_>, Error> {
        self.raw.json_string().map(Body::new)
    }

    /// The rest, decoded from base64 (standard alphabet, padding optional). Bytes that are not
    /// base64 are `Invalid` when they are read.
    pub fn base64(&mut self) -> Result<Body<'_>, Error> {
        self.raw.base64().map(Body::new)
    }

    /// The rest of the body. `TooLarge` above `limit` bytes.
    pub fn read_all(&mut self, limit: u64) -> Result<Vec<u8>, Error> {
        let declared = self.length().unwrap_or(0);
        if declared > limit {
            return Err(Error::TooLarge(limit));
        }
        let mut all = Vec::new();
        all.try_reserve_exact(usize::try_from(declared).unwrap_or(usize::MAX))
            .map_err(|_| Error::TooLarge(limit))?;
        loop {
            // Reading one byte more than allowed shows whether the body is too large.
            let room = limit.saturating_add(1) - all.len() as u64;
            let piece = self.raw.read(piece_length(room))?;
            if piece.is_empty() {
                return Ok(all);
            }
            all.extend_from_slice(&piece);
            if all.len() as u64 > limit {
                return Err(Error::TooLarge(limit));
            }
        }
    }

    /// Reads the rest as JSON. `TooLarge` above `limit` bytes; `BadJson` names the member that does
    /// not fit.
    pub fn json<T: DeserializeOwned>(&mut self, limit: u64) -> Result<T, Error> {
        Ok(json::parse(&self.read_all(limit)?)?)
    }

    /// The next part of a `multipart/form-data` request; none after the last. `Invalid` if the request
    /// is not a form, above 1000 parts and above 16 KiB of headers before one; `Truncated` when the
    /// body ends before the form does.
    ///
    /// ```
    /// # use packhouse_plugin::{Call, Error, storage::Staged};
    /// fn read(call: &Call) -> Result<Option<Staged>, Error> {
    ///     let mut form = call.body();
    ///     let mut staged = None;
    ///     while let Some(mut part) = form.next_part()? {
    ///         match part.name().as_str() {
    ///             "content" => staged = Some(part.body().stage(None, &[])?),
    ///             _ => drop(part.text(64 * 1024)?),
    ///         }
    ///     }
    ///     Ok(staged)
    /// }
    /// ```
    pub fn next_part(&mut self) -> Result<Option<Part<'_>>, Error> {
        Ok(self.raw.next_part()?.map(Part::new))
    }

    /// Stores the rest of the body in a place that nobody can see, and computes the digests in
    /// `compute`. `TooLarge` above `limit` or the mount's limit.
    pub fn stage(&mut self, limit: Option<u64>, compute: &[&str]) -> Result<Staged, Error> {
        self.raw.stage(limit, compute).map(Staged::new)
    }

    /// Stores the rest of the body directly at `key`. Use it if you know the key and the digests. Nothing is
    /// stored unless the body is complete, every expected digest matches and the precondition holds.
    /// `Damaged` if an object is in the place of a folder of the key, or a folder in the place of the
    /// key.
    pub fn save(&mut self, key: &str, options: &SaveOptions<'_>) -> Result<Saved, Error> {
        self.raw.save(key, options).map_err(|error| clash::explain(key, error))
    }
}

/// For parsers. Each call is a call to the host: wrap it in a `BufReader`.
impl io::Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let piece = self.raw.read(piece_length(buffer.len() as u64))?;
        copy_into(buffer, &piece)
    }
}

/// At most one piece.
pub(crate) fn piece_length(wanted: u64) -> u32 {
    u32::try_from(wanted.min(PIECE as u64)).unwrap_or(u32::MAX)
}

pub(crate) fn copy_into(buffer: &mut [u8], piece: &[u8]) -> io::Result<usize> {
    match buffer.get_mut(..piece.len()) {
        Some(target) => target.copy_from_slice(piece),
        None => {
            return Err(io::Error::other("the host gave more bytes than were asked for"));
        }
    }
    Ok(piece.len())
}

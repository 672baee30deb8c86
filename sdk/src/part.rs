//! One field or file of a form (`multipart/form-data`), from [`Body::next_part`].

use std::marker::PhantomData;

use crate::{Body, Error, sys};

/// Skipped content is read in pieces of this many bytes.
const SKIPPED_PIECE: u32 = 64 << 10;

/// See `wit/http.wit`. It borrows the body of the form: request the next part after this one.
pub struct Part<'form> {
    raw: sys::Part,
    form: PhantomData<&'form mut ()>,
}

impl Part<'_> {
    pub(crate) fn new(raw: sys::Part) -> Self {
        Part { raw, form: PhantomData }
    }

    /// The field's name.
    pub fn name(&self) -> String {
        self.raw.name()
    }

    /// None for a field that is not a file.
    pub fn filename(&self) -> Option<String> {
        self.raw.filename()
    }

    /// None when absent.
    pub fn header(&self, name: &str) -> Option<String> {
        self.raw.header(name)
    }

    /// The content, the same handle at each call. Requesting the next part skips the unread rest.
    pub fn body(&mut self) -> Body<'_> {
        Body::new(self.raw.body())
    }

    /// Skips the rest, and returns how many bytes it had; `TooLarge` above `limit`. Requesting the
    /// next part does the same without this limit.
    pub fn skip(&mut self, limit: u64) -> Result<u64, Error> {
        let mut body = self.body();
        let mut skipped = 0;
        loop {
            let piece = body.read(SKIPPED_PIECE)?;
            if piece.is_empty() {
                return Ok(skipped);
            }
            skipped += piece.len() as u64;
            if skipped > limit {
                return Err(Error::TooLarge(limit));
            }
        }
    }

    /// The rest as text; `TooLarge` above `limit` bytes, `Invalid` if it is not UTF-8.
    pub fn text(&mut self, limit: u64) -> Result<String, Error> {
        String::from_utf8(self.body().read_all(limit)?)
            .map_err(|_| Error::Invalid(format!("the form's field `{}` is not UTF-8", self.name())))
    }
}

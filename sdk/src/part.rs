//! One field or file of a form (`multipart/form-data`), as [`Body::next_part`] gives it.

use std::marker::PhantomData;

use crate::{Body, Error, sys};

/// What is skipped is read in pieces of so many bytes.
const SKIPPED_PIECE: u32 = 64 << 10;

/// See `wit/http.wit`. It borrows the form's body: the next part is asked for when this one
/// is done with.
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

    /// None for a field that is no file.
    pub fn filename(&self) -> Option<String> {
        self.raw.filename()
    }

    /// None when absent.
    pub fn header(&self, name: &str) -> Option<String> {
        self.raw.header(name)
    }

    /// The same one at each call. Asking for the next part skips what was not read of it.
    pub fn body(&mut self) -> Body<'_> {
        Body::new(self.raw.body())
    }

    /// Goes over all that is left of it, and gives how many bytes that was; `TooLarge` above
    /// `limit`. Asking for the next part does the same without a limit of the plugin's own.
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

    /// All that is left of it, as text; `TooLarge` above `limit` bytes, `Invalid` for what
    /// is not UTF-8.
    pub fn text(&mut self, limit: u64) -> Result<String, Error> {
        String::from_utf8(self.body().read_all(limit)?)
            .map_err(|_| Error::Invalid(format!("the form's field `{}` is not UTF-8", self.name())))
    }
}

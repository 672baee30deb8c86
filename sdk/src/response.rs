//! The response. Everything goes directly to the host, the body in pieces, so that the plugin holds
//! no second copy.

use std::io;

use serde::Serialize;

use crate::storage::Document;
use crate::time::http_date;
use crate::types::ObjectInfo;
use crate::{Error, PIECE, sys};

/// Small writes are collected up to this many bytes.
const BUFFER: usize = 64 * 1024;

/// See `wit/http.wit`. The host adds HEAD, `Range`, conditional requests, compression, lengths,
/// `Vary`, and an `ETag` if none is set.
#[must_use]
pub struct Response {
    raw: sys::Response,
    status: u16,
    typed: bool,
    buffer: Vec<u8>,
}

impl Response {
    /// A response with this status. Anything but a final status (200 to 599) becomes a 500.
    pub fn new(status: u16) -> Response {
        Response { raw: sys::Response::new(status), status, typed: false, buffer: Vec::new() }
    }

    /// A redirection (301, 302, 303, 307, 308) to `location`.
    pub fn redirect(status: u16, location: &str) -> Response {
        Response::new(status).header("location", location)
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    /// Replaces the status.
    pub fn with_status(mut self, status: u16) -> Response {
        self.raw.set_status(status);
        self.status = status;
        self
    }

    /// The reason phrase of a failure (400 and above) in HTTP/1.1, for clients that show it instead
    /// of the body. Characters that are not allowed are replaced, and it is cut at 300 bytes.
    pub fn reason(self, phrase: &str) -> Response {
        self.raw.set_reason(phrase);
        self
    }

    /// Sets a header, and replaces earlier values. The host sets `Content-Length`, `Vary`,
    /// `Transfer-Encoding`, `Accept-Ranges` and hop-by-hop headers, and ignores them here. A name
    /// or value that HTTP does not allow makes the response a 500.
    pub fn header(mut self, name: &str, value: &str) -> Response {
        self.typed |= name.eq_ignore_ascii_case("content-type");
        self.raw.set_header(name, value);
        self
    }

    /// Adds another value of a header, for example a second `WWW-Authenticate`.
    pub fn add_header(self, name: &str, value: &str) -> Response {
        self.raw.add_header(name, value);
        self
    }

    pub fn content_type(self, value: &str) -> Response {
        self.header("content-type", value)
    }

    /// Adds a value as JSON, written in pieces. The content type is `application/json` unless set.
    /// A value that JSON cannot represent makes the response a 500, and is logged.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Response {
        let mut response = self.default_type("application/json");
        match serde_json::to_writer(&mut response, value) {
            Ok(()) => response,
            Err(error) => {
                crate::log::error(&format!("a response cannot be written as JSON: {error}"), &[]);
                Response::new(500)
            }
        }
    }

    /// Adds text. The content type is `text/plain; charset=utf-8` unless set.
    pub fn text(self, text: impl AsRef<str>) -> Response {
        self.default_type("text/plain; charset=utf-8").bytes(text.as_ref())
    }

    /// Adds HTML. The content type is `text/html; charset=utf-8` unless set.
    pub fn html(self, text: impl AsRef<str>) -> Response {
        self.default_type("text/html; charset=utf-8").bytes(text.as_ref())
    }

    /// Adds bytes of any length. If all of them exceed the mount's limit for replies, the response
    /// is a 500.
    pub fn bytes(mut self, bytes: impl AsRef<[u8]>) -> Response {
        self.push(bytes.as_ref());
        self
    }

    /// Adds a stored object as it is now, which the host streams. `None` if it does not exist. If
    /// it is the whole body, its content type, time and `ETag` are used unless set.
    pub fn object(mut self, key: &str) -> Result<Option<Response>, Error> {
        Ok(self.write_object(key)?.map(|_| self))
    }

    /// Like [`Response::object`], and returns what was added. The response is unchanged if the
    /// object does not exist.
    pub fn write_object(&mut self, key: &str) -> Result<Option<ObjectInfo>, Error> {
        self.flush_buffer();
        self.raw.write_object(key)
    }

    /// Adds the bytes of a stored document that the plugin has read, with its version as the `ETag`
    /// and its time, as [`Response::object`] would send it. For documents that are checked before
    /// they are served.
    pub fn document(mut self, document: &Document) -> Response {
        let Document { info, bytes } = document;
        if let Some(content_type) = info.content_type.as_deref().filter(|_| !self.typed) {
            self = self.content_type(content_type);
        }
        if let Some(date) = info.modified.and_then(http_date) {
            self = self.header("last-modified", &date);
        }
        self.header("etag", &info.version).bytes(bytes)
    }

    /// The content at this URL never changes: caches may keep it for ever.
    pub fn immutable(self) -> Response {
        self.raw.set_immutable();
        self
    }

    /// The file name for `Content-Disposition: attachment`.
    pub fn filename(self, name: &str) -> Response {
        self.raw.set_filename(name);
        self
    }

    /// Ignores `Range` and sends the whole.
    pub fn no_ranges(self) -> Response {
        self.raw.set_ranges(false);
        self
    }

    /// Sends the body without compression, whatever its type.
    pub fn no_compression(self) -> Response {
        self.raw.set_compression(false);
        self
    }

    pub(crate) fn into_raw(mut self) -> sys::Response {
        self.flush_buffer();
        self.raw
    }

    fn default_type(self, content_type: &str) -> Response {
        if self.typed { self } else { self.content_type(content_type) }
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush_buffer();
        }
        if bytes.len() > BUFFER {
            for piece in bytes.chunks(PIECE) {
                self.raw.write(piece);
            }
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    fn flush_buffer(&mut self) {
        if !self.buffer.is_empty() {
            self.raw.write(&self.buffer);
            self.buffer.clear();
        }
    }
}

/// Appends to the body. Small writes are collected, so a `BufWriter` is not needed.
impl io::Write for Response {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

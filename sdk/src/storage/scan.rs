//! Reads a stored JSON document from its start and holds only a piece of it: for answers
//! that need one member of a large document. It knows no document's form.
//!
//! It is lenient: what it skips is not checked. A document that is to be changed is read
//! whole and parsed instead.

use crate::storage::{ObjectInfo, Reader, retry, unless_conflict};
use crate::{Error, PIECE, sys};

/// The first piece of a large document, in bytes. Each further one is twice as large.
const FIRST_PIECE: u32 = 64 << 10;
/// The largest piece, in bytes.
const LARGEST_PIECE: u32 = 512 << 10;
/// The longest name of a member, in bytes.
const LONGEST_NAME: u64 = 64 << 10;

/// Reads a stored document with `read`, and again from its start whenever it was replaced in
/// between. None when nothing is there; `Unavailable` when it is replaced faster than it can
/// be read.
pub fn scan<T>(key: &str, mut read: impl FnMut(&mut Scan) -> Result<T, Error>) -> Result<Option<T>, Error> {
    retry(key, |_| {
        let Some(mut scan) = Scan::open(key)? else { return Ok(Some(None)) };
        Ok(unless_conflict(read(&mut scan))?.map(Some))
    })
}

/// One version of a stored JSON document, read in order. It stands before a value; each
/// method takes what it names and moves on.
///
/// ```
/// # use packhouse_plugin::{Error, storage};
/// /// None when there is no document, or no title in it.
/// fn title(key: &str) -> Result<Option<Vec<u8>>, Error> {
///     let found = storage::scan(key, |scan| {
///         scan.begin_object()?;
///         while let Some(name) = scan.next_member()? {
///             if name == "title" {
///                 return scan.value(1000).map(Some);
///             }
///             scan.skip()?;
///         }
///         Ok(None)
///     })?;
///     Ok(found.flatten())
/// }
/// ```
pub struct Scan {
    source: Source,
    info: ObjectInfo,
    piece: Vec<u8>,
    /// What of the piece was taken.
    at: usize,
    /// Where the next piece begins.
    offset: u64,
    length: u32,
}

enum Source {
    /// All of it is in the piece.
    Read,
    Stored(Reader),
}

impl Scan {
    /// None when nothing is there. A small document is read at once.
    fn open(key: &str) -> Result<Option<Self>, Error> {
        let scan = |source, info, piece| Self { source, info, piece, at: 0, offset: 0, length: FIRST_PIECE };
        match sys::get(key) {
            Ok(document) => Ok(document.map(|document| scan(Source::Read, document.info, document.bytes))),
            Err(Error::TooLarge(_) | Error::Conflict) => {
                let reader = Reader::open(key)?;
                Ok(reader.map(|reader| {
                    let info = reader.info();
                    scan(Source::Stored(reader), info, Vec::new())
                }))
            }
            Err(error) => Err(error),
        }
    }

    /// Of the version that is read.
    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// Enters an object. False, and nothing is taken, when the value is no object.
    pub fn begin_object(&mut self) -> Result<bool, Error> {
        self.begin(b'{')
    }

    /// Enters a list. False, and nothing is taken, when the value is no list.
    pub fn begin_list(&mut self) -> Result<bool, Error> {
        self.begin(b'[')
    }

    /// The name of the object's next member, whose value is to be taken next; none at the
    /// object's end.
    pub fn next_member(&mut self) -> Result<Option<String>, Error> {
        if !self.next(b'}')? {
            return Ok(None);
        }
        let name = self.value(LONGEST_NAME)?;
        let name = serde_json::from_slice(&name).map_err(|_| self.damaged())?;
        if self.peek_token()? == Some(b':') {
            self.at += 1;
            Ok(Some(name))
        } else {
            Err(self.damaged())
        }
    }

    /// Whether the list has a next item, which is to be taken next.
    pub fn next_item(&mut self) -> Result<bool, Error> {
        self.next(b']')
    }

    /// The text of the value; `TooLarge` above `limit` bytes.
    pub fn value(&mut self, limit: u64) -> Result<Vec<u8>, Error> {
        let mut text = Vec::new();
        self.take(&mut |bytes| {
            if (text.len() + bytes.len()) as u64 > limit {
                return Err(Error::TooLarge(limit));
            }
            text.extend_from_slice(bytes);
            Ok(())
        })?;
        Ok(text)
    }

    /// Goes over the value.
    pub fn skip(&mut self) -> Result<(), Error> {
        self.take(&mut |_| Ok(()))
    }

    fn begin(&mut self, bracket: u8) -> Result<bool, Error> {
        let found = self.peek_token()? == Some(bracket);
        self.at += usize::from(found);
        Ok(found)
    }

    /// False when the bracket that closes what was begun came, which is taken.
    fn next(&mut self, closing: u8) -> Result<bool, Error> {
        loop {
            match self.peek_token()? {
                Some(b',') => self.at += 1,
                Some(byte) if byte == closing => {
                    self.at += 1;
                    return Ok(false);
                }
                Some(_) => return Ok(true),
                None => return Err(self.damaged()),
            }
        }
    }

    /// Hands over the bytes of one value, as they come.
    fn take(&mut self, sink: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        match self.peek_token()? {
            Some(b'"' | b'{' | b'[') => {}
            Some(byte) if is_word(byte) => return self.take_word(sink),
            _ => return Err(self.damaged()),
        }
        let mut value = Value::default();
        loop {
            let rest = self.piece.get(self.at..).unwrap_or_default();
            let (taken, ended) = value.feed(rest);
            sink(rest.get(..taken).unwrap_or_default())?;
            self.at += taken;
            if ended {
                return Ok(());
            }
            if !self.fill()? {
                return Err(self.damaged());
            }
        }
    }

    /// A number, `true`, `false` or `null`: it ends before another byte.
    fn take_word(&mut self, sink: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        loop {
            let rest = self.piece.get(self.at..).unwrap_or_default();
            let taken = rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len());
            sink(rest.get(..taken).unwrap_or_default())?;
            let ended = taken < rest.len();
            self.at += taken;
            if ended || !self.fill()? {
                return Ok(());
            }
        }
    }

    /// The next byte that is no white space; none at the end.
    fn peek_token(&mut self) -> Result<Option<u8>, Error> {
        loop {
            match self.piece.get(self.at).copied() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                None => {
                    if !self.fill()? {
                        return Ok(None);
                    }
                }
                token => return Ok(token),
            }
        }
    }

    /// The next piece in place of the one that was taken; false at the end.
    fn fill(&mut self) -> Result<bool, Error> {
        let Source::Stored(reader) = &self.source else {
            return Ok(false);
        };
        // Given back before the next one is asked for.
        self.piece = Vec::new();
        self.at = 0;
        self.piece = reader.read_at(self.offset, self.length)?;
        self.offset += self.piece.len() as u64;
        self.length = (self.length * 2).min(LARGEST_PIECE).min(u32::try_from(PIECE).unwrap_or(u32::MAX));
        Ok(!self.piece.is_empty())
    }

    /// The error for a document that is not what it should be.
    pub fn damaged(&self) -> Error {
        let place = self.offset.saturating_sub((self.piece.len() - self.at.min(self.piece.len())) as u64);
        Error::damaged(&self.info.key, format!("it cannot be read near byte {place}"))
    }
}

/// Where a string, object or list ends.
#[derive(Default)]
struct Value {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Value {
    /// How many of these bytes belong to it, and whether it ended with them.
    fn feed(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (index, byte) in bytes.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => continue,
                }
            } else {
                match byte {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                    _ => continue,
                }
            }
            if self.depth == 0 && !self.in_string {
                return (index + 1, true);
            }
        }
        (bytes.len(), false)
    }
}

/// What numbers, `true`, `false` and `null` are made of.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

//! Reads a stored JSON document from its start and holds only a piece of it, for responses that
//! need one member of a large document. It does not know the structure of the document.
//!
//! It is lenient: skipped content is not validated. To change a document, read and parse the whole.

use crate::storage::{ObjectInfo, Reader, retry, stamp, unless_conflict};
use crate::{Error, PIECE, sys};

/// The first piece of a large document, in bytes. Each further one is twice as large.
const FIRST_PIECE: u32 = 64 << 10;
/// The largest piece, in bytes.
const LARGEST_PIECE: u32 = 512 << 10;
/// More than the end of a document that can be a stamp, in bytes.
const TAIL: u32 = 512;
/// The longest name of a member, in bytes.
const LONGEST_NAME: u64 = 64 << 10;

/// Reads a stored document with `read`, and starts again whenever the document changes meanwhile.
/// None if it does not exist; `Unavailable` if it changes faster than it can be read.
pub fn scan<T>(key: &str, mut read: impl FnMut(&mut Scan) -> Result<T, Error>) -> Result<Option<T>, Error> {
    retry(key, |_| {
        let Some(mut scan) = Scan::open(key)? else { return Ok(Some(None)) };
        Ok(unless_conflict(read(&mut scan))?.map(Some))
    })
}

/// One version of a stored JSON document, read in order. It is positioned before a value. Each
/// method reads what its name says, and moves on.
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
    /// How much of the piece has been read.
    at: usize,
    /// Where the next piece begins.
    offset: u64,
    length: u32,
}

enum Source {
    /// Whether the piece is the whole document.
    Read,
    Stored(Reader),
}

impl Scan {
    /// None if the document does not exist. A small document is read at once.
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

    /// Information on the version that is read.
    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// Whether the document is a copy of the document of another key; see [`Update::proven`]. A large one is
    /// recognised only if it is one line. Call it before anything is read.
    ///
    /// [`Update::proven`]: crate::storage::Update::proven
    pub fn is_foreign(&self) -> Result<bool, Error> {
        let Source::Stored(reader) = &self.source else {
            return Ok(stamp::is_foreign(&self.info.key, &self.piece));
        };
        let length = stamp::LENGTH as u64 + 1;
        let end = reader.read_at(reader.size().saturating_sub(length), TAIL)?;
        Ok(stamp::ends_foreign(&self.info.key, end.strip_suffix(b"\n").unwrap_or(&end)))
    }

    /// Enters an object. If the value is not an object, returns false and stays before it.
    pub fn begin_object(&mut self) -> Result<bool, Error> {
        self.begin(b'{')
    }

    /// Enters a list. If the value is not a list, returns false and stays before it.
    pub fn begin_list(&mut self) -> Result<bool, Error> {
        self.begin(b'[')
    }

    /// The name of the next member of the object; read its value next. None at the end of the
    /// object.
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

    /// Whether the list has another item; read it next.
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

    /// Skips the value.
    pub fn skip(&mut self) -> Result<(), Error> {
        self.take(&mut |_| Ok(()))
    }

    fn begin(&mut self, bracket: u8) -> Result<bool, Error> {
        let found = self.peek_token()? == Some(bracket);
        self.at += usize::from(found);
        Ok(found)
    }

    /// False if the closing bracket follows, which is then read.
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

    /// Passes the bytes of one value to `take`, piece by piece.
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

    /// A number, `true`, `false` or `null`: it ends before the first other byte.
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

    /// The next byte that is not white space; none at the end.
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

    /// Replaces the piece by the next one; false at the end.
    fn fill(&mut self) -> Result<bool, Error> {
        let Source::Stored(reader) = &self.source else {
            return Ok(false);
        };
        // Its memory is released before the next piece is fetched.
        self.piece = Vec::new();
        self.at = 0;
        self.piece = reader.read_at(self.offset, self.length)?;
        self.offset += self.piece.len() as u64;
        self.length = (self.length * 2).min(LARGEST_PIECE).min(u32::try_from(PIECE).unwrap_or(u32::MAX));
        Ok(!self.piece.is_empty())
    }

    /// An error that says that the document is damaged.
    pub fn damaged(&self) -> Error {
        let place = self.offset.saturating_sub((self.piece.len() - self.at.min(self.piece.len())) as u64);
        Error::damaged(&self.info.key, format!("it cannot be read near byte {place}"))
    }
}

/// Finds the end of a string, object or list.
#[derive(Default)]
struct Value {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Value {
    /// How many of these bytes belong to the value, and whether it has ended.
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

/// The characters of numbers, `true`, `false` and `null`.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

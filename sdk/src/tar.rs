//! Reads the entries of a tar archive, one header at a time (POSIX.1-2017, pax interchange format;
//! GNU long names). It reads from any reader, and holds at most one header and its extensions. It
//! does not know the purpose of an archive: packages of several protocols are tar archives.
//! Archives are hostile input.
//!
//! # Examples
//! ```
//! use packhouse_plugin::tar::{self, Entry};
//!
//! fn names(mut archive: impl std::io::Read) -> Result<Vec<String>, tar::Error> {
//!     let mut names = Vec::new();
//!     while let Some(entry) = Entry::read(&mut archive)? {
//!         names.push(String::from_utf8_lossy(&entry.path).into_owned());
//!         tar::skip(&mut archive, entry.padded_size())?;
//!     }
//!     tar::finish(&mut archive)?;
//!     Ok(names)
//! }
//! assert!(names([0; 1024].as_slice())?.is_empty());
//! # Ok::<(), tar::Error>(())
//! ```

use std::fmt;
use std::io::{self, Read};

const BLOCK: usize = 512;
/// The largest pax header or long name that is accepted.
const EXTENSION_LIMIT: u64 = 1 << 20;
/// The size of the end marker, two blocks of zeros.
pub const END_MARKER: u64 = 2 * BLOCK as u64;

/// Why reading an archive failed.
#[derive(Debug)]
pub enum Error {
    /// The underlying reader failed, for example because of damaged gzip data.
    Unreadable(io::Error),
    /// It is not a tar archive, is damaged, or ends too early.
    NotTar,
    /// Something other than zeros follows the end of the archive.
    Trailing,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unreadable(error) => write!(formatter, "the archive cannot be read: {error}"),
            Error::NotTar => formatter.write_str("this is not a readable tar archive"),
            Error::Trailing => formatter.write_str("more bytes follow the end of the tar archive"),
        }
    }
}

impl std::error::Error for Error {}

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    SymbolicLink,
    HardLink,
    /// A pax header for all entries after it. Its path has no meaning. Read it with
    /// [`read_global_header`].
    GlobalHeader,
    /// Devices, pipes, sparse files, contiguous files (which not every program reads), and unknown
    /// kinds.
    Other,
}

/// The header of an entry. The content of [`Entry::size`] bytes follows, padded to
/// [`Entry::padded_size`].
#[derive(Debug, Clone)]
pub struct Entry {
    /// As written: it may contain `..` or begin with `/`.
    pub path: Vec<u8>,
    /// The target of a link as written; empty for other kinds.
    pub target: Vec<u8>,
    /// Bytes.
    pub size: u64,
    pub kind: Kind,
    /// Its header and those of its extensions are in the form of POSIX: each number is octal, except those of
    /// the owner, and nothing follows the end of a path or a number. Programs differ on other headers.
    pub is_plain: bool,
}

impl Entry {
    /// The next entry, with its extensions applied; none at the end of the archive, which is two
    /// blocks of zeros or the end of the file. `NotTar` if programs disagree on the content of the
    /// archive: contradicting extensions, extensions in a format without them or without an entry,
    /// records of several lines, an entry after a single block of zeros.
    pub fn read(archive: &mut impl Read) -> Result<Option<Entry>, Error> {
        let mut extensions = Extensions::default();
        let (mut is_extended, mut is_plain) = (false, true);
        loop {
            let block = read_block(archive)?;
            let Some(block) = block.filter(|block| !is_zero(block)) else {
                check_end(archive)?;
                return if is_extended { Err(Error::NotTar) } else { Ok(None) };
            };
            let header = Header(&block);
            header.check()?;
            is_plain &= header.is_plain();
            if matches!(header.kind(), b'x' | b'L' | b'K') && !header.may_be_extension() {
                return Err(Error::NotTar);
            }
            match header.kind() {
                b'x' => extensions.add_records(&read_extension(archive, header.size()?)?)?,
                b'L' => extensions.set_path(until_nul(&read_extension(archive, header.size()?)?))?,
                b'K' => extensions.set_target(until_nul(&read_extension(archive, header.size()?)?))?,
                _ => return extensions.apply_to(&header, is_plain).map(Some),
            }
            is_extended = true;
        }
    }

    /// The size with its padding.
    pub fn padded_size(&self) -> u64 {
        padded(self.size)
    }
}

/// Reads the content and the padding of an entry. Check its size first.
pub fn read_content(archive: &mut impl Read, entry: &Entry) -> Result<Vec<u8>, Error> {
    let content = read_exactly(archive, entry.size)?;
    skip(archive, entry.padded_size() - entry.size)?;
    Ok(content)
}

/// Skips this many bytes; `NotTar` if there are fewer.
pub fn skip(archive: &mut impl Read, size: u64) -> Result<(), Error> {
    let skipped = io::copy(&mut archive.take(size), &mut io::sink()).map_err(Error::Unreadable)?;
    if skipped == size { Ok(()) } else { Err(Error::NotTar) }
}

/// Reads the rest of the file, after [`Entry::read`] has found the end of the archive. Zeros are
/// padding. `Trailing` for anything else: some programs would read more entries there.
pub fn finish(archive: &mut impl Read) -> Result<(), Error> {
    let mut buffer = [0; 4096];
    loop {
        match archive.read(&mut buffer).map_err(Error::Unreadable)? {
            0 => return Ok(()),
            count if buffer.iter().take(count).all(|byte| *byte == 0) => {}
            _ => return Err(Error::Trailing),
        }
    }
}

/// Reads a [`Kind::GlobalHeader`] with its padding. `NotTar` if it sets the path, target or size of
/// the entries after it: programs differ on whether that counts.
pub fn read_global_header(archive: &mut impl Read, entry: &Entry) -> Result<(), Error> {
    let mut extensions = Extensions::default();
    extensions.add_records(&read_extension(archive, entry.size)?)?;
    let is_empty = extensions.path.is_none() && extensions.target.is_none() && extensions.size.is_none();
    if is_empty { Ok(()) } else { Err(Error::NotTar) }
}

/// What pax headers and GNU long names say about the entry after them.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Extensions {
    fn add_records(&mut self, records: &[u8]) -> Result<(), Error> {
        for (name, value) in pax_records(records)? {
            match name {
                b"path" => self.set_path(value)?,
                b"linkpath" => self.set_target(value)?,
                b"size" => set_once(&mut self.size, decimal(value).ok_or(Error::NotTar)?)?,
                // The path of a sparse file, for programs that support sparse files.
                name if name.starts_with(b"GNU.sparse.") => return Err(Error::NotTar),
                _ => {}
            }
        }
        Ok(())
    }

    fn set_path(&mut self, path: &[u8]) -> Result<(), Error> {
        set_once(&mut self.path, path.to_vec())
    }

    fn set_target(&mut self, target: &[u8]) -> Result<(), Error> {
        set_once(&mut self.target, target.to_vec())
    }

    fn apply_to(self, header: &Header<'_>, is_plain: bool) -> Result<Entry, Error> {
        Ok(Entry {
            path: self.path.unwrap_or_else(|| header.path()),
            target: self.target.unwrap_or_else(|| header.target()),
            // Some programs use the size in the header if it is not 0.
            size: match (self.size, header.size()?) {
                (Some(size), 0) => size,
                (Some(size), stated) if size != stated => return Err(Error::NotTar),
                (_, stated) => stated,
            },
            kind: match header.kind() {
                b'0' | 0 => Kind::File,
                b'5' => Kind::Folder,
                b'2' => Kind::SymbolicLink,
                b'1' => Kind::HardLink,
                b'g' => Kind::GlobalHeader,
                _ => Kind::Other,
            },
            is_plain,
        })
    }
}

fn set_once<T: PartialEq>(place: &mut Option<T>, value: T) -> Result<(), Error> {
    match place {
        Some(there) if *there != value => Err(Error::NotTar),
        _ => {
            *place = Some(value);
            Ok(())
        }
    }
}

struct Header<'a>(&'a [u8]);

impl Header<'_> {
    fn field(&self, start: usize, length: usize) -> &[u8] {
        self.0.get(start..start + length).unwrap_or_default()
    }

    /// The sum of all bytes, with its own field counted as spaces.
    fn check(&self) -> Result<(), Error> {
        let stated = octal(self.field(148, 8)).ok_or(Error::NotTar)?;
        let sum: u64 = self
            .0
            .iter()
            .enumerate()
            .map(|(index, byte)| if (148..156).contains(&index) { u64::from(b' ') } else { u64::from(*byte) })
            .sum();
        // Python reads the prefix field in archives of any format.
        let is_plain = self.is_posix() || self.field(345, 1) == b"\0";
        if sum == stated && is_plain { Ok(()) } else { Err(Error::NotTar) }
    }

    fn is_plain(&self) -> bool {
        let octal = |(start, length)| is_octal(self.field(start, length));
        // The mode, the size, the time, the checksum, the version, and the numbers of a device.
        let numbers = [(100, 8), (124, 12), (136, 12), (148, 8), (263, 2), (329, 8), (337, 8)];
        // The GNU format and others have large numbers of users and groups in binary.
        let owner = |(start, length)| {
            let field = self.field(start, length);
            is_octal(field) || matches!(field.first(), Some(0x80 | 0xff))
        };
        let is_path = |(start, length)| !padding_off(self.field(start, length)).contains(&0);
        let is_link = matches!(self.kind(), b'1' | b'2');
        numbers.into_iter().all(octal)
            && [(108, 8), (116, 8)].into_iter().all(owner)
            && [(0, 100), (345, 155)].into_iter().all(is_path)
            && (!is_link || is_path((157, 100)))
    }

    fn is_posix(&self) -> bool {
        self.field(257, 8) == b"ustar\x0000"
    }

    /// Only the formats of POSIX and GNU have extensions. In others, such an entry is a file.
    fn may_be_extension(&self) -> bool {
        self.is_posix() || self.field(257, 8) == b"ustar  \0"
    }

    fn kind(&self) -> u8 {
        self.0.get(156).copied().unwrap_or_default()
    }

    fn size(&self) -> Result<u64, Error> {
        let field = self.field(124, 12);
        match field.split_first() {
            // GNU: a binary number, marked by the highest bit.
            Some((0x80, rest)) => rest
                .iter()
                .try_fold(0u64, |value, byte| value.checked_mul(256)?.checked_add(u64::from(*byte)))
                .ok_or(Error::NotTar),
            _ => octal(field).ok_or(Error::NotTar),
        }
    }

    fn path(&self) -> Vec<u8> {
        let name = until_nul(self.field(0, 100));
        let prefix = until_nul(self.field(345, 155));
        if self.is_posix() && !prefix.is_empty() { [prefix, b"/", name].concat() } else { name.to_vec() }
    }

    fn target(&self) -> Vec<u8> {
        until_nul(self.field(157, 100)).to_vec()
    }
}

fn read_block(archive: &mut impl Read) -> Result<Option<Vec<u8>>, Error> {
    let mut block = Vec::with_capacity(BLOCK);
    archive.take(BLOCK as u64).read_to_end(&mut block).map_err(Error::Unreadable)?;
    match block.len() {
        0 => Ok(None),
        BLOCK => Ok(Some(block)),
        _ => Err(Error::NotTar),
    }
}

fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

/// Called after the first block of zeros, or at the end of the file. Some programs end there, and
/// others continue unless a second block follows.
fn check_end(archive: &mut impl Read) -> Result<(), Error> {
    let second = read_block(archive)?;
    if second.is_none_or(|block| is_zero(&block)) { Ok(()) } else { Err(Error::NotTar) }
}

fn read_exactly(archive: &mut impl Read, size: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    archive.take(size).read_to_end(&mut bytes).map_err(Error::Unreadable)?;
    if bytes.len() as u64 == size { Ok(bytes) } else { Err(Error::NotTar) }
}

fn read_extension(archive: &mut impl Read, size: u64) -> Result<Vec<u8>, Error> {
    if size > EXTENSION_LIMIT {
        return Err(Error::NotTar);
    }
    let bytes = read_exactly(archive, size)?;
    skip(archive, padded(size) - size)?;
    Ok(bytes)
}

/// A name and its value.
type Record<'a> = (&'a [u8], &'a [u8]);

/// Records `{length} {name}={value}\n`, followed only by zeros. Some programs read lines and ignore
/// the lengths, so no line of a value may look like a record.
fn pax_records(mut bytes: &[u8]) -> Result<Vec<Record<'_>>, Error> {
    let mut records = Vec::new();
    while bytes.iter().any(|byte| *byte != 0) {
        let space = bytes.iter().position(|byte| *byte == b' ').ok_or(Error::NotTar)?;
        let length = bytes.get(..space).and_then(decimal).ok_or(Error::NotTar)?;
        let length = usize::try_from(length).map_err(|_| Error::NotTar)?;
        let record = bytes.get(space + 1..length).and_then(|record| record.strip_suffix(b"\n"));
        let record = record.filter(|record| !hides_a_record(record)).ok_or(Error::NotTar)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or(Error::NotTar)?;
        let (name, value) = record.split_at(equals);
        records.push((name, value.get(1..).unwrap_or_default()));
        bytes = bytes.get(length..).unwrap_or_default();
    }
    Ok(records)
}

fn hides_a_record(record: &[u8]) -> bool {
    let passes = |line: &[u8]| {
        let text = line.iter().position(|byte| *byte == b' ').and_then(|space| line.get(space + 1..));
        let counts = |name: &&[u8]| text.is_some_and(|text| text.starts_with(name));
        [b"path=".as_slice(), b"linkpath=", b"size="].iter().any(counts)
    };
    record.split(|byte| *byte == b'\n').skip(1).any(passes)
}

fn padded(size: u64) -> u64 {
    size.checked_next_multiple_of(BLOCK as u64).unwrap_or(u64::MAX)
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn padding_off(field: &[u8]) -> &[u8] {
    let end = field.iter().rposition(|byte| !matches!(byte, 0 | b' ')).map_or(0, |last| last + 1);
    field.get(..end).unwrap_or_default()
}

fn is_octal(field: &[u8]) -> bool {
    padding_off(field).trim_ascii_start().iter().all(|byte| matches!(byte, b'0'..=b'7'))
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(until_nul(field)).ok()?.trim();
    if text.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(text, 8).ok()
}

fn decimal(bytes: &[u8]) -> Option<u64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;

//! Reads parts of one version of a stored object.

use std::io::{self, SeekFrom};

use crate::body::{copy_into, piece_length};
use crate::types::{Digest, ObjectInfo};
use crate::{Error, sys};

/// See `wit/storage.wit`. `Read` and `Seek` call the host each time, so use a `BufReader`.
pub struct Reader {
    raw: sys::Reader,
    size: u64,
    position: u64,
}

impl Reader {
    /// None if the object does not exist.
    pub fn open(key: &str) -> Result<Option<Reader>, Error> {
        Ok(sys::Reader::open(key)?.map(|raw| {
            let size = raw.info().size;
            Reader { raw, size, position: 0 }
        }))
    }

    pub fn info(&self) -> ObjectInfo {
        self.raw.info()
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// At most `max` bytes from `offset`, fewer only at the end; `Invalid` above 1 MiB, `Conflict`
    /// if the object has changed.
    pub fn read_at(&self, offset: u64, max: u32) -> Result<Vec<u8>, Error> {
        self.raw.read_at(offset, max)
    }

    /// Digests of a part of the object. The bytes do not pass through the plugin.
    pub fn digest_range(&self, offset: u64, length: u64, compute: &[&str]) -> Result<Vec<Digest>, Error> {
        self.raw.digest_range(offset, length, compute)
    }

    /// The whole object; `TooLarge` above `limit` bytes, `Damaged` if it ends before its size.
    pub fn read_all(&self, limit: u64) -> Result<Vec<u8>, Error> {
        let read = read_all(self.size, limit, |offset, max| self.read_at(offset, max));
        read.map_err(|error| match error {
            Error::Truncated => Error::damaged(self.info().key, "it ends before its size"),
            other => other,
        })
    }
}

/// Reads `size` bytes. Their memory is reserved first.
pub(crate) fn read_all(
    size: u64,
    limit: u64,
    read_at: impl Fn(u64, u32) -> Result<Vec<u8>, Error>,
) -> Result<Vec<u8>, Error> {
    if size > limit {
        return Err(Error::TooLarge(limit));
    }
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(usize::try_from(size).unwrap_or(usize::MAX))
        .map_err(|_| Error::TooLarge(limit))?;
    while (bytes.len() as u64) < size {
        let offset = bytes.len() as u64;
        let piece = read_at(offset, piece_length(size - offset))?;
        if piece.is_empty() {
            return Err(Error::Truncated);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

impl io::Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.position >= self.size {
            return Ok(0);
        }
        let piece = self.raw.read_at(self.position, piece_length(buffer.len() as u64))?;
        let count = copy_into(buffer, &piece)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl io::Seek for Reader {
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        self.position = seek(target, self.position, self.size)?;
        Ok(self.position)
    }
}

pub(crate) fn seek(target: SeekFrom, position: u64, size: u64) -> io::Result<u64> {
    match target {
        SeekFrom::Start(offset) => Some(offset),
        SeekFrom::End(offset) => size.checked_add_signed(offset),
        SeekFrom::Current(offset) => position.checked_add_signed(offset),
    }
    .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a position before the start"))
}

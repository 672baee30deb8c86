//! Bytes that are complete and have no key yet, whether the plugin made them or a client
//! sent them.

use std::io::{self, SeekFrom};

use crate::body::{copy_into, piece_length};
use crate::storage::{clash, reader};
use crate::types::{Digest, ObjectInfo, Precondition};
use crate::{Error, PIECE, sys};

/// Small writes are collected up to this many bytes.
const BUFFER: usize = 256 * 1024;

/// The host unpacks this many parts at once.
const UNPACK_MANY: usize = 10_000;

/// How a part is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Store,
    /// RFC 1951, as in zip archives.
    Deflate,
}

/// A part of something that is packed, e.g. one file of a zip archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    pub offset: u64,
    pub length: u64,
    pub packing: Packing,
    /// The most bytes that may come out.
    pub limit: u64,
}

/// What comes out when a part is unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpacked {
    /// Bytes.
    pub size: u64,
    /// That of zip and gzip.
    pub crc32: u32,
}

/// Bytes that the plugin makes itself, piece by piece. Small writes are collected; no
/// `BufWriter` is needed.
pub struct Writer {
    raw: sys::Writer,
    buffer: Vec<u8>,
    written: u64,
}

impl Writer {
    /// `compute`: the algorithms of [`Staged::digests`].
    pub fn new(compute: &[&str]) -> Writer {
        Writer { raw: sys::Writer::new(compute), buffer: Vec::new(), written: 0 }
    }

    /// Bytes of any length; `TooLarge` above the mount's upload limit in all.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush_buffer()?;
        }
        if bytes.len() > BUFFER {
            bytes.chunks(PIECE).try_for_each(|piece| self.raw.write(piece))?;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Appends all bytes of a stored object, which must have this version. The bytes do not pass the
    /// plugin. `NotFound` if the key has no object; `Conflict` if it has another version; `TooLarge`
    /// as in [`Writer::add`]. If the object changes before [`Staged::commit`], that call may be a
    /// `Conflict`: start again with the new version. A host of contract 0.1.0 does not load a plugin
    /// that calls this function.
    ///
    /// ```
    /// use packhouse_plugin::storage::{self, Precondition, Writer};
    /// # let _host = packhouse_plugin::testing::Host::new();
    /// let list = storage::put("versions", b"a 1.0.0\n", Precondition::Absent, None)?;
    /// let mut longer = Writer::new(&[]);
    /// longer.append_object("versions", &list.version)?;
    /// longer.add(b"b 1.0.0\n")?;
    /// let known = Precondition::Version(&list.version);
    /// longer.finish()?.commit("versions", &[], known, None)?;
    /// assert_eq!(storage::get("versions")?.unwrap().bytes, b"a 1.0.0\nb 1.0.0\n");
    /// # Ok::<_, packhouse_plugin::Error>(())
    /// ```
    pub fn append_object(&mut self, key: &str, version: &str) -> Result<(), Error> {
        self.flush_buffer()?;
        self.written += self.raw.append_object(key, version)?;
        Ok(())
    }

    /// Bytes so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Complete and durable, not yet under a key.
    pub fn finish(mut self) -> Result<Staged, Error> {
        self.flush_buffer()?;
        self.raw.finish().map(Staged::new)
    }

    fn flush_buffer(&mut self) -> Result<(), Error> {
        if !self.buffer.is_empty() {
            self.raw.write(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(self.flush_buffer()?)
    }
}

/// Bytes that have arrived, are complete and durable, and have no key yet. Dropping it
/// removes them, and so does the end of the request. As `Read` and `Seek` each call asks
/// the host: put a `BufReader` before it.
pub struct Staged {
    raw: sys::Staged,
    position: u64,
}

impl Staged {
    pub(crate) fn new(raw: sys::Staged) -> Staged {
        Staged { raw, position: 0 }
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.raw.size()
    }

    /// In the order of `compute`.
    pub fn digests(&self) -> Vec<Digest> {
        self.raw.digests()
    }

    /// The digest of one algorithm; `Misused` when it was not named in `compute`.
    pub fn digest(&self, algorithm: &str) -> Result<Digest, Error> {
        self.digests()
            .into_iter()
            .find(|digest| digest.algorithm == algorithm)
            .ok_or_else(|| Error::Misused(format!("the digest {algorithm} was not named in `compute`")))
    }

    /// At most `max` bytes from `offset`, fewer only at the end. `Invalid` above 1 MiB.
    pub fn read_at(&self, offset: u64, max: u32) -> Result<Vec<u8>, Error> {
        self.raw.read_at(offset, max)
    }

    /// The whole; `TooLarge` above `limit` bytes.
    pub fn read_all(&self, limit: u64) -> Result<Vec<u8>, Error> {
        reader::read_all(self.size(), limit, |offset, max| self.read_at(offset, max))
    }

    /// Digests of a part of it; the bytes do not pass the plugin.
    pub fn digest_range(&self, offset: u64, length: u64, compute: &[&str]) -> Result<Vec<Digest>, Error> {
        self.raw.digest_range(offset, length, compute)
    }

    /// Unpacks parts of it in the host, and returns the size and the checksum of each. The result is in
    /// the order of `parts`; none for a part that is damaged, is not exactly one packed stream from its
    /// first byte to its last, or unpacks to more than its limit. `Invalid` unless the parts are
    /// inside, in order, and do not overlap. The bytes from the first part to the last, and the limits
    /// of all parts, are work of the host, as far as they are more than eight times the size of all of
    /// it. Hosts of contract 0.1.0 do not have this function, and do not load a plugin that calls it.
    pub fn unpack(&self, parts: &[Packed]) -> Result<Vec<Option<Unpacked>>, Error> {
        let mut unpacked = Vec::with_capacity(parts.len());
        for parts in parts.chunks(UNPACK_MANY) {
            unpacked.extend(self.raw.unpack(parts)?);
        }
        Ok(unpacked)
    }

    /// Gives the bytes their key. `Damaged` if an object is in the place of a folder of the key, or a
    /// folder in the place of the key. After an error nothing has changed, and you may try again; after
    /// a success it is `NotFound`, while `digests` and `size` still answer.
    pub fn commit(
        &mut self,
        key: &str,
        expect: &[Digest],
        precondition: Precondition<'_>,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo, Error> {
        let committed = self.raw.commit(key, expect, precondition, content_type);
        committed.map_err(|error| clash::explain(key, error))
    }
}

impl io::Read for Staged {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let piece = self.raw.read_at(self.position, piece_length(buffer.len() as u64))?;
        let count = copy_into(buffer, &piece)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl io::Seek for Staged {
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        self.position = reader::seek(target, self.position, self.size())?;
        Ok(self.position)
    }
}

//! Unpacks parts of an object to find the size and the checksum of the result. The result is not
//! kept, so memory is bounded by a piece of the object and a buffer. It does not know archives.

use std::ops::Range;

use crc_fast::{CrcAlgorithm, Digest as Crc};
use flate2::{Decompress, FlushDecompress, Status};
use futures_util::stream::TryStreamExt;

use super::error::{Result, StorageError};
use super::store::Content;

/// The most bytes that one call of the decoder returns.
const OUTPUT: usize = 64 << 10;

/// The compression of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// None.
    Store,
    /// RFC 1951.
    Deflate,
}

impl Packing {
    /// The names of `wit/storage.wit`; `Invalid` for any other.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "store" => Ok(Self::Store),
            "deflate" => Ok(Self::Deflate),
            other => {
                let shown: String = other.chars().take(50).collect();
                Err(StorageError::invalid(format!("this host cannot unpack `{shown}`")))
            }
        }
    }
}

/// A part of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    pub range: Range<u64>,
    pub packing: Packing,
    /// The most bytes of the result.
    pub limit: u64,
}

/// The result of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpacked {
    pub size: u64,
    pub crc32: u32,
}

/// The results in the order of `parts`; none for a part that is not exactly one compressed stream,
/// or exceeds its limit. `Invalid` unless the parts are inside the object and in order. The object
/// is read once, from the first part to the last.
pub(super) async fn unpack(content: &Content, parts: Vec<Packed>) -> Result<Vec<Option<Unpacked>>> {
    let span = span(&parts, content.size())?;
    let mut pieces = content.clone().stream(span.clone());
    let mut unpacking = Unpacking::new(parts, span.start);
    while let Some(piece) = pieces.try_next().await? {
        unpacking = tokio::task::spawn_blocking(move || {
            unpacking.take(&piece);
            unpacking
        })
        .await?;
    }
    Ok(unpacking.results)
}

/// From the first part to the last.
fn span(parts: &[Packed], size: u64) -> Result<Range<u64>> {
    let start = parts.first().map_or(0, |part| part.range.start);
    let mut end = start;
    for Packed { range, .. } in parts {
        if range.start < end || range.end < range.start || range.end > size {
            return Err(StorageError::invalid(
                "the parts do not lie inside the object, each behind the one before",
            ));
        }
        end = range.end;
    }
    Ok(start..end)
}

/// Takes an object piece by piece.
struct Unpacking {
    /// The parts that remain. The first one is being unpacked.
    parts: std::vec::IntoIter<Packed>,
    /// The position up to which the object was read.
    position: u64,
    stream: Stream,
    results: Vec<Option<Unpacked>>,
}

impl Unpacking {
    fn new(parts: Vec<Packed>, position: u64) -> Self {
        let results = Vec::with_capacity(parts.len());
        let mut unpacking = Self { parts: parts.into_iter(), position, stream: Stream::default(), results };
        unpacking.end_parts();
        unpacking
    }

    fn take(&mut self, mut piece: &[u8]) {
        while let (false, Some(part)) = (piece.is_empty(), self.parts.as_slice().first()) {
            let is_before = self.position < part.range.start;
            let until = if is_before { part.range.start } else { part.range.end };
            let length = usize::try_from(until - self.position).unwrap_or(usize::MAX).min(piece.len());
            let (here, rest) = piece.split_at(length);
            if !is_before {
                self.stream.take(here, part.packing, part.limit);
            }
            self.position += length as u64;
            piece = rest;
            self.end_parts();
        }
    }

    /// Finishes the parts that were read completely, including empty ones.
    fn end_parts(&mut self) {
        while let Some(part) = self.parts.as_slice().first().filter(|part| part.range.end <= self.position) {
            self.results.push(self.stream.end(part.packing));
            self.parts.next();
        }
    }
}

/// One part after the other.
struct Stream {
    decoder: Decompress,
    output: Vec<u8>,
    crc: Crc,
    size: u64,
    has_ended: bool,
    is_damaged: bool,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            decoder: Decompress::new(false),
            output: vec![0; OUTPUT],
            crc: Crc::new(CrcAlgorithm::Crc32IsoHdlc),
            size: 0,
            has_ended: false,
            is_damaged: false,
        }
    }
}

impl Stream {
    fn take(&mut self, input: &[u8], packing: Packing, limit: u64) {
        match packing {
            _ if self.is_damaged => {}
            Packing::Store => {
                self.crc.update(input);
                self.size += input.len() as u64;
                self.is_damaged = self.size > limit;
            }
            Packing::Deflate => self.inflate(input, limit),
        }
    }

    fn inflate(&mut self, mut input: &[u8], limit: u64) {
        while !self.is_damaged && !self.has_ended {
            let (taken, given) = (self.decoder.total_in(), self.decoder.total_out());
            let status = self.decoder.decompress(input, &mut self.output, FlushDecompress::None);
            let taken = usize::try_from(self.decoder.total_in() - taken).unwrap_or(usize::MAX);
            let given = usize::try_from(self.decoder.total_out() - given).unwrap_or(usize::MAX);
            self.crc.update(self.output.get(..given).unwrap_or_default());
            self.size += given as u64;
            input = input.get(taken..).unwrap_or_default();
            match status {
                Err(_) => self.is_damaged = true,
                Ok(Status::StreamEnd) => self.has_ended = true,
                // The decoder needs more input.
                Ok(_) if taken == 0 && given == 0 => return,
                Ok(_) => {}
            }
            self.is_damaged |= self.size > limit;
        }
        // Bytes after the end of the stream: not exactly one stream.
        self.is_damaged |= !input.is_empty();
    }

    /// Records the result, and begins the next part.
    fn end(&mut self, packing: Packing) -> Option<Unpacked> {
        let is_whole = !self.is_damaged && (packing == Packing::Store || self.has_ended);
        let crc32 = u32::try_from(self.crc.finalize()).unwrap_or_default();
        let unpacked = is_whole.then_some(Unpacked { size: self.size, crc32 });
        self.decoder.reset(false);
        self.crc = Crc::new(CrcAlgorithm::Crc32IsoHdlc);
        (self.size, self.has_ended, self.is_damaged) = (0, false, false);
        unpacked
    }
}

#[cfg(test)]
mod tests;

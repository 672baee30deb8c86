//! Reads a gzip file (RFC 1952) to the end of the file, not only to the end of its data.
//!
//! A decoder that stops at the end marker accepts a file that clients reject: one with a wrong
//! checksum, with missing last bytes, or with bytes after its end. [`Decoder`] reports all of
//! these. Zeros after the end are padding, which every client accepts.
//!
//! # Examples
//! ```
//! use std::io::Read as _;
//! use packhouse_plugin::gzip::{Decoder, Members};
//!
//! fn unpack(file: &[u8]) -> std::io::Result<Vec<u8>> {
//!     let mut content = Vec::new();
//!     Decoder::new(file, Members::One).read_to_end(&mut content)?;
//!     Ok(content)
//! }
//! assert!(unpack(b"plain text").is_err());
//! ```

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::bufread::GzDecoder;

/// The first byte of every member.
const MAGIC: u8 = 0x1f;

/// How many gzip members a file may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Members {
    /// One. A second member is an error: for formats whose clients read the first member only.
    One,
    /// One or more, whose contents follow each other.
    Many,
}

/// Unpacks a gzip file.
///
/// The last `read`, which returns 0, has verified the checksum and the length of every member
/// (section 2.3.1 of the RFC), and that only zeros follow the last one. A caller that stops earlier
/// has verified nothing. Read to the end, for example into [`io::sink`].
///
/// # Errors
/// `InvalidInput` or `InvalidData` for a file that is not gzip or is damaged, `UnexpectedEof` for a
/// truncated one, and every error of the underlying reader.
#[derive(Debug)]
pub struct Decoder<R> {
    /// None after the end, and after an error.
    member: Option<GzDecoder<R>>,
    members: Members,
}

impl<R: BufRead> Decoder<R> {
    pub fn new(file: R, members: Members) -> Self {
        Self { member: Some(GzDecoder::new(file)), members }
    }

    /// The next member; none at the end of the file.
    fn next_member(&self, mut file: R) -> io::Result<Option<GzDecoder<R>>> {
        match file.fill_buf()?.first() {
            None => Ok(None),
            Some(&MAGIC) if self.members == Members::Many => Ok(Some(GzDecoder::new(file))),
            Some(_) => check_padding(&mut file).map(|()| None),
        }
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(mut member) = self.member.take() {
            let count = member.read(buffer)?;
            if count > 0 {
                self.member = Some(member);
                return Ok(count);
            }
            self.member = self.next_member(member.into_inner())?;
        }
        Ok(0)
    }
}

/// Zeros up to the end of the file.
fn check_padding(file: &mut impl BufRead) -> io::Result<()> {
    loop {
        let piece = file.fill_buf()?;
        if piece.is_empty() {
            return Ok(());
        }
        if piece.iter().any(|byte| *byte != 0) {
            return Err(io::Error::new(ErrorKind::InvalidData, "more bytes follow the end of the gzip data"));
        }
        let length = piece.len();
        file.consume(length);
    }
}

#[cfg(test)]
mod tests;

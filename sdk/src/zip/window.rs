//! What rawzip reads through: pieces that are held for the next question, so that the many
//! small ones of a directory do not each ask the host.

use std::cell::{Cell, RefCell};
use std::io;

use rawzip::ReaderAt;

use super::ReadAt;

/// What is fetched at once, in bytes.
const WINDOW: u32 = 64 << 10;

/// An archive that lies with the host.
pub struct Window<'a> {
    read: ReadAt<'a>,
    size: u64,
    /// What is fetched at once.
    length: Cell<u32>,
    held: RefCell<(u64, Vec<u8>)>,
}

impl<'a> Window<'a> {
    pub fn new(read: ReadAt<'a>, size: u64) -> Self {
        Self { read, size, length: Cell::new(WINDOW), held: RefCell::default() }
    }

    /// From now on so much is fetched at once.
    pub fn widen(&self, length: u32) {
        self.length.set(length);
    }
}

impl ReaderAt for Window<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if buffer.is_empty() || offset >= self.size {
            return Ok(0);
        }
        let mut held = self.held.borrow_mut();
        let is_held = offset >= held.0 && offset - held.0 < held.1.len() as u64;
        if !is_held {
            *held = (offset, (self.read)(offset, self.length.get()).map_err(io::Error::from)?);
        }
        let start = usize::try_from(offset - held.0).unwrap_or(usize::MAX);
        let available = held.1.get(start..).unwrap_or_default();
        let count = available.len().min(buffer.len());
        if let (Some(target), Some(source)) = (buffer.get_mut(..count), available.get(..count)) {
            target.copy_from_slice(source);
        }
        Ok(count)
    }
}

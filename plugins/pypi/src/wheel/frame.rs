//! What stands around the files of an archive. Programs disagree on what counts where two
//! places say different things, or where something hides between two files; so neither may be.

use std::io;

use flate2::read::DeflateDecoder;
use rawzip::extra_fields::{ExtraFieldId, ExtraFields};
use rawzip::{CompressionMethod, ReaderAt, ZipArchive, ZipEntry, ZipLocalFileHeader};

use super::directory::{Entry, shown};
use super::window::Window;
use super::{SMALL, WheelError};

/// What all files that were written without their sizes in front may unpack to, in bytes: they
/// are read through.
pub const STREAMED: u64 = 8 * SMALL;

/// The end of a directory (APPNOTE 4.3.16), and of one with large numbers before it (4.3.14,
/// 4.3.15), in bytes.
const END: usize = 22;
const LARGE_RECORD: usize = 56;
const LARGE_END: usize = LARGE_RECORD + 20 + END;
/// Behind a file that was written without its size in front: at most this many bytes
/// (APPNOTE 4.3.9).
const DESCRIPTOR: usize = 24;

/// Another name, or two sizes.
pub fn check_extra_fields(fields: ExtraFields<'_>) -> Result<(), WheelError> {
    let sizes = fields.filter(|(id, _)| *id == ExtraFieldId::ZIP64).count();
    let names = fields.filter(|(id, _)| *id == ExtraFieldId::INFO_ZIP_UNICODE_PATH).count();
    if sizes > 1 || names > 0 {
        return Err(WheelError::refused("a file has a second name or size in its extra fields"));
    }
    Ok(())
}

/// What stands before the file is what the directory says of it. Sizes that were not known yet
/// are none, and stand behind it.
pub fn check_front(entry: &Entry, front: &ZipLocalFileHeader<'_>) -> Result<(), WheelError> {
    check_extra_fields(front.extra_fields())?;
    let stated = [
        (front.compressed_size_hint(), entry.wayfinder.compressed_size_hint()),
        (front.uncompressed_size_hint(), entry.wayfinder.uncompressed_size_hint()),
        (u64::from(front.crc32()), u64::from(entry.crc)),
    ];
    let may_lack = |front: u64| entry.has_descriptor && front == 0;
    let is_same = stated.iter().all(|(front, directory)| front == directory || may_lack(*front))
        && front.compression_method() == entry.method
        && front.flags().has_data_descriptor() == entry.has_descriptor
        && !front.flags().is_encrypted();
    if is_same {
        return Ok(());
    }
    let name = shown(front.file_path().as_ref());
    Err(WheelError::refused(format!("the front of {name} says something else than the directory")))
}

/// The next file, or the directory, begins where this one ends.
pub fn check_gap(
    archive: &ZipArchive<Window<'_>>,
    entry: &Entry,
    local: &ZipEntry<'_, Window<'_>>,
    next: u64,
) -> Result<(), WheelError> {
    let (_, end) = local.compressed_data_range();
    let length = next.checked_sub(end).and_then(|length| usize::try_from(length).ok());
    let is_fine = match length {
        Some(0) => !entry.has_descriptor,
        Some(length @ 1..=DESCRIPTOR) if entry.has_descriptor => {
            let mut gap = vec![0; length];
            archive.get_ref().read_exact_at(&mut gap, end)?;
            is_descriptor(&gap, entry)
        }
        _ => false,
    };
    if is_fine { Ok(()) } else { Err(WheelError::refused("something stands between its files")) }
}

/// Checksum and sizes, of four or of eight bytes, with a signature before them or without.
fn is_descriptor(bytes: &[u8], entry: &Entry) -> bool {
    let sizes = [entry.wayfinder.compressed_size_hint(), entry.wayfinder.uncompressed_size_hint()];
    let rest = if matches!(bytes.len(), 16 | 24) { bytes.strip_prefix(b"PK\x07\x08") } else { Some(bytes) };
    let Some((crc, rest)) = rest.and_then(<[u8]>::split_first_chunk) else { return false };
    let width = rest.len() / 2;
    let stated = rest.chunks(width.max(1)).map(number);
    *crc == entry.crc.to_le_bytes() && matches!(width, 4 | 8) && stated.eq(sizes)
}

/// A file without its size in front ends where its own data says: read through, that must be
/// where the directory says too. Gives what is left of the budget.
pub fn check_streamed(
    entry: &Entry,
    local: &ZipEntry<'_, Window<'_>>,
    budget: u64,
) -> Result<u64, WheelError> {
    let (packed, unpacked) =
        (entry.wayfinder.compressed_size_hint(), entry.wayfinder.uncompressed_size_hint());
    if packed == 0 && unpacked == 0 {
        return Ok(budget);
    }
    let left = budget.checked_sub(unpacked).filter(|_| entry.method == CompressionMethod::DEFLATE);
    let Some(left) = left else {
        return Err(WheelError::refused(
            "a file is written without its size in front, and too large for that or not deflated",
        ));
    };
    let mut inflated = DeflateDecoder::new(local.reader());
    io::copy(&mut local.verifying_reader(&mut inflated), &mut io::sink())?;
    if inflated.total_in() == packed {
        return Ok(left);
    }
    Err(WheelError::refused("the data of a file ends before its place does"))
}

/// Behind the directory stands its end and nothing else: no comment, in which another end may
/// hide, and nowhere another number.
pub fn check_end(archive: &ZipArchive<Window<'_>>, start: u64, entries: u64) -> Result<(), WheelError> {
    let reader = archive.get_ref();
    let length = archive.end_offset().checked_sub(start).and_then(|length| usize::try_from(length).ok());
    let mut end = match length {
        Some(length @ (END | LARGE_END)) => vec![0; length],
        _ => return Err(WheelError::refused("something stands behind its directory")),
    };
    reader.read_exact_at(&mut end, start)?;
    let directory = archive.directory_offset();
    let size = start.saturating_sub(directory);
    let large = end.len() == LARGE_END;
    let at = |place: usize, width: usize| end.get(place..place + width).map(number).unwrap_or_default();
    let last = end.len() - END;
    let is = |place: usize, width: usize, value: u64| {
        let stated = at(last + place, width);
        let unknown = u64::MAX >> (64 - 8 * width);
        stated == value || (large && stated == unknown)
    };
    let large_is_fine = !large
        || (at(0, 4) == 0x0606_4b50
            && at(4, 8) == LARGE_RECORD as u64 - 12
            && at(16, 4) == 0
            && at(20, 4) == 0
            && [(24, entries), (32, entries), (40, size), (48, directory)]
                .iter()
                .all(|(place, value)| at(*place, 8) == *value)
            && at(LARGE_RECORD, 4) == 0x0706_4b50
            && at(LARGE_RECORD + 4, 4) == 0
            && at(LARGE_RECORD + 8, 8) == start);
    let is_fine = at(last, 4) == 0x0605_4b50
        && [(4, 2, 0), (6, 2, 0), (8, 2, entries), (10, 2, entries), (12, 4, size), (16, 4, directory)]
            .iter()
            .all(|(place, width, value)| is(*place, *width, *value));
    if is_fine && large_is_fine {
        return Ok(());
    }
    Err(WheelError::refused("the end of its directory says something else than the directory"))
}

/// The least byte first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

//! The data around the files of an archive. Programs disagree on which value is valid where two places
//! say different things, or where something hides between two files; so neither may be.

use std::collections::HashSet;

use rawzip::extra_fields::{ExtraFieldId, ExtraFields};
use rawzip::{ReaderAt, ZipArchive, ZipEntry, ZipLocalFileHeader};

use super::directory::Entry;
use super::path::{EntryPath, shown};
use super::window::Window;
use super::{Clients, Error};

/// The end of a directory (APPNOTE 4.3.16), and of one with large numbers before it (4.3.14,
/// 4.3.15), in bytes.
const END: usize = 22;
const LARGE_RECORD: usize = 56;
const LARGE_END: usize = LARGE_RECORD + 20 + END;
/// The longest comment of an archive, in bytes.
const LONGEST_COMMENT: usize = 65_535;
/// Behind a file that was written without its size in front: at most this many bytes
/// (APPNOTE 4.3.9).
const DESCRIPTOR: usize = 24;

/// The value of a size that is in the extra field for 8-byte sizes (APPNOTE 4.5.3).
const ELSEWHERE: u64 = u32::MAX as u64;

/// Each field once and whole, and no other name than `name`. Gives the field for 8-byte sizes.
pub fn check_extra_fields<'a>(
    mut fields: ExtraFields<'a>,
    name: &[u8],
    clients: Clients,
) -> Result<Option<&'a [u8]>, Error> {
    let (mut seen, mut sizes) = (HashSet::new(), None);
    for (id, data) in fields.by_ref() {
        let is_name = id == ExtraFieldId::INFO_ZIP_UNICODE_PATH;
        if (is_name && clients == Clients::OfAnyKind) || !seen.insert(id) {
            return Err(Error::refused("a file has a second name or size in its extra fields"));
        }
        if is_name {
            check_second_name(data, name, clients)?;
        }
        if id == ExtraFieldId::ZIP64 {
            sizes = Some(data);
        }
    }
    // What is shorter than a field's header is padding to every client.
    if fields.remaining_bytes().len() >= 4 {
        return Err(Error::refused("an extra field of a file is cut off"));
    }
    Ok(sizes)
}

/// A name in UTF-8 for one that may be in another encoding, behind a byte and a checksum (APPNOTE
/// 4.6.9). Two names that are both UTF-8 are the same.
fn check_second_name(field: &[u8], name: &[u8], clients: Clients) -> Result<(), Error> {
    let second = field.get(5..).unwrap_or_default();
    EntryPath::parse(second, clients)?;
    if std::str::from_utf8(name).is_ok() && second != name {
        let (name, second) = (shown(name), shown(second));
        return Err(Error::refused(format!("a file is called both {name} and {second}")));
    }
    Ok(())
}

/// An entry of the directory has exactly the 8-byte numbers whose places say that they are there.
/// Clients that look for them in another place would read other numbers.
pub fn check_large_entry(archive: &ZipArchive<Window<'_>>, offset: u64, sizes: &[u8]) -> Result<(), Error> {
    let mut entry = [0; 46];
    archive.get_ref().read_exact_at(&mut entry, offset)?;
    let has = |place: usize, width: usize| {
        let bytes = entry.get(place..place + width).unwrap_or_default();
        bytes.iter().all(|byte| *byte == 0xff)
    };
    // Both sizes, the place of the file, and the number of the disk.
    let expected = [(24, 4, 8), (20, 4, 8), (42, 4, 8), (34, 2, 4)];
    let expected: usize = expected
        .into_iter()
        .filter(|(place, width, _)| has(*place, *width))
        .map(|(_, _, length)| length)
        .sum();
    if sizes.len() == expected { Ok(()) } else { Err(stray_sizes()) }
}

/// The same before a file, where only sizes can be. Some programs repeat both sizes there without
/// need; clients accept that if they are the same.
fn check_large_front(archive: &ZipArchive<Window<'_>>, start: u64, sizes: &[u8]) -> Result<(), Error> {
    let mut front = [0; 30];
    archive.get_ref().read_exact_at(&mut front, start)?;
    let at = |place: usize| front.get(place..place + 4).map(number).unwrap_or_default();
    let stated = [at(22), at(18)];
    let expected = 8 * stated.iter().filter(|size| **size == ELSEWHERE).count();
    let is_repeated =
        expected == 0 && sizes.len() == 16 && sizes.chunks(8).map(number).eq(stated.iter().copied());
    if sizes.len() == expected || is_repeated { Ok(()) } else { Err(stray_sizes()) }
}

fn stray_sizes() -> Error {
    Error::refused("a file has 8-byte sizes in its extra fields that its header does not ask for")
}

/// The local header agrees with the directory. Sizes that were not known yet are missing there, and
/// follow the file. Returns whether they have 8 bytes there.
pub fn check_front(
    archive: &ZipArchive<Window<'_>>,
    entry: &Entry,
    front: &ZipLocalFileHeader<'_>,
    clients: Clients,
) -> Result<bool, Error> {
    let name = front.file_path();
    let sizes = check_extra_fields(front.extra_fields(), name.as_ref(), clients)?;
    if let Some(sizes) = sizes {
        check_large_front(archive, entry.start, sizes)?;
    }
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
        return Ok(sizes.is_some());
    }
    let name = shown(front.file_path().as_ref());
    Err(Error::refused(format!("the local header of {name} differs from the directory")))
}

/// The next file, or the directory, begins where this one ends.
pub fn check_gap(
    archive: &ZipArchive<Window<'_>>,
    entry: &Entry,
    local: &ZipEntry<'_, Window<'_>>,
    next: u64,
    has_large_sizes: bool,
) -> Result<(), Error> {
    let (_, end) = local.compressed_data_range();
    let length = next.checked_sub(end).and_then(|length| usize::try_from(length).ok());
    let is_fine = match length {
        Some(0) => !entry.has_descriptor,
        Some(length @ 1..=DESCRIPTOR) if entry.has_descriptor => {
            let mut gap = vec![0; length];
            archive.get_ref().read_exact_at(&mut gap, end)?;
            is_descriptor(&gap, entry, has_large_sizes)
        }
        _ => false,
    };
    if is_fine { Ok(()) } else { Err(Error::refused("there is data between its files")) }
}

/// Checksum and sizes, with a signature before them or without. The sizes have eight bytes if the
/// front has the extra field for such sizes, else four (APPNOTE 4.3.9.2).
fn is_descriptor(bytes: &[u8], entry: &Entry, has_large_sizes: bool) -> bool {
    let sizes = [entry.wayfinder.compressed_size_hint(), entry.wayfinder.uncompressed_size_hint()];
    let rest = if matches!(bytes.len(), 16 | 24) { bytes.strip_prefix(b"PK\x07\x08") } else { Some(bytes) };
    let Some((crc, rest)) = rest.and_then(<[u8]>::split_first_chunk) else { return false };
    let width = rest.len() / 2;
    let stated = rest.chunks(width.max(1)).map(number);
    *crc == entry.crc.to_le_bytes() && width == if has_large_sizes { 8 } else { 4 } && stated.eq(sizes)
}

/// Only the end record follows the directory, and no number in it differs. A comment, in which another
/// end may hide for programs that look for the first one, only where all clients look for the last one.
pub fn check_end(
    archive: &ZipArchive<Window<'_>>,
    start: u64,
    entries: u64,
    clients: Clients,
) -> Result<(), Error> {
    let reader = archive.get_ref();
    let length = archive.end_offset().checked_sub(start).and_then(|length| usize::try_from(length).ok());
    let mut signature = [0; 4];
    reader.read_exact_at(&mut signature, start)?;
    let expected = if signature == *b"PK\x05\x06" { END } else { LARGE_END };
    let comment = length.and_then(|length| length.checked_sub(expected));
    let mut end = match comment {
        Some(0) => vec![0; expected],
        Some(1..=LONGEST_COMMENT) if clients == Clients::OfDirectory => vec![0; expected],
        _ => return Err(Error::refused("there is data after its directory")),
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
        && comment.is_some_and(|length| at(last + 20, 2) == length as u64)
        && [(4, 2, 0), (6, 2, 0), (8, 2, entries), (10, 2, entries), (12, 4, size), (16, 4, directory)]
            .iter()
            .all(|(place, width, value)| is(*place, *width, *value));
    if is_fine && large_is_fine {
        return Ok(());
    }
    Err(Error::refused("the end record of its directory differs from the directory"))
}

/// The least byte first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

//! The central directory of an archive: which entries there are, where, and whether all of
//! them may be.

use std::hash::{BuildHasher, RandomState};

use rawzip::{CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipFileHeaderRecord};

use super::contents::Contents;
use super::frame;
use super::path::{EntryPath, shown};
use super::places::Places;
use super::window::Window;
use super::{Clients, ENTRIES, Entry as Listed, Error, Member, RATIO, SMALL};

/// The fixed part of an entry's front, in bytes (APPNOTE 4.3.7).
const FRONT: u64 = 30;
/// The fixed part of an entry of the directory, in bytes (APPNOTE 4.3.12).
const HEADER: u64 = 46;
/// More entries than this are looked at through a wider window.
const FEW: usize = 64;
const WIDE: u32 = 1 << 20;
/// The longest name and extra fields of an entry's front.
const VARIABLE: usize = 2 * 65_535;

/// One entry: names are remembered by their hashes, since there may be many.
pub(super) struct Entry {
    pub(super) wayfinder: ZipArchiveEntryWayfinder,
    pub(super) start: u64,
    /// Where it ends at the earliest.
    end: u64,
    name: u64,
    pub(super) method: CompressionMethod,
    pub(super) crc: u32,
    pub(super) has_descriptor: bool,
}

/// All of it.
pub struct Directory {
    entries: Vec<Entry>,
    hasher: RandomState,
    /// Where its last entry ends.
    end: u64,
    /// Entries that have 8-byte numbers in an extra field: where they are, and the field.
    large: Vec<(u64, Vec<u8>)>,
}

impl Directory {
    /// Reads it, and refuses what must not be.
    pub fn read(
        archive: &ZipArchive<Window<'_>>,
        size: u64,
        clients: Clients,
        mut visit: impl FnMut(Listed<'_>) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        if archive.end_offset() != size {
            return Err(Error::refused("there is data after the end of the archive"));
        }
        let mut directory = Self {
            entries: Vec::new(),
            hasher: RandomState::new(),
            end: archive.directory_offset(),
            large: Vec::new(),
        };
        let mut unpacked = 0_u64;
        let mut places = Places::default();
        let mut buffer = vec![0; rawzip::MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
        let mut records = archive.entries(&mut buffer);
        while let Some(record) = records.next_entry()? {
            unpacked = unpacked.saturating_add(record.uncompressed_size_hint());
            let path = directory.add(&record, clients)?;
            visit(Listed {
                name: &String::from_utf8_lossy(record.file_path().as_ref()),
                path: &path.clean,
                is_folder: path.is_folder,
                is_link: record.mode().is_symlink(),
                member: Member { wayfinder: record.wayfinder(), method: record.compression_method() },
            })?;
            places.add(&path, record.mode().is_symlink())?;
        }
        if directory.entries.len() as u64 != archive.entries_hint() {
            return Err(Error::NotZip(
                "its directory does not have as many entries as it declares".to_owned(),
            ));
        }
        if unpacked > SMALL.max(size.saturating_mul(RATIO)) {
            return Err(Error::refused(format!(
                "it unpacks to {unpacked} bytes, more than {RATIO} times its size"
            )));
        }
        for (offset, sizes) in &directory.large {
            frame::check_large_entry(archive, *offset, sizes)?;
        }
        directory.check_places(archive.directory_offset())?;
        Ok(directory)
    }

    /// Gives its path.
    fn add(&mut self, record: &ZipFileHeaderRecord<'_>, clients: Clients) -> Result<EntryPath, Error> {
        let is_strict = clients == Clients::OfAnyKind;
        if self.entries.len() == ENTRIES {
            return Err(Error::refused(format!("it holds more than {ENTRIES} files")));
        }
        let path = record.file_path();
        let name: &[u8] = path.as_ref();
        if is_strict && !name.is_ascii() && (!record.flags().is_utf8() || std::str::from_utf8(name).is_err())
        {
            let path = shown(name);
            return Err(Error::refused(format!(
                "it contains the path {path}, which is not UTF-8 or does not say so; clients would read it \
                 differently"
            )));
        }
        let path = EntryPath::parse(name, clients)?;
        if let Some(sizes) = frame::check_extra_fields(record.extra_fields(), name, clients)? {
            self.large.push((record.central_directory_offset(), sizes.to_vec()));
        }
        if record.flags().is_encrypted() {
            return Err(Error::refused(format!("{} is encrypted", shown(name))));
        }
        if is_strict && record.mode().is_symlink() {
            return Err(Error::refused(format!("{} is a symbolic link", shown(name))));
        }
        let start = record.local_header_offset();
        let end = start
            .saturating_add(FRONT)
            .saturating_add(name.len() as u64)
            .saturating_add(record.compressed_size_hint());
        let wayfinder = record.wayfinder();
        let variable = name.len() + record.extra_fields().remaining_bytes().len();
        self.end = record.central_directory_offset()
            + HEADER
            + (variable + record.comment().as_bytes().len()) as u64;
        self.entries.push(Entry {
            wayfinder,
            start,
            end,
            name: self.hasher.hash_one(name),
            method: record.compression_method(),
            crc: record.crc32(),
            has_descriptor: record.flags().has_data_descriptor(),
        });
        Ok(path)
    }

    /// From the very front one entry after the other, none in another, all before the
    /// directory.
    fn check_places(&mut self, directory: u64) -> Result<(), Error> {
        self.entries.sort_by_key(|entry| entry.start);
        if self.entries.first().is_some_and(|first| first.start != 0) {
            return Err(Error::refused("there is data before the archive"));
        }
        let ends = self.entries.iter().map(|entry| entry.end);
        let next_starts = self.entries.iter().skip(1).map(|entry| entry.start).chain([directory]);
        if ends.zip(next_starts).any(|(end, next)| end > next) {
            return Err(Error::refused("its files overlap each other"));
        }
        Ok(())
    }

    /// A client that unpacks while it downloads sees the same as one that reads the directory: each
    /// entry's front says what the directory says, the next one begins where it ends, and after the
    /// last one, only the directory and its end record follow. Returns what is between.
    pub fn check_fronts(
        &self,
        archive: &ZipArchive<Window<'_>>,
        clients: Clients,
    ) -> Result<Contents, Error> {
        frame::check_end(archive, self.end, self.entries.len() as u64, clients)?;
        if self.entries.len() > FEW {
            archive.get_ref().widen(WIDE);
        }
        let mut buffer = vec![0; VARIABLE];
        let mut contents = Contents::default();
        let next_starts = self.entries.iter().skip(1).map(|entry| entry.start);
        for (entry, next) in self.entries.iter().zip(next_starts.chain([archive.directory_offset()])) {
            let local = archive.get_entry(entry.wayfinder)?;
            let header = local.local_header(&mut buffer)?;
            let path = header.file_path();
            let name: &[u8] = path.as_ref();
            if self.hasher.hash_one(name) != entry.name {
                return Err(Error::refused(format!(
                    "a file is called {} in its local header, but not in the directory",
                    shown(name)
                )));
            }
            let has_large_sizes = frame::check_front(archive, entry, &header, clients)?;
            frame::check_gap(archive, entry, &local, next, has_large_sizes)?;
            contents.add(entry, &local, name, clients)?;
        }
        Ok(contents)
    }
}

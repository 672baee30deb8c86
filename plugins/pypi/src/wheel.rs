//! A wheel is a zip archive. It is looked at through its central directory, in bounded memory.
//! The host unpacks each file to compare its checksum, and nothing but `METADATA` is unpacked
//! here: what comes in is hostile until shown otherwise.
//!
//! # Invariants
//! - Clients that read the central directory and clients that read the archive from its front
//!   see the same files: every byte of the archive belongs to one of them or to the directory.
//! - Every file unpacks to the size and the checksum that the directory says.
//! - No entry lies in another one, and all of it does not unpack to more than
//!   [`crate::wheel::RATIO`] times its size, or [`crate::wheel::SMALL`].

use std::fmt;
use std::io::{self, Read};

use flate2::read::DeflateDecoder;
use packhouse_plugin::Error as HostError;
use packhouse_plugin::storage::{Packed, Unpacked};
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipLocator};

use crate::metadata;
use crate::name::{ProjectName, Version};
use directory::Directory;
use window::Window;

mod contents;
mod directory;
mod frame;
mod path;
mod window;

/// How many times its size an archive may unpack to.
pub const RATIO: u64 = 50;
/// What an archive of any size may unpack to, in bytes.
pub const SMALL: u64 = 64 << 20;
/// The most entries that an archive may have.
pub const ENTRIES: usize = 50_000;

/// Reads bytes at an offset, fewer only at the end: `Staged::read_at`, `Reader::read_at`.
pub type ReadAt<'a> = &'a dyn Fn(u64, u32) -> Result<Vec<u8>, HostError>;

/// Tells what packed parts unpack to: `Staged::unpack`.
pub type Unpack<'a> = &'a dyn Fn(&[Packed]) -> Result<Vec<Option<Unpacked>>, HostError>;

/// Why a wheel is none.
#[derive(Debug)]
pub enum WheelError {
    /// The bytes could not be had.
    Host(HostError),
    /// No zip archive, or damaged.
    NotZip(String),
    /// Something in it must not be.
    Refused(String),
}

impl fmt::Display for WheelError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => error.fmt(formatter),
            Self::NotZip(reason) => write!(formatter, "the wheel is not a readable zip archive: {reason}"),
            Self::Refused(reason) => write!(formatter, "the wheel cannot be taken: {reason}"),
        }
    }
}

impl std::error::Error for WheelError {}

impl WheelError {
    fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }
}

/// Errors of the host come back from below rawzip as they were.
impl From<rawzip::Error> for WheelError {
    fn from(error: rawzip::Error) -> Self {
        let shown = error.to_string();
        match error.into_kind() {
            rawzip::ErrorKind::IO(error) => error.into(),
            _ => Self::NotZip(shown),
        }
    }
}

impl From<HostError> for WheelError {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl From<io::Error> for WheelError {
    fn from(error: io::Error) -> Self {
        let is_hosts = error.get_ref().is_some_and(
            <dyn std::error::Error + std::marker::Send + std::marker::Sync + 'static>::is::<HostError>,
        );
        if is_hosts { Self::Host(error.into()) } else { Self::NotZip(error.to_string()) }
    }
}

/// The `METADATA` of a wheel of this version of this project. All of the archive's directory
/// is looked at first, and every file is unpacked by the host.
pub fn read_metadata(
    read: ReadAt<'_>,
    unpack: Unpack<'_>,
    size: u64,
    project: &ProjectName,
    version: &Version,
) -> Result<Vec<u8>, WheelError> {
    let archive = open(read, size)?;
    let directory = Directory::read(&archive, size)?;
    let contents = directory.check_fronts(&archive)?;
    contents.check(&archive, unpack)?;
    let info = directory.info(project, version)?;
    extract(&archive, info)
}

/// The same of a wheel that is stored already: it is only looked up, since it is served
/// whatever it is. None when there is none to be found.
pub fn find_metadata(read: ReadAt<'_>, size: u64) -> Result<Option<Vec<u8>>, HostError> {
    let found = open(read, size).and_then(|archive| {
        let directory = Directory::read(&archive, size)?;
        directory.any_info().map(|info| extract(&archive, info)).transpose()
    });
    match found {
        Err(WheelError::Host(error)) => Err(error),
        Err(_) => Ok(None),
        Ok(found) => Ok(found),
    }
}

fn open(read: ReadAt<'_>, size: u64) -> Result<ZipArchive<Window<'_>>, WheelError> {
    let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
    let window = Window::new(read, size);
    ZipLocator::new().locate_in_reader(window, &mut buffer, size).map_err(|(_, error)| error.into())
}

fn extract(
    archive: &ZipArchive<Window<'_>>,
    info: (ZipArchiveEntryWayfinder, CompressionMethod),
) -> Result<Vec<u8>, WheelError> {
    let (wayfinder, method) = info;
    if wayfinder.uncompressed_size_hint() > metadata::LIMIT {
        let limit = metadata::LIMIT;
        return Err(WheelError::refused(format!("its METADATA is larger than {limit} bytes")));
    }
    let entry = archive.get_entry(wayfinder)?;
    let mut bytes = Vec::new();
    // One more than is allowed tells whether there is too much.
    let limit = metadata::LIMIT + 1;
    match method {
        CompressionMethod::STORE => {
            entry.verifying_reader(entry.reader()).take(limit).read_to_end(&mut bytes)?;
        }
        CompressionMethod::DEFLATE => {
            let inflated = DeflateDecoder::new(entry.reader());
            entry.verifying_reader(inflated).take(limit).read_to_end(&mut bytes)?;
        }
        other => return Err(WheelError::refused(format!("its METADATA is compressed with {other}"))),
    }
    Ok(bytes)
}

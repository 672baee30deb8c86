//! Reads zip archives strictly: it rejects an archive that different clients could unpack differently.
//! It reads the central directory in bounded memory. The host unpacks each file to compare its checksum.
//! This module unpacks only the files that the plugin requests. Archives are hostile input.
//!
//! # Invariants
//! - Clients that read the central directory and clients that read the archive from its beginning see
//!   the same files: every byte of the archive belongs to a file or to the directory.
//! - Every file unpacks to the size and the checksum in the directory.
//! - No path leads out of the folder into which the archive is unpacked, and no path occurs twice.
//! - Entries do not overlap. The archive unpacks to at most [`RATIO`] times its size, or [`SMALL`].
//!
//! # Examples
//! ```
//! use packhouse_plugin::storage::Staged;
//! use packhouse_plugin::zip::{self, Archive};
//!
//! /// The `go.mod` of a module, after the whole archive was verified.
//! fn go_mod(staged: &Staged) -> Result<Option<Vec<u8>>, zip::Error> {
//!     let read = |offset, max| staged.read_at(offset, max);
//!     let mut found = None;
//!     let archive = Archive::open(&read, staged.size(), |entry| {
//!         if entry.path.ends_with("/go.mod") {
//!             found = Some(entry.member);
//!         }
//!         Ok(())
//!     })?;
//!     archive.verify(&|parts| staged.unpack(parts))?;
//!     found.map(|member| archive.read(member, 1 << 20)).transpose()
//! }
//!
//! # use packhouse_plugin::storage::Writer;
//! # use packhouse_plugin::testing::archive;
//! # let _host = packhouse_plugin::testing::Host::new();
//! # let staged = |bytes: &[u8]| {
//! #     let mut writer = Writer::new(&[]);
//! #     writer.add(bytes).and_then(|()| writer.finish())
//! # };
//! let module = staged(&archive::zip(&[("m@v1.0.0/go.mod", b"module m\n")]))?;
//! assert_eq!(go_mod(&module)?.as_deref(), Some(&b"module m\n"[..]));
//! let twice = staged(&archive::zip(&[("m/go.mod", b"module m\n"), ("m/go.mod", b"module n\n")]))?;
//! assert!(matches!(go_mod(&twice), Err(zip::Error::Refused(_))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::io::{self, Read};

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipLocator};

use crate::Error as HostError;
use crate::storage::{Packed, Unpacked};
use directory::Directory;
use window::Window;

mod contents;
mod directory;
mod frame;
mod path;
mod places;
mod window;

/// An archive may unpack to this many times its size.
pub const RATIO: u64 = 50;
/// An archive of any size may unpack to this many bytes.
pub const SMALL: u64 = 64 << 20;
/// The most entries that an archive may have.
pub const ENTRIES: usize = 50_000;

/// How the clients of a protocol unpack what they download.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clients {
    /// Some read the directory, and some unpack while they download. Archives that they could unpack
    /// differently are rejected.
    #[default]
    OfAnyKind,
    /// All read the directory first. So these are accepted too: a comment of the archive, symbolic
    /// links, names with `\\` for `/` and in other encodings than UTF-8, a second name in an extra
    /// field, and stored files without their size in the local header. The plugin must check the
    /// targets of symbolic links ([`Entry::is_link`]).
    OfDirectory,
}

/// Reads bytes at an offset, fewer only at the end: `Staged::read_at`, `Reader::read_at`.
pub type ReadAt<'a> = &'a dyn Fn(u64, u32) -> Result<Vec<u8>, HostError>;

/// Unpacks parts, and returns the size and the checksum of each: `Staged::unpack`.
pub type Unpack<'a> = &'a dyn Fn(&[Packed]) -> Result<Vec<Option<Unpacked>>, HostError>;

/// Why an archive cannot be read. Displays without naming the archive.
#[derive(Debug)]
pub enum Error {
    /// The host could not read the bytes.
    Host(HostError),
    /// It is no zip archive, or is damaged: why.
    NotZip(String),
    /// It contains something that is not allowed: what.
    Refused(String),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Host(error) => error.fmt(formatter),
            Error::NotZip(reason) | Error::Refused(reason) => formatter.write_str(reason),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// The archive contains something that is not allowed. Plugins use it for their own rules too.
    pub fn refused(reason: impl Into<String>) -> Error {
        Error::Refused(reason.into())
    }
}

/// Errors of the host pass through rawzip unchanged.
impl From<rawzip::Error> for Error {
    fn from(error: rawzip::Error) -> Error {
        let shown = error.to_string();
        match error.into_kind() {
            rawzip::ErrorKind::IO(error) => error.into(),
            _ => Error::NotZip(shown),
        }
    }
}

impl From<HostError> for Error {
    fn from(error: HostError) -> Error {
        Error::Host(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        HostError::inside(&error).map_or_else(|| Error::NotZip(error.to_string()), Error::Host)
    }
}

/// One entry of the directory.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The path as it is written. It does not lead out of the folder into which it is unpacked. Bytes
    /// that are not UTF-8 are replaced ([`Clients::OfDirectory`]).
    pub name: &'a str,
    /// Where programs unpack it: the path without `.`, repeated slashes and the last slash, and with `/`
    /// for each `\\`. Empty for `./`.
    pub path: &'a str,
    pub is_folder: bool,
    /// A symbolic link, whose content is its target; only with [`Clients::OfDirectory`].
    pub is_link: bool,
    /// For reading its content.
    pub member: Member,
}

/// A file of an archive, for [`Archive::read`].
#[derive(Debug, Clone, Copy)]
pub struct Member {
    wayfinder: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
}

impl Member {
    /// The unpacked size in the directory, in bytes.
    pub fn size(self) -> u64 {
        self.wayfinder.uncompressed_size_hint()
    }
}

/// An archive whose directory was read.
pub struct Archive<'a> {
    zip: ZipArchive<Window<'a>>,
    directory: Directory,
    clients: Clients,
}

impl<'a> Archive<'a> {
    /// Reads the directory of an archive of `size` bytes, and rejects what is not allowed in it. Calls
    /// `visit` once for each entry, in the order of the directory; `visit` may reject an entry too.
    /// The names are not kept, because there may be many.
    pub fn open(
        read: ReadAt<'a>,
        size: u64,
        visit: impl FnMut(Entry<'_>) -> Result<(), Error>,
    ) -> Result<Archive<'a>, Error> {
        Archive::open_for(Clients::OfAnyKind, read, size, visit)
    }

    /// Like [`Archive::open`], for a protocol whose clients all unpack in the same way.
    pub fn open_for(
        clients: Clients,
        read: ReadAt<'a>,
        size: u64,
        visit: impl FnMut(Entry<'_>) -> Result<(), Error>,
    ) -> Result<Archive<'a>, Error> {
        let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
        let window = Window::new(read, size);
        let zip =
            ZipLocator::new().locate_in_reader(window, &mut buffer, size).map_err(|(_, error)| error)?;
        let directory = Directory::read(&zip, size, clients, visit)?;
        Ok(Archive { zip, directory, clients })
    }

    /// Verifies the whole archive: the local header of each file agrees with the directory, there is
    /// nothing between the files, and each file unpacks to the size and the checksum in the directory.
    /// Use it for uploads. A stored archive was verified when it was uploaded.
    pub fn verify(&self, unpack: Unpack<'_>) -> Result<(), Error> {
        self.directory.check_fronts(&self.zip, self.clients)?.check(&self.zip, unpack)
    }

    /// The content of one file. Its checksum is verified. `Refused` above `limit` bytes.
    pub fn read(&self, member: Member, limit: u64) -> Result<Vec<u8>, Error> {
        let too_large = || Error::refused(format!("a file in it is larger than {limit} bytes"));
        if member.size() > limit {
            return Err(too_large());
        }
        let entry = self.zip.get_entry(member.wayfinder)?;
        let mut bytes = Vec::new();
        // Reading one byte more than allowed shows whether the file is too large.
        match member.method {
            CompressionMethod::STORE => {
                entry.verifying_reader(entry.reader()).take(limit + 1).read_to_end(&mut bytes)?;
            }
            CompressionMethod::DEFLATE => {
                let inflated = DeflateDecoder::new(entry.reader());
                entry.verifying_reader(inflated).take(limit + 1).read_to_end(&mut bytes)?;
            }
            other => return Err(Error::refused(format!("a file in it is compressed with {other}"))),
        }
        if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
    }
}

//! What is between the fronts: the packed files. The host unpacks each of them, since a plugin
//! would take too long, and says what came out.

use crate::storage::{Packed, Packing};
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipEntry};

use super::directory::Entry;
use super::path::shown;
use super::window::Window;
use super::{Clients, Error, Unpack};

/// All files of an archive, in the order in which they lie there.
#[derive(Default)]
pub struct Contents {
    parts: Vec<Packed>,
    files: Vec<File>,
}

struct File {
    wayfinder: ZipArchiveEntryWayfinder,
    crc: u32,
}

impl Contents {
    /// The next one. `name` is for errors.
    pub(super) fn add(
        &mut self,
        entry: &Entry,
        local: &ZipEntry<'_, Window<'_>>,
        name: &[u8],
        clients: Clients,
    ) -> Result<(), Error> {
        let packing = match entry.method {
            CompressionMethod::DEFLATE => Packing::Deflate,
            // Read from the front, only its data tells where it ends.
            CompressionMethod::STORE if !entry.has_descriptor || clients == Clients::OfDirectory => {
                Packing::Store
            }
            CompressionMethod::STORE => {
                let name = shown(name);
                let reason = format!("{name} has no size in its local header, and is not deflated");
                return Err(Error::refused(reason));
            }
            other => {
                let name = shown(name);
                let reason =
                    format!("{name} is compressed with {other}: only deflate and store are accepted");
                return Err(Error::refused(reason));
            }
        };
        let (offset, end) = local.compressed_data_range();
        let limit = entry.wayfinder.uncompressed_size_hint();
        self.parts.push(Packed { offset, length: end.saturating_sub(offset), packing, limit });
        self.files.push(File { wayfinder: entry.wayfinder, crc: entry.crc });
        Ok(())
    }

    /// Each file unpacks to what the directory says of it, and its data fill its place.
    pub fn check(&self, archive: &ZipArchive<Window<'_>>, unpack: Unpack<'_>) -> Result<(), Error> {
        for ((part, file), unpacked) in self.parts.iter().zip(&self.files).zip(unpack(&self.parts)?) {
            let reason = match unpacked {
                Some(unpacked) if unpacked.size != part.limit => "has another size than the directory says",
                Some(unpacked) if unpacked.crc32 != file.crc => {
                    "has another checksum (CRC-32) than the directory says"
                }
                Some(_) => continue,
                None => "is damaged: its data do not unpack, or do not end where the directory says",
            };
            let entry = archive.get_entry(file.wayfinder)?;
            let mut buffer = vec![0; 2 * 65_535];
            let header = entry.local_header(&mut buffer)?;
            let name = shown(header.file_path().as_ref());
            return Err(Error::refused(format!("{name} {reason}")));
        }
        Ok(())
    }
}

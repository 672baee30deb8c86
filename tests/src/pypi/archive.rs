//! Zip archives as plain as they can be (APPNOTE 4.3).

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use std::io::Write as _;

/// An archive of these files, the same bytes each time. Nothing is compressed.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    pack(files, false)
}

/// As [`zip`], compressed.
pub fn zip_deflated(files: &[(&str, &[u8])]) -> Vec<u8> {
    pack(files, true)
}

fn pack(files: &[(&str, &[u8])], is_deflated: bool) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for (path, content) in files {
        let offset = number(archive.len());
        let packed = if is_deflated { deflate(content) } else { content.to_vec() };
        let about = about(path, content, packed.len(), is_deflated);
        archive.extend(b"PK\x03\x04\x14\x00");
        archive.extend(&about);
        archive.extend(path.as_bytes());
        archive.extend(packed);
        directory.extend(b"PK\x01\x02\x14\x00\x14\x00");
        directory.extend(&about);
        // No comment, the first disk, no attributes.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(path.as_bytes());
    }
    let start = number(archive.len());
    let count = u16::try_from(files.len()).expect("few files");
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\x00\x00\x00\x00");
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend(number(directory.len()).to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0; 2]);
    archive
}

/// What stands before a file and in the directory alike.
fn about(path: &str, content: &[u8], packed: usize, is_deflated: bool) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(content);
    let method = if is_deflated { 8 } else { 0 };
    // No flags, the method, midnight of 1980-01-01.
    let mut about = vec![0, 0, method, 0, 0, 0, 0x21, 0];
    about.extend(crc.sum().to_le_bytes());
    about.extend(number(packed).to_le_bytes());
    about.extend(number(content.len()).to_le_bytes());
    about.extend(u16::try_from(path.len()).expect("a short path").to_le_bytes());
    about.extend([0; 2]);
    about
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(content).expect("memory");
    packed.finish().expect("memory")
}

fn number(length: usize) -> u32 {
    u32::try_from(length).expect("a small archive")
}

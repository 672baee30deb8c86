//! Zip archives as plain as they can be: nothing is compressed (APPNOTE 4.3).

use flate2::Crc;

/// An archive of these files, the same bytes each time.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for (path, content) in files {
        let offset = number(archive.len());
        let about = about(path, content);
        archive.extend(b"PK\x03\x04\x14\x00");
        archive.extend(&about);
        archive.extend(path.as_bytes());
        archive.extend(*content);
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
fn about(path: &str, content: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(content);
    // No flags, stored, midnight of 1980-01-01.
    let mut about = vec![0, 0, 0, 0, 0, 0, 0x21, 0];
    about.extend(crc.sum().to_le_bytes());
    about.extend(number(content.len()).to_le_bytes());
    about.extend(number(content.len()).to_le_bytes());
    about.extend(u16::try_from(path.len()).expect("a short path").to_le_bytes());
    about.extend([0; 2]);
    about
}

fn number(length: usize) -> u32 {
    u32::try_from(length).expect("a small archive")
}

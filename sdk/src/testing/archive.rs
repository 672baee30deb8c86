//! Tar and zip archives made by hand, sound and, with a little help, hostile.

use std::io::Write;

use rawzip::{CompressionMethod, ZipArchiveWriter};

/// One entry with its header and padding. `kind` is the flag in the header: `b'0'` is a file,
/// `b'2'` a symbolic link to `content`. Paths and links above 100 bytes are cut.
pub fn tar_entry(kind: u8, path: &str, content: &[u8]) -> Vec<u8> {
    let is_link = matches!(kind, b'1' | b'2');
    let (link, content) = if is_link { (content, [].as_slice()) } else { ([].as_slice(), content) };
    let mut header = Vec::with_capacity(512);
    let mut field = |text: &[u8], length: usize| {
        let end = header.len() + length;
        header.extend_from_slice(text.get(..length).unwrap_or(text));
        header.resize(end, 0);
    };
    field(path.as_bytes(), 100);
    field(b"0000644", 24);
    field(format!("{:011o}", content.len()).as_bytes(), 24);
    field(b"        ", 8);
    field(&[kind], 1);
    field(link, 100);
    field(b"ustar\x0000", 255);
    let mut entry = header;
    fix_checksum(&mut entry);
    entry.extend_from_slice(content);
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

/// Corrects the checksum of the first header.
pub fn fix_checksum(archive: &mut [u8]) {
    let mut sum: u32 = 8 * u32::from(b' ');
    for (index, byte) in archive.iter().take(512).enumerate() {
        if !(148..156).contains(&index) {
            sum += u32::from(*byte);
        }
    }
    let text = format!("{sum:06o}\0 ");
    for (slot, byte) in archive.iter_mut().skip(148).zip(text.bytes()) {
        *slot = byte;
    }
}

/// Corrects the checksum of every header, e.g. after bytes were changed at random.
pub fn fix_checksums(archive: &mut [u8]) {
    let mut rest = archive;
    while rest.len() >= 512 {
        if rest.iter().take(512).any(|byte| *byte != 0) {
            fix_checksum(rest);
        }
        let size = rest.get(124..135).and_then(|field| std::str::from_utf8(field).ok());
        let size = size.and_then(|text| usize::from_str_radix(text, 8).ok()).unwrap_or_default();
        let next = size.saturating_add(512).checked_next_multiple_of(512);
        rest = rest.get_mut(next.unwrap_or(usize::MAX)..).unwrap_or_default();
    }
}

/// A complete archive of these files.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    tar_of(files.iter().map(|(path, content)| tar_entry(b'0', path, content)))
}

/// A complete archive of these entries.
pub fn tar_of(entries: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut archive: Vec<u8> = entries.into_iter().flatten().collect();
    archive.extend([0; 1024]);
    archive
}

/// A zip archive of these files, deflated. Empty if a path is too long for one.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    try_zip(files).unwrap_or_default()
}

fn try_zip(files: &[(&str, &[u8])]) -> Result<Vec<u8>, rawzip::Error> {
    let mut bytes = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut bytes);
    for (path, content) in files {
        let new = archive.new_file(*path).compression_method(CompressionMethod::DEFLATE);
        let (mut entry, config) = new.start()?;
        let encoder = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::fast());
        let mut writer = config.wrap(encoder);
        writer.write_all(content)?;
        let (encoder, descriptor) = writer.finish()?;
        encoder.finish()?;
        entry.finish(descriptor)?;
    }
    archive.finish()?;
    Ok(bytes)
}

//! Tarballs made by hand, for tests.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::io::Write;

/// One entry with its header and padding.
pub fn tar_entry(kind: u8, path: &str, content: &[u8]) -> Vec<u8> {
    let mut entry = vec![0u8; 512];
    entry[..path.len()].copy_from_slice(path.as_bytes());
    entry[100..107].copy_from_slice(b"0000644");
    let size = format!("{:011o}", content.len());
    entry[124..135].copy_from_slice(size.as_bytes());
    entry[156] = kind;
    entry[257..263].copy_from_slice(b"ustar\0");
    fix_checksum(&mut entry);
    entry.extend_from_slice(content);
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

/// Makes the first header's checksum right again.
pub fn fix_checksum(archive: &mut [u8]) {
    archive[148..156].fill(b' ');
    let sum: u32 = archive[..512].iter().map(|byte| u32::from(*byte)).sum();
    archive[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// A tar archive of these files.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive: Vec<u8> =
        files.iter().flat_map(|(path, content)| tar_entry(b'0', path, content)).collect();
    archive.extend([0u8; 1024]);
    archive
}

/// Gzipped.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A package's tarball with this `package.json`.
pub fn tarball(package_json: &str) -> Vec<u8> {
    gzip(&tar(&[
        ("package/package.json", package_json.as_bytes()),
        ("package/index.js", b"module.exports = 1\n"),
    ]))
}

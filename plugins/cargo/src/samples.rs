//! Crates made by hand, for tests.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::io::Write;

/// One entry with its header and padding.
pub fn tar_entry(kind: u8, path: &str, content: &[u8]) -> Vec<u8> {
    let mut entry = vec![0u8; 512];
    entry[..path.len()].copy_from_slice(path.as_bytes());
    entry[100..107].copy_from_slice(b"0000644");
    entry[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    entry[156] = kind;
    entry[257..265].copy_from_slice(b"ustar\x0000");
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

/// A crate with this `Cargo.toml`.
pub fn crate_file(name: &str, version: &str, manifest: &str) -> Vec<u8> {
    let folder = format!("{name}-{version}");
    gzip(&tar(&[
        (&format!("{folder}/Cargo.lock"), b"version = 4\n"),
        (&format!("{folder}/Cargo.toml"), manifest.as_bytes()),
        (&format!("{folder}/src/lib.rs"), b"pub fn demo() {}\n"),
    ]))
}

/// A body of a publish: both parts with their lengths.
pub fn publish_body(json: &str, file: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
    [&length(json.as_bytes()), json.as_bytes(), &length(file), file].concat()
}

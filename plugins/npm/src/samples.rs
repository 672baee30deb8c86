//! Tarballs made by hand, for tests.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::io::Write;

pub use packhouse_plugin::testing::archive::{fix_checksum, tar, tar_entry};

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

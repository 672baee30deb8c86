//! Distributions made by hand, for tests.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::io::Write;

pub use packhouse_plugin::testing::archive::{fix_checksum, tar, tar_entry, tar_of, zip};

/// `METADATA` or `PKG-INFO` of a version that needs Python 3.9.
pub fn metadata(name: &str, version: &str) -> String {
    format!(
        "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: a project\n\
         Requires-Python: >=3.9\nAuthor: Ann\nClassifier: Typing :: Typed\nRequires-Dist: other>=1\n\
         Project-URL: Home, https://example.com/\n\n# {name}\n"
    )
}

/// The files of a wheel, `folder` being `{name}-{version}`, and one more.
pub fn wheel_with(folder: &str, metadata: &str, more: &[(&str, &[u8])]) -> Vec<u8> {
    let info = |file: &str| format!("{folder}.dist-info/{file}");
    let (metadata_path, wheel_path, record_path) = (info("METADATA"), info("WHEEL"), info("RECORD"));
    let mut files: Vec<(&str, &[u8])> = more.to_vec();
    files.push((&metadata_path, metadata.as_bytes()));
    files.push((&wheel_path, b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"));
    files.push((&record_path, b""));
    zip(&files)
}

/// A wheel.
pub fn wheel(name: &str, version: &str) -> Vec<u8> {
    let folder = format!("{}-{version}", name.replace('-', "_"));
    wheel_with(&folder, &metadata(name, version), &[("demo.py", b"print(1)\n")])
}

/// Gzipped.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A source distribution.
pub fn sdist(name: &str, version: &str) -> Vec<u8> {
    let folder = format!("{}-{version}", name.replace('-', "_"));
    let info = format!("{folder}/PKG-INFO");
    let code = format!("{folder}/demo.py");
    gzip(&tar(&[(&code, b"print(1)\n"), (&info, metadata(name, version).as_bytes())]))
}

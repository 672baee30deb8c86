//! Archives as package managers make them: a ustar of files below one folder, gzipped.

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::io::{Read as _, Write as _};

const BLOCK: usize = 512;

/// A `.tgz` of these files below `package/`, as npm makes it, the same bytes each time.
pub fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    archive_below("package", files)
}

/// The same below another folder. Paths below 100 characters, the folder included.
pub fn archive_below(folder: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    for (path, content) in files {
        zipped.write_all(&header(&format!("{folder}/{path}"), content.len())).expect("memory");
        zipped.write_all(content).expect("memory");
        zipped.write_all(&vec![0; content.len().next_multiple_of(BLOCK) - content.len()]).expect("memory");
    }
    zipped.write_all(&[0; 2 * BLOCK]).expect("memory");
    zipped.finish().expect("memory")
}

/// A ustar of these files. Paths below 100 characters.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (path, content) in files {
        archive.extend(header(path, content.len()));
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    archive.extend([0; 2 * BLOCK]);
    archive
}

/// These bytes as a gzip, the same each time.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    zipped.write_all(bytes).expect("memory");
    zipped.finish().expect("memory")
}

/// The bytes inside a gzip.
pub fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain).expect("a gzip");
    plain
}

/// POSIX.1-1988 "ustar", a regular file.
fn header(path: &str, size: usize) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |offset: usize, text: &str| {
        header[offset..offset + text.len()].copy_from_slice(text.as_bytes());
    };
    put(0, path);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "03560116604\0"); // 1985-10-26, as npm has it
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_listed_by_tar() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.tgz");
        std::fs::write(&path, archive(&[("package.json", b"{}"), ("lib/a.js", &[b'x'; 600])]))
            .expect("written");
        let output = std::process::Command::new("tar").arg("-tzf").arg(&path).output().expect("tar runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "package/package.json\npackage/lib/a.js\n");
    }
}

//! Archives, sound and hostile.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use super::*;
use crate::samples::{gzip, tar};

#[test]
fn finds_the_file_in_any_first_folder() {
    for folder in ["package", "left-pad-1.0.0", "./package"] {
        let path = format!("{folder}/package.json");
        let tarball = gzip(&tar(&[("package/a.js", b"1"), (&path, b"{}")]));
        assert_eq!(package_json(tarball.as_slice()).unwrap(), b"{}");
    }
}

#[test]
fn a_file_of_that_name_elsewhere_does_not_count() {
    let tarball = gzip(&tar(&[("package.json", b"1"), ("package/node_modules/a/package.json", b"2")]));
    let error = package_json(tarball.as_slice()).unwrap_err();
    assert!(matches!(error, ArchiveError::Missing), "{error}");
}

#[test]
fn several_of_them_must_be_the_same() {
    for other in ["package/package.json", "other/package.json", "a//package.json", "./package.json"] {
        let both = |second: &[u8]| gzip(&tar(&[("package/package.json", b"{}"), (other, second)]));
        assert_eq!(package_json(both(b"{}").as_slice()).unwrap(), b"{}");
        let error = package_json(both(b"{\"name\":\"evil\"}").as_slice()).unwrap_err();
        assert!(matches!(error, ArchiveError::Ambiguous), "{other}: {error}");
    }
}

#[test]
fn no_more_is_unpacked_than_the_limit() {
    let filler = [b'x'; 4096];
    let tarball = gzip(&tar(&[("package/package.json", b"{}"), ("package/a", &filler)]));
    assert_eq!(read_within(tarball.as_slice(), 16 << 10).unwrap(), b"{}");
    let error = read_within(tarball.as_slice(), 2048).unwrap_err();
    assert!(matches!(error, ArchiveError::TooLarge), "{error}");
}

/// Every client verifies the checksum at the end of the file.
#[test]
fn the_file_is_verified_to_its_end() {
    let whole = gzip(&tar(&[("package/package.json", b"{}"), ("package/a.js", b"1")]));
    for from_end in 1..=8 {
        let mut damaged = whole.clone();
        damaged[whole.len() - from_end] ^= 1;
        let error = package_json(damaged.as_slice()).unwrap_err();
        assert!(matches!(error, ArchiveError::Unreadable(_)), "byte {from_end} from the end: {error}");
        let error = package_json(&whole[..whole.len() - from_end]).unwrap_err();
        assert!(matches!(error, ArchiveError::Unreadable(_)), "{from_end} bytes missing: {error}");
    }
    let followed = [whole.clone(), b"junk".to_vec()].concat();
    let error = package_json(followed.as_slice()).unwrap_err();
    assert!(matches!(error, ArchiveError::Unreadable(_)), "{error}");
    let padded = [whole, vec![0; 512]].concat();
    assert_eq!(package_json(padded.as_slice()).unwrap(), b"{}");
}

#[test]
fn reads_pax_and_long_names() {
    let long = format!("package/{}", "a".repeat(200));
    let mut archive = Vec::new();
    archive.extend(crate::samples::tar_entry(b'L', "././@LongLink", long.as_bytes()));
    archive.extend(crate::samples::tar_entry(b'0', "cut", b"long"));
    archive.extend(crate::samples::tar_entry(b'x', "pax", b"29 path=package/package.json\n"));
    archive.extend(crate::samples::tar_entry(b'0', "cut", b"{\"a\":1}"));
    assert_eq!(package_json(gzip(&archive).as_slice()).unwrap(), b"{\"a\":1}");
}

#[test]
fn what_is_no_archive_is_refused() {
    let broken = package_json(b"plain text".as_slice()).unwrap_err();
    assert!(matches!(broken, ArchiveError::Unreadable(_)), "{broken}");
    let no_tar = package_json(gzip(&[b'a'; 2000]).as_slice()).unwrap_err();
    assert!(matches!(no_tar, ArchiveError::NotTar), "{no_tar}");
    let empty = package_json(gzip(b"").as_slice()).unwrap_err();
    assert!(matches!(empty, ArchiveError::Missing), "{empty}");
    let whole = gzip(&tar(&[("package/package.json", b"{}")]));
    assert!(package_json(&whole[..whole.len() / 2]).is_err());
}

#[test]
fn a_size_beyond_the_archive_is_refused() {
    let mut archive = tar(&[("package/a", b"1")]);
    archive[124..136].copy_from_slice(b"77777777777\0");
    crate::samples::fix_checksum(&mut archive);
    let error = package_json(gzip(&archive).as_slice()).unwrap_err();
    assert!(matches!(error, ArchiveError::NotTar), "{error}");
}

/// A store that stops answering.
struct Away;

impl Read for Away {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(packhouse_plugin::Error::Unavailable("10.0.0.7: refused".to_owned()).into())
    }
}

#[test]
fn a_store_that_fails_while_a_tarball_is_read_is_not_the_clients_fault() {
    let _host = packhouse_plugin::testing::Host::new();
    let error = crate::error::Error::from(package_json(io::BufReader::new(Away)).unwrap_err());
    assert_eq!((error.status(), error.code()), (503, crate::error::INTERNAL.code));
    assert!(!error.sentence().contains("10.0.0.7"), "{error}");
}

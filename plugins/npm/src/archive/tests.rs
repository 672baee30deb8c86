//! Archives, sound and hostile.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use super::*;
use crate::samples::{fix_checksum, gzip, tar, tar_entry};

#[test]
fn finds_the_file_in_any_first_folder() {
    for folder in ["package", "left-pad-1.0.0", ".", "package/.", "package/"] {
        let path = format!("{folder}/package.json");
        let tarball = gzip(&tar(&[("package/a.js", b"1"), (&path, b"{}")]));
        assert_eq!(package_json(tarball.as_slice()).unwrap(), b"{}");
    }
}

/// npm and all others remove the first folder of a path, and `.` is one. `tar` of the folder itself
/// writes `./package.json`, which is fine.
#[test]
fn a_file_in_a_folder_below_the_first_one_is_none() {
    for path in ["./package/package.json", ".//package/package.json", "././package/package.json"] {
        let tarball = gzip(&tar(&[("./package/a.js", b"1"), (path, b"{}")]));
        let error = package_json(tarball.as_slice()).unwrap_err();
        assert!(matches!(error, ArchiveError::TooDeep(_)) && error.to_string().contains(path), "{error}");
        assert_eq!(stored_package_json(tarball.as_slice()).unwrap(), b"{}", "it may be stored already");
    }
    let tarball = gzip(&tar(&[("./package.json", b"{}"), ("./lib/a.js", b"1")]));
    assert_eq!(package_json(tarball.as_slice()).unwrap(), b"{}");
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
    assert_eq!(read_within(tarball.as_slice(), 16 << 10, Look::Published).unwrap(), b"{}");
    let error = read_within(tarball.as_slice(), 2048, Look::Published).unwrap_err();
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

/// npm reads to the end marker, yarn reads the second archive too, and pnpm fails.
#[test]
fn only_zeros_may_follow_the_end_of_the_archive() {
    let archive = tar(&[("package/package.json", b"{}"), ("package/a.js", b"1")]);
    let second = tar(&[("package/package.json", b"{\"name\":\"evil\"}")]);
    for rest in [second, b"junk".to_vec(), [vec![0; 9000], b"x".to_vec()].concat()] {
        let tarball = gzip(&[archive.clone(), rest].concat());
        let error = package_json(tarball.as_slice()).unwrap_err();
        assert!(matches!(error, ArchiveError::Trailing), "{error}");
        assert!(stored_package_json(tarball.as_slice()).is_ok(), "it may be stored already");
    }
    let padded = gzip(&[archive, vec![0; 9000]].concat());
    assert_eq!(package_json(padded.as_slice()).unwrap(), b"{}");
}

/// pnpm installs the files of the first member only.
#[test]
fn a_tarball_is_one_gzip_member() {
    let archive = tar(&[("package/package.json", b"{}"), ("package/a.js", b"1")]);
    let (first, rest) = archive.split_at(1000);
    let tarball = [gzip(first), gzip(rest)].concat();
    let error = package_json(tarball.as_slice()).unwrap_err();
    assert!(matches!(error, ArchiveError::Unreadable(_)), "{error}");
    assert_eq!(stored_package_json(tarball.as_slice()).unwrap(), b"{}");
}

#[test]
fn entries_that_some_clients_cannot_unpack_are_refused() {
    let with = |entry: Vec<u8>| {
        let manifest = tar_entry(b'0', "package/package.json", b"{}");
        gzip(&[manifest, entry, vec![0; 1024]].concat())
    };
    let filled_folder = {
        let mut entry = tar_entry(b'0', "package/d/", b"1");
        entry[156] = b'5';
        fix_checksum(&mut entry);
        entry
    };
    let long = format!("package/{}", "x".repeat(256));
    let long_name =
        [tar_entry(b'L', "././@LongLink", long.as_bytes()), tar_entry(b'0', "cut", b"1")].concat();
    for (entry, why) in [
        (tar_entry(b'0', "package/../../x", b"1"), "lead out"),
        (tar_entry(b'0', "/package/x", b"1"), "lead out"),
        (tar_entry(b'0', "package\\..\\..\\x", b"1"), "lead out"),
        (tar_entry(b'0', "", b""), "no name"),
        (tar_entry(b'3', "package/device", b""), "no file, folder or link"),
        (tar_entry(b'6', "package/fifo", b""), "no file, folder or link"),
        (tar_entry(b'7', "package/contiguous", b"1"), "no file, folder or link"),
        (filled_folder, "has content"),
        (long_name, "more than 255 bytes"),
    ] {
        let tarball = with(entry);
        let error = package_json(tarball.as_slice()).unwrap_err();
        assert!(matches!(error, ArchiveError::Entry(..)) && error.to_string().contains(why), "{error}");
        assert_eq!(stored_package_json(tarball.as_slice()).unwrap(), b"{}");
    }
    for entry in [
        tar_entry(b'5', "package/folder/", b""),
        tar_entry(b'5', "./", b""),
        tar_entry(b'2', "package/link", b"../../etc/passwd"),
        tar_entry(b'1', "package/link", b"package/package.json"),
        tar_entry(b'0', "package/..x/x..", b"1"),
        tar_entry(b'g', "././@PaxHeader", b"19 comment=0123456\n"),
    ] {
        assert_eq!(package_json(with(entry).as_slice()).unwrap(), b"{}");
    }
    let size = with(tar_entry(b'g', "pax_global_header", b"10 size=1\n"));
    assert!(matches!(package_json(size.as_slice()).unwrap_err(), ArchiveError::NotTar));
}

#[test]
fn reads_pax_and_long_names() {
    let long = format!("package/{}", "a".repeat(200));
    let mut archive = Vec::new();
    archive.extend(tar_entry(b'L', "././@LongLink", long.as_bytes()));
    archive.extend(tar_entry(b'0', "cut", b"long"));
    archive.extend(tar_entry(b'x', "pax", b"29 path=package/package.json\n"));
    archive.extend(tar_entry(b'0', "cut", b"{\"a\":1}"));
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
    fix_checksum(&mut archive);
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

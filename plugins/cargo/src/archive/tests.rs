//! Crates, sound and hostile.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use super::*;
use crate::samples::{gzip, tar, tar_entry};

const MANIFEST_ENTRY: (&str, &[u8]) = ("demo-1.0.0/Cargo.toml", b"[package]");

fn read(file: &[u8]) -> Result<Vec<u8>, ArchiveError> {
    read_manifest(file, &CrateName::parse("demo").unwrap(), &Version::parse("1.0.0").unwrap())
}

/// The manifest and one more entry.
fn with_entry(entry: &[u8]) -> Vec<u8> {
    let mut archive = tar_entry(b'0', MANIFEST_ENTRY.0, MANIFEST_ENTRY.1);
    archive.extend_from_slice(entry);
    archive.extend([0; 1024]);
    gzip(&archive)
}

#[test]
fn reads_the_manifest_wherever_it_stands() {
    let files =
        [("demo-1.0.0/src/lib.rs", b"x".as_slice()), MANIFEST_ENTRY, ("demo-1.0.0/sub/Cargo.toml", b"y")];
    assert_eq!(read(&gzip(&tar(&files))).unwrap(), b"[package]");
    let folder = with_entry(&tar_entry(b'5', "demo-1.0.0/", b""));
    assert_eq!(read(&folder).unwrap(), b"[package]");
    let folder = with_entry(&tar_entry(b'5', "demo-1.0.0/src/", b""));
    assert_eq!(read(&folder).unwrap(), b"[package]");
}

#[test]
fn what_lies_outside_the_folder_is_refused() {
    for path in [
        "Cargo.toml",
        "other/file",
        "demo-1.0.1/file",
        "/demo-1.0.0/file",
        "./demo-1.0.0/file",
        "../demo-1.0.0/x",
    ] {
        let error = read(&with_entry(&tar_entry(b'0', path, b""))).unwrap_err();
        assert!(matches!(error, ArchiveError::Outside(..)), "{path}: {error}");
    }
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    for path in [
        "demo-1.0.0/../../etc/passwd",
        "demo-1.0.0/a/./b",
        "demo-1.0.0//a",
        "demo-1.0.0/..\\..\\a",
        "demo-1.0.0/c:a",
        "demo-1.0.0/a\nb",
        "demo-1.0.0/.cargo-ok",
        "demo-1.0.0/.Cargo-OK",
        "demo-1.0.0/.cargo-ok/file",
        "demo-1.0.0/Cargo.toml.",
        "demo-1.0.0/src /lib.rs",
        "demo-1.0.0",
    ] {
        let error = read(&with_entry(&tar_entry(b'0', path, b""))).unwrap_err();
        assert!(matches!(error, ArchiveError::BadPath(_)), "{path}: {error}");
    }
}

#[test]
fn links_and_devices_are_refused() {
    for kind in [b'1', b'2', b'3', b'4', b'6', b'7', b'S', b'g'] {
        let error = read(&with_entry(&tar_entry(kind, "demo-1.0.0/link", b""))).unwrap_err();
        assert!(matches!(error, ArchiveError::NoFile(_)), "{}: {error}", char::from(kind));
    }
}

#[test]
fn there_must_be_one_manifest() {
    let none = read(&gzip(&tar(&[("demo-1.0.0/src/lib.rs", b"x")]))).unwrap_err();
    assert!(matches!(none, ArchiveError::NoManifest), "{none}");
    for path in ["demo-1.0.0/Cargo.toml", "demo-1.0.0/cargo.TOML"] {
        let error = read(&with_entry(&tar_entry(b'0', path, b"[package]"))).unwrap_err();
        assert!(matches!(error, ArchiveError::ManyManifests), "{path}: {error}");
    }
    let large = vec![b' '; usize::try_from(MANIFEST_LIMIT).unwrap() + 1];
    let error = read(&gzip(&tar(&[("demo-1.0.0/Cargo.toml", &large)]))).unwrap_err();
    assert!(matches!(error, ArchiveError::ManifestTooLarge), "{error}");
}

#[test]
fn each_file_is_there_once() {
    let one = ("demo-1.0.0/src/lib.rs", b"one".as_slice());
    let error = read(&gzip(&tar(&[MANIFEST_ENTRY, one, ("demo-1.0.0/src/lib.rs", b"two")]))).unwrap_err();
    assert!(matches!(&error, ArchiveError::Twice(path) if path == one.0), "{error}");
    let folders = [tar_entry(b'5', "demo-1.0.0/src/", b""), tar_entry(b'5', "demo-1.0.0/src/", b"")];
    assert!(read(&with_entry(&folders.concat())).is_ok());
    assert!(read(&gzip(&tar(&[MANIFEST_ENTRY, one, ("demo-1.0.0/src/Lib.rs", b"two")]))).is_ok());
}

#[test]
fn nothing_may_follow_the_archive() {
    let whole = gzip(&tar(&[MANIFEST_ENTRY]));
    let second_member = [whole.clone(), gzip(b"more")].concat();
    let junk = [whole.clone(), b"junk".to_vec()].concat();
    for file in [second_member, junk] {
        let error = read(&file).unwrap_err();
        assert!(matches!(error, ArchiveError::Unreadable(_)), "{error}");
    }
    let padded = [whole, vec![0; 512]].concat();
    assert_eq!(read(&padded).unwrap(), b"[package]");
    let mut hidden = tar(&[MANIFEST_ENTRY]);
    hidden.extend(tar_entry(b'0', "demo-1.0.0/hidden", b""));
    let error = read(&gzip(&hidden)).unwrap_err();
    assert!(matches!(error, ArchiveError::Trailing), "{error}");
}

#[test]
fn a_bomb_is_refused_when_it_has_cost_enough() {
    let bomb = gzip(&tar(&[MANIFEST_ENTRY, ("demo-1.0.0/zeros", &vec![0; 1 << 20])]));
    let error = read_within(bomb.as_slice(), "demo-1.0.0", 100_000).unwrap_err();
    assert!(matches!(error, ArchiveError::TooLarge), "{error}");
    assert!(read_within(bomb.as_slice(), "demo-1.0.0", 2 << 20).is_ok());
}

#[test]
fn what_is_no_archive_or_is_cut_is_refused() {
    assert!(matches!(read(b"plain text").unwrap_err(), ArchiveError::Unreadable(_)));
    assert!(matches!(read(b"").unwrap_err(), ArchiveError::Unreadable(_)));
    assert!(matches!(read(&gzip(&[b'a'; 2000])).unwrap_err(), ArchiveError::NotTar));
    let whole = gzip(&tar(&[MANIFEST_ENTRY, ("demo-1.0.0/src/lib.rs", b"pub fn demo() {}")]));
    for length in 0..whole.len() {
        assert!(read(&whole[..length]).is_err(), "{length} of {} bytes", whole.len());
    }
    let mut damaged = whole.clone();
    let checksum = damaged.len() - 6;
    damaged[checksum] ^= 1;
    assert!(matches!(read(&damaged).unwrap_err(), ArchiveError::Unreadable(_)));
}

#[test]
fn a_glance_finds_the_manifest_of_any_folder() {
    let file = gzip(&tar(&[("x/a", b"1"), ("x/Cargo.toml", b"[package]")]));
    assert_eq!(glance_at_manifest(file.as_slice()), Some(b"[package]".to_vec()));
    assert_eq!(glance_at_manifest(b"none".as_slice()), None);
}

/// Cargo takes extensions for files where the format has none, and goes by lines.
#[test]
fn an_extension_that_cargo_reads_differently_hides_no_manifest() {
    let evil = |extension: Vec<u8>| {
        let hidden = tar_entry(b'0', "demo-1.0.0/Cargo.toml", b"[package] # evil");
        with_entry(&[extension, hidden].concat())
    };
    let record = b"26 path=demo-1.0.0/x.toml\n";
    let mut old = tar_entry(b'x', "demo-1.0.0/pax", record);
    old[257..265].fill(0);
    crate::samples::fix_checksum(&mut old);
    let lines = tar_entry(b'x', "pax", b"\0\n26 path=demo-1.0.0/x.toml\n");
    for extension in [old, lines] {
        let read = read(&evil(extension));
        assert!(read.is_err(), "{read:?}");
    }
}

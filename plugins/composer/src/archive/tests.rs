//! Archives that Composer installs are taken, and others are refused.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_plugin::storage::{Packed, Writer};
use packhouse_plugin::testing::Host;
use packhouse_plugin::testing::archive::zip;

use super::*;

fn read(archive: &[u8]) -> Result<String, String> {
    let _host = Host::new();
    let mut writer = Writer::new(&["sha256"]);
    writer.add(archive).unwrap();
    let staged = writer.finish().unwrap();
    let unpack = |parts: &[Packed]| staged.unpack(parts);
    let read = |offset, max| staged.read_at(offset, max);
    let manifest = read_manifest(&read, &unpack, staged.size()).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(manifest).unwrap())
}

/// An archive with a file at any path, also one that no program writes.
fn zip_with_path(path: &str) -> Vec<u8> {
    let placeholder = "p".repeat(path.len());
    let mut archive = zip(&[("composer.json", b"1"), (&placeholder, b"")]);
    let mut from = 0;
    while let Some(found) =
        archive[from..].windows(path.len()).position(|bytes| bytes == placeholder.as_bytes())
    {
        archive[from + found..from + found + path.len()].copy_from_slice(path.as_bytes());
        from += found + path.len();
    }
    archive
}

fn refused(files: &[(&str, &[u8])]) -> String {
    read(&zip(files)).unwrap_err()
}

#[test]
fn the_manifest_is_at_the_root_or_in_the_only_folder() {
    assert_eq!(
        read(&zip(&[("composer.json", b"1"), ("tests/composer.json", b"2"), ("src/a.php", b"")])).unwrap(),
        "1"
    );
    assert_eq!(read(&zip(&[("lib/composer.json", b"1"), ("lib/x/composer.json", b"2")])).unwrap(), "1");
    assert_eq!(read(&zip(&[("__MACOSX/composer.json", b"2"), ("lib/composer.json", b"1")])).unwrap(), "1");
    assert_eq!(read(&zip(&[("lib\\src\\a.php", b""), ("lib\\composer.json", b"1")])).unwrap(), "1");
    let none = "has no composer.json at its root";
    for files in [
        &[("a/composer.json", &b"1"[..]), ("b/composer.json", b"2")][..],
        &[("a/composer.json", b"1"), ("readme", b"")],
        &[("a/b/composer.json", b"1")],
        &[("readme", b"")],
    ] {
        assert!(refused(files).contains(none), "{files:?}: {}", refused(files));
    }
}

#[test]
fn a_path_that_no_client_unpacks_is_refused() {
    let with = |path: &str| read(&zip(&[("composer.json", b"1"), (path, b"x")]));
    let (longest, longer) = ("a".repeat(255), "a".repeat(256));
    for path in [longest.clone(), format!("{longest}/{longest}/b"), format!("{longest}/")] {
        assert!(with(&path).is_ok(), "{} bytes", path.len());
    }
    for path in [longer.clone(), format!("a/{longer}/b"), format!("{longer}/"), "é".repeat(128)] {
        let error = with(&path).unwrap_err();
        assert!(error.contains("which has more than 255 bytes"), "{error}");
    }
    let deep = |count: usize| format!("{}a", "d/".repeat(count));
    assert!(with(&deep(1800)).is_ok());
    assert!(with(&deep(1950)).unwrap_err().contains("a path of more than 3800 bytes"));
}

#[test]
fn paths_that_lead_elsewhere_and_files_that_are_there_twice_are_refused() {
    for path in ["../a", "lib/../../a", "..\\a", "/ab", "\\ab", "C:\\a", "lib\\..\\..\\a", "a\nb"] {
        let error = read(&zip_with_path(path)).unwrap_err();
        assert!(error.contains("which may lead out of the archive"), "{path}: {error}");
    }
    for path in ["composer.json", ".\\composer.json", "./composer.json"] {
        let error = read(&zip_with_path(path)).unwrap_err();
        assert!(error.contains("twice"), "{path}: {error}");
    }
}

#[test]
fn a_file_that_is_not_what_the_directory_says_is_refused() {
    let sound =
        zip(&[("composer.json", b"{\"name\": \"acme/lib\"}"), ("a.php", b"<?php // something of a length")]);
    assert!(read(&sound).is_ok());
    for (at, byte) in sound.iter().enumerate().take(sound.len() - 22) {
        let mut damaged = sound.clone();
        damaged[at] = byte ^ 0x55;
        let outcome = read(&damaged);
        // Times, versions and attributes say nothing of a file's content.
        if let Ok(manifest) = outcome {
            assert_eq!(manifest, "{\"name\": \"acme/lib\"}", "byte {at}");
        }
    }
    let crc = sound.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap() + 16;
    let mut damaged = sound.clone();
    damaged[crc] ^= 1;
    assert!(read(&damaged).is_err());
    assert!(read(&sound[..sound.len() - 1]).is_err());
    assert!(read(b"").is_err());
    assert!(read(b"PK\x05\x06").is_err());
}

#[test]
fn a_comment_behind_the_archive_is_accepted() {
    let mut archive = zip(&[("composer.json", b"1")]);
    let comment = b"0123456789abcdef0123456789abcdef01234567";
    let length = archive.len() - 2;
    archive[length] = u8::try_from(comment.len()).unwrap();
    archive.extend_from_slice(comment);
    assert_eq!(read(&archive).unwrap(), "1");
    archive.push(b'x');
    assert!(read(&archive).is_err(), "something stands behind the comment");
}

#[test]
fn links_lead_to_places_inside() {
    for (link, target, found) in [
        ("a/b", "c", Some("a/c")),
        ("a/b", "../c", Some("c")),
        ("a/b", "./c//d", Some("a/c/d")),
        ("a", ".", Some("")),
        ("a/b", "../../c", None),
        ("a/b", "c/../d", None),
        ("a", "/c", None),
        ("a", "", None),
        ("a", "c:\\d", None),
    ] {
        assert_eq!(resolve(link, target).as_deref(), found, "{link} -> {target}");
    }
}

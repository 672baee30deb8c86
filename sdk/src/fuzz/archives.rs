//! Tar and zip archives, and gzip files.

use std::collections::HashSet;
use std::io::{self, BufReader, Read, Write};

use flate2::read::MultiGzDecoder;
use packhouse_fuzz::{InPieces, target};

use crate::gzip::{Decoder, Members};
use crate::storage::Writer;
use crate::tar::{self, Entry, Kind};
use crate::testing::Host;
use crate::testing::archive::{self, fix_checksums, tar, tar_entry, tar_of};
use crate::zip::{self, Archive};

/// The most bytes that a gzip file is unpacked to here.
const UNPACKED: u64 = 1 << 20;

fn entries(mut archive: impl Read) -> Result<Vec<(Entry, Vec<u8>)>, tar::Error> {
    let mut entries = Vec::new();
    while let Some(entry) = Entry::read(&mut archive)? {
        let content = tar::read_content(&mut archive, &entry)?;
        entries.push((entry, content));
    }
    Ok(entries)
}

fn tar_seeds() -> Vec<Vec<u8>> {
    let long_name = b"a/long-name-of-an-entry";
    let pax = b"19 path=a/pax-name\n22 linkpath=../target\n10 size=0\n";
    vec![
        tar(&[("a/one", b"content"), ("a/two", &[b'x'; 600])]),
        tar_of([
            tar_entry(b'5', "a/", b""),
            tar_entry(b'2', "a/link", b"../b"),
            tar_entry(b'3', "a/device", b""),
        ]),
        tar_of([tar_entry(b'L', "././@LongLink", long_name), tar_entry(b'0', "cut", b"long")]),
        tar_of([tar_entry(b'x', "pax", pax), tar_entry(b'2', "cut", b"")]),
        tar_of([tar_entry(b'g', "pax_global_header", b"11 mtime=1\n"), tar_entry(b'0', "a/b", b"1")]),
    ]
}

#[test]
fn fuzz_tar_reads_the_same_in_pieces_and_nothing_that_is_not_there() {
    let words =
        ["path=", "linkpath=", "size=", "GNU.sparse.", "ustar\x0000", "ustar  \0", "L", "K", "x", "777"];
    target!("tar").seeds(tar_seeds()).words(words).check(|input| {
        let mut archive = input.to_vec();
        fix_checksums(&mut archive);
        let whole = entries(archive.as_slice());
        let in_pieces = entries(InPieces::new(&archive));
        let Ok(whole) = whole else {
            assert!(in_pieces.is_err(), "whole it is refused, in pieces it is read");
            return false;
        };
        let in_pieces = in_pieces.unwrap();
        assert_eq!(format!("{whole:?}"), format!("{in_pieces:?}"));
        let size: u64 = whole.iter().map(|(entry, _)| entry.padded_size() + 512).sum();
        assert!(size <= archive.len() as u64, "entries of {size} bytes in {}", archive.len());
        assert!(whole.iter().all(|(entry, content)| content.len() as u64 == entry.size));
        true
    });
}

#[test]
fn fuzz_tar_cut_anywhere_gives_no_other_entries() {
    target!("tar").seeds(tar_seeds()).check(|input| {
        let mut archive = input.to_vec();
        fix_checksums(&mut archive);
        let Ok(whole) = entries(archive.as_slice()) else { return false };
        let length = usize::try_from(packhouse_fuzz::hash(input)).unwrap_or(0) % (archive.len() + 1);
        let cut = archive.get(..length).unwrap_or_default();
        if let Ok(cut) = entries(cut) {
            assert!(format!("{whole:?}").starts_with(format!("{cut:?}").trim_end_matches(']')));
        }
        true
    });
}

#[test]
fn fuzz_tar_reads_back_what_was_written() {
    target!("tar-path").seeds(["a/b", "package/package.json", "ä"]).words(["/", "..", "\\"]).check_text(
        |text| {
            let path = text.split('\0').next().unwrap_or_default();
            if path.is_empty() || path.len() > 100 {
                return false;
            }
            let archive = tar(&[(path, text.as_bytes()), ("end", b"")]);
            let read = entries(archive.as_slice()).unwrap();
            let [(first, content), (last, _)] = read.as_slice() else { panic!("{read:?}") };
            assert_eq!((first.path.as_slice(), first.kind), (path.as_bytes(), Kind::File));
            assert_eq!((content.as_slice(), last.path.as_slice()), (text.as_bytes(), b"end".as_slice()));
            true
        },
    );
}

fn pack(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn unpack(file: impl io::BufRead, members: Members) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    Decoder::new(file, members).take(UNPACKED).read_to_end(&mut content)?;
    Ok(content)
}

#[test]
fn fuzz_gzip_unpacks_what_every_decoder_unpacks() {
    let content = b"the content of a package, the content of a package";
    let two = [pack(b"one"), pack(b"two")].concat();
    let padded = [pack(content), vec![0; 512]].concat();
    let seeds = [pack(content), pack(b""), two, padded];
    target!("gzip").seeds(seeds).words([b"\x1f\x8b\x08".as_slice(), &[0; 8]]).check(|input| {
        let many = unpack(input, Members::Many);
        let in_pieces = unpack(BufReader::with_capacity(3, InPieces::new(input)), Members::Many);
        assert_eq!(many.as_ref().ok(), in_pieces.as_ref().ok(), "in pieces it is another file");
        if let Ok(one) = unpack(input, Members::One) {
            assert_eq!(many.as_ref().ok(), Some(&one), "one member is a case of many");
        }
        let Ok(many) = many else { return false };
        let mut reference = Vec::new();
        // The reference rejects padding. Without it, what was read before is still the content.
        drop(MultiGzDecoder::new(input).take(UNPACKED).read_to_end(&mut reference));
        assert_eq!(many, reference);
        true
    });
}

#[test]
fn fuzz_gzip_unpacks_what_was_packed() {
    target!("gzip-content").seeds(["", "content"]).check(|content| {
        for padding in [0, 1, 512] {
            let file = [pack(content), vec![0; padding]].concat();
            assert_eq!(unpack(file.as_slice(), Members::One).unwrap(), content);
        }
        true
    });
}

/// The paths of the files and what they unpack to, of an archive that is sound.
fn files(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, zip::Error> {
    let mut writer = Writer::new(&[]);
    writer.add(bytes)?;
    let staged = writer.finish()?;
    let read = |offset, max| staged.read_at(offset, max);
    let mut members = Vec::new();
    let archive = Archive::open(&read, staged.size(), |entry| {
        if !entry.is_folder {
            members.push((entry.path.to_owned(), entry.member));
        }
        Ok(())
    })?;
    archive.verify(&|parts| staged.unpack(parts))?;
    let read = |(path, member): (String, zip::Member)| Ok((path, archive.read(member, UNPACKED)?));
    members.into_iter().map(read).collect()
}

#[test]
fn fuzz_zip_has_safe_paths_each_once_and_nothing_beside_them() {
    let seeds = [
        archive::zip(&[("a/one", b"content"), ("a/two", &[b'x'; 600])]),
        archive::zip(&[("a/", b""), ("./a/b", b"1"), ("c//d", b"2")]),
        archive::zip(&[]),
    ];
    let words =
        [b"PK\x01\x02".as_slice(), b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"../", b"\\", &[0xff; 4]];
    target!("zip").seeds(seeds).words(words).check(|input| {
        let _host = Host::new();
        let Ok(found) = files(input) else { return false };
        let mut paths = HashSet::new();
        for (path, _) in &found {
            assert!(!path.starts_with('/') && !path.contains('\\'), "{path:?}");
            assert!(!path.split('/').any(|part| matches!(part, "" | "." | "..")), "{path:?}");
            assert!(paths.insert(path), "{path:?} is there twice");
        }
        for beside in [[b"x".as_slice(), input].concat(), [input, b"x"].concat()] {
            assert!(files(&beside).is_err(), "it is read with a byte beside the files");
        }
        true
    });
}

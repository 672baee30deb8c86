//! Headers, sound and hostile, made by hand.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use super::*;

fn entry(kind: u8, path: &str, content: &[u8]) -> Vec<u8> {
    let mut entry = vec![0u8; BLOCK];
    entry[..path.len()].copy_from_slice(path.as_bytes());
    entry[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    entry[156] = kind;
    entry[257..265].copy_from_slice(b"ustar\x0000");
    fix_checksum(&mut entry);
    entry.extend_from_slice(content);
    entry.resize(entry.len().next_multiple_of(BLOCK), 0);
    entry
}

fn fix_checksum(archive: &mut [u8]) {
    archive[148..156].fill(b' ');
    let sum: u32 = archive[..BLOCK].iter().map(|byte| u32::from(*byte)).sum();
    archive[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn read_all(archive: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, Error> {
    let mut archive = archive;
    let mut entries = Vec::new();
    while let Some(entry) = Entry::read(&mut archive)? {
        let content = read_content(&mut archive, &entry)?;
        entries.push((entry, content));
    }
    Ok(entries)
}

#[test]
fn reads_entries_of_every_kind() {
    let mut archive = entry(b'0', "a/file", b"content");
    archive.extend(entry(b'5', "a/folder/", b""));
    let mut link = entry(b'2', "a/link", b"");
    link[157..161].copy_from_slice(b"../b");
    fix_checksum(&mut link);
    archive.extend(link);
    archive.extend(entry(b'3', "a/device", b""));
    archive.extend([0; 1024]);
    let entries = read_all(&archive).unwrap();
    let kinds: Vec<Kind> = entries.iter().map(|(entry, _)| entry.kind).collect();
    assert_eq!(kinds, [Kind::File, Kind::Folder, Kind::SymbolicLink, Kind::Other]);
    assert_eq!(entries[0].1, b"content");
    assert_eq!(entries[2].0.target, b"../b");
}

#[test]
fn long_names_and_pax_records_count() {
    let long = format!("a/{}", "x".repeat(200));
    let mut archive = entry(b'L', "././@LongLink", long.as_bytes());
    archive.extend(entry(b'0', "cut", b"long"));
    archive.extend(entry(b'x', "pax", b"20 path=a/pax-named\n28 linkpath=/a/pax/target/x\n"));
    archive.extend(entry(b'2', "cut", b""));
    let entries = read_all(&archive).unwrap();
    assert_eq!(entries[0].0.path, long.as_bytes());
    assert_eq!(entries[1].0.path, b"a/pax-named");
    assert_eq!(entries[1].0.target, b"/a/pax/target/x");
}

#[test]
fn two_names_for_one_entry_are_refused() {
    let mut archive = entry(b'L', "././@LongLink", b"a/one");
    archive.extend(entry(b'x', "pax", b"14 path=a/two\n"));
    archive.extend(entry(b'0', "cut", b""));
    assert!(matches!(read_all(&archive), Err(Error::NotTar)));
}

#[test]
fn records_that_lie_are_refused() {
    for records in ["99 path=a\n", "path=a\n", "5 path=a\n", "8 path=a", "8 pathaa\n"] {
        let mut archive = entry(b'x', "pax", records.as_bytes());
        archive.extend(entry(b'0', "file", b""));
        assert!(matches!(read_all(&archive), Err(Error::NotTar)), "{records}");
    }
}

#[test]
fn what_programs_read_differently_is_refused() {
    let hidden: [&[u8]; 5] = [
        b"25 GNU.sparse.name=a/two\n",
        b"28 comment=x\n14 path=a/two\n\n",
        b"\0\n14 path=a/two\n",
        b"10 size=1\n10 size=2\n",
        b"12 size=512\n",
    ];
    for records in hidden {
        let mut archive = entry(b'x', "pax", records);
        archive.extend(entry(b'0', "a/one", b"content"));
        assert!(matches!(read_all(&archive), Err(Error::NotTar)), "{records:?}");
    }
}

/// Extended attributes of macOS are arbitrary bytes.
#[test]
fn a_value_of_several_lines_is_no_trap() {
    let mut archive = entry(b'x', "pax", b"24 SCHILY.xattr.a=1\n 2\n\n14 path=a/two\n");
    archive.extend(entry(b'0', "a/one", b"content"));
    assert_eq!(read_all(&archive).unwrap()[0].0.path, b"a/two");
}

#[test]
fn only_one_format_has_a_prefix() {
    for (magic, good) in [(b"ustar\x0000", true), (b"ustar  \0", false), (&[0; 8], false)] {
        let mut archive = entry(b'0', "one", b"content");
        archive[257..265].copy_from_slice(magic);
        archive[345..348].copy_from_slice(b"a/b");
        fix_checksum(&mut archive);
        let read = read_all(&archive).map(|entries| entries[0].0.path.clone());
        assert_eq!(read.ok(), good.then(|| b"a/b/one".to_vec()), "{magic:?}");
    }
}

#[test]
fn only_formats_that_have_extensions_may_use_them() {
    for (kind, content) in [(b'x', b"14 path=a/two\n".as_slice()), (b'L', b"a/two"), (b'K', b"a/two")] {
        for (magic, good) in
            [(b"ustar\x0000", true), (b"ustar  \0", true), (&[0; 8], false), (b"ustar\0\0\0", false)]
        {
            let mut archive = entry(kind, "extension", content);
            archive[257..265].copy_from_slice(magic);
            fix_checksum(&mut archive);
            archive.extend(entry(b'0', "a/one", b"content"));
            assert_eq!(read_all(&archive).is_ok(), good, "{kind} {magic:?}");
        }
    }
}

#[test]
fn an_extension_may_not_fill_the_memory() {
    let mut archive = entry(b'x', "pax", b"");
    archive[124..135].copy_from_slice(b"77777777777");
    fix_checksum(&mut archive);
    assert!(matches!(read_all(&archive), Err(Error::NotTar)));
}

#[test]
fn what_is_no_archive_or_is_cut_is_refused() {
    assert!(matches!(read_all(&[b'a'; 2000]), Err(Error::NotTar)));
    assert!(matches!(read_all(&[0; 100]), Err(Error::NotTar)));
    let whole = entry(b'0', "a", &[1; 600]);
    assert!(matches!(read_all(&whole[..1000]), Err(Error::NotTar)));
    assert!(read_all(b"").unwrap().is_empty());
}

#[test]
fn an_archive_ends_with_two_blocks_of_zeros_with_one_or_with_none() {
    for zeros in [0, BLOCK, 2 * BLOCK, 20 * BLOCK] {
        let archive = [entry(b'0', "a", b"1"), vec![0; zeros]].concat();
        assert_eq!(read_all(&archive).unwrap().len(), 1, "{zeros} bytes of zeros");
    }
}

/// Node's tar reads on behind one block of zeros, and Python's does not.
#[test]
fn an_entry_behind_a_single_block_of_zeros_is_an_error() {
    let archive = [entry(b'0', "a", b"1"), vec![0; BLOCK], entry(b'0', "hidden", b"2")].concat();
    assert!(matches!(read_all(&archive), Err(Error::NotTar)));
}

#[test]
fn an_extension_that_no_entry_follows_is_an_error() {
    for (records, zeros) in
        [(b"14 path=a/two\n", 0), (b"14 path=a/two\n", 2 * BLOCK), (b"14 mtime=1234\n", 0)]
    {
        let extension = entry(b'x', "pax", records);
        let archive = [entry(b'0', "a", b"1"), extension, vec![0; zeros]].concat();
        assert!(matches!(read_all(&archive), Err(Error::NotTar)), "{zeros} bytes of zeros");
    }
}

/// Some programs read on behind the end marker.
#[test]
fn only_zeros_may_follow_the_end_of_an_archive() {
    let end = |rest: &[u8]| {
        let archive = [entry(b'0', "a", b"1"), vec![0; 2 * BLOCK], rest.to_vec()].concat();
        let mut archive = archive.as_slice();
        while let Some(entry) = Entry::read(&mut archive).unwrap() {
            skip(&mut archive, entry.padded_size()).unwrap();
        }
        finish(&mut archive)
    };
    for rest in [Vec::new(), vec![0; 1], vec![0; 20 * BLOCK]] {
        assert!(end(&rest).is_ok(), "{} bytes of zeros", rest.len());
    }
    for rest in [b"junk".to_vec(), [vec![0; 9000], b"x".to_vec()].concat(), entry(b'0', "b", b"2")] {
        assert!(matches!(end(&rest), Err(Error::Trailing)), "{} bytes", rest.len());
    }
}

/// `git archive`, Python and GNU tar write different paths into the header.
#[test]
fn a_global_header_is_known_by_its_type() {
    for path in ["pax_global_header", "././@PaxHeader", "/tmp/GlobalHead.1.1", ""] {
        let archive = entry(b'g', path, b"19 comment=0123456\n");
        let mut archive = archive.as_slice();
        let header = Entry::read(&mut archive).unwrap().unwrap();
        assert_eq!(header.kind, Kind::GlobalHeader, "{path}");
        read_global_header(&mut archive, &header).unwrap();
        assert!(archive.is_empty());
    }
    for records in
        [b"14 path=a/two\n".as_slice(), b"17 linkpath=/etc\n", b"10 size=1\n", b"25 GNU.sparse.name=a/two\n"]
    {
        let archive = entry(b'g', "pax_global_header", records);
        let mut archive = archive.as_slice();
        let header = Entry::read(&mut archive).unwrap().unwrap();
        assert!(matches!(read_global_header(&mut archive, &header), Err(Error::NotTar)), "{records:?}");
    }
}

/// GNU tar treats it as a file, and clients of some protocols leave it out.
#[test]
fn a_contiguous_file_is_no_file() {
    assert_eq!(read_all(&entry(b'7', "a", b"1")).unwrap()[0].0.kind, Kind::Other);
}

#[test]
fn a_header_in_another_form_is_not_plain() {
    let is_plain = |at: usize, bytes: &[u8]| {
        let mut archive = entry(b'0', "a", b"1");
        archive.splice(at..at + bytes.len(), bytes.iter().copied());
        fix_checksum(&mut archive);
        read_all(&archive).unwrap()[0].0.is_plain
    };
    for (at, bytes) in [
        (0, b"a".as_slice()),
        (0, b"a b  "),
        (100, b"  644 \0"),
        (108, b"\x80\0\0\0\0\0\0\x01"),
        (157, b"a\0b"),
    ] {
        assert!(is_plain(at, bytes), "{bytes:?} at {at}");
    }
    for (at, bytes) in [
        (0, b"a\0b".as_slice()),
        (100, b"888"),
        (100, b"644\0junk"),
        (124, b"\x80\0\0\0\0\0\0\0\0\0\0\x01"),
        (136, b"\x80\0\0\0\0\0\0\0\0\0\0\x01"),
        (263, b"x"),
    ] {
        assert!(!is_plain(at, bytes), "{bytes:?} at {at}");
    }
    let mut archive = [entry(b'x', "pax", b"14 path=a/two\n"), entry(b'0', "a", b"1")].concat();
    archive[100] = b'x';
    fix_checksum(&mut archive);
    assert!(!read_all(&archive).unwrap()[0].0.is_plain, "the header of an extension counts");
}

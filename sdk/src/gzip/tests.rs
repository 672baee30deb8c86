//! Files that are whole, padded, cut, and damaged.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::io::Write as _;

use super::*;

const CONTENT: &[u8] = b"the content of a package, the content of a package";

fn pack(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn unpack(file: &[u8], members: Members) -> io::Result<Vec<u8>> {
    // A small buffer, so that every boundary falls between two reads.
    let file = io::BufReader::with_capacity(3, file);
    let mut content = Vec::new();
    Decoder::new(file, members).read_to_end(&mut content)?;
    Ok(content)
}

#[test]
fn unpacks_a_whole_file() {
    for content in [CONTENT, b""] {
        for members in [Members::One, Members::Many] {
            assert_eq!(unpack(&pack(content), members).unwrap(), content);
        }
    }
}

#[test]
fn zeros_behind_the_end_are_padding() {
    for count in [1, 2, 511, 10_000] {
        let padded = [pack(CONTENT), vec![0; count]].concat();
        assert_eq!(unpack(&padded, Members::One).unwrap(), CONTENT);
        assert_eq!(unpack(&padded, Members::Many).unwrap(), CONTENT);
    }
}

#[test]
fn members_follow_each_other_where_they_may() {
    let two = [pack(b"one"), pack(b"two")].concat();
    assert_eq!(unpack(&two, Members::Many).unwrap(), b"onetwo");
    assert_eq!(unpack(&two, Members::One).unwrap_err().kind(), ErrorKind::InvalidData);
}

/// Some decoders read on behind zeros, others stop there.
#[test]
fn a_member_behind_padding_is_an_error() {
    let hidden = [pack(b"one"), vec![0; 512], pack(b"two")].concat();
    assert_eq!(unpack(&hidden, Members::Many).unwrap_err().kind(), ErrorKind::InvalidData);
}

#[test]
fn anything_else_behind_the_end_is_an_error() {
    for junk in [b"junk".as_slice(), b"\0\0junk", b"\x1f", b"\x1f\x8b\x08"] {
        let file = [pack(CONTENT), junk.to_vec()].concat();
        assert!(unpack(&file, Members::One).is_err(), "{junk:?}");
        assert!(unpack(&file, Members::Many).is_err(), "{junk:?}");
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let whole = pack(CONTENT);
    for length in 0..whole.len() {
        assert!(unpack(&whole[..length], Members::Many).is_err(), "{length} of {}", whole.len());
    }
}

#[test]
fn a_wrong_checksum_or_length_is_an_error() {
    let whole = pack(CONTENT);
    for from_end in 1..=8 {
        let mut damaged = whole.clone();
        damaged[whole.len() - from_end] ^= 1;
        assert!(unpack(&damaged, Members::One).is_err(), "byte {from_end} from the end");
    }
}

#[test]
fn nothing_is_read_behind_an_error() {
    let mut decoder = Decoder::new(b"plain text".as_slice(), Members::Many);
    let mut buffer = [0; 8];
    assert!(decoder.read(&mut buffer).is_err());
    assert_eq!(decoder.read(&mut buffer).unwrap(), 0);
}

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]
use std::io::{Read as _, Write as _};

use bytes::Bytes;

use super::*;

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[allow(clippy::unnecessary_wraps, reason = "it is compared with results")]
fn came_out(bytes: &[u8]) -> Option<Unpacked> {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    Some(Unpacked { size: bytes.len() as u64, crc32: crc.sum() })
}

fn text(length: usize) -> Vec<u8> {
    (0..length).map(|at| b"abcdefgh"[(at / 7 + at / 911) % 8]).collect()
}

/// An object of these parts with gaps between them, cut into pieces of several lengths.
fn unpack_all(parts: &[(&[u8], Packing, u64)]) -> Vec<Option<Unpacked>> {
    let (mut object, mut packed) = (b"front".to_vec(), Vec::new());
    for (bytes, packing, limit) in parts {
        let start = object.len() as u64;
        object.extend_from_slice(bytes);
        packed.push(Packed { range: start..object.len() as u64, packing: *packing, limit: *limit });
        object.extend_from_slice(b"gap");
    }
    let in_pieces = |length: usize| {
        let mut unpacking = Unpacking::new(packed.clone(), 0);
        object.chunks(length).for_each(|piece| unpacking.take(piece));
        unpacking.results
    };
    let whole = in_pieces(object.len());
    for length in [1, 2, 7, 1000] {
        assert_eq!(in_pieces(length), whole, "in pieces of {length}");
    }
    whole
}

#[test]
fn each_part_gives_its_size_and_checksum() {
    let (long, short) = (text(200_000), b"short".to_vec());
    let (long_packed, short_packed, empty_packed) = (deflate(&long), deflate(&short), deflate(b""));
    let results = unpack_all(&[
        (&long_packed, Packing::Deflate, u64::MAX),
        (&short, Packing::Store, 5),
        (b"", Packing::Store, 0),
        (&empty_packed, Packing::Deflate, 0),
        (&short_packed, Packing::Deflate, 5),
    ]);
    assert_eq!(results, [came_out(&long), came_out(&short), came_out(b""), came_out(b""), came_out(&short)]);
}

#[test]
fn a_part_that_is_not_exactly_one_stream_gives_nothing_and_spoils_no_other() {
    // A text that repeats itself could be the same after a copy from elsewhere in it.
    let mut state = 1_u32;
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"abcd"[(state >> 30) as usize]
    };
    let whole: Vec<u8> = (0..5000).map(|_| letter()).collect();
    let packed = deflate(&whole);
    let behind = [packed.as_slice(), b"x"].concat();
    let (cut, good) = (&packed[..packed.len() - 1], (packed.as_slice(), Packing::Deflate, 5000));
    let results = unpack_all(&[
        (&behind, Packing::Deflate, u64::MAX),
        good,
        (cut, Packing::Deflate, u64::MAX),
        (b"", Packing::Deflate, u64::MAX),
        good,
        (b"\xff\xff\xff", Packing::Deflate, u64::MAX),
        good,
    ]);
    assert_eq!(results, [None, came_out(&whole), None, None, came_out(&whole), None, came_out(&whole)]);
    // Some flipped bits are without effect. The decoder itself says which.
    for at in 0..packed.len() {
        let mut flipped = packed.clone();
        flipped[at] ^= 0x10;
        let result = unpack_all(&[(&flipped, Packing::Deflate, u64::MAX)]);
        let (mut decoder, mut out) = (flate2::bufread::DeflateDecoder::new(flipped.as_slice()), Vec::new());
        let is_whole = decoder.read_to_end(&mut out).is_ok() && decoder.total_in() == flipped.len() as u64;
        assert_eq!(result, [if is_whole { came_out(&out) } else { None }], "byte {at}");
    }
}

#[test]
fn more_than_the_limit_gives_nothing() {
    let (zeros, limit) = (vec![0; 10 << 20], 1 << 20);
    let bomb = deflate(&zeros);
    let results = unpack_all(&[(&bomb, Packing::Deflate, limit), (b"abc", Packing::Store, 2)]);
    assert_eq!(results, [None, None]);
    // The decoder stops as soon as it has given more.
    let mut stream = Stream::default();
    stream.take(&bomb, Packing::Deflate, limit);
    assert!(stream.size <= limit + OUTPUT as u64, "{}", stream.size);
}

#[tokio::test]
async fn parts_must_lie_inside_and_in_order() {
    let content = Content::Memory(Bytes::from_static(b"0123456789"));
    let part = |start: u64, end: u64| Packed { range: start..end, packing: Packing::Store, limit: 100 };
    assert_eq!(unpack(&content, Vec::new()).await.unwrap(), []);
    let ends = unpack(&content, vec![part(0, 0), part(0, 3), part(3, 10), part(10, 10)]).await.unwrap();
    assert_eq!(ends, [came_out(b""), came_out(b"012"), came_out(b"3456789"), came_out(b"")]);
    for parts in
        [vec![part(0, 11)], vec![part(4, 8), part(7, 9)], vec![part(5, 6), part(0, 1)], vec![part(5, 4)]]
    {
        assert!(matches!(unpack(&content, parts).await, Err(StorageError::Invalid(_))));
    }
    assert!(Packing::parse("bzip2").is_err());
}

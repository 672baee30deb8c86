#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::time::Duration;

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;

use super::{BodyError, Filled, Layer, Limits, RequestBody};

/// A body that comes in these pieces, of unknown length.
fn body_of<Piece: Into<Bytes>>(pieces: impl IntoIterator<Item = Piece>) -> RequestBody {
    limited(pieces, Limits::default())
}

fn limited<Piece: Into<Bytes>>(pieces: impl IntoIterator<Item = Piece>, limits: Limits) -> RequestBody {
    let frames: Vec<Result<Frame<Bytes>, std::io::Error>> =
        pieces.into_iter().map(|piece| Ok(Frame::data(piece.into()))).collect();
    RequestBody::new(StreamBody::new(stream::iter(frames)), limits)
}

/// Numbers that look random and are the same at each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }

    fn pieces(&mut self, mut bytes: &[u8], most: usize) -> Vec<Bytes> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at((self.roll(most) + 1).min(bytes.len()));
            pieces.push(Bytes::copy_from_slice(piece));
            bytes = rest;
        }
        pieces
    }
}

async fn read(body: &mut RequestBody, layer: Layer, max: usize) -> String {
    let bytes = body.read(layer, max).await.unwrap().expect("the layer has ended");
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// All that is left, by chunks and reads in turn.
async fn rest_of(body: &mut RequestBody, layer: Layer) -> Result<Vec<u8>, BodyError> {
    let mut all = Vec::new();
    while let Some(bytes) = body.chunk(layer).await? {
        assert!(!bytes.is_empty());
        all.extend_from_slice(&bytes);
        match body.read(layer, 7).await? {
            Some(bytes) => all.extend_from_slice(&bytes),
            None => break,
        }
    }
    Ok(all)
}

fn invalid(result: Result<impl std::fmt::Debug, BodyError>) -> String {
    match result {
        Err(BodyError::Invalid(reason)) => reason,
        other => panic!("{other:?} is not invalid"),
    }
}

#[tokio::test]
async fn gives_exactly_what_was_asked_for_however_it_comes() {
    let mut body = body_of(["a", "bc", "", "defg", "h"]);
    let root = RequestBody::root();
    assert_eq!(read(&mut body, root, 5).await, "abcde");
    assert_eq!(read(&mut body, root, 2).await, "fg");
    assert_eq!(read(&mut body, root, 0).await, "");
    assert_eq!(read(&mut body, root, 100).await, "h");
    assert_eq!(body.read(root, 1).await, Ok(None));
    assert_eq!(body.read(root, 1).await, Ok(None));
    assert!(invalid(body.read(root, super::MAX_READ + 1).await).contains("1048576"));
}

#[tokio::test]
async fn gives_back_what_was_read_too_far() {
    let mut body = body_of(["abcdef", "ghi"]);
    let root = RequestBody::root();
    assert_eq!(read(&mut body, root, 7).await, "abcdefg");
    body.unread(root, 2).unwrap();
    body.unread(root, 3).unwrap();
    assert_eq!(read(&mut body, root, 1).await, "c");
    assert!(invalid(body.unread(root, 2)).contains("did not give"));
    body.unread(root, 1).unwrap();
    assert_eq!(read(&mut body, root, 100).await, "cdefghi");
    body.unread(root, 7).unwrap();
    assert_eq!(rest_of(&mut body, root).await.unwrap(), b"cdefghi");
}

#[tokio::test]
async fn a_slice_ends_where_it_was_cut_and_what_was_not_read_is_skipped() {
    let mut body = body_of(["0123", "456789", "tail"]);
    let root = RequestBody::root();
    assert_eq!(read(&mut body, root, 1).await, "0");
    let slice = body.slice(root, 6).await.unwrap();
    assert_eq!(body.length(slice), Some(6));
    assert_eq!(read(&mut body, slice, 2).await, "12");
    let inner = body.slice(slice, 3).await.unwrap();
    assert_eq!(read(&mut body, inner, 1).await, "3");
    // Reading the one in the middle closes the inner one behind its end.
    assert_eq!(read(&mut body, slice, 9).await, "6");
    assert_eq!(body.read(slice, 1).await, Ok(None));
    assert!(invalid(body.read(inner, 1).await).contains("closed"));
    assert_eq!(read(&mut body, root, 9).await, "789tail");
    assert_eq!(body.length(slice), None);
    assert!(invalid(body.unread(slice, 1)).contains("closed"));
}

#[tokio::test]
async fn a_slice_of_nothing_takes_nothing() {
    let mut body = body_of(["ab"]);
    let root = RequestBody::root();
    let slice = body.slice(root, 0).await.unwrap();
    assert_eq!(body.read(slice, 1).await, Ok(None));
    assert_eq!(read(&mut body, root, 9).await, "ab");
}

#[tokio::test]
async fn a_slice_beyond_the_end_is_truncated_and_stays_so() {
    let mut body = body_of(["ab"]);
    let slice = body.slice(RequestBody::root(), 3).await.unwrap();
    assert_eq!(read(&mut body, slice, 2).await, "ab");
    assert_eq!(body.read(slice, 1).await, Err(BodyError::Truncated));
    assert_eq!(body.chunk(slice).await, Err(BodyError::Truncated));
    assert_eq!(body.read(RequestBody::root(), 1).await, Err(BodyError::Truncated));
}

#[tokio::test]
async fn a_json_string_begins_behind_the_quote_that_was_read_last() {
    let text = r#"{"name":"demo","data":"a\/b\u00e4\ud83d\ude00\n","more":1}"#;
    let mut body = body_of([text]);
    let root = RequestBody::root();
    let seen = read(&mut body, root, 40).await;
    let at = seen.find(r#""data":""#).unwrap() + 8;
    body.unread(root, seen.len() - at).unwrap();
    let string = body.json_string(root).await.unwrap();
    assert_eq!(read(&mut body, string, 100).await, "a/b\u{e4}\u{1f600}\n");
    assert_eq!(body.read(string, 1).await, Ok(None));
    assert_eq!(read(&mut body, root, 100).await, r#","more":1}"#);
    assert!(invalid(body.json_string(root).await).contains("quote"));
}

#[tokio::test]
async fn unread_is_over_once_something_was_cut() {
    let mut body = body_of([r#""abc"def"#]);
    let root = RequestBody::root();
    read(&mut body, root, 1).await;
    let string = body.json_string(root).await.unwrap();
    assert!(invalid(body.unread(root, 1)).contains("cut"));
    read(&mut body, string, 1).await;
    body.unread(string, 1).unwrap();
    assert_eq!(read(&mut body, root, 3).await, "def");
}

#[tokio::test]
async fn skips_a_string_that_was_not_read_to_its_end() {
    let mut body = body_of([r#""a\"#, r#""b"#, r"\\", r#"","next""#]);
    let root = RequestBody::root();
    read(&mut body, root, 1).await;
    body.json_string(root).await.unwrap();
    assert_eq!(read(&mut body, root, 10).await, r#","next""#);
}

#[tokio::test]
async fn refuses_strings_that_are_no_json() {
    for bad in [
        "a\n\"",
        r#"\x""#,
        r#"\u12g4""#,
        r#"\ud800""#,
        r#"\ud800a""#,
        r#"\ud800\n""#,
        r#"\ud800\u0041""#,
        r#"\udc00""#,
        "plain\u{0}\"",
    ] {
        for most in [1, 2, 100] {
            let mut body = body_of(Dice(7).pieces(format!("\"{bad}").as_bytes(), most));
            read(&mut body, RequestBody::root(), 1).await;
            let string = body.json_string(RequestBody::root()).await.unwrap();
            let reason = invalid(rest_of(&mut body, string).await);
            assert!(reason.contains("JSON"), "{bad}: {reason}");
            // Where the string ends can no longer be known.
            assert_eq!(invalid(body.read(RequestBody::root(), 1).await), reason);
        }
    }
    for open in ["abc", r"abc\", r"\ud83d\u", ""] {
        let mut body = body_of([format!("\"{open}")]);
        read(&mut body, RequestBody::root(), 1).await;
        let string = body.json_string(RequestBody::root()).await.unwrap();
        assert_eq!(rest_of(&mut body, string).await, Err(BodyError::Truncated), "{open}");
    }
}

#[tokio::test]
async fn random_strings_in_random_pieces_come_out_as_serde_json_has_them() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for round in 0..400 {
        let plain: String = (0..dice.roll(60))
            .map(|_| match dice.roll(9) {
                0 => '"',
                1 => '\\',
                2 => char::from(u8::try_from(dice.roll(32)).unwrap()),
                3 => '\u{1f600}',
                4 => '\u{e4}',
                _ => char::from(b'a' + u8::try_from(dice.roll(26)).unwrap()),
            })
            .collect();
        let mut encoded = serde_json::to_string(&plain).unwrap();
        if round % 3 == 0 {
            // Everything as an escape of UTF-16.
            let units: Vec<String> = plain.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            let units = units.concat();
            encoded = format!("\"{units}\"");
        }
        let pieces = dice.pieces(format!("{encoded},rest").as_bytes(), 1 + round % 20);
        let mut body = body_of(pieces);
        read(&mut body, RequestBody::root(), 1).await;
        let string = body.json_string(RequestBody::root()).await.unwrap();
        assert_eq!(rest_of(&mut body, string).await.unwrap(), plain.as_bytes(), "{encoded}");
        assert_eq!(rest_of(&mut body, RequestBody::root()).await.unwrap(), b",rest");
    }
}

#[tokio::test]
async fn random_bytes_in_random_pieces_come_out_of_base64() {
    let mut dice = Dice(42);
    for round in 0..400 {
        let plain: Vec<u8> = (0..dice.roll(200)).map(|_| u8::try_from(dice.roll(256)).unwrap()).collect();
        let mut encoded = STANDARD.encode(&plain);
        if round % 2 == 0 {
            encoded.truncate(encoded.trim_end_matches('=').len());
        }
        let mut body = body_of(dice.pieces(encoded.as_bytes(), 1 + round % 30));
        let decoded = body.base64(RequestBody::root()).await.unwrap();
        assert_eq!(rest_of(&mut body, decoded).await.unwrap(), plain, "{encoded}");
    }
}

#[tokio::test]
async fn refuses_what_is_no_base64() {
    for bad in
        ["QUI", "QUJ", "Q", "QUJD\n", " QUJD", "QU=D", "QQ==QUJD", "QUI=Q", "QQ==Q", "====", "QUJ-", "QUJDR"]
    {
        for most in [1, 3, 100] {
            let mut body = body_of(Dice(3).pieces(bad.as_bytes(), most));
            let decoded = body.base64(RequestBody::root()).await.unwrap();
            let result = rest_of(&mut body, decoded).await;
            if bad == "QUI" {
                assert_eq!(result.unwrap(), b"AB", "the padding is optional");
            } else {
                invalid(result);
                // What stands below is not harmed: it is skipped.
                assert_eq!(body.read(RequestBody::root(), 1).await, Ok(None), "{bad}");
            }
        }
    }
}

#[tokio::test]
async fn base64_inside_a_json_string_is_read_through_both() {
    let mut dice = Dice(11);
    let plain: Vec<u8> = (0..300_000).map(|_| u8::try_from(dice.roll(256)).unwrap()).collect();
    // Some encoders escape the slash.
    let text = format!("\"{}\",\"length\":3}}", STANDARD.encode(&plain).replace('/', "\\/"));
    let mut body = body_of(dice.pieces(text.as_bytes(), 20_000));
    let root = RequestBody::root();
    read(&mut body, root, 1).await;
    let string = body.json_string(root).await.unwrap();
    let decoded = body.base64(string).await.unwrap();
    assert_eq!(body.length(decoded), None);
    assert_eq!(body.read(decoded, 1000).await.unwrap().unwrap(), plain[..1000]);
    body.unread(decoded, 500).unwrap();
    assert_eq!(rest_of(&mut body, decoded).await.unwrap(), plain[500..]);
    assert_eq!(rest_of(&mut body, root).await.unwrap(), b",\"length\":3}");
}

#[tokio::test]
async fn refuses_a_declared_length_above_the_limit_before_the_first_byte() {
    let declared = http_body_util::Full::new(Bytes::from_static(b"12345678901"));
    let mut body = RequestBody::new(declared, Limits { size: 10, ..Limits::default() });
    assert_eq!(body.length(RequestBody::root()), Some(11));
    assert_eq!(body.read(RequestBody::root(), 1).await, Err(BodyError::TooLarge(10)));
}

#[tokio::test]
async fn refuses_the_byte_above_the_limit_when_no_length_is_declared() {
    let mut body = limited(["12345", "67890", "1"], Limits { size: 10, ..Limits::default() });
    assert_eq!(read(&mut body, RequestBody::root(), 10).await, "1234567890");
    assert_eq!(body.read(RequestBody::root(), 1).await, Err(BodyError::TooLarge(10)));
    assert_eq!(body.chunk(RequestBody::root()).await, Err(BodyError::TooLarge(10)));
}

#[tokio::test]
async fn gives_up_on_a_client_that_falls_silent() {
    let first = stream::iter([Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"ab")))]);
    let silent = futures_util::StreamExt::chain(first, stream::pending());
    let idle = Duration::from_millis(20);
    let mut body = RequestBody::new(StreamBody::new(silent), Limits { idle, ..Limits::default() });
    assert_eq!(read(&mut body, RequestBody::root(), 2).await, "ab");
    assert_eq!(body.read(RequestBody::root(), 1).await, Err(BodyError::Slow));
    assert_eq!(body.chunk(RequestBody::root()).await, Err(BodyError::Slow));
}

/// A client that sends such a piece every few milliseconds, for ever.
fn trickle(piece: &'static [u8]) -> impl futures_util::Stream<Item = std::io::Result<Frame<Bytes>>> {
    stream::unfold(tokio::time::interval(Duration::from_millis(5)), move |mut pace| async move {
        pace.tick().await;
        Some((Ok(Frame::data(Bytes::from_static(piece))), pace))
    })
}

#[tokio::test]
async fn gives_up_on_a_client_that_sends_next_to_nothing() {
    for piece in [b"x".as_slice(), b""] {
        let idle = Duration::from_millis(50);
        let limits = Limits { idle, rate: 10_000, ..Limits::default() };
        let mut body = RequestBody::new(StreamBody::new(trickle(piece)), limits);
        let started = std::time::Instant::now();
        assert_eq!(body.read(RequestBody::root(), 1000).await, Err(BodyError::Slow), "{piece:?}");
        assert!(started.elapsed() >= idle, "the grace period is kept: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_client_at_the_minimum_rate_may_go_on() {
    let limits = Limits { idle: Duration::from_millis(500), rate: 100, ..Limits::default() };
    let body = StreamBody::new(trickle(b"xxxx"));
    let mut body = RequestBody::new(body, limits);
    assert_eq!(read(&mut body, RequestBody::root(), 1000).await.len(), 1000, "it takes more than a second");
}

#[tokio::test]
async fn a_limit_on_the_whole_ends_a_body_that_moves() {
    let total = Duration::from_millis(50);
    let mut body =
        RequestBody::new(StreamBody::new(trickle(&[b'x'; 100])), Limits { total, ..Limits::default() });
    assert_eq!(body.read(RequestBody::root(), 1 << 20).await, Err(BodyError::Slow));
}

#[tokio::test]
async fn what_came_before_anybody_read_is_read_in_order() {
    let time = Duration::from_secs(10);
    let mut body = limited(["123", "45"], Limits::default());
    assert_eq!(body.fill(100, time).await, Ok(Filled::Complete));
    assert_eq!(read(&mut body, RequestBody::root(), 100).await, "12345");
    assert_eq!(body.read(RequestBody::root(), 1).await, Ok(None));
    let mut larger = limited(["123", "45", "67"], Limits::default());
    assert_eq!(larger.fill(4, time).await, Ok(Filled::Larger));
    assert_eq!(read(&mut larger, RequestBody::root(), 100).await, "1234567");
    let mut slow = RequestBody::new(StreamBody::new(trickle(b"x")), Limits::default());
    assert_eq!(slow.fill(1000, Duration::from_millis(30)).await, Ok(Filled::Slow));
    assert_eq!(read(&mut slow, RequestBody::root(), 50).await, "x".repeat(50));
}

#[tokio::test]
async fn a_client_that_breaks_off_is_no_end() {
    let frames = [Ok(Frame::data(Bytes::from_static(b"ab"))), Err(std::io::Error::other("reset"))];
    let mut body = RequestBody::new(StreamBody::new(stream::iter(frames)), Limits::default());
    assert_eq!(read(&mut body, RequestBody::root(), 2).await, "ab");
    assert_eq!(body.read(RequestBody::root(), 1).await, Err(BodyError::Truncated));
    assert_eq!(body.read(RequestBody::root(), 1).await, Err(BodyError::Truncated));
}

#[tokio::test]
async fn chunks_are_bounded_and_layers_are_too() {
    let mut body = body_of([vec![b'x'; super::MAX_CHUNK * 2 + 5]]);
    let root = RequestBody::root();
    assert_eq!(body.chunk(root).await.unwrap().unwrap().len(), super::MAX_CHUNK);
    let mut layer = root;
    for _ in 1..super::MAX_LAYERS {
        layer = body.slice(layer, 10).await.unwrap();
    }
    invalid(body.slice(layer, 1).await);
    assert_eq!(rest_of(&mut body, layer).await.unwrap(), b"xxxxxxxxxx");
    assert_eq!(rest_of(&mut body, root).await.unwrap().len(), super::MAX_CHUNK + 5 - 10);
}

/// A body as anybody would write it: all of it in memory, an index, the ends of
/// the slices.
struct Model {
    bytes: Vec<u8>,
    position: usize,
    ends: Vec<usize>,
    last: usize,
}

impl Model {
    fn read(&mut self, depth: usize, max: usize) -> Option<Vec<u8>> {
        self.close_above(depth);
        let end = self.ends[depth].min(self.position + max);
        let read = self.bytes[self.position..end].to_vec();
        self.last = read.len();
        self.position = end;
        (!read.is_empty()).then_some(read)
    }

    fn close_above(&mut self, depth: usize) {
        while self.ends.len() > depth + 1 {
            self.position = self.ends.pop().unwrap();
            self.last = 0;
        }
    }
}

#[tokio::test]
async fn random_use_of_slices_reads_and_unreads_is_as_the_model_has_it() {
    let mut dice = Dice(0xdead_beef);
    for _ in 0..300 {
        let bytes: Vec<u8> = (0..=dice.roll(300)).map(|_| u8::try_from(dice.roll(256)).unwrap()).collect();
        let most = 1 + dice.roll(40);
        let mut body = body_of(dice.pieces(&bytes, most));
        let mut model = Model { position: 0, ends: vec![bytes.len()], last: 0, bytes };
        let mut layers = vec![RequestBody::root()];
        for _ in 0..60 {
            let depth = dice.roll(layers.len());
            match dice.roll(4) {
                0 => {
                    model.close_above(depth);
                    let length = dice.roll(model.ends[depth] - model.position + 1);
                    layers.truncate(depth + 1);
                    layers.push(body.slice(layers[depth], length as u64).await.unwrap());
                    model.ends.push(model.position + length);
                    model.last = 0;
                }
                1 => {
                    let count = dice.roll(model.last + 1);
                    body.unread(*layers.last().unwrap(), count).unwrap();
                    model.position -= count;
                    model.last -= count;
                    assert!(body.unread(*layers.last().unwrap(), model.last + 1).is_err());
                }
                _ => {
                    let max = 1 + dice.roll(50);
                    let read = body.read(layers[depth], max).await.unwrap();
                    layers.truncate(depth + 1);
                    assert_eq!(read.map(|bytes| bytes.to_vec()), model.read(depth, max));
                }
            }
            if layers.len() > 20 {
                layers.truncate(1);
                model.close_above(0);
                let read = body.read(layers[0], 1).await.unwrap();
                assert_eq!(read.map(|bytes| bytes.to_vec()), model.read(0, 1));
            }
        }
    }
}

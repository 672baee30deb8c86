//! Fuzz targets for the decoders of a body. Each asserts a property. `CONTRIBUTING.md` says how to
//! run them longer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use ::base64::Engine as _;
use ::base64::alphabet::STANDARD;
use ::base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use packhouse_fuzz::{pieces, target};
use tokio::runtime::{Builder, Runtime};

use super::{BodyError, Layer, Limits, PartHead, RequestBody};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn body_of(pieces: &[&[u8]]) -> RequestBody {
    let frames: Vec<Result<Frame<Bytes>, std::io::Error>> =
        pieces.iter().map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
    RequestBody::new(StreamBody::new(stream::iter(frames)), Limits::default())
}

async fn rest_of(body: &mut RequestBody, layer: Layer) -> Result<Vec<u8>, BodyError> {
    let mut all = Vec::new();
    while let Some(bytes) = body.chunk(layer).await? {
        assert!(!bytes.is_empty());
        all.extend_from_slice(&bytes);
    }
    Ok(all)
}

/// The string whose opening quote comes first, and what follows its closing one.
async fn string(pieces: &[&[u8]]) -> Result<(Vec<u8>, Vec<u8>), BodyError> {
    let mut body = body_of(pieces);
    let root = RequestBody::root();
    body.read(root, 1).await?;
    let layer = body.json_string(root).await?;
    let text = rest_of(&mut body, layer).await?;
    Ok((text, rest_of(&mut body, root).await?))
}

#[test]
fn fuzz_json_string_decodes_as_serde_json_does_in_pieces_too() {
    let seeds = ["plain\" rest", "a\\u00e9\\n\\\"\"", "\\ud83d\\ude00\"", "\u{e9}\" x"];
    let words = ["\\u", "\\ud83d", "\\ude00", "\\\"", "\\\\", "\"", "\\x", "\\/"];
    let runtime = runtime();
    target!("json-string").seeds(seeds).words(words).check(|source| {
        let quoted = [b"\"", source].concat();
        let whole = runtime.block_on(string(&[&quoted]));
        assert_eq!(whole, runtime.block_on(string(&pieces(&quoted))), "in pieces it is another string");
        // The bytes are not checked to be UTF-8.
        if std::str::from_utf8(source).is_err() {
            return whole.is_ok();
        }
        let mut reference = serde_json::Deserializer::from_slice(&quoted).into_iter::<String>();
        let Some(Ok(expected)) = reference.next() else {
            assert!(whole.is_err(), "serde_json rejects it");
            return false;
        };
        let (text, rest) = whole.unwrap();
        assert_eq!(text, expected.as_bytes());
        assert_eq!(rest, &quoted[reference.byte_offset()..]);
        true
    });
}

async fn decoded(pieces: &[&[u8]]) -> Result<Vec<u8>, BodyError> {
    let mut body = body_of(pieces);
    let layer = body.base64(RequestBody::root()).await?;
    rest_of(&mut body, layer).await
}

#[test]
fn fuzz_base64_decodes_as_the_whole_text_does_in_pieces_too() {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let reference = GeneralPurpose::new(&STANDARD, config);
    let runtime = runtime();
    let seeds = ["", "Zg==", "Zm8", "Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9v"];
    target!("base64").seeds(seeds).words(["=", "==", "-", "_", "Zm9v"]).check(|source| {
        let whole = runtime.block_on(decoded(&[source]));
        let in_pieces = runtime.block_on(decoded(&pieces(source)));
        assert_eq!(whole.as_ref().ok(), in_pieces.as_ref().ok(), "in pieces it is another text");
        let reference = reference.decode(source);
        assert_eq!(whole.as_ref().ok(), reference.as_ref().ok());
        reference.is_ok()
    });
}

const CONTENT_TYPE: &str = "multipart/form-data; boundary=XyZ";

async fn parts(pieces: &[&[u8]]) -> Result<Vec<(PartHead, Vec<u8>)>, BodyError> {
    let mut body = body_of(pieces);
    let mut parts = Vec::new();
    while let Some((head, layer)) = body.next_part(Some(CONTENT_TYPE)).await? {
        parts.push((head, rest_of(&mut body, layer).await?));
    }
    Ok(parts)
}

#[test]
fn fuzz_multipart_has_the_same_parts_in_pieces() {
    let form = "--XyZ\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--XyZ \r\n\
                content-disposition: form-data; name=\"b\"; filename*=utf-8''f%20\r\nX: y\r\n\r\ntwo\r\n--XyZ--\r\n";
    let words = ["\r\n--XyZ", "--XyZ", "--", "\r\n\r\n", "\r", "name=\"", "filename*=utf-8''", "form-data;"];
    let runtime = runtime();
    target!("multipart").seeds([form, "preamble\r\n--XyZ--"]).words(words).check(|bytes| {
        let whole = runtime.block_on(parts(&[bytes]));
        let in_pieces = runtime.block_on(parts(&pieces(bytes)));
        assert_eq!(whole.as_ref().ok(), in_pieces.as_ref().ok(), "in pieces it is another form");
        let Ok(parts) = whole else { return false };
        let content: usize = parts.iter().map(|(_, content)| content.len()).sum();
        assert!(content <= bytes.len());
        for (_, content) in &parts {
            assert!(content.is_empty() || bytes.windows(content.len()).any(|window| window == content));
            assert!(!content.windows(7).any(|window| window == b"\r\n--XyZ"));
        }
        true
    });
}

#[test]
fn fuzz_multipart_reads_back_names_and_content() {
    let runtime = runtime();
    target!("multipart-content").seeds(["name", "a\"b\\c;d=e", "--XyZ", "\r\n--Xy"]).words(["\"", "\\", ";", "="]).check_text(
        |text| {
            if text.contains("\r\n--XyZ") {
                return false;
            }
            let name: String = text.chars().filter(|letter| !letter.is_control()).take(100).collect();
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            let form = format!(
                "--XyZ\r\nContent-Disposition: form-data; name=\"{quoted}\"; filename=\"{quoted}\"\r\n\r\n{text}\r\n--XyZ--\r\n"
            );
            let found = runtime.block_on(parts(&pieces(form.as_bytes()))).unwrap();
            let [(head, content)] = found.as_slice() else { panic!("{found:?}") };
            assert_eq!((head.name.as_str(), head.filename.as_deref()), (name.as_str(), Some(name.as_str())));
            assert_eq!(content, text.as_bytes());
            true
        },
    );
}

#[test]
fn fuzz_multipart_boundary_is_read_from_any_content_type() {
    let seeds = [
        CONTENT_TYPE,
        "Multipart/Form-Data; charset=utf-8; boundary=\"a b\"",
        "multipart/form-data; boundary*=utf-8''x",
    ];
    let words = ["boundary=", "\"", ";", "multipart/form-data", "\\", "'"];
    let runtime = runtime();
    target!("boundary").seeds(seeds).words(words).check_text(|content_type| {
        let mut body = body_of(&[b""]);
        match runtime.block_on(body.next_part(Some(content_type))) {
            Ok(part) => panic!("a part of nothing: {part:?}"),
            Err(BodyError::Truncated) => content_type.len() >= "multipart/form-data;boundary=x".len(),
            Err(_) => false,
        }
    });
}

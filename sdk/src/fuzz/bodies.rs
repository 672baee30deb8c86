//! What the host in memory decodes, against reference implementations.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use packhouse_fuzz::target;

use crate::testing::{decode, multipart};

#[test]
fn fuzz_json_string_decodes_as_serde_json_does() {
    let seeds = ["plain\" rest", "a\\u00e9\\n\\\"\"", "\\ud83d\\ude00\"", "\u{e9}\""];
    let words = ["\\u", "\\ud83d", "\\ude00", "\\\"", "\\\\", "\"", "\\x"];
    target!("json-string").seeds(seeds).words(words).check(|source| {
        let decoded = decode::json_string(source);
        let quoted = [b"\"", source].concat();
        let reference = serde_json::Deserializer::from_slice(&quoted).into_iter::<String>().next();
        assert!(decoded.consumed <= source.len());
        assert!(decoded.bytes.len() <= source.len());
        let Some(Ok(text)) = reference else {
            assert!(decoded.broken.is_some(), "serde_json rejects it");
            return false;
        };
        assert!(decoded.broken.is_none(), "{:?}", decoded.broken);
        assert_eq!(decoded.bytes, text.as_bytes());
        assert_eq!(source.get(decoded.consumed - 1), Some(&b'"'));
        true
    });
}

#[test]
fn fuzz_base64_decodes_as_the_library_does_that_the_host_uses() {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let reference = GeneralPurpose::new(&STANDARD, config);
    target!("base64").seeds(["", "Zg==", "Zm8", "Zm9vYmFy"]).words(["=", "==", "-", "_"]).check(|source| {
        let decoded = decode::base64(source);
        let Ok(bytes) = reference.decode(source) else {
            assert!(decoded.broken.is_some(), "the reference rejects it");
            return false;
        };
        assert!(decoded.broken.is_none());
        assert_eq!(decoded.bytes, bytes);
        true
    });
}

const CONTENT_TYPE: &str = "multipart/form-data; boundary=XyZ";

#[test]
fn fuzz_multipart_gives_parts_that_lie_in_the_form() {
    let form = "--XyZ\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--XyZ\r\n\
                content-disposition: form-data; name=\"b\"; filename=\"f\"\r\n\r\ntwo\r\n--XyZ--\r\n";
    let words = ["\r\n--XyZ", "--XyZ", "--", "\r\n\r\n", " name=\"", "filename=\"", "Content-Disposition:"];
    target!("multipart").seeds([form, "--XyZ--"]).words(words).check(|body| {
        let (mut form, mut at, mut content) = (multipart::Form::default(), 0, 0);
        loop {
            let left = body.get(at..).unwrap();
            match form.next(Some(CONTENT_TYPE), left) {
                Ok(Some(part)) => {
                    assert!(part.consumed <= left.len());
                    at += part.consumed;
                    content += part.content.len();
                    assert!(content <= at, "parts do not overlap");
                    assert!(!part.content.windows(7).any(|window| window == b"\r\n--XyZ"));
                }
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    });
}

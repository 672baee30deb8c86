//! Content codings: which one a client gets (RFC 9110 §12.5.3), and the compression itself. The
//! levels are chosen for speed, because the documents of a registry change often, and are requested
//! even more often.

use async_compression::Level;
use async_compression::tokio::{bufread, write};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderMap, HeaderValue, Method};
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio_util::io::{ReaderStream, StreamReader};

use super::content::{Content, Part};
use super::stream::{BodyStreamError, Pieces, ResponseBody};
use super::{Reply, RequestHead};
use packhouse_common::shares::Memory;

/// Smaller bodies gain nothing: they fit into one packet anyhow.
const WORTH_ENCODING: u64 = 1 << 10;
/// After this many bytes, encoding gives way to other tasks.
const STEP: usize = 256 << 10;
/// Up to here bytes are encoded in memory, so that their length is known.
const ENCODED_IN_MEMORY: u64 = 16 << 20;
/// What a streamed encoding gives at once.
const STREAM_BUFFER: usize = 64 << 10;

/// A content coding of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Zstd,
    Gzip,
    Brotli,
}

impl Coding {
    /// In the order in which we like them: measured on an index document, zstd
    /// encodes about 500 MB/s, gzip 200, brotli 80 and little smaller than zstd.
    pub const ALL: [Self; 3] = [Self::Zstd, Self::Gzip, Self::Brotli];

    pub fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    pub fn header(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    fn level(self) -> Level {
        match self {
            Self::Zstd | Self::Gzip => Level::Precise(1),
            // Below this, brotli ends a block at each piece of a stream.
            Self::Brotli => Level::Precise(2),
        }
    }
}

/// What came out of the choice.
#[derive(Clone, Copy)]
pub(super) enum Choice {
    /// This content is never encoded.
    Never,
    /// It depends on `Accept-Encoding`; this time it is this one, or none.
    Negotiated(Option<Coding>),
}

impl Choice {
    pub fn chosen(self) -> Option<Coding> {
        match self {
            Self::Never => None,
            Self::Negotiated(coding) => coding,
        }
    }

    pub fn is_negotiated(self) -> bool {
        matches!(self, Self::Negotiated(_))
    }
}

/// The coding for this reply to this request. A `Range` is of the content as it
/// is, so it turns encoding off (where ranges are answered at all).
pub(super) fn choose(request: &RequestHead<'_>, reply: &Reply, content: &Content) -> Choice {
    if !reply.compression || content.size() <= WORTH_ENCODING || !may_encode(&reply.headers) {
        return Choice::Never;
    }
    let wants_range = reply.ranges && request.method == Method::GET && request.headers.contains_key(RANGE);
    Choice::Negotiated(if wants_range { None } else { accepted(request.headers) })
}

fn may_encode(headers: &HeaderMap) -> bool {
    let texty =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(is_worth_encoding);
    texty
        && !headers.contains_key(CONTENT_ENCODING)
        && !headers.contains_key(CONTENT_RANGE)
        && !forbids_transformation(headers)
}

/// `no-transform`, RFC 9111 §5.2.2.6.
fn forbids_transformation(headers: &HeaderMap) -> bool {
    headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|directive| directive.trim().eq_ignore_ascii_case("no-transform")))
}

/// Types below `application/` that are text.
const SUBTYPES: [&str; 12] = [
    "json",
    "xml",
    "javascript",
    "x-javascript",
    "ecmascript",
    "x-ndjson",
    "ndjson",
    "yaml",
    "x-yaml",
    "toml",
    "wasm",
    "sql",
];

/// Whether content of this type is text in some form.
fn is_worth_encoding(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let Some((kind, subtype)) = essence.split_once('/') else {
        return false;
    };
    let subtype_is = |name: &str| subtype.eq_ignore_ascii_case(name);
    let suffix = subtype.rsplit_once('+').map(|(_, suffix)| suffix);
    kind.eq_ignore_ascii_case("text")
        || (kind.eq_ignore_ascii_case("application") && SUBTYPES.iter().any(|name| subtype_is(name)))
        || suffix.is_some_and(|suffix| {
            ["json", "xml", "yaml"].iter().any(|name| suffix.eq_ignore_ascii_case(name))
        })
}

/// RFC 9110 §12.5.3; what is equally welcome is decided by our preference, and
/// the content as it is counts only when it is explicitly liked better.
pub(super) fn accepted(headers: &HeaderMap) -> Option<Coding> {
    let mut weights: [Option<u16>; 3] = [None; 3];
    let (mut any, mut identity) = (None, None);
    for value in headers.get_all(ACCEPT_ENCODING) {
        for item in value.to_str().unwrap_or_default().split(',') {
            let (name, weight) = weighted(item);
            match name {
                "*" => any = Some(weight),
                _ if name.eq_ignore_ascii_case("identity") => identity = Some(weight),
                _ => {
                    let name = if name.eq_ignore_ascii_case("x-gzip") { "gzip" } else { name };
                    let known = Coding::ALL
                        .iter()
                        .zip(weights.iter_mut())
                        .find(|(coding, _)| coding.name().eq_ignore_ascii_case(name));
                    if let Some((_, slot)) = known {
                        *slot = Some(weight);
                    }
                }
            }
        }
    }
    let mut best = (0, None);
    for (coding, weight) in Coding::ALL.into_iter().zip(weights) {
        let weight = weight.or(any).unwrap_or(0);
        if weight > best.0 {
            best = (weight, Some(coding));
        }
    }
    best.1.filter(|_| identity.is_none_or(|identity| identity <= best.0))
}

/// A name and its weight in thousandths; a malformed weight is taken for 0.
pub(super) fn weighted(item: &str) -> (&str, u16) {
    let mut parts = item.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (name, weight.map_or(1000, thousandths))
}

fn thousandths(weight: &str) -> u16 {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if fraction.len() > 3 || !is_digits(fraction) {
        return 0;
    }
    match whole {
        "1" => 1000,
        "0" => format!("{fraction:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

/// What encoding gave.
pub(super) enum Encoded {
    Smaller(ResponseBody),
    /// It would have grown, or could not be done.
    AsItWas(ResponseBody),
}

/// Encodes a body: bytes in memory, so that the length is known; objects, and
/// more than [`ENCODED_IN_MEMORY`], as they pass.
pub(super) async fn encode(content: Content, coding: Coding, memory: Option<&Memory>) -> Encoded {
    if !content.is_bytes() || content.size() > ENCODED_IN_MEMORY {
        return Encoded::Smaller(encode_stream(&content, coding));
    }
    match encode_bytes(content.parts(), coding).await {
        Some(encoded) if (encoded.len() as u64) < content.size() => {
            Encoded::Smaller(ResponseBody::bytes(match memory {
                Some(memory) => memory.hold(encoded),
                None => encoded,
            }))
        }
        _ => Encoded::AsItWas(content.into_body()),
    }
}

async fn encode_bytes(parts: &[Part], coding: Coding) -> Option<Bytes> {
    let level = coding.level();
    match coding {
        Coding::Zstd => {
            let mut encoder = write::ZstdEncoder::with_quality(Vec::new(), level);
            write_all(&mut encoder, parts).await.map(|()| encoder.into_inner().into())
        }
        Coding::Brotli => {
            let mut encoder = write::BrotliEncoder::with_quality(Vec::new(), level);
            write_all(&mut encoder, parts).await.map(|()| encoder.into_inner().into())
        }
        Coding::Gzip => {
            let mut encoder = write::GzipEncoder::with_quality(Vec::new(), level);
            write_all(&mut encoder, parts).await.map(|()| encoder.into_inner().into())
        }
    }
}

/// In steps, so that the task of a large body leaves its processor to others.
async fn write_all(encoder: &mut (impl tokio::io::AsyncWrite + Unpin), parts: &[Part]) -> Option<()> {
    for part in parts {
        let Part::Bytes(bytes) = part else { continue };
        for step in bytes.chunks(STEP) {
            encoder.write_all(step).await.ok()?;
            if step.len() == STEP {
                tokio::task::yield_now().await;
            }
        }
    }
    encoder.shutdown().await.ok()
}

fn encode_stream(content: &Content, coding: Coding) -> ResponseBody {
    let size = content.size();
    let pieces = content.pieces(&(0..size)).collect();
    let reader = StreamReader::new(Pieces::new(pieces, size).map_err(std::io::Error::other));
    let level = coding.level();
    match coding {
        Coding::Zstd => read_as_body(bufread::ZstdEncoder::with_quality(reader, level)),
        Coding::Brotli => read_as_body(bufread::BrotliEncoder::with_quality(reader, level)),
        Coding::Gzip => read_as_body(bufread::GzipEncoder::with_quality(reader, level)),
    }
}

fn read_as_body(reader: impl AsyncRead + Send + 'static) -> ResponseBody {
    let stream = ReaderStream::with_capacity(reader, STREAM_BUFFER);
    ResponseBody::stream(stream.map_err(|error| BodyStreamError::Source(Box::new(error))).boxed())
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may fail loudly"
    )]
    use super::*;

    fn accepted_of(header: &str) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(header).unwrap());
        accepted(&headers).map(Coding::name)
    }

    #[test]
    fn takes_the_coding_with_the_highest_weight_and_ours_among_equals() {
        assert_eq!(accepted_of("gzip, deflate, br, zstd"), Some("zstd"));
        assert_eq!(accepted_of("br, deflate, gzip"), Some("gzip"));
        assert_eq!(accepted_of("br, deflate"), Some("br"));
        assert_eq!(accepted_of("gzip;q=1.0, br;q=0.8, zstd;q=0.123"), Some("gzip"));
        assert_eq!(accepted_of("x-gzip"), Some("gzip"));
        assert_eq!(accepted_of("GZIP"), Some("gzip"));
        assert_eq!(accepted_of("*"), Some("zstd"));
        assert_eq!(accepted_of("zstd;q=0, *;q=0.5"), Some("gzip"));
    }

    #[test]
    fn leaves_the_content_as_it_is_when_the_client_likes_that_better() {
        assert_eq!(accepted_of("identity"), None);
        assert_eq!(accepted_of(""), None);
        assert_eq!(accepted_of("deflate, sdch"), None);
        assert_eq!(accepted_of("gzip;q=0"), None);
        assert_eq!(accepted_of("identity;q=1, gzip;q=0.5"), None);
        assert_eq!(accepted_of("gzip;q=nonsense"), None);
        assert_eq!(accepted_of("gzip, identity"), Some("gzip"));
    }

    #[test]
    fn text_in_every_form_is_worth_encoding_and_archives_are_not() {
        for good in [
            "text/html",
            "text/plain; charset=utf-8",
            "application/json",
            "Application/JSON;x=y",
            "application/vnd.demo.index.v1+json",
            "image/svg+xml",
        ] {
            assert!(is_worth_encoding(good), "{good}");
        }
        for bad in [
            "application/octet-stream",
            "application/gzip",
            "application/x-tar+gzip",
            "image/png",
            "nonsense",
            "",
        ] {
            assert!(!is_worth_encoding(bad), "{bad}");
        }
    }
}

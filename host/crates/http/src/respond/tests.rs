#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::io::AsyncReadExt;

use super::{
    BodyStreamError, BoxError, FailureShape, Part, Preconditions, Reply, RequestHead, ResponseBody,
    StoredObject, is_conditional_change, respond, settle_etag,
};

/// Wed, 21 Oct 2015 07:28:00 GMT, and a bit.
const CHANGED: Duration = Duration::from_millis(1_445_412_480_700);
const CHANGED_TEXT: &str = "Wed, 21 Oct 2015 07:28:00 GMT";
const BEFORE: &str = "Wed, 21 Oct 2015 07:27:59 GMT";

/// A stored object that gives its bytes three at a time, and maybe not all.
struct Stored {
    bytes: Bytes,
    version: &'static str,
    content_type: Option<&'static str>,
    /// Bytes that it gives less, or more, than it should.
    off_by: i64,
}

fn stored(text: impl Into<Bytes>) -> Stored {
    Stored { bytes: text.into(), version: "v1", content_type: None, off_by: 0 }
}

impl Stored {
    fn part(self) -> Part {
        Part::Object(Arc::new(self))
    }
}

impl StoredObject for Stored {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
    fn version(&self) -> &str {
        self.version
    }
    fn modified(&self) -> Option<SystemTime> {
        Some(UNIX_EPOCH + CHANGED)
    }
    fn content_type(&self) -> Option<&str> {
        self.content_type
    }
    fn stream(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes, BoxError>> {
        let index = |at: u64| usize::try_from(at).unwrap();
        let mut bytes = self.bytes.slice(index(range.start)..index(range.end)).to_vec();
        if self.off_by > 0 {
            bytes.push(b'!');
        }
        if self.off_by < 0 {
            bytes.pop();
        }
        let pieces: Vec<Result<Bytes, BoxError>> =
            bytes.chunks(3).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        stream::iter(pieces).boxed()
    }
}

fn text(body: impl Into<Bytes>) -> Reply {
    let mut reply = Reply::new(StatusCode::OK);
    reply.headers.insert("content-type", HeaderValue::from_static("text/plain"));
    reply.body.push(Part::Bytes(body.into()));
    reply
}

fn of(parts: Vec<Part>) -> Reply {
    let mut reply = Reply::new(StatusCode::OK);
    reply.body = parts;
    reply
}

fn with(mut reply: Reply, name: &'static str, value: &'static str) -> Reply {
    reply.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    reply
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Result<Bytes, BodyStreamError>,
    hinted: Option<u64>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
    fn text(&self) -> &str {
        std::str::from_utf8(self.body.as_ref().unwrap()).unwrap()
    }
}

async fn ask(method: Method, headers: &[(&'static str, &str)], reply: Reply) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    let response: Response<ResponseBody> =
        respond(RequestHead { method: &method, headers: &map }, reply).await;
    let (parts, body) = response.into_parts();
    let hinted = body.size_hint().exact();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes);
    let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body, hinted };
    if let (Some(length), Ok(body), true) =
        (answer.headers.get("content-length"), &answer.body, method != Method::HEAD)
    {
        assert_eq!(length.to_str().unwrap(), body.len().to_string(), "the length is what comes");
    }
    answer
}

#[tokio::test]
async fn no_plugin_sets_what_rules_the_origin_that_all_mounts_share() {
    let of_the_origin = [
        "set-cookie",
        "refresh",
        "service-worker-allowed",
        "clear-site-data",
        "strict-transport-security",
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "content-security-policy-report-only",
    ];
    let mut reply = text("hello");
    for name in of_the_origin {
        reply = with(reply, name, "x");
    }
    let answer = get(&[], with(reply, "link", "</next>; rel=\"next\"")).await;
    for name in of_the_origin {
        assert!(!answer.headers.contains_key(name), "{name}");
    }
    assert_eq!(answer.header("link"), "</next>; rel=\"next\"");
}

#[tokio::test]
async fn a_failed_precondition_is_told_in_the_plugins_shape() {
    let shape =
        FailureShape { content_type: "application/json".into(), template: "{\"e\":\"{message}\"}".into() };
    let reply = Reply { shape: Some(shape), ..with(text("hello"), "etag", "\"1\"") };
    let answer = get(&[("if-match", "\"2\"")], reply).await;
    assert_eq!((answer.status, answer.header("content-type")), (412, "application/json"));
    assert!(answer.text().starts_with("{\"e\":\""), "{}", answer.text());
}

/// What a client gets JSON from tells it of a failure in JSON too.
#[tokio::test]
async fn a_failure_in_place_of_json_is_json() {
    let plain = || FailureShape { content_type: "text/plain".into(), template: "{message}\n".into() };
    let json = || {
        let mut reply = Reply { shape: Some(plain()), ..with(text("{}"), "etag", "\"1\"") };
        let kind = HeaderValue::from_static("application/vnd.example+json; charset=utf-8");
        reply.headers.insert("content-type", kind);
        reply
    };
    for (headers, status) in [(("if-match", "\"2\""), 412), (("range", "bytes=9-"), 416)] {
        let answer = get(&[headers], json()).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/json"));
        let value: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
        assert!(value["message"].as_str().is_some_and(|message| !message.is_empty()), "{value}");
        let reply = Reply { shape: Some(plain()), ..with(text("hello"), "etag", "\"1\"") };
        let answer = get(&[headers], reply).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, "text/plain"));
    }
}

#[test]
fn a_failure_is_in_the_shape_that_the_client_prefers() {
    let plain = FailureShape { content_type: "text/plain".into(), template: "{message}\n".into() };
    let own = FailureShape { content_type: "application/problem+json".into(), template: "{}".into() };
    let shape = |accept: &str, own: Option<&FailureShape>| {
        let mut headers = HeaderMap::new();
        headers.insert("accept", accept.parse().unwrap());
        FailureShape::preferred(&headers, own).map(|shape| shape.content_type)
    };
    assert_eq!(shape("application/json", Some(&plain)).as_deref(), Some("application/json"));
    assert_eq!(shape("*/*", Some(&plain)).as_deref(), Some("text/plain"));
    assert_eq!(shape("application/json", Some(&own)).as_deref(), Some("application/problem+json"));
    assert_eq!(shape("text/html", Some(&own)).as_deref(), Some("application/problem+json"));
    assert_eq!(shape("application/json", None).as_deref(), Some("application/json"));
    assert_eq!(shape("*/*", None), None);
}

/// The conditions of a request.
type Headers<'a> = &'a [(&'static str, &'a str)];

/// RFC 9110 §13.1, §13.2.2.
#[tokio::test]
async fn a_change_is_permitted_in_the_state_that_it_was_sent_for() {
    let there = || with(with(text("hello"), "etag", "\"1\""), "last-modified", CHANGED_TEXT);
    let missing = || Reply { status: StatusCode::NOT_FOUND, ..text("nothing") };
    let hidden = || Reply { status: StatusCode::FORBIDDEN, ..text("no") };
    let broken = || Reply { status: StatusCode::SERVICE_UNAVAILABLE, ..text("no") };
    let cases: [(Headers<'_>, [bool; 2]); 17] = [
        (&[("if-match", "\"1\"")], [true, false]),
        (&[("if-match", "\"0\", \"1\"")], [true, false]),
        (&[("if-match", "\"1-gzip\"")], [true, false]),
        (&[("if-match", "*")], [true, false]),
        (&[("if-match", "\"2\"")], [false, false]),
        (&[("if-match", "W/\"1\"")], [false, false]),
        (&[("if-match", "")], [false, false]),
        (&[("if-none-match", "*")], [false, true]),
        (&[("if-none-match", "\"1\"")], [false, true]),
        (&[("if-none-match", "W/\"1\"")], [false, true]),
        (&[("if-none-match", "\"2\"")], [true, true]),
        (&[("if-unmodified-since", CHANGED_TEXT)], [true, true]),
        (&[("if-unmodified-since", BEFORE)], [false, true]),
        (&[("if-unmodified-since", "nonsense")], [true, true]),
        (&[("if-match", "\"1\""), ("if-unmodified-since", BEFORE)], [true, false]),
        (&[("if-match", "\"1\""), ("if-none-match", "\"1\"")], [false, false]),
        (&[("if-match", "\"2\""), ("if-none-match", "\"3\"")], [false, false]),
    ];
    for (lines, expected) in cases {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        for (reply, expected) in [there(), missing()].into_iter().zip(expected) {
            let status = reply.status;
            let met = Preconditions::of_change(&headers, reply).await.are_met;
            assert_eq!(met, expected, "{lines:?} of a {status}");
        }
        for reply in [hidden(), broken()] {
            assert!(!Preconditions::of_change(&headers, reply).await.are_met, "{lines:?}");
        }
        let head = |method| RequestHead { method, headers: &headers };
        for method in [&Method::PUT, &Method::DELETE, &Method::PATCH, &Method::POST] {
            assert!(is_conditional_change(head(method)), "{method} {lines:?}");
        }
        assert!(!is_conditional_change(head(&Method::GET)));
    }
    let headers = HeaderMap::new();
    assert!(!is_conditional_change(RequestHead { method: &Method::PUT, headers: &headers }));
}

async fn get(headers: &[(&'static str, &str)], reply: Reply) -> Answer {
    ask(Method::GET, headers, reply).await
}

#[tokio::test]
async fn a_small_answer_has_what_a_client_needs() {
    let answer = get(&[], text("hello")).await;
    assert_eq!((answer.status, answer.text()), (200, "hello"));
    assert_eq!(answer.header("content-length"), "5");
    assert_eq!(answer.header("accept-ranges"), "bytes");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("etag").len(), 34);
    assert_eq!(answer.header("vary"), "");
    assert_eq!(answer.header("etag"), get(&[], text("hello")).await.header("etag"));
    assert_ne!(answer.header("etag"), get(&[], text("hallo")).await.header("etag"));
}

#[tokio::test]
async fn head_tells_what_get_would_and_sends_nothing() {
    for reply in [
        text("hello"),
        of(vec![stored("hello").part()]),
        of(vec![]),
        with(text("x".repeat(3000)), "x-demo", "1"),
    ] {
        for headers in [&[][..], &[("accept-encoding", "gzip")]] {
            let get = get(headers, reply.clone()).await;
            let head = ask(Method::HEAD, headers, reply.clone()).await;
            assert_eq!(head.status, get.status);
            assert_eq!(head.headers, get.headers);
            assert_eq!(head.text(), "");
            assert_eq!(head.hinted, Some(0));
        }
    }
}

#[tokio::test]
async fn a_stored_object_gives_its_type_time_and_version() {
    let answer = get(
        &[],
        of(vec![Stored { content_type: Some("application/x-demo"), ..stored("0123456789") }.part()]),
    )
    .await;
    assert_eq!(answer.text(), "0123456789");
    assert_eq!(answer.header("content-type"), "application/x-demo");
    assert_eq!(answer.header("last-modified"), CHANGED_TEXT);
    assert_eq!(answer.header("etag"), "\"v1\"");
    let answer = get(
        &[],
        with(of(vec![Stored { version: "\"s3-2\"", ..stored("01") }.part()]), "last-modified", BEFORE),
    )
    .await;
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.header("last-modified"), BEFORE);
    assert_eq!(answer.header("etag"), "\"s3-2\"");
    let answer = get(&[], with(of(vec![stored("01").part()]), "etag", "sha256:abc")).await;
    assert_eq!(answer.header("etag"), "\"sha256:abc\"", "a tag without quotes gets them");
    let answer =
        get(&[], with(of(vec![Stored { version: "with space", ..stored("01") }.part()]), "etag", "no tag"))
            .await;
    assert_eq!(answer.header("etag").len(), 34);
}

#[tokio::test]
async fn several_parts_are_one_body() {
    let parts = || {
        vec![
            Part::Bytes("abc".into()),
            stored("0123456789").part(),
            Part::Bytes("".into()),
            Part::Bytes("xyz".into()),
        ]
    };
    let answer = get(&[], of(parts())).await;
    assert_eq!(answer.text(), "abc0123456789xyz");
    assert_eq!(answer.header("last-modified"), "");
    for start in 0..16_usize {
        for end in start..16 {
            let range = format!("bytes={start}-{end}");
            let answer = get(&[("range", &range)], of(parts())).await;
            assert_eq!(answer.status, 206);
            assert_eq!(answer.text(), &"abc0123456789xyz"[start..=end]);
            assert_eq!(answer.header("content-range"), format!("bytes {start}-{end}/16"));
        }
    }
    let other = get(
        &[],
        of(vec![
            Part::Bytes("abc".into()),
            Stored { version: "v2", ..stored("0123456789") }.part(),
            Part::Bytes("xyz".into()),
        ]),
    )
    .await;
    assert_ne!(answer.header("etag"), other.header("etag"));
}

#[tokio::test]
async fn ranges_are_answered_as_asked() {
    const OUTSIDE: &str = "the range that was asked for lies outside of the content, which has 10 bytes\n";
    for (range, status, body, content_range) in [
        ("bytes=0-0", 206, "0", "bytes 0-0/10"),
        ("bytes=4-", 206, "456789", "bytes 4-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=-30", 206, "0123456789", "bytes 0-9/10"),
        ("bytes=8-99999999999999999999999", 206, "89", "bytes 8-9/10"),
        ("Bytes=2-3", 206, "23", "bytes 2-3/10"),
        ("bytes=2-3,4-5", 206, "2345", "bytes 2-5/10"),
        ("bytes=4-6, 2-5 ,,", 206, "23456", "bytes 2-6/10"),
        ("bytes=0-1,20-", 206, "01", "bytes 0-1/10"),
        ("bytes=10-", 416, OUTSIDE, "bytes */10"),
        ("bytes=-0", 416, OUTSIDE, "bytes */10"),
        ("bytes=5-4", 416, OUTSIDE, "bytes */10"),
        ("bytes=a-4", 200, "0123456789", ""),
        ("bytes=-", 200, "0123456789", ""),
        ("bytes=", 200, "0123456789", ""),
        ("bytes=1-2-3", 200, "0123456789", ""),
        ("items=0-1", 200, "0123456789", ""),
        ("bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0", 200, "0123456789", ""),
    ] {
        let answer = get(&[("range", range)], text("0123456789")).await;
        assert_eq!(
            (answer.status, answer.text(), answer.header("content-range")),
            (status, body, content_range),
            "{range}"
        );
        assert_eq!(answer.header("accept-ranges"), "bytes");
        let head = ask(Method::HEAD, &[("range", range)], text("0123456789")).await;
        assert_eq!((head.status, head.header("content-length")), (200, "10"), "ranges are for GET");
    }
    let mut shaped = text("0123456789");
    shaped.shape = Some(FailureShape {
        content_type: "application/json".into(),
        template: r#"{"error":"{message}"}"#.into(),
    });
    let answer = get(&[("range", "bytes=10-")], shaped).await;
    assert_eq!((answer.status, answer.header("content-type")), (416, "application/json"));
    assert!(answer.text().starts_with(r#"{"error":"the range"#), "{}", answer.text());
    assert_eq!(get(&[("range", "bytes=0-")], text("")).await.status, 200);
    let mut whole = text("0123456789");
    whole.ranges = false;
    let answer = get(&[("range", "bytes=0-0")], whole).await;
    assert_eq!((answer.status, answer.header("accept-ranges")), (200, ""));
    let mut missing = text("0123456789");
    missing.status = StatusCode::NOT_FOUND;
    assert_eq!(get(&[("range", "bytes=0-0")], missing).await.status, 404);
    assert_eq!(ask(Method::POST, &[("range", "bytes=0-0")], text("0123456789")).await.status, 200);
}

#[tokio::test]
async fn several_ranges_come_as_parts_in_the_order_asked_for() {
    let reply = with(of(vec![stored("0123456789").part()]), "content-type", "text/x-demo");
    let answer = get(&[("range", "bytes=8-,0-1,-2,4-4")], reply).await;
    assert_eq!(answer.status, 206);
    assert_eq!(answer.header("content-range"), "");
    let boundary = answer.header("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap();
    let part = |range: &str, body: &str| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: text/x-demo\r\nContent-Range: bytes {range}/10\r\n\r\n{body}"
        )
    };
    let expected =
        part("8-9", "89") + &part("0-1", "01") + &part("4-4", "4") + &format!("\r\n--{boundary}--\r\n");
    assert_eq!(answer.text(), expected);
    assert_eq!(answer.header("content-length"), expected.len().to_string());
}

#[tokio::test]
async fn if_range_gives_the_whole_when_it_has_changed() {
    for (condition, status) in [
        ("\"v1\"", 206),
        (CHANGED_TEXT, 206),
        ("\"v2\"", 200),
        ("W/\"v1\"", 200),
        ("\"v1-gzip\"", 200),
        (BEFORE, 200),
        ("nonsense", 200),
    ] {
        let reply = of(vec![stored("0123456789").part()]);
        let answer = get(&[("range", "bytes=0-1"), ("if-range", condition)], reply).await;
        assert_eq!(answer.status, status, "{condition}");
    }
}

#[tokio::test]
async fn conditions_are_answered_in_the_order_of_the_rfc() {
    let cases: &[(&[(&'static str, &str)], u16)] = &[
        (&[("if-none-match", "\"v1\"")], 304),
        (&[("if-none-match", "W/\"v1\"")], 304),
        (&[("if-none-match", "\"a,b\", \"v1\"")], 304),
        (&[("if-none-match", "\"x\""), ("if-none-match", "\"v1\"")], 304),
        (&[("if-none-match", "v1")], 304),
        (&[("if-none-match", "*")], 304),
        (&[("if-none-match", "\"v1-gzip\"")], 304),
        (&[("if-none-match", "\"v1-other\"")], 200),
        (&[("if-none-match", "\"v2\", \"v\"")], 200),
        (&[("if-none-match", "\"v2"), ("if-none-match", "")], 200),
        (&[("if-none-match", "\"v2\""), ("if-modified-since", CHANGED_TEXT)], 200),
        (&[("if-modified-since", CHANGED_TEXT)], 304),
        (&[("if-modified-since", BEFORE)], 200),
        (&[("if-modified-since", "yesterday")], 200),
        (&[("if-match", "\"v1\"")], 200),
        (&[("if-match", "*")], 200),
        (&[("if-match", "W/\"v1\"")], 412),
        (&[("if-match", "\"v2\"")], 412),
        (&[("if-match", "\"v1\""), ("if-unmodified-since", BEFORE)], 200),
        (&[("if-unmodified-since", BEFORE)], 412),
        (&[("if-unmodified-since", CHANGED_TEXT)], 200),
        (&[("if-match", "\"v2\""), ("if-none-match", "\"v1\"")], 412),
        (&[("if-none-match", "\"v1\""), ("range", "bytes=0-1")], 304),
        (&[("if-match", "\"v1\""), ("range", "bytes=0-1")], 206),
    ];
    for (headers, status) in cases {
        for method in [Method::GET, Method::HEAD] {
            let is_range = *status == 206 && method == Method::HEAD;
            let answer = ask(method, headers, of(vec![stored("0123456789").part()])).await;
            assert_eq!(answer.status, if is_range { 200 } else { *status }, "{headers:?}");
        }
        let write = ask(Method::PUT, headers, of(vec![stored("0123456789").part()])).await;
        assert_eq!(write.status, 200, "conditions of a write are the plugin's");
        let mut missing = of(vec![stored("0123456789").part()]);
        missing.status = StatusCode::NOT_FOUND;
        assert_eq!(get(headers, missing).await.status, 404);
    }
}

#[tokio::test]
async fn not_modified_tells_what_caches_need_and_nothing_of_the_content() {
    let mut reply = with(
        with(with(text("hello"), "etag", "\"a\""), "cache-control", "max-age=5"),
        "docker-content-digest",
        "sha256:1",
    );
    reply.vary = vec![http::header::ACCEPT];
    reply.filename = Some("demo.txt".into());
    let answer = get(&[("if-none-match", "\"a\"")], reply).await;
    assert_eq!((answer.status, answer.text()), (304, ""));
    for (name, value) in [
        ("etag", "\"a\""),
        ("cache-control", "private, max-age=5"),
        ("vary", "accept"),
        ("docker-content-digest", "sha256:1"),
    ] {
        assert_eq!(answer.header(name), value);
    }
    for name in ["content-type", "content-length", "content-disposition", "accept-ranges"] {
        assert_eq!(answer.header(name), "", "{name}");
    }
}

async fn decode(coding: &str, body: &Bytes) -> Vec<u8> {
    use async_compression::tokio::bufread;
    let mut decoded = Vec::new();
    match coding {
        "gzip" => bufread::GzipDecoder::new(&body[..]).read_to_end(&mut decoded).await.unwrap(),
        "br" => bufread::BrotliDecoder::new(&body[..]).read_to_end(&mut decoded).await.unwrap(),
        "zstd" => bufread::ZstdDecoder::new(&body[..]).read_to_end(&mut decoded).await.unwrap(),
        other => panic!("{other} is none of ours"),
    };
    decoded
}

#[tokio::test]
async fn text_is_encoded_as_the_client_likes_it_whatever_it_comes_from() {
    let long = "a line that comes again and again\n".repeat(10_000);
    let (first, second) = long.split_at(1234);
    let bodies = [
        (vec![Part::Bytes(long[..2040].to_owned().into())], &long[..2040]),
        (vec![Part::Bytes(long.clone().into())], long.as_str()),
        (vec![Part::Bytes(first.to_owned().into()), stored(second.to_owned()).part()], long.as_str()),
    ];
    for coding in ["gzip", "br", "zstd"] {
        for (parts, plain) in &bodies {
            let reply = with(with(of(parts.clone()), "content-type", "application/json"), "etag", "\"e\"");
            let answer = get(&[("accept-encoding", coding)], reply).await;
            assert_eq!(answer.header("content-encoding"), coding);
            assert_eq!(answer.header("vary"), "accept-encoding");
            assert_eq!(answer.header("etag"), format!("\"e-{coding}\""));
            assert_eq!(answer.header("accept-ranges"), "");
            assert_eq!(answer.header("content-length").is_empty(), parts.len() > 1, "bytes have a length");
            let body = answer.body.unwrap();
            assert!(body.len() < plain.len() / 5, "{coding} makes {} of {}", body.len(), plain.len());
            assert_eq!(decode(coding, &body).await, plain.as_bytes());
        }
    }
}

#[tokio::test]
async fn what_is_not_to_be_encoded_is_sent_as_it_is() {
    let long = || text("again ".repeat(1000));
    let ask = [("accept-encoding", "gzip, zstd")];
    let mut off = long();
    off.compression = false;
    let mut image = long();
    image.headers.insert("content-type", HeaderValue::from_static("image/png"));
    let forbidden = with(long(), "cache-control", "max-age=3, no-transform");
    for reply in [off, image, forbidden, text("short")] {
        let answer = get(&ask, reply).await;
        assert_eq!((answer.header("content-encoding"), answer.header("vary")), ("", ""));
    }
    let encoded = get(&ask, with(long(), "content-encoding", "x-demo")).await;
    assert_eq!((encoded.header("content-encoding"), encoded.header("vary")), ("x-demo", ""));
    // Negotiated all the same, so caches must know.
    let answer = get(&[], long()).await;
    assert_eq!((answer.header("content-encoding"), answer.header("vary")), ("", "accept-encoding"));
    let answer = get(&[ask[0], ("range", "bytes=0-4")], long()).await;
    assert_eq!((answer.status, answer.text(), answer.header("content-encoding")), (206, "again", ""));
}

#[tokio::test]
async fn noise_that_would_grow_stays_as_it_is() {
    let mut seed = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()[0]
    })
    .take(5000)
    .collect();
    let answer = get(&[("accept-encoding", "gzip")], with(text(noise), "etag", "\"n\"")).await;
    assert_eq!((answer.header("content-encoding"), answer.header("etag")), ("", "\"n\""));
    assert_eq!(answer.header("content-length"), "5000");
}

#[tokio::test]
async fn an_encoded_answer_is_known_again() {
    let long = || with(text("again ".repeat(1000)), "etag", "\"e\"");
    for (tag, sent_back) in [
        ("\"e-zstd\"", "\"e-zstd\""),
        ("\"e\"", "\"e\""),
        ("W/\"e-gzip\"", "W/\"e-gzip\""),
        ("*", "\"e-zstd\""),
    ] {
        let answer = get(&[("accept-encoding", "zstd"), ("if-none-match", tag)], long()).await;
        assert_eq!((answer.status, answer.header("etag")), (304, sent_back));
        assert_eq!(answer.header("vary"), "accept-encoding");
    }
    let weak = with(text("again ".repeat(1000)), "etag", "W/\"e\"");
    assert_eq!(get(&[("accept-encoding", "zstd")], weak).await.header("etag"), "W/\"e\"");
}

#[tokio::test]
async fn the_hosts_headers_are_the_hosts() {
    let mut reply = text("hello");
    for (name, value) in [
        ("content-length", "99"),
        ("transfer-encoding", "chunked"),
        ("connection", "close, x-hop"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("upgrade", "h2c"),
        ("vary", "cookie"),
        ("accept-ranges", "none"),
        ("date", "now"),
        ("x-kept", "1"),
        ("x-kept", "2"),
    ] {
        reply = with(reply, name, value);
    }
    reply.vary = vec![http::header::ACCEPT, http::header::HOST, http::header::ACCEPT];
    let answer = get(&[], reply).await;
    for name in ["transfer-encoding", "connection", "x-hop", "keep-alive", "upgrade", "date"] {
        assert_eq!(answer.header(name), "", "{name}");
    }
    assert_eq!(answer.header("content-length"), "5");
    assert_eq!(answer.header("vary"), "accept, host");
    assert_eq!(answer.headers.get_all("x-kept").iter().count(), 2);
}

#[tokio::test]
async fn adds_what_the_plugin_left_to_the_host() {
    let mut reply = text("hello");
    reply.immutable = true;
    reply.filename = Some("demo.tgz".into());
    reply.public = true;
    let answer = get(&[], reply.clone()).await;
    assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"demo.tgz\"");
    assert_eq!(get(&[], with(reply, "cache-control", "private")).await.header("cache-control"), "private");
    let mut denied = text("sign in");
    denied.status = StatusCode::UNAUTHORIZED;
    assert_eq!(get(&[], denied.clone()).await.header("www-authenticate"), "Basic realm=\"packhouse\"");
    let challenged = get(&[], with(denied, "www-authenticate", "Bearer realm=\"x\"")).await;
    assert_eq!(challenged.headers.get_all("www-authenticate").iter().count(), 1);
    assert_eq!(challenged.header("etag"), "", "an error has no tag of ours");
}

#[tokio::test]
async fn a_reply_that_is_not_for_everybody_says_private_whatever_its_status_is() {
    let etag = |reply| with(reply, "etag", "\"v1\"");
    let cases: [(&[(&str, &str)], u16); 6] = [
        (&[], 200),
        (&[("if-none-match", "\"v1\"")], 304),
        (&[("if-match", "\"v2\"")], 412),
        (&[("range", "bytes=0-1")], 206),
        (&[("range", "bytes=0-1,3-4")], 206),
        (&[("range", "bytes=99-")], 416),
    ];
    for (headers, status) in cases {
        let mut reply = etag(text("hello"));
        let private = get(headers, reply.clone()).await;
        let is_failure = matches!(status, 412 | 416);
        let expected = if is_failure { "private, no-store" } else { "private" };
        assert_eq!((private.status, private.header("cache-control")), (status, expected));
        reply.immutable = true;
        let private = get(headers, reply.clone()).await;
        let expected = if is_failure { "private, no-store" } else { "private, max-age=31536000, immutable" };
        assert_eq!((private.status, private.header("cache-control")), (status, expected));
        reply.public = true;
        assert!(!get(headers, reply).await.header("cache-control").starts_with("private") || is_failure);
    }
    for status in [204, 301, 401, 403, 404, 500, 999] {
        let mut reply = text("x");
        reply.status = StatusCode::from_u16(status).unwrap();
        let answer = get(&[], reply).await;
        assert!(answer.header("cache-control").starts_with("private"), "{status}");
    }
}

#[tokio::test]
async fn a_plugin_cannot_make_a_private_reply_public() {
    for (set, sent) in [
        ("public, max-age=60", "private, max-age=60"),
        ("Public,S-MaxAge=60", "private"),
        ("no-store", "private, no-store"),
        ("private", "private"),
        ("private=\"x-a\", max-age=1", "private, max-age=1"),
    ] {
        let reply = with(text("x"), "cache-control", set);
        let reply = with(with(reply, "cdn-cache-control", "public"), "surrogate-control", "max-age=9");
        let answer = get(&[], reply.clone()).await;
        assert_eq!(answer.header("cache-control"), sent);
        assert_eq!((answer.header("cdn-cache-control"), answer.header("surrogate-control")), ("", ""));
        let public = get(&[], Reply { public: true, ..reply }).await;
        assert_eq!(
            public.header("cache-control").to_lowercase().replace(' ', ""),
            set.to_lowercase().replace(' ', "")
        );
    }
    let public = get(&[], Reply { public: true, ..text("x") }).await;
    assert_eq!(public.header("cache-control"), "");
}

#[tokio::test]
async fn no_response_runs_in_a_browser() {
    let sandbox = "sandbox; default-src 'none'";
    let weakened = with(text("x"), "content-security-policy", "script-src *");
    for reply in [text("x"), weakened, of(vec![stored("x").part()])] {
        for headers in [&[][..], &[("range", "bytes=0-0")], &[("if-none-match", "*")]] {
            let answer = get(headers, reply.clone()).await;
            assert_eq!(answer.headers.get_all("content-security-policy").iter().count(), 1);
            assert_eq!(answer.header("content-security-policy"), sandbox, "{headers:?}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
        }
    }
    let mut page = text("<p>");
    page.headers.insert("content-type", HeaderValue::from_static("text/html; charset=utf-8"));
    let page = get(&[], page).await;
    let expected = "sandbox allow-downloads; default-src 'none'; style-src 'unsafe-inline'";
    assert_eq!(page.header("content-security-policy"), expected);
}

#[tokio::test]
async fn a_stored_content_type_that_a_browser_runs_is_not_served() {
    for (kind, served) in [
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("application/gzip", "application/gzip"),
    ] {
        let object = Stored { content_type: Some(kind), ..stored("x") };
        assert_eq!(get(&[], of(vec![object.part()])).await.header("content-type"), served);
    }
}

#[tokio::test]
async fn a_status_without_content_sends_none() {
    for (status, length) in [(204, ""), (205, "0"), (304, "")] {
        let mut reply = text("surplus");
        reply.status = StatusCode::from_u16(status).unwrap();
        let answer = get(&[], reply).await;
        assert_eq!((answer.status, answer.text(), answer.header("content-length")), (status, "", length));
    }
    let mut reply = text("x");
    reply.status = StatusCode::CONTINUE;
    assert_eq!(get(&[], reply).await.status, 500);
    let mut reply = text("x");
    reply.status = StatusCode::from_u16(999).unwrap();
    assert_eq!(get(&[], reply).await.status, 500);
}

#[tokio::test]
async fn a_source_that_breaks_is_an_error_and_never_a_short_answer() {
    let broken = |off_by| {
        of(vec![
            Part::Bytes("abc".into()),
            Stored { off_by, ..stored("0123456789") }.part(),
            Part::Bytes("xyz".into()),
        ])
    };
    let short = get(&[], broken(-1)).await;
    assert!(matches!(short.body, Err(BodyStreamError::Short { missing: 1 })));
    let long = get(&[], broken(1)).await;
    assert!(matches!(long.body, Err(BodyStreamError::Long { surplus: 1 })));
    let range = get(&[("range", "bytes=0-5")], broken(-1)).await;
    assert!(range.body.is_err());
    // An encoded one breaks too.
    let reply = with(
        of(vec![Stored { off_by: -1, ..stored("again ".repeat(1000)) }.part()]),
        "content-type",
        "text/plain",
    );
    let encoded = get(&[("accept-encoding", "gzip")], reply).await;
    assert_eq!(encoded.header("content-encoding"), "gzip");
    assert!(encoded.body.is_err());
}

#[tokio::test]
async fn a_tag_settled_before_is_the_one_that_is_sent() {
    let plain = get(&[], text("hello")).await;
    let mut reply = text("hello");
    settle_etag(&mut reply).await;
    assert_eq!(reply.headers["etag"], plain.headers["etag"]);
    assert_eq!(get(&[], reply).await.headers, plain.headers);
    let mut divided = of(vec![Part::Bytes("hel".into()), Part::Bytes("lo".into())]);
    settle_etag(&mut divided).await;
    assert_eq!(divided.headers["etag"], plain.headers["etag"]);
}

#[tokio::test]
async fn a_failure_may_say_its_reason_on_the_status_line() {
    let reason = |status: StatusCode, text: &str| {
        let reply = Reply { reason: Some(text.to_owned()), ..Reply::new(status) };
        async move {
            let (method, headers) = (Method::POST, HeaderMap::new());
            let response = respond(RequestHead { method: &method, headers: &headers }, reply).await;
            let phrase = response.extensions().get::<hyper::ext::ReasonPhrase>().cloned();
            phrase.map(|phrase| String::from_utf8(phrase.as_bytes().to_vec()).unwrap())
        }
    };
    let exists = reason(StatusCode::CONFLICT, "File already exists: a-1.0.whl").await;
    assert_eq!(exists.as_deref(), Some("File already exists: a-1.0.whl"));
    let tricky = reason(StatusCode::BAD_REQUEST, "\u{e4}\tb\r\nSet-Cookie: x").await;
    assert_eq!(tricky.as_deref(), Some("??b"));
    assert_eq!(reason(StatusCode::BAD_REQUEST, &"x".repeat(400)).await.map(|text| text.len()), Some(300));
    assert_eq!(reason(StatusCode::BAD_REQUEST, "\n").await, None);
    assert_eq!(reason(StatusCode::OK, "Fine").await, None);
}

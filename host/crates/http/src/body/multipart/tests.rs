#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;

use super::super::{BodyError, Layer, Limits, RequestBody};
use super::{MAX_HEADERS, MAX_PARTS, boundary};

const FORM: Option<&str> = Some("multipart/form-data; boundary=edge");

/// The text in pieces of so many bytes.
fn body(text: &str, most: usize) -> RequestBody {
    let frames: Vec<Result<Frame<Bytes>, std::io::Error>> =
        text.as_bytes().chunks(most).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
    RequestBody::new(StreamBody::new(stream::iter(frames)), Limits::default())
}

/// One part as clients send it.
fn part(name: &str, content: &str) -> String {
    format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
}

async fn rest(body: &mut RequestBody, layer: Layer) -> Result<String, BodyError> {
    let mut all = Vec::new();
    while let Some(bytes) = body.chunk(layer).await? {
        all.extend_from_slice(&bytes);
    }
    Ok(String::from_utf8(all).unwrap())
}

/// Names and contents of all parts.
async fn read(body: &mut RequestBody) -> Result<Vec<(String, String)>, BodyError> {
    let mut all = Vec::new();
    while let Some((head, layer)) = body.next_part(FORM).await? {
        all.push((head.name, rest(body, layer).await?));
    }
    Ok(all)
}

fn invalid<T: std::fmt::Debug>(result: Result<T, BodyError>) -> String {
    match result {
        Err(BodyError::Invalid(reason)) => reason,
        other => panic!("{other:?} is not invalid"),
    }
}

#[tokio::test]
async fn what_stands_before_the_first_part_is_limited() {
    for (size, piece) in [(200_000, 1000), (70_000, 200_000)] {
        let text = format!("{}\r\n{}--edge--", "x".repeat(size), part("a", "1"));
        let mut body = body(&text, piece);
        let reason = invalid(body.next_part(FORM).await);
        assert!(reason.contains("within its first 65536 bytes"), "{reason}");
        invalid(body.next_part(FORM).await);
    }
    let text = format!("{}\r\n{}--edge--", "x".repeat(60_000), part("a", "1"));
    assert_eq!(read(&mut body(&text, 1000)).await, Ok(vec![("a".to_owned(), "1".to_owned())]));
}

#[tokio::test]
async fn parts_come_in_order_whatever_the_pieces() {
    let contents = ["", "1", "\r\n", "\r\n--edg", "a\r\n--\r\n-\r\n--edgf", "--edge", "\r", "line\r\nline"];
    let mut text = "a preamble\r\n".to_owned();
    for (number, content) in contents.iter().enumerate() {
        text.push_str(&part(&number.to_string(), content));
    }
    text.push_str("--edge--\r\nan epilogue");
    let expected: Vec<(String, String)> =
        contents.iter().enumerate().map(|(number, text)| (number.to_string(), (*text).to_owned())).collect();
    for most in 1..=text.len() {
        let mut body = body(&text, most);
        assert_eq!(read(&mut body).await.unwrap(), expected, "pieces of {most}");
        assert_eq!(body.next_part(FORM).await, Ok(None));
    }
}

#[tokio::test]
async fn what_was_not_read_of_a_part_is_skipped() {
    let text = format!("{}{}--edge--", part("first", "0123456789"), part("second", "x"));
    for most in [1, 7, 1000] {
        let mut body = body(&text, most);
        let (_, first) = body.next_part(FORM).await.unwrap().unwrap();
        assert_eq!(body.read(first, 3).await.unwrap().unwrap(), "012");
        let (head, second) = body.next_part(FORM).await.unwrap().unwrap();
        assert_eq!(head.name, "second");
        assert!(invalid(body.read(first, 1).await).contains("closed"));
        assert_eq!(rest(&mut body, second).await.unwrap(), "x");
    }
}

#[tokio::test]
async fn a_form_that_does_not_end_is_truncated() {
    let whole = format!("{}{}--edge--\r\n", part("a", "1"), part("b", "22"));
    for length in 0..whole.len() - 2 {
        let mut body = body(&whole[..length], 16);
        // The last delimiter without its second dash is no delimiter yet.
        assert_eq!(read(&mut body).await, Err(BodyError::Truncated), "after {length} bytes");
        assert_eq!(body.next_part(FORM).await, Err(BodyError::Truncated), "and stays so");
    }
}

#[tokio::test]
async fn heads_are_read_as_clients_write_them() {
    let heads = [
        (r#"form-data; name="content"; filename="a-1.0.whl""#, "content", Some("a-1.0.whl")),
        ("FORM-DATA; name=content; filename=a.whl", "content", Some("a.whl")),
        (r#"form-data; filename="a;b=c.whl"; name=":action""#, ":action", Some("a;b=c.whl")),
        (r#"form-data; name="a\"b\\c""#, "a\"b\\c", None),
        (r#"form-data; name="f"; filename="C:\dir\file""#, "f", Some(r"C:\dir\file")),
        ("form-data; name=\"f\"; filename*=utf-8''%e2%82%ac.txt", "f", Some("\u{20ac}.txt")),
        ("form-data; name=\"\u{e4}\"", "\u{e4}", None),
    ];
    for (disposition, name, filename) in heads {
        let text = format!(
            "--edge  \r\nContent-Type: text/plain\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n--edge--"
        );
        let mut body = body(&text, 5);
        let (head, _) = body.next_part(FORM).await.unwrap().unwrap();
        assert_eq!((head.name.as_str(), head.filename.as_deref()), (name, filename), "{disposition}");
        assert_eq!(head.headers[0], ("content-type".to_owned(), "text/plain".to_owned()));
    }
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    for content_type in [
        None,
        Some("application/json"),
        Some("multipart/form-data"),
        Some("multipart/form-data; boundary="),
        Some("multipart/mixed; boundary=edge"),
    ] {
        let mut body = body("--edge--", 100);
        let reason = invalid(body.next_part(content_type).await);
        assert!(reason.contains("boundary"), "{content_type:?}: {reason}");
    }
    for text in [
        "--edgeway\r\n\r\n\r\n--edge--",
        "--edge\r\n\r\nno headers\r\n--edge--",
        "--edge\r\nContent-Type: text/plain\r\n\r\nno name\r\n--edge--",
        "--edge\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n--edge--",
        "--edge\r\nContent Disposition: form-data\r\n\r\nx\r\n--edge--",
        "--edge\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--edge!",
    ] {
        let mut body = body(text, 3);
        let reason = invalid(read(&mut body).await);
        assert_eq!(invalid(body.next_part(FORM).await), reason, "and it stays so");
    }
}

#[tokio::test]
async fn headers_and_parts_are_counted() {
    let long = format!("--edge\r\nX-Long: {}", "x".repeat(MAX_HEADERS * 2));
    assert!(invalid(read(&mut body(&long, 1000)).await).contains("longer than"));
    let many = format!("--edge\r\n{}\r\n\r\n", "A: b\r\n".repeat(40));
    assert!(invalid(read(&mut body(&many, 1000)).await).contains("headers"));
    let parts = part("a", "1").repeat(MAX_PARTS + 1);
    assert!(invalid(read(&mut body(&parts, 10_000)).await).contains("more than"));
}

#[test]
fn a_boundary_may_be_quoted() {
    let found = |text: &str| boundary(text).unwrap();
    assert_eq!(found("multipart/form-data; boundary=\"a b;c\""), "a b;c");
    assert_eq!(found("Multipart/Form-Data;charset=utf-8;BOUNDARY=----x"), "----x");
}

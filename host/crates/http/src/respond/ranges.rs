//! `Range` and its responses, RFC 9110 §14 and §15.3.7.
//!
//! It knows sizes, not bytes.

use std::ops::Range;

use http::HeaderValue;

use super::content::Content;
use super::stream::{Piece, ResponseBody};

/// The most ranges that an honest client sends (RFC 9110 §17.15). For more, the whole is sent.
const MOST_RANGES: usize = 16;

/// The result of parsing a `Range` header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The whole: the header is malformed, has another unit, or has too many ranges.
    Whole,
    /// These ranges, in the requested order. None is empty, and none touches another.
    Ranges(Vec<Range<u64>>),
    /// Nothing of the content: 416.
    Nothing,
}

/// RFC 9110 §14.1.2. A `Range` of empty content is ignored, because no `Content-Range` can describe
/// it.
pub(super) fn parse(header: &HeaderValue, size: u64) -> Wanted {
    let Some(set) = header.to_str().ok().and_then(byte_range_set) else {
        return Wanted::Whole;
    };
    if size == 0 {
        return Wanted::Whole;
    }
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for (count, spec) in
        set.split(',').map(|spec| spec.trim_matches([' ', '\t'])).filter(|spec| !spec.is_empty()).enumerate()
    {
        if count == MOST_RANGES {
            return Wanted::Whole;
        }
        match resolve(spec, size) {
            None => return Wanted::Whole,
            Some(range) if range.is_empty() => {}
            Some(range) => merge(&mut ranges, range),
        }
    }
    if ranges.is_empty() { Wanted::Nothing } else { Wanted::Ranges(ranges) }
}

fn byte_range_set(header: &str) -> Option<&str> {
    let (unit, set) = header.split_once('=')?;
    let has_spec = set.split(',').any(|spec| !spec.trim().is_empty());
    (unit.trim().eq_ignore_ascii_case("bytes") && has_spec).then_some(set)
}

/// One range-spec as a range within `size`: empty if it is outside of the content, none if it is
/// malformed. RFC 9110 §14.2 permits us to ignore or reject a range that ends before it starts. It
/// counts as outside, because a client that requested a part should not get the whole.
fn resolve(spec: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    match (first, last) {
        ("", suffix) => Some(size.saturating_sub(number(suffix)?)..size),
        (first, "") => Some(number(first)?.min(size)..size),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            let end = if first <= last { last.saturating_add(1) } else { first };
            Some(first.min(size)..end.min(size))
        }
    }
}

/// Digits only. A number that is too large for us is larger than every size.
fn number(digits: &str) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Adds a range. It is joined with all ranges that it overlaps or touches, at the position of the
/// first of them (RFC 9110 §15.3.7.2).
fn merge(ranges: &mut Vec<Range<u64>>, mut range: Range<u64>) {
    let mut place = ranges.len();
    let mut index = 0;
    while let Some(other) = ranges.get(index) {
        if other.start <= range.end && range.start <= other.end {
            range = other.start.min(range.start)..other.end.max(range.end);
            ranges.remove(index);
            place = place.min(index);
        } else {
            index += 1;
        }
    }
    ranges.insert(place.min(ranges.len()), range);
}

/// RFC 9110 §14.4.
pub(super) fn content_range(range: &Range<u64>, size: u64) -> HeaderValue {
    ascii(&content_range_text(range, size))
}

pub(super) fn no_content_range(size: u64) -> HeaderValue {
    ascii(&format!("bytes */{size}"))
}

fn content_range_text(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A `multipart/byteranges` response, RFC 9110 §14.6.
pub(super) struct Multipart {
    boundary: String,
    parts: Vec<(String, Range<u64>)>,
    end: String,
}

impl Multipart {
    pub fn new(wanted: &[Range<u64>], size: u64, content_type: Option<&HeaderValue>) -> Self {
        let boundary = uuid::Uuid::new_v4().simple().to_string();
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .map(|value| format!("Content-Type: {value}\r\n"))
            .unwrap_or_default();
        let parts = wanted
            .iter()
            .map(|range| {
                let position = content_range_text(range, size);
                let head = format!("\r\n--{boundary}\r\n{content_type}Content-Range: {position}\r\n\r\n");
                (head, range.clone())
            })
            .collect();
        let end = format!("\r\n--{boundary}--\r\n");
        Self { boundary, parts, end }
    }

    pub fn content_type(&self) -> HeaderValue {
        ascii(&format!("multipart/byteranges; boundary={}", self.boundary))
    }

    pub fn body(self, content: &Content) -> ResponseBody {
        let mut length = self.end.len() as u64;
        let mut pieces = std::collections::VecDeque::new();
        for (head, range) in self.parts {
            length += head.len() as u64 + (range.end - range.start);
            pieces.push_back(Piece::Bytes(head.into()));
            pieces.extend(content.pieces(&range));
        }
        pieces.push_back(Piece::Bytes(self.end.into()));
        ResponseBody::pieces(pieces, length)
    }
}

//! Strict percent-decoding of path segments: a segment that could mean two things is rejected. It
//! does not know routes.

use std::fmt;

/// A path segment that cannot be a name. It is a 400 in every protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSegment {
    /// The name of the parameter in the pattern of the route.
    pub parameter: String,
    /// The problem.
    pub reason: BadSegmentReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadSegmentReason {
    /// `%` without two hexadecimal digits.
    PercentEncoding,
    NotUtf8,
    /// NUL, a line end, an escape…
    ControlCharacter,
    /// `.` or `..`, in any encoding.
    DotSegment,
    /// `%2F` where `/` is not allowed.
    Slash,
    Empty,
}

impl fmt::Display for BadSegment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            BadSegmentReason::PercentEncoding => "has invalid percent-encoding",
            BadSegmentReason::NotUtf8 => "is not UTF-8",
            BadSegmentReason::ControlCharacter => "has a control character",
            BadSegmentReason::DotSegment => "must not be `.` or `..`",
            BadSegmentReason::Slash => "must not contain an encoded `/`",
            BadSegmentReason::Empty => "must not be empty",
        };
        write!(formatter, "the path's `{}` {reason}", self.parameter)
    }
}

impl std::error::Error for BadSegment {}

/// Decodes one or more raw segments, joined by `/`. `slash`: whether `%2F` is allowed as a `/` of
/// the name. `.` and `..` are rejected between these too.
pub(crate) fn decode(raw: &str, slash: bool) -> Result<String, BadSegmentReason> {
    let mut decoded = String::with_capacity(raw.len());
    for (index, segment) in raw.split('/').enumerate() {
        let segment = decode_one(segment)?;
        if !slash && segment.contains('/') {
            return Err(BadSegmentReason::Slash);
        }
        if index > 0 {
            decoded.push('/');
        }
        decoded.push_str(&segment);
    }
    for name in decoded.split('/') {
        match name {
            "" => return Err(BadSegmentReason::Empty),
            "." | ".." => return Err(BadSegmentReason::DotSegment),
            _ => {}
        }
    }
    Ok(decoded)
}

fn decode_one(segment: &str) -> Result<String, BadSegmentReason> {
    let bytes = segment.as_bytes();
    for (index, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%') {
        let digits = bytes.get(index + 1..index + 3).unwrap_or_default();
        if digits.len() != 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(BadSegmentReason::PercentEncoding);
        }
    }
    let decoded =
        percent_encoding::percent_decode_str(segment).decode_utf8().map_err(|_| BadSegmentReason::NotUtf8)?;
    if decoded.chars().any(char::is_control) {
        return Err(BadSegmentReason::ControlCharacter);
    }
    Ok(decoded.into_owned())
}

/// The pairs of a query (`a=b&c`), decoded as in forms: `+` is a space. Invalid encodings stay as
/// they were sent.
pub(crate) fn query_pairs(query: &str) -> Vec<(String, String)> {
    let decode = |part: &str| {
        let part = part.replace('+', " ");
        percent_encoding::percent_decode_str(&part).decode_utf8_lossy().into_owned()
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_names_as_clients_send_them() {
        assert_eq!(decode("left-pad", false).as_deref(), Ok("left-pad"));
        assert_eq!(decode("%40scope", false).as_deref(), Ok("@scope"));
        assert_eq!(decode("a/b%20c", false).as_deref(), Ok("a/b c"));
        assert_eq!(decode("@scope%2fname", true).as_deref(), Ok("@scope/name"));
    }

    #[test]
    fn refuses_what_could_mean_something_else() {
        for (raw, reason) in [
            ("a%2", BadSegmentReason::PercentEncoding),
            ("a%zz", BadSegmentReason::PercentEncoding),
            ("%ff", BadSegmentReason::NotUtf8),
            ("a%00", BadSegmentReason::ControlCharacter),
            ("a%0a", BadSegmentReason::ControlCharacter),
            ("%2e%2E", BadSegmentReason::DotSegment),
            ("a/../b", BadSegmentReason::DotSegment),
            ("a%2fb", BadSegmentReason::Slash),
            ("a//b", BadSegmentReason::Empty),
            ("", BadSegmentReason::Empty),
        ] {
            assert_eq!(decode(raw, false), Err(reason), "{raw}");
        }
        assert_eq!(decode("a%2f..%2fb", true), Err(BadSegmentReason::DotSegment));
    }

    #[test]
    fn reads_queries_as_forms() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            query_pairs("text=a+b%20c&&flag&x=1=2&bad=%zz"),
            [pair("text", "a b c"), pair("flag", ""), pair("x", "1=2"), pair("bad", "%zz"),]
        );
    }
}

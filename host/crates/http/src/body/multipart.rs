//! The parts of a form (`multipart/form-data`, RFC 7578): where each part begins and ends, and its
//! headers. Nothing here waits, or holds more than the headers of one part.
//!
//! It must not know what the fields mean.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

use super::BodyError;
use super::layer::Decoded;

/// The most parts of one form.
pub const MAX_PARTS: usize = 1000;
/// The most bytes of headers before one part.
pub const MAX_HEADERS: usize = 16 << 10;
/// The most headers before one part.
const MAX_HEADER_COUNT: usize = 32;
/// The most bytes before the first part. Clients send none.
const MAX_PREAMBLE: usize = 64 << 10;
/// The longest boundary (RFC 2046 §5.1.1).
const MAX_BOUNDARY: usize = 70;

/// The headers of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartHead {
    /// The field's name.
    pub name: String,
    pub filename: Option<String>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

/// The position in the form.
pub(super) struct Form {
    delimiter: Arc<Finder<'static>>,
    pub begun: bool,
    pub ended: bool,
    /// The beginning of the next part can no longer be found.
    pub failed: Option<BodyError>,
    parts: usize,
}

impl Form {
    /// From the request's content type. `Invalid` if it is not that of a form.
    pub fn new(content_type: Option<&str>) -> Result<Self, BodyError> {
        let boundary = content_type.and_then(boundary).ok_or_else(|| {
            bad("the request is not a form: its content type must be `multipart/form-data` with a boundary")
        })?;
        if boundary.is_empty() || boundary.len() > MAX_BOUNDARY || !boundary.is_ascii() {
            return Err(bad("the form's boundary must be 1 to 70 characters of ASCII"));
        }
        let delimiter = Arc::new(Finder::new(&format!("\r\n--{boundary}")).into_owned());
        Ok(Self { delimiter, begun: false, ended: false, failed: None, parts: 0 })
    }

    /// The decoder for what precedes the first part, which may be nothing.
    pub fn preamble(&self) -> Decoder {
        let carry = Bytes::from_static(b"\r\n");
        Decoder { delimiter: Arc::clone(&self.delimiter), carry, left: Some(MAX_PREAMBLE) }
    }

    /// The decoder for the next part.
    pub fn part(&mut self) -> Result<Decoder, BodyError> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(bad(&format!("the form has more than {MAX_PARTS} parts")));
        }
        Ok(Decoder { delimiter: Arc::clone(&self.delimiter), carry: Bytes::new(), left: None })
    }
}

/// The meaning of the bytes behind a delimiter.
pub(super) enum Behind {
    /// More bytes are needed.
    Partial,
    /// It was the last delimiter.
    End,
    /// The headers of a part, and how many bytes they have.
    Part(PartHead, usize),
}

/// Reads what follows a delimiter (RFC 2046 §5.1.1): `--`, or a line's end and headers.
pub(super) fn read_head(bytes: &[u8]) -> Result<Behind, BodyError> {
    if bytes.starts_with(b"--") {
        return Ok(Behind::End);
    }
    let padding = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let line = bytes.get(padding..).unwrap_or_default();
    let Some(text) = line.strip_prefix(b"\r\n") else {
        let is_begun = line.is_empty() || line == b"\r" || bytes == b"-";
        return if is_begun { Ok(Behind::Partial) } else { Err(bad("a delimiter of the form is broken")) };
    };
    let mut slots = [httparse::EMPTY_HEADER; MAX_HEADER_COUNT];
    match httparse::parse_headers(text, &mut slots) {
        Ok(httparse::Status::Partial) => Ok(Behind::Partial),
        Ok(httparse::Status::Complete((length, headers))) => {
            Ok(Behind::Part(PartHead::read(headers)?, padding + 2 + length))
        }
        Err(error) => Err(bad(&format!("the headers of a part of the form cannot be read: {error}"))),
    }
}

impl PartHead {
    fn read(headers: &[httparse::Header<'_>]) -> Result<Self, BodyError> {
        let headers: Vec<(String, String)> = headers
            .iter()
            .map(|header| {
                (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
            })
            .collect();
        let disposition = headers.iter().find(|(name, _)| name == "content-disposition");
        let (kind, parameters) = disposition.map(|(_, value)| split_parameters(value)).unwrap_or_default();
        let name = parameter(&parameters, "name");
        match name {
            Some(name) if kind.eq_ignore_ascii_case("form-data") => {
                Ok(Self { name, filename: parameter(&parameters, "filename"), headers })
            }
            _ => Err(bad("a part of the form has no `Content-Disposition: form-data` with a name")),
        }
    }
}

/// Ends a part at the next delimiter, and reads the delimiter too.
pub(super) struct Decoder {
    delimiter: Arc<Finder<'static>>,
    /// The end of the input up to now, in which a delimiter may have begun.
    carry: Bytes,
    /// The most bytes before the delimiter; none without a limit.
    left: Option<usize>,
}

impl Decoder {
    /// None is the end of the body, which is an error inside a part.
    pub fn decode(&mut self, input: Option<Bytes>) -> Result<Decoded, BodyError> {
        let mut bytes = self.with_carry(input.ok_or(BodyError::Truncated)?);
        let delimiter = self.delimiter.needle();
        if let Some(at) = self.delimiter.find(&bytes) {
            let rest = bytes.split_off(at + delimiter.len());
            bytes.truncate(at);
            self.count(bytes.len())?;
            return Ok(Decoded { output: bytes, rest, ended: true });
        }
        let most = bytes.len().min(delimiter.len() - 1);
        let begun = (1..=most)
            .rev()
            .find(|length| bytes.get(bytes.len() - length..).is_some_and(|end| delimiter.starts_with(end)));
        self.carry = bytes.split_off(bytes.len() - begun.unwrap_or(0));
        self.count(bytes.len())?;
        Ok(Decoded { output: bytes, rest: Bytes::new(), ended: false })
    }

    fn count(&mut self, bytes: usize) -> Result<(), BodyError> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(bytes).ok_or_else(|| {
                bad(&format!("no part of the form begins within its first {MAX_PREAMBLE} bytes"))
            })?;
        }
        Ok(())
    }

    fn with_carry(&mut self, input: Bytes) -> Bytes {
        let carry = std::mem::take(&mut self.carry);
        if carry.is_empty() {
            return input;
        }
        let mut joined = BytesMut::with_capacity(carry.len() + input.len());
        joined.extend_from_slice(&carry);
        joined.extend_from_slice(&input);
        joined.freeze()
    }
}

/// The boundary that a content type names.
fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = split_parameters(content_type);
    if !kind.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameter(&parameters, "boundary")
}

/// The first of several; `name*` (RFC 8187) if there is no `name`.
fn parameter(parameters: &[(String, String)], name: &str) -> Option<String> {
    let find = |name: &str| {
        parameters.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    if let Some(value) = find(name) {
        return Some(value.clone());
    }
    let extended = find(&format!("{name}*"))?;
    let (charset, rest) = extended.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    percent_encoding::percent_decode_str(encoded).decode_utf8().ok().map(Into::into)
}

/// `kind; name=value; name="value"`, where `\"` and `\\` are escapes in quotes.
fn split_parameters(text: &str) -> (String, Vec<(String, String)>) {
    let (kind, mut rest) = text.split_once(';').unwrap_or((text, ""));
    let mut parameters = Vec::new();
    while let Some((name, behind)) = rest.split_once('=') {
        let name = name.trim_matches([' ', '\t', ';']).to_owned();
        let behind = behind.trim_start();
        let value;
        if let Some(quoted) = behind.strip_prefix('"') {
            (value, rest) = split_quoted(quoted);
            rest = rest.split_once(';').map_or("", |(_, rest)| rest);
        } else {
            let (plain, next) = behind.split_once(';').unwrap_or((behind, ""));
            (value, rest) = (plain.trim().to_owned(), next);
        }
        parameters.push((name, value));
    }
    (kind.trim().to_owned(), parameters)
}

/// The text up to the closing quote, and what follows it.
fn split_quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, text.get(at + 1..).unwrap_or_default()),
            '\\' => {
                // Old browsers send paths with single backslashes.
                let next = characters.clone().next().map(|(_, next)| next);
                if let Some(escaped @ ('"' | '\\')) = next {
                    value.push(escaped);
                    characters.next();
                } else {
                    value.push('\\');
                }
            }
            other => value.push(other),
        }
    }
    (value, "")
}

fn bad(reason: &str) -> BodyError {
    BodyError::Invalid(reason.into())
}

#[cfg(test)]
mod tests;

//! What the host makes of a `multipart/form-data` body, written for bodies that are whole in
//! memory. Its refusals are those of `wit/http.wit`; the host's own parser reads more ways
//! of writing a head.

use crate::Error;

const MAX_HEADERS: usize = 16 << 10;
const MAX_PARTS: usize = 1000;

/// How far a form has been read.
#[derive(Default)]
pub(crate) struct Form {
    begun: bool,
    ended: bool,
    parts: usize,
    /// Where the next part begins can no longer be known.
    failed: Option<Error>,
}

/// One part: its head, its content, and how many bytes of the source it took.
pub(crate) struct Found {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) content: Vec<u8>,
    pub(crate) consumed: usize,
    /// Did the body end before the part did?
    pub(crate) is_cut: bool,
}

impl Form {
    /// The next part of what is left; none after the last.
    pub(crate) fn next(&mut self, content_type: Option<&str>, left: &[u8]) -> Result<Option<Found>, Error> {
        let boundary = content_type
            .filter(|value| value.starts_with("multipart/form-data"))
            .and_then(|value| value.split_once("boundary="))
            .map(|(_, boundary)| boundary.trim_matches('"'))
            .ok_or_else(|| Error::Invalid("the request is no form with a boundary".to_owned()))?;
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.ended {
            return Ok(None);
        }
        let found = self.find_part(boundary, left);
        self.failed = found.as_ref().err().cloned();
        found
    }

    fn find_part(&mut self, boundary: &str, left: &[u8]) -> Result<Option<Found>, Error> {
        let delimiter = format!("\r\n--{boundary}");
        let mut position = 0;
        if !self.begun {
            self.begun = true;
            let first = delimiter.as_bytes().get(2..).unwrap_or_default();
            position = if left.starts_with(first) {
                first.len()
            } else {
                find(left, delimiter.as_bytes())? + delimiter.len()
            };
        }
        self.part(&delimiter, left, position)
    }

    fn part(&mut self, delimiter: &str, left: &[u8], position: usize) -> Result<Option<Found>, Error> {
        let behind = left.get(position..).unwrap_or_default();
        if behind.starts_with(b"--") {
            self.ended = true;
            return Ok(None);
        }
        if behind.len() < 2 {
            return Err(Error::Truncated);
        }
        let head = behind
            .strip_prefix(b"\r\n")
            .ok_or_else(|| Error::Invalid("a delimiter of the form is broken".to_owned()))?;
        let length = find(head, b"\r\n\r\n")?;
        self.parts += 1;
        if length > MAX_HEADERS || self.parts > MAX_PARTS {
            return Err(Error::Invalid("the form has too many parts or headers".to_owned()));
        }
        let content = head.get(length + 4..).unwrap_or_default();
        let headers = headers(head.get(..length).unwrap_or_default())?;
        let end = find(content, delimiter.as_bytes()).ok();
        let content = content.get(..end.unwrap_or(content.len())).unwrap_or_default().to_vec();
        let behind = end.map_or(0, |_| delimiter.len());
        let consumed = position + 2 + length + 4 + content.len() + behind;
        Ok(Some(Found { headers, content, consumed, is_cut: end.is_none() }))
    }
}

/// Names in lower case. Every part of a form has a name.
fn headers(head: &[u8]) -> Result<Vec<(String, String)>, Error> {
    let head = String::from_utf8_lossy(head);
    let unreadable = || Error::Invalid("the headers of a part of the form cannot be read".to_owned());
    let pair = |line: &str| {
        let (name, value) = line.split_once(':').ok_or_else(unreadable)?;
        Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers = head.split("\r\n").map(pair).collect::<Result<Vec<_>, Error>>()?;
    if parameter(&headers, "name").is_none() {
        return Err(Error::Invalid("a part of the form has no name".to_owned()));
    }
    Ok(headers)
}

/// `name` of `Content-Disposition: form-data; name="…"`.
pub(crate) fn parameter(headers: &[(String, String)], name: &str) -> Option<String> {
    let (_, disposition) = headers.iter().find(|(header, _)| header == "content-disposition")?;
    let (_, behind) = disposition.split_once(&format!(" {name}=\""))?;
    behind.split_once('"').map(|(value, _)| value.to_owned())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Result<usize, Error> {
    bytes.windows(wanted.len()).position(|window| window == wanted).ok_or(Error::Truncated)
}

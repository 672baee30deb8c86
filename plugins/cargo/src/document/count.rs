//! The number of lines of an index file, which is the first member of its first line:
//! `{"index_lines":2,"name":…`. Cargo ignores it.

use serde_json::{Map, Value};

const NAME: &str = "index_lines";
/// What the count and two line ends may take, in bytes.
pub const ROOM: usize = 64;

/// How many lines these bytes are. The last one may have no line end.
pub fn lines(bytes: &[u8]) -> u64 {
    let ends = memchr::memchr_iter(b'\n', bytes).count() as u64;
    ends + u64::from(!matches!(bytes.last(), None | Some(b'\n')))
}

/// The file with its count written, or written anew. A file without a first line that is an
/// object stays as it is.
pub fn write(mut file: Vec<u8>) -> Vec<u8> {
    let count = lines(&file);
    let Some(start) = file.iter().position(|byte| !byte.is_ascii_whitespace()) else { return file };
    let end = memchr::memchr(b'\n', file.get(start..).unwrap_or_default());
    let end = end.map_or(file.len(), |length| start + length);
    if let Some(first) = file.get(start..end).and_then(|line| with_count(line, count)) {
        file.splice(start..end, first);
    }
    file
}

fn with_count(line: &[u8], count: u64) -> Option<Vec<u8>> {
    let member = format!("{{\"{NAME}\":");
    let rest = match without_count(line) {
        Some(rest) => rest.to_vec(),
        None => without_count_elsewhere(line)?,
    };
    Some([member.as_bytes(), count.to_string().as_bytes(), b",", &rest].concat())
}

/// What follows the brace, without a count that another hand wrote: elsewhere in the object, with
/// spaces or with escapes. None for a line that may have one and cannot be read.
fn without_count_elsewhere(line: &[u8]) -> Option<Vec<u8>> {
    let holds = |text: &str| memchr::memmem::find(line, text.as_bytes()).is_some();
    if holds(NAME) || holds("\\u") {
        let mut object: Map<String, Value> = serde_json::from_slice(line).ok()?;
        if object.remove(NAME).is_some() {
            return serde_json::to_vec(&object).ok()?.strip_prefix(b"{").map(<[u8]>::to_vec);
        }
    }
    line.strip_prefix(b"{").map(<[u8]>::to_vec)
}

/// What follows a count that was written here.
fn without_count(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(format!("{{\"{NAME}\":").as_bytes())?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    rest.get(digits..)?.strip_prefix(b",").filter(|_| digits > 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    fn written(file: &str) -> String {
        String::from_utf8(write(file.into())).unwrap()
    }

    #[test]
    fn the_first_line_gets_the_count_and_the_others_stay() {
        assert_eq!(written("{\"a\": 1.50}\n{\"b\":1}"), "{\"index_lines\":2,\"a\": 1.50}\n{\"b\":1}");
        let twice = written("{\"index_lines\":9,\"a\": 1.50}\n{\"index_lines\":7}\n");
        assert_eq!(twice, "{\"index_lines\":2,\"a\": 1.50}\n{\"index_lines\":7}\n");
        assert_eq!(written("{\"a\":1,\"index_lines\":9}"), "{\"index_lines\":1,\"a\":1}");
        assert_eq!(written("{\"index_lines\": 9,\"a\":1}"), "{\"index_lines\":1,\"a\":1}");
        assert_eq!(written("{\"index\\u005flines\":9,\"a\":1}"), "{\"index_lines\":1,\"a\":1}");
        assert_eq!(written("{\"index_lines\":null,\"a\":1}"), "{\"index_lines\":1,\"a\":1}");
        assert_eq!(written("\n{\"a\":1}\n"), "\n{\"index_lines\":2,\"a\":1}\n");
        for odd in ["", "\n", "null\n", "{\"index_lines\":x}"] {
            assert_eq!(written(odd), odd);
        }
    }
}

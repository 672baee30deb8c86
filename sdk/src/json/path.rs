//! Which member of a document a place in its text belongs to: `deps[0].features`.

use super::message::shortened;

/// What encloses a value, and which of its values that is.
enum Level {
    List(usize),
    /// The name as it was written; none before the first.
    Object(Option<String>),
}

/// The member that was being read when a parser had taken the text up to this line and column,
/// both counted from 1. Empty for the document itself, and when there is no such place.
pub fn at(bytes: &[u8], line: usize, column: usize) -> String {
    let Some(before) = line.checked_sub(1) else { return String::new() };
    let start = match before.checked_sub(1) {
        None => Some(0),
        Some(nth) => {
            let breaks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            breaks.map(|(at, _)| at + 1).nth(nth)
        }
    };
    let read = start.and_then(|start| bytes.get(..start.saturating_add(column).min(bytes.len())));
    let read = read.unwrap_or_default();
    // A value of which no more was read is the place itself.
    let read = read.strip_suffix(b"[").or_else(|| read.strip_suffix(b"{")).unwrap_or(read);
    shortened(&path_after(read))
}

fn path_after(read: &[u8]) -> String {
    let mut levels: Vec<Level> = Vec::new();
    let mut rest = read;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'{' => levels.push(Level::Object(None)),
            b'[' => levels.push(Level::List(0)),
            b'}' | b']' => drop(levels.pop()),
            b',' => match levels.last_mut() {
                Some(Level::List(index)) => *index += 1,
                Some(Level::Object(name)) => *name = None,
                None => {}
            },
            b'"' => {
                let length = string_length(rest);
                if let Some(Level::Object(name @ None)) = levels.last_mut() {
                    *name = rest.get(..length).map(|text| String::from_utf8_lossy(text).into_owned());
                }
                rest = rest.get(length + 1..).unwrap_or_default();
            }
            _ => {}
        }
    }
    levels.iter().fold(String::new(), |path, level| match level {
        Level::List(index) => format!("{path}[{index}]"),
        Level::Object(Some(name)) if path.is_empty() => name.clone(),
        Level::Object(Some(name)) => format!("{path}.{name}"),
        Level::Object(None) => path,
    })
}

/// How long a string is whose opening quote was read, without its closing quote.
fn string_length(text: &[u8]) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at,
            _ => {}
        }
    }
    text.len()
}

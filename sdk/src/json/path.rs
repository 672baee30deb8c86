//! Finds the member of a document that a place in its text belongs to: `deps[0].features`.

use super::message::shortened;

/// A list or an object around the value, and the position of the value in it.
enum Level {
    List(usize),
    /// The name of the member as it is written; none before the first member.
    Object(Option<String>),
}

/// The member that the parser reports. It has read the text up to this line and column, both counted
/// from 1. If it reports a list or an object, `bracket` is how that begins: the parser may not have
/// read the bracket yet. Empty for the document itself, and if there is no such place.
pub fn at(bytes: &[u8], line: usize, column: usize, bracket: Option<u8>) -> String {
    let Some(before) = line.checked_sub(1) else { return String::new() };
    let start = match before.checked_sub(1) {
        None => Some(0),
        Some(nth) => {
            let breaks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            breaks.map(|(at, _)| at + 1).nth(nth)
        }
    };
    let Some(start) = start else { return String::new() };
    let (read, unread) = bytes.split_at(start.saturating_add(column).min(bytes.len()));
    // An opening bracket at the end belongs to the reported value, unless that value follows.
    let follows = bracket.is_some() && unread.trim_ascii_start().first().copied() == bracket;
    let read = match read {
        [outside @ .., b'[' | b'{'] if !follows => outside,
        read => read,
    };
    shortened(&path_after(read))
}

fn path_after(read: &[u8]) -> String {
    let mut levels: Vec<Level> = Vec::new();
    let mut rest = read;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
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

/// The length of a string whose opening quote was read, without the closing quote.
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

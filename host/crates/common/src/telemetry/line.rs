//! Makes every log line safe to show in a terminal, whatever the source of its values.
//!
//! The text format passes each value through [`value`]. The JSON format cannot be told how
//! to write a value, so [`Lines`] looks at whole lines.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Stderr, Write};

use serde_json::Value;
use tracing::field::Field;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;

use crate::text::{Bounded, LONGEST_LINE, is_hidden, printable_up_to};

/// A JSON line that is longer is parsed again, and its values are cut.
const LONGEST_WHOLE: usize = 2 * LONGEST_LINE;

/// Writes one field of an event or a span: the message alone, another one as `name=value`.
pub(super) fn value(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    if field.name() != "message" {
        write!(writer, "{}=", field.name())?;
    }
    let mut bounded = Bounded::new(writer, LONGEST_LINE);
    fmt::write(&mut bounded, format_args!("{value:?}"))?;
    bounded.finish()
}

/// Standard error, as JSON lines are written to it.
pub(super) struct Lines;

impl MakeWriter<'_> for Lines {
    type Writer = LineWriter<Stderr>;

    fn make_writer(&self) -> Self::Writer {
        LineWriter(io::stderr())
    }
}

/// Expects one whole line in each call.
pub(super) struct LineWriter<W>(W);

impl<W: Write> Write for LineWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let text = if text.len() > LONGEST_WHOLE { shortened(text) } else { text };
        self.0.write_all(escaped(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The same JSON with its long texts cut.
fn shortened(line: Cow<'_, str>) -> Cow<'_, str> {
    match serde_json::from_str::<Value>(&line) {
        Ok(mut document) => {
            shorten(&mut document);
            Cow::Owned(format!("{document}\n"))
        }
        Err(_) => line,
    }
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > LONGEST_LINE => {
            *text = printable_up_to(text, LONGEST_LINE).to_string();
        }
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(members) => members.values_mut().for_each(shorten),
        _ => {}
    }
}

/// The same JSON without any character that a terminal obeys or does not show. Such a
/// character can only be inside a string, where JSON has an escape for it.
fn escaped(line: &str) -> Cow<'_, str> {
    let must_go = |character: char| character != '\n' && is_hidden(character);
    if !line.contains(must_go) {
        return Cow::Borrowed(line);
    }
    let mut escaped = String::with_capacity(line.len() + 16);
    for character in line.chars() {
        if must_go(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                // Writing to a text cannot fail.
                let _ = std::fmt::Write::write_fmt(&mut escaped, format_args!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]
    use super::*;

    fn written(line: &str) -> String {
        let mut writer = LineWriter(Vec::new());
        writer.write_all(line.as_bytes()).unwrap();
        String::from_utf8(writer.0).unwrap()
    }

    #[test]
    fn a_json_line_keeps_its_meaning_and_loses_what_a_terminal_obeys() {
        let line = "{\"path\":\"a\u{202e}b\u{7f}\u{9b}\u{e0041}\u{e4}\"}\n";
        let shown = written(line);
        assert_eq!(shown, "{\"path\":\"a\\u202eb\\u007f\\u009b\\udb40\\udc41\u{e4}\"}\n");
        let (before, after): (Value, Value) =
            (serde_json::from_str(line).unwrap(), serde_json::from_str(&shown).unwrap());
        assert_eq!(before, after);
    }

    #[test]
    fn a_json_line_stays_json_when_its_values_are_cut() {
        let long = "x".repeat(60_000);
        let line =
            format!("{}\n", serde_json::json!({ "message": long, "spans": [{ "path": long }], "n": 1 }));
        let shown = written(&line);
        assert!(shown.len() < 9_000, "{}", shown.len());
        let document: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(document["n"], 1);
        for text in [&document["message"], &document["spans"][0]["path"]] {
            assert!(text.as_str().unwrap().ends_with("… (55904 bytes more)"), "{text}");
        }
    }
}

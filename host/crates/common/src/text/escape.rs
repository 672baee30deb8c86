//! Escapes characters that a terminal would obey or would not show, and cuts long text.

use std::fmt::{self, Write};

use super::LONGEST;

/// Displays a text as one line of at most [`LONGEST`] bytes and a remark about its rest.
pub fn printable(text: &str) -> Printable<'_> {
    printable_up_to(text, LONGEST)
}

/// As [`printable`], with another bound in bytes.
pub fn printable_up_to(text: &str, longest: usize) -> Printable<'_> {
    Printable { text, longest }
}

/// See [`printable`].
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a> {
    text: &'a str,
    longest: usize,
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bounded = Bounded::new(formatter, self.longest);
        bounded.write_str(self.text)?;
        bounded.finish()
    }
}

/// A writer that escapes what passes through it and drops everything after its bound.
/// It holds nothing back, so a value of any size can be formatted into it.
pub struct Bounded<'a> {
    target: &'a mut dyn Write,
    left: usize,
    dropped: usize,
}

impl<'a> Bounded<'a> {
    pub fn new(target: &'a mut dyn Write, longest: usize) -> Self {
        Self { target, left: longest, dropped: 0 }
    }

    /// Says how much was dropped, if anything was.
    pub fn finish(self) -> fmt::Result {
        if self.dropped == 0 { Ok(()) } else { write!(self.target, "… ({} bytes more)", self.dropped) }
    }

    fn write_character(&mut self, character: char) -> fmt::Result {
        let mut bytes = [0; 4];
        let plain = character.encode_utf8(&mut bytes);
        let escaped;
        let shown = if is_hidden(character) {
            escaped = match character {
                '\n' | '\r' | '\t' => character.escape_default().to_string(),
                _ => character.escape_unicode().to_string(),
            };
            escaped.as_str()
        } else {
            plain
        };
        if self.dropped > 0 || shown.len() > self.left {
            self.dropped = self.dropped.saturating_add(character.len_utf8());
            return Ok(());
        }
        self.left -= shown.len();
        self.target.write_str(shown)
    }
}

impl Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.dropped > 0 {
            self.dropped = self.dropped.saturating_add(text.len());
            return Ok(());
        }
        text.chars().try_for_each(|character| self.write_character(character))
    }
}

/// Whether a character is not shown as itself: a control character, a character that
/// changes the direction of text (U+202E), an invisible one (U+200B), a line separator, or
/// one without a meaning. The standard library's `Debug` for text has the table. A combining
/// mark is shown, as several scripts need them.
pub fn is_hidden(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    // `Debug` escapes a combining mark only where it has nothing to combine with.
    let mut bytes = [b'a'; 5];
    let [_, rest @ ..] = &mut bytes;
    let length = 1 + character.encode_utf8(rest).len();
    let text = bytes.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.is_none_or(|text| text.escape_debug().nth(1) != Some(character))
}

//! Characters that Ruby reads by YAML 1.1, and the parser by YAML 1.2: the line breaks of Unicode, and
//! the byte order mark, which is text inside a document. A document that Ruby reads does not contain the
//! characters that stand for them while it is parsed.

use std::borrow::Cow;
use std::iter::repeat_n;

use saphyr_parser::ScalarStyle;

const LINE_SEPARATOR: char = '\u{2028}';
const PARAGRAPH_SEPARATOR: char = '\u{2029}';
const BYTE_ORDER_MARK: char = '\u{feff}';
/// Breaks a line like a line feed.
const NEXT_LINE: char = '\u{85}';

/// Each character with the one that stands for it.
const REPLACED: [(char, char); 3] =
    [(LINE_SEPARATOR, '\u{fffe}'), (PARAGRAPH_SEPARATOR, '\u{ffff}'), (BYTE_ORDER_MARK, '\u{1fffe}')];

/// A separator becomes a line feed. Behind a word, the character that stands for it comes first, so that
/// [`restore`] can tell it from a line feed. Elsewhere it stays one: it would change what is before it.
pub(super) fn replace(text: &str) -> Cow<'_, str> {
    let is_replaced = |character| character == NEXT_LINE || substitute(character).is_some();
    if !text.contains(is_replaced) {
        return Cow::Borrowed(text);
    }
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    // At the start of the text, a byte order mark is no part of the document.
    replaced.extend(rest.next_if_eq(&BYTE_ORDER_MARK));
    while let Some(character) = rest.next() {
        if character == NEXT_LINE {
            replaced.push('\n');
        } else if is_separator(character) {
            let is_behind_word = replaced.ends_with(|last: char| last.is_alphanumeric() || last == '.');
            let mut breaks = 0;
            let mut separator = Some(character);
            while let Some(character) = separator {
                breaks += 1;
                replaced.extend(substitute(character).filter(|_| is_behind_word));
                separator = rest.next_if(|next| is_separator(*next));
            }
            replaced.extend(repeat_n('\n', breaks));
        } else {
            replaced.push(substitute(character).unwrap_or(character));
        }
    }
    Cow::Owned(replaced)
}

fn is_separator(character: char) -> bool {
    matches!(character, LINE_SEPARATOR | PARAGRAPH_SEPARATOR)
}

fn substitute(character: char) -> Option<char> {
    REPLACED.iter().find(|(from, _)| *from == character).map(|(_, to)| *to)
}

fn original(character: char) -> Option<char> {
    REPLACED.iter().find(|(_, to)| *to == character).map(|(from, _)| *from)
}

/// The text of a scalar with its own characters again. The parser has folded the line feeds behind the
/// separators into a blank, or one less, except in a literal block.
pub(super) fn restore(text: Cow<'_, str>, style: ScalarStyle) -> Cow<'_, str> {
    if !text.contains(|character| original(character).is_some()) {
        return text;
    }
    let mut restored = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        let Some(separator) = original(character).filter(|found| is_separator(*found)) else {
            restored.push(original(character).unwrap_or(character));
            continue;
        };
        let start = restored.len();
        restored.push(separator);
        let mut separators = 1;
        while let Some(next) = rest.next_if(|next| original(*next).is_some_and(is_separator)) {
            restored.extend(original(next));
            separators += 1;
        }
        let is_folded = style != ScalarStyle::Literal && rest.next_if_eq(&' ').is_some();
        let mut breaks = 0;
        while !is_folded && rest.next_if_eq(&'\n').is_some() {
            breaks += 1;
        }
        if style != ScalarStyle::Literal && breaks > 0 {
            breaks += 1;
        }
        restored.extend(repeat_n('\n', usize::saturating_sub(breaks, separators)));
        if style == ScalarStyle::Plain && rest.peek().is_none() {
            restored.truncate(start);
        }
    }
    Cow::Owned(restored)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    /// Psych reads each of them in this way.
    #[test]
    fn the_line_breaks_of_unicode_are_read_as_ruby_reads_them() {
        for (document, wanted) in [
            ("a: 'b\u{2028}  c'\n", "b\u{2028}c"),
            ("a: \"b\u{2028}\u{2029} c\"\n", "b\u{2028}\u{2029}c"),
            ("a: b\u{2028} c\n", "b\u{2028}c"),
            ("a: 'b\u{2028}\n  c'\n", "b\u{2028}\nc"),
            ("a: 'b\u{2028}'\n", "b\u{2028}"),
            ("a: \"b\\L  c\"\n", "b\u{2028}  c"),
            ("a: |\n  b\u{2028}  c\n", "b\u{2028}c\n"),
            ("a: |-\n  b\u{2028}    c\n", "b\u{2028}  c"),
            ("a: |-\n  b\u{2028}\u{2028}  c\n", "b\u{2028}\u{2028}c"),
            ("a: |\n  b\u{2028}x: y\n", "b\u{2028}"),
            ("a: b\u{2028}x: y\n", "b"),
            ("x: y # z\u{2028}a: b\n", "b"),
            ("x:\u{2028}  y\u{2028}a:\u{2028}  b\n", "b"),
            ("a: 'b\u{85}  c'\n", "b c"),
            ("a: |-\n  b\u{85}  c\n", "b\nc"),
            ("a: b\u{feff}c\n", "b\u{feff}c"),
            ("\u{feff}a: b\n", "b"),
        ] {
            let root = super::super::parse(document).unwrap();
            assert_eq!(root.get("a").unwrap().text().as_deref(), Some(wanted), "{document:?}");
        }
        assert!(matches!(replace("a b"), Cow::Borrowed(_)));
    }
}

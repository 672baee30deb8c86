//! Text in quotes over several lines. Ruby reads its lines at any indentation: RubyGems of 2012 ended such
//! texts with a quote in the first column. The parser wants the lines indented. Blanks at the start of
//! such a line are no part of the text, so the lines can be indented before they are parsed.

use saphyr_parser::ScanError;

/// The parser names the quote that opens the text.
const NOT_INDENTED: &str = "invalid indentation in quoted scalar";
/// The parser names the tab, at the start of a line.
const TAB: &str = "tab cannot be used as indentation";
/// By how many columns a line is indented whose text is not known.
const FAR: usize = 200;
/// The largest text that is made, in bytes.
const LARGEST: usize = 16 << 20;

/// The document with the lines of one text indented. None if that is not what is wrong.
pub(super) fn indent(document: &str, error: &ScanError) -> Option<String> {
    let at = document.char_indices().nth(error.marker().index())?.0;
    match error.info() {
        NOT_INDENTED => indent_text(document, at, error.marker().col() + 1),
        TAB => {
            let line = document.get(..at)?.rfind(['\n', '\r']).map_or(0, |end| end + 1);
            let (before, after) = (document.get(..line)?, document.get(line..)?);
            let indented = format!("{before}{}{after}", " ".repeat(FAR));
            (indented.len() <= LARGEST).then_some(indented)
        }
        _ => None,
    }
}

/// The open list or map is left of the quote.
fn indent_text(document: &str, quote: usize, columns: usize) -> Option<String> {
    let (before, text) = document.split_at_checked(quote)?;
    let length = length(text)?;
    let (text, after) = text.split_at_checked(length)?;
    let blanks = " ".repeat(columns);
    let mut indented = before.to_owned();
    for (index, line) in text.split_inclusive(['\n', '\r']).enumerate() {
        if index > 0 && !is_marker(line) {
            indented.push_str(&blanks);
        }
        indented.push_str(line);
        if indented.len() > LARGEST {
            return None;
        }
    }
    indented.push_str(after);
    (indented.len() <= LARGEST).then_some(indented)
}

/// The start or the end of a document, which is an error in a text.
fn is_marker(line: &str) -> bool {
    let rest = line.strip_prefix("---").or_else(|| line.strip_prefix("..."));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
}

/// The bytes of the text at the start of this, with both quotes.
fn length(text: &str) -> Option<usize> {
    let mut characters = text.char_indices();
    let (_, quote) = characters.next().filter(|(_, quote)| matches!(quote, '\'' | '"'))?;
    while let Some((at, character)) = characters.next() {
        if character == '\\' && quote == '"' {
            characters.next();
        } else if character == quote {
            let is_doubled = quote == '\'' && text.get(at + 1..).is_some_and(|rest| rest.starts_with('\''));
            if !is_doubled {
                return Some(at + 1);
            }
            characters.next();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_with_its_quote() {
        for (text, wanted) in [
            ("'a' b", Some(3)),
            ("'a''b' 'c'", Some(6)),
            ("\"a\\\"b\" c", Some(6)),
            ("\"a'b\"", Some(5)),
            ("'a\\'", Some(4)),
            ("\"\\\\\"", Some(4)),
            ("''''", Some(4)),
            ("'a", None),
            ("\"a\\\"", None),
            ("a", None),
        ] {
            assert_eq!(length(text), wanted, "{text}");
        }
    }

    #[test]
    fn no_more_than_the_largest_text_is_made() {
        let document = format!("{}'\n{}'", " ".repeat(FAR), "\n".repeat(LARGEST / FAR));
        assert_eq!(indent_text(&document, FAR, FAR), None);
        assert_eq!(indent_text("a: 'b\nc'\nd", 3, 4).as_deref(), Some("a: 'b\n    c'\nd"));
    }
}

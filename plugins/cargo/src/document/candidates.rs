//! The lines of an index file that may contain a text. Usually one of ten thousand lines is needed:
//! searching for its text is many times faster than parsing all lines.

use memchr::memmem::Finder;

/// An escape can spell any character, so a line with one is a candidate too.
const ESCAPE: &[u8] = b"\\u";

/// In the order of the file, each once.
pub struct Candidates<'a> {
    bytes: &'a [u8],
    text: Search,
    escape: Search,
}

impl<'a> Candidates<'a> {
    /// `text` is made of what version numbers and JSON strings need no escape for, and quotes.
    pub fn new(bytes: &'a [u8], text: &str) -> Self {
        Self { bytes, text: Search::new(bytes, text.as_bytes()), escape: Search::new(bytes, ESCAPE) }
    }
}

impl<'a> Iterator for Candidates<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let at = [self.text.found, self.escape.found].into_iter().flatten().min()?;
        let (before, rest) = self.bytes.split_at_checked(at)?;
        let start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
        let end = memchr::memchr(b'\n', rest).map_or(self.bytes.len(), |length| at + length);
        self.text.go_on(self.bytes, end);
        self.escape.go_on(self.bytes, end);
        self.bytes.get(start..end)
    }
}

/// The next place of one of the two.
struct Search {
    finder: Finder<'static>,
    found: Option<usize>,
}

impl Search {
    fn new(bytes: &[u8], text: &[u8]) -> Self {
        let finder = Finder::new(text).into_owned();
        let found = finder.find(bytes);
        Self { finder, found }
    }

    /// Searches again if what was found lies before this line end.
    fn go_on(&mut self, bytes: &[u8], end: usize) {
        if self.found.is_some_and(|found| found < end) {
            let rest = bytes.get(end..).unwrap_or_default();
            self.found = self.finder.find(rest).map(|found| found + end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_the_text_or_an_escape_come_once_and_in_order() {
        let file = b"one \"1\" \"1\"\ntwo\nthree \\u0031\n\nfour \"1\" \\u0032\nfive\n\"1\"";
        let found: Vec<&[u8]> = Candidates::new(file, "\"1\"").collect();
        let expected: [&[u8]; 4] = [b"one \"1\" \"1\"", b"three \\u0031", b"four \"1\" \\u0032", b"\"1\""];
        assert_eq!(found, expected);
        assert_eq!(Candidates::new(b"", "\"1\"").count(), 0);
        assert_eq!(Candidates::new(b"a\nb", "\"1\"").count(), 0);
    }
}

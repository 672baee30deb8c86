//! Reads XML that clients send: the texts of elements, with the path of each. The depth is bounded. A
//! document that declares entities is rejected.

use std::fmt;

use quick_xml::Reader;
use quick_xml::events::Event;

pub mod strict;

/// The deepest element.
const DEPTH: usize = 64;
/// How far the declaration is searched for the encoding, in bytes.
const DECLARATION: usize = 256;
/// The replacement for a character entity that XML does not define: Maven knows those of HTML.
const UNKNOWN: char = '\u{fffd}';

/// Why it cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum XmlError {
    /// Not well-formed.
    Malformed(String),
    /// Another document than what it should be.
    Root {
        expected: &'static str,
        found: String,
    },
    Doctype,
    TooDeep,
}

impl fmt::Display for XmlError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            XmlError::Malformed(why) => write!(formatter, "it is not well-formed XML: {why}"),
            XmlError::Root { expected, found } => {
                write!(formatter, "its first element is <{found}>, and should be <{expected}>")
            }
            XmlError::Doctype => {
                formatter.write_str("it declares entities or a document type, which is not allowed")
            }
            XmlError::TooDeep => write!(formatter, "its elements are nested deeper than {DEPTH}"),
        }
    }
}

impl std::error::Error for XmlError {}

/// What is met on the way through a document. The path holds the names of all open elements, without
/// prefixes; it begins with the document's own element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met<'a> {
    /// An element begins.
    Start,
    /// An element ends; the text that stood directly in it, without white space around it.
    End(&'a str),
}

/// Goes through a whole document.
pub fn read(
    bytes: &[u8],
    root: &'static str,
    mut visit: impl FnMut(&[String], Met<'_>),
) -> Result<(), XmlError> {
    let text = decode(bytes);
    let mut reader = Reader::from_str(&text);
    let mut open = Open { path: Vec::new(), texts: Vec::new() };
    let mut is_done = false;
    loop {
        let malformed = |error: &dyn fmt::Display| XmlError::Malformed(error.to_string());
        match reader.read_event().map_err(|error| malformed(&error))? {
            Event::Start(start) => {
                open.begin(start.local_name().as_ref(), root, is_done)?;
                visit(&open.path, Met::Start);
            }
            Event::Empty(start) => {
                open.begin(start.local_name().as_ref(), root, is_done)?;
                visit(&open.path, Met::Start);
                is_done |= open.end(&mut visit);
            }
            Event::End(_) => is_done |= open.end(&mut visit),
            Event::Text(text) => open.add(&text.xml10_content())?,
            Event::CData(text) => open.add(&text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let character = match reference.as_ref() {
                    "lt" => '<',
                    "gt" => '>',
                    "amp" => '&',
                    "quot" => '"',
                    "apos" => '\'',
                    _ => reference.resolve_char_ref().map_err(|error| malformed(&error))?.unwrap_or(UNKNOWN),
                };
                open.add(character.encode_utf8(&mut [0; 4]))?;
            }
            Event::DocType(_) => return Err(XmlError::Doctype),
            Event::Eof if is_done => return Ok(()),
            Event::Eof => return Err(XmlError::Malformed("it ends too early".to_owned())),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// The elements that have begun and not ended.
struct Open {
    path: Vec<String>,
    texts: Vec<String>,
}

impl Open {
    fn begin(&mut self, name: &str, root: &'static str, is_done: bool) -> Result<(), XmlError> {
        if is_done {
            return Err(XmlError::Malformed(format!("<{name}> stands behind its end")));
        }
        if self.path.is_empty() && name != root {
            return Err(XmlError::Root { expected: root, found: name.chars().take(100).collect() });
        }
        if self.path.len() >= DEPTH {
            return Err(XmlError::TooDeep);
        }
        self.path.push(name.to_owned());
        self.texts.push(String::new());
        Ok(())
    }

    /// Whether it was the last one.
    fn end(&mut self, visit: &mut impl FnMut(&[String], Met<'_>)) -> bool {
        let text = self.texts.pop().unwrap_or_default();
        visit(&self.path, Met::End(text.trim()));
        self.path.pop();
        self.path.is_empty()
    }

    fn add(&mut self, text: &str) -> Result<(), XmlError> {
        match self.texts.last_mut() {
            Some(open) => open.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(XmlError::Malformed("text stands outside of its elements".to_owned())),
        }
        Ok(())
    }
}

/// The text, by its byte order mark or its declaration. What Maven needs of it is ASCII, so that each
/// encoding in which ASCII is itself is read alike.
pub fn decode(bytes: &[u8]) -> String {
    let wide = |unit: fn([u8; 2]) -> u16, bytes: &[u8]| {
        let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(unit);
        char::decode_utf16(units).map(|character| character.unwrap_or(UNKNOWN)).collect()
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xfe, 0xff, rest @ ..] => wide(u16::from_be_bytes, rest),
        [0xff, 0xfe, rest @ ..] => wide(u16::from_le_bytes, rest),
        _ if is_utf8(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

fn is_utf8(bytes: &[u8]) -> bool {
    let start = bytes.get(..bytes.len().min(DECLARATION)).unwrap_or_default();
    let start = String::from_utf8_lossy(start).to_ascii_lowercase();
    let declaration = start
        .trim_ascii_start()
        .strip_prefix("<?xml")
        .and_then(|rest| rest.split_once("?>"))
        .map(|(inside, _)| inside);
    let encoding = declaration
        .and_then(|inside| inside.split_once("encoding"))
        .map(|(_, value)| value.trim_start_matches([' ', '\t', '\r', '\n', '=', '"', '\'']));
    encoding.is_none_or(|encoding| encoding.starts_with("utf") || encoding.starts_with("us-ascii"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    fn texts(bytes: &[u8]) -> Result<Vec<(String, String)>, XmlError> {
        let mut found = Vec::new();
        read(bytes, "a", |path, met| {
            if let Met::End(text) = met {
                found.push((path.join("/"), text.to_owned()));
            }
        })?;
        Ok(found)
    }

    #[test]
    fn texts_come_with_their_paths() {
        let found = texts(b"<?xml version='1.0'?><!-- c --><x:a xmlns:x='u'> <b> 1 &amp;&#32;<![CDATA[<2>]]></b><c/></x:a>\n").unwrap();
        let expected = [("a/b", "1 & <2>"), ("a/c", ""), ("a", "")];
        assert_eq!(found, expected.map(|(path, text)| (path.to_owned(), text.to_owned())));
    }

    #[test]
    fn every_encoding_is_read() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let text = "<a><b>\u{e9}</b></a>";
        let latin = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a><b>\xe9</b></a>".to_vec();
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            [b"\xff\xfe".to_vec(), wide(text)].concat(),
            latin,
        ] {
            assert_eq!(texts(&bytes).unwrap()[0].1, "\u{e9}");
        }
    }

    #[test]
    fn what_is_not_one_document_is_refused() {
        for bad in ["", "<a>", "<a></b>", "<a/><a/>", "text", "<a/>text", "<a>&#x0;</a>", "<a"] {
            assert!(
                matches!(texts(bad.as_bytes()), Err(XmlError::Malformed(_))),
                "{bad:?}: {:?}",
                texts(bad.as_bytes())
            );
        }
        assert_eq!(texts(b"<html></html>"), Err(XmlError::Root { expected: "a", found: "html".to_owned() }));
        assert_eq!(texts(b"<!DOCTYPE a [<!ENTITY b 'bbb'>]><a>&b;</a>"), Err(XmlError::Doctype));
        assert_eq!(texts(b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>"), Err(XmlError::Doctype));
        assert_eq!(texts("<a>".repeat(10_000).as_bytes()), Err(XmlError::TooDeep));
        assert_eq!(texts(b"<a>&nbsp;</a>").unwrap()[0].1, "\u{fffd}", "an entity of HTML, which Maven knows");
    }
}

//! YAML as a tree, in bounded memory. Scalars stay text: nothing becomes a number, a date or an object.
//! An alias shares the node to which it refers, so a document with many aliases stays small. It knows
//! nothing about gems except the tags that RubyGems allows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

mod breaks;
mod objects;
mod quoted;
mod typed;

/// The most nodes of a document.
const MOST_NODES: usize = 500_000;
/// How deep nodes may lie in each other.
const DEEPEST: usize = 100;
/// The most bytes that are read of one document, with those that are read again.
const MOST_READ: usize = 32 << 20;

/// The classes that RubyGems makes of a tag `!ruby/object:…` in a gemspec.
const CLASSES: [&str; 8] = [
    "Gem::Dependency",
    "Gem::Platform",
    "Gem::Requirement",
    "Gem::Specification",
    "Gem::Version",
    "Gem::Version::Requirement",
    "YAML::Syck::DefaultKey",
    "Syck::DefaultKey",
];
/// The tags of what Ruby knows without a class.
const BUILT_IN: [&str; 3] = ["!ruby/hash", "!ruby/array", "!ruby/string"];
/// The symbols that RubyGems allows.
const SYMBOLS: [&str; 2] = [":development", ":runtime"];
/// The tags of symbols that are written without a colon.
const SYMBOL_TAGS: [&str; 2] = ["!ruby/sym", "!ruby/symbol"];

/// A node and what its tag says.
#[derive(Debug)]
pub struct Node {
    pub tag: Option<String>,
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug)]
pub enum Kind {
    /// `is_plain` is false for text in quotes and in blocks.
    Scalar {
        text: String,
        is_plain: bool,
    },
    List(Vec<Rc<Node>>),
    Map(Vec<(Rc<Node>, Rc<Node>)>),
}

/// Why a text is not a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum YamlError {
    Syntax(String),
    Empty,
    TooLarge,
    TooDeep,
    /// The tag of a class that RubyGems does not load.
    Class(String),
    /// A symbol that RubyGems does not load.
    Symbol(String),
    /// A field of an object whose name Ruby does not accept.
    Field(String),
    /// An alias of what is not there, or of a node that contains it.
    Alias,
}

impl fmt::Display for YamlError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(why) => write!(formatter, "it is not valid YAML: {why}"),
            Self::Empty => formatter.write_str("it is empty"),
            Self::TooLarge => write!(formatter, "it has more than {MOST_NODES} values"),
            Self::TooDeep => write!(formatter, "its values are nested more than {DEEPEST} deep"),
            Self::Class(class) => write!(formatter, "it contains {class:?}, which RubyGems does not load"),
            Self::Symbol(symbol) => {
                write!(formatter, "it contains the symbol {symbol:?}, which RubyGems does not load")
            }
            Self::Field(field) => {
                write!(
                    formatter,
                    "it contains the field {field:?} in an object, which RubyGems does not load"
                )
            }
            Self::Alias => formatter.write_str("it contains an alias of a value that is not complete"),
        }
    }
}

impl std::error::Error for YamlError {}

impl Node {
    /// The text of a scalar. None for a list, a map, and a plain scalar that says that there is
    /// nothing.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        let Kind::Scalar { text, is_plain } = &self.kind else { return None };
        if self.tag.as_deref() == Some("!binary") {
            return Some(Cow::Owned(String::from_utf8_lossy(&base64(text)).into_owned()));
        }
        if *is_plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL") {
            None
        } else {
            Some(Cow::Borrowed(text))
        }
    }

    /// The name of a symbol, without its colon. None for anything else, also for text that looks like
    /// one in quotes.
    pub fn symbol(&self) -> Option<&str> {
        let Kind::Scalar { text, is_plain } = &self.kind else { return None };
        match self.tag.as_deref() {
            Some(tag) => SYMBOL_TAGS.contains(&tag).then_some(text),
            None => text.strip_prefix(':').filter(|_| *is_plain),
        }
    }

    /// The text of a plain scalar that Ruby would make a number, a date, or true or false of.
    pub fn typed(&self) -> Option<&str> {
        let Kind::Scalar { text, is_plain: true } = &self.kind else { return None };
        let is_typed = self.tag.is_none() && typed::is_typed(text);
        is_typed.then_some(text)
    }

    /// Whether it is text, or nothing: not of a class, and not of a tag that Ruby does not know. Of such a
    /// scalar Ruby makes a number if it looks like one.
    pub fn is_text(&self) -> bool {
        let has_tag = |tag: &str| ["!", "!str", "!binary", "!null", "!ruby/string"].contains(&tag);
        matches!(self.kind, Kind::Scalar { .. }) && self.tag.as_deref().is_none_or(has_tag)
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Rc<Node>] {
        if let Kind::List(items) = &self.kind { items } else { &[] }
    }

    /// The value of this key in a map. If a key occurs twice, the last value is used.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let Kind::Map(entries) = &self.kind else { return None };
        let is_key = |node: &Node| matches!(&node.kind, Kind::Scalar { text, .. } if text == key);
        entries.iter().rev().find(|(found, _)| is_key(found)).map(|(_, value)| &**value)
    }

    /// Whether the tag is one of these classes.
    pub fn is_a(&self, class: &str) -> bool {
        self.tag.as_deref().and_then(class_of) == Some(class)
    }
}

/// The first document of a text.
pub fn parse(text: &str) -> Result<Rc<Node>, YamlError> {
    parse_checked(text, |_| Ok(()))
}

/// The same, unless Ruby fails to make objects of it, or makes others than the document names.
pub fn parse_pushed(text: &str) -> Result<Rc<Node>, YamlError> {
    parse_checked(text, objects::check)
}

/// What is said of a node whose children are complete.
type Check = fn(&Node) -> Result<(), YamlError>;

fn parse_checked(text: &str, check: Check) -> Result<Rc<Node>, YamlError> {
    let mut text = breaks::replace(text);
    let mut read = 0;
    loop {
        let error = match first_document(&text, check) {
            Ok(root) => return root,
            Err(error) => error,
        };
        read += text.len();
        match quoted::indent(&text, &error).filter(|_| read < MOST_READ) {
            Some(indented) => text = Cow::Owned(indented),
            None => return Err(YamlError::Syntax(shown(&error.to_string()))),
        }
    }
}

/// The outer error is one of the syntax.
fn first_document(text: &str, check: Check) -> Result<Result<Rc<Node>, YamlError>, ScanError> {
    let mut builder = Builder { open: Vec::new(), anchors: BTreeMap::new(), nodes: 0, check };
    for event in Parser::new_from_str(text).keep_tags(true) {
        match builder.add(event?.0) {
            Ok(None) => {}
            Ok(Some(root)) => return Ok(Ok(root)),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Err(YamlError::Empty))
}

/// A list or a map that is not complete.
struct Open {
    anchor: usize,
    tag: Option<String>,
    is_map: bool,
    children: Vec<Rc<Node>>,
}

struct Builder {
    open: Vec<Open>,
    /// By the number of the anchor.
    anchors: BTreeMap<usize, Rc<Node>>,
    nodes: usize,
    check: Check,
}

impl Builder {
    /// The root, when it is complete.
    fn add(&mut self, event: Event<'_>) -> Result<Option<Rc<Node>>, YamlError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let text = breaks::restore(text, style);
                let tag = check_tag(tag.as_deref(), Some(&text))?;
                let is_plain = style == ScalarStyle::Plain;
                if is_plain && tag.is_none() {
                    check_symbol(&text)?;
                }
                let kind = Kind::Scalar { text: text.into_owned(), is_plain };
                self.complete(anchor, Node { tag, kind })
            }
            Event::SequenceStart(anchor, tag) => self.begin(anchor, tag.as_deref(), false),
            Event::MappingStart(anchor, tag) => self.begin(anchor, tag.as_deref(), true),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned().ok_or(YamlError::Alias)?;
                self.place(0, node)
            }
            Event::DocumentEnd | Event::StreamEnd => Err(YamlError::Empty),
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => Ok(None),
        }
    }

    fn begin(
        &mut self,
        anchor: usize,
        tag: Option<&Tag>,
        is_map: bool,
    ) -> Result<Option<Rc<Node>>, YamlError> {
        if self.open.len() >= DEEPEST {
            return Err(YamlError::TooDeep);
        }
        self.open.push(Open { anchor, tag: check_tag(tag, None)?, is_map, children: Vec::new() });
        Ok(None)
    }

    fn end(&mut self) -> Result<Option<Rc<Node>>, YamlError> {
        let Some(Open { anchor, tag, is_map, children }) = self.open.pop() else {
            return Err(YamlError::Empty);
        };
        let kind = if is_map {
            let mut entries = Vec::with_capacity(children.len() / 2);
            let mut children = children.into_iter();
            while let (Some(key), Some(value)) = (children.next(), children.next()) {
                entries.push((key, value));
            }
            Kind::Map(entries)
        } else {
            Kind::List(children)
        };
        self.complete(anchor, Node { tag, kind })
    }

    fn complete(&mut self, anchor: usize, node: Node) -> Result<Option<Rc<Node>>, YamlError> {
        (self.check)(&node)?;
        self.place(anchor, Rc::new(node))
    }

    fn place(&mut self, anchor: usize, node: Rc<Node>) -> Result<Option<Rc<Node>>, YamlError> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(YamlError::TooLarge);
        }
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        match self.open.last_mut() {
            None => Ok(Some(node)),
            Some(parent) => {
                parent.children.push(node);
                Ok(None)
            }
        }
    }
}

/// The tag, unless RubyGems would refuse to make an object of it.
fn check_tag(tag: Option<&Tag>, scalar: Option<&str>) -> Result<Option<String>, YamlError> {
    let Some(tag) = tag else { return Ok(None) };
    let text = format!("{}{}", tag.handle, tag.suffix);
    let core = text.strip_prefix("tag:yaml.org,2002:");
    // Of these Psych makes no objects.
    if text.starts_with("tag:ruby.yaml.org,2002:") || core.is_some_and(|core| core.starts_with("ruby/")) {
        return Err(YamlError::Class(shown(&text)));
    }
    let text = core.map_or_else(|| text.clone(), |core| format!("!{core}"));
    let is_loaded = match class_of(&text) {
        Some(class) => CLASSES.contains(&class) || class == "Hash",
        None if SYMBOL_TAGS.contains(&text.as_str()) => {
            scalar.is_some_and(|name| SYMBOLS.iter().any(|known| known.strip_prefix(':') == Some(name)))
        }
        None if text.starts_with("!ruby/") => BUILT_IN.contains(&text.as_str()),
        // Also a class: `!map:Foo`. A set is one of Psych's.
        None => text != "!set" && !["!map:", "!seq:", "!str:"].iter().any(|prefix| text.starts_with(prefix)),
    };
    if is_loaded { Ok(Some(text)) } else { Err(YamlError::Class(shown(&text))) }
}

fn class_of(tag: &str) -> Option<&str> {
    tag.strip_prefix("!ruby/object:")
}

/// Only two symbols are loaded. A plain scalar that begins with a colon is one.
fn check_symbol(text: &str) -> Result<(), YamlError> {
    let is_symbol = text.len() > 1 && text.starts_with(':') && !SYMBOLS.contains(&text);
    if is_symbol { Err(YamlError::Symbol(shown(text))) } else { Ok(()) }
}

/// What is not of the alphabet is left out, as Ruby does it.
fn base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| {
        Some(u32::from(match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        }))
    };
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0u32, 0);
    for six in text.bytes().take_while(|byte| *byte != b'=').filter_map(value) {
        held = (held << 6) | six;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).unwrap_or_default());
        }
    }
    bytes
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests;

//! Walks over the JSON of a publish while it arrives, and collects all of it except the data of the
//! attachments, which stays in the host. It is given pieces of text, so it knows neither bodies nor
//! packages.
//!
//! The bodies of `npm deprecate` and `npm unpublish` contain every version of a package and may have
//! tens of megabytes. Only `deprecated` of each version is used, so from the second version on (and
//! from the first with [`Walker::outline`]) nothing else of a version is kept.
//!
//! # Invariants
//! - What is collected never exceeds [`COLLECTED_LIMIT`], what is read little more than
//!   [`READ_LIMIT`]; depth never exceeds
//!   [`DEPTH_LIMIT`], and costs no stack.
//! - What is collected is complete; whether its numbers and words are JSON is for the
//!   parser that reads it.

use std::fmt;

/// The most JSON that is kept beside attachments, in bytes.
pub const COLLECTED_LIMIT: usize = 8 << 20;
/// The most JSON that is looked at beside attachments, in bytes. What `npm unpublish` sends
/// may hold a whole packument.
pub const READ_LIMIT: u64 = 128 << 20;
/// How deep lists and objects may lie in each other; published manifests have about five.
pub const DEPTH_LIMIT: usize = 100;

/// Why this JSON is not walked over to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalkError {
    /// It ended before it was complete.
    Truncated,
    /// It is something else than an object, or no JSON at all.
    NoObject,
    /// At this byte, counted from 0, something else should stand.
    Syntax(u64),
    TooDeep,
    TooLarge,
    TooLong,
}

impl fmt::Display for WalkError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => formatter.write_str("the body ends before its JSON is complete"),
            Self::NoObject => formatter.write_str("the body must be a JSON object, which begins with `{`"),
            Self::Syntax(at) => write!(formatter, "the body is not valid JSON at byte {}", at + 1),
            Self::TooDeep => {
                write!(formatter, "the JSON in the body is nested deeper than {DEPTH_LIMIT} levels")
            }
            Self::TooLarge => write!(
                formatter,
                "there are more than {COLLECTED_LIMIT} bytes of JSON beside the attachments"
            ),
            Self::TooLong => {
                write!(formatter, "the JSON has more than {READ_LIMIT} bytes beside the attachments")
            }
        }
    }
}

impl std::error::Error for WalkError {}

/// What came of a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// All of it was taken; more is welcome.
    More,
    /// Up to here it was taken: the last byte was the quote that opens the data of this
    /// attachment. Go on behind the closing quote.
    Attachment { name: String, taken: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Value,
    FirstKey,
    Key,
    Colon,
    FirstItem,
    After,
    /// Inside a string; whether the byte before was a backslash.
    String {
        key: bool,
        escaped: bool,
    },
    Word,
    End,
}

#[derive(Debug)]
struct Level {
    object: bool,
    /// How many members have been kept.
    kept: usize,
    /// The member that is being read, where that matters.
    key: String,
}

/// See the module.
#[derive(Debug)]
pub struct Walker {
    state: State,
    levels: Vec<Level>,
    collected: Vec<u8>,
    /// The key that is being read, with its quotes.
    key: Vec<u8>,
    versions: usize,
    outline: bool,
    /// The depth at which the value that is not kept began.
    dropping: Option<usize>,
    position: u64,
}

impl Default for Walker {
    fn default() -> Self {
        Self {
            state: State::Value,
            levels: Vec::new(),
            collected: Vec::new(),
            key: Vec::new(),
            versions: 0,
            outline: false,
            dropping: None,
            position: 0,
        }
    }
}

impl Walker {
    /// For whole packages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps of every version its `deprecated` only.
    pub fn outline() -> Self {
        Self { outline: true, ..Self::default() }
    }

    /// Takes the next piece, or what of it comes before an attachment's data.
    pub fn feed(&mut self, piece: &[u8]) -> Result<Step, WalkError> {
        if self.position > READ_LIMIT {
            return Err(WalkError::TooLong);
        }
        let mut taken = 0;
        while let Some(rest) = piece.get(taken..).filter(|rest| !rest.is_empty()) {
            if let State::String { key, escaped } = self.state {
                let length = self.take_string(rest, key, escaped)?;
                taken += length;
                self.position += length as u64;
                continue;
            }
            let Some(byte) = rest.first().copied() else {
                break;
            };
            if self.state == State::Word && !is_word(byte) {
                self.state = State::After;
                self.dropping = self.dropping.filter(|depth| *depth != self.levels.len());
            }
            let attachment = self.take_byte(byte)?;
            taken += 1;
            self.position += 1;
            if attachment {
                let name = self.levels.get(1).map(|level| level.key.clone());
                return Ok(Step::Attachment { name: name.unwrap_or_default(), taken });
            }
        }
        Ok(Step::More)
    }

    /// What was collected: an object, every attachment's `data` in it an empty string.
    pub fn finish(self) -> Result<Vec<u8>, WalkError> {
        if self.state == State::End { Ok(self.collected) } else { Err(WalkError::Truncated) }
    }

    /// Takes one byte outside strings; true at the start of an attachment's data.
    fn take_byte(&mut self, byte: u8) -> Result<bool, WalkError> {
        if self.state == State::Word {
            self.keep(&[byte])?;
            return Ok(false);
        }
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            return Ok(false);
        }
        match (self.state, byte) {
            (State::FirstKey | State::Key, b'"') => {
                self.key.clear();
                self.key.push(b'"');
                self.state = State::String { key: true, escaped: false };
            }
            (State::Colon, b':') => self.state = State::Value,
            (State::After, b',') => {
                let object = self.levels.last().is_some_and(|level| level.object);
                self.state = if object { State::Key } else { State::Value };
            }
            (State::FirstKey, b'}') | (State::FirstItem, b']') | (State::After, b'}' | b']') => {
                self.close(byte)?;
            }
            (State::Value | State::FirstItem, _) => return self.begin_value(byte),
            _ => return Err(WalkError::Syntax(self.position)),
        }
        Ok(false)
    }

    fn begin_value(&mut self, byte: u8) -> Result<bool, WalkError> {
        if self.levels.is_empty() && byte != b'{' {
            return Err(WalkError::NoObject);
        }
        self.begin_member()?;
        match byte {
            b'{' | b'[' => self.open(byte)?,
            b'"' if self.is_attachment_data() => {
                self.keep(b"\"\"")?;
                self.state = State::After;
                return Ok(true);
            }
            b'"' => {
                self.keep(b"\"")?;
                self.state = State::String { key: false, escaped: false };
            }
            _ if !is_word(byte) => return Err(WalkError::Syntax(self.position)),
            _ => {
                self.keep(&[byte])?;
                self.state = State::Word;
            }
        }
        Ok(false)
    }

    /// Writes the comma and the key before a value, unless the value is not kept.
    fn begin_member(&mut self) -> Result<(), WalkError> {
        if self.dropping.is_some() {
            return Ok(());
        }
        if self.is_unwanted() {
            self.dropping = Some(self.levels.len());
            return Ok(());
        }
        let Some(level) = self.levels.last_mut() else {
            return Ok(());
        };
        level.kept += 1;
        let (comma, object) = (level.kept > 1, level.object);
        if comma {
            self.keep(b",")?;
        }
        if object {
            let key = std::mem::take(&mut self.key);
            self.keep(&key)?;
            self.keep(b":")?;
            self.key = key;
        }
        Ok(())
    }

    fn open(&mut self, byte: u8) -> Result<(), WalkError> {
        if self.levels.len() >= DEPTH_LIMIT {
            return Err(WalkError::TooDeep);
        }
        self.keep(&[byte])?;
        let object = byte == b'{';
        self.levels.push(Level { object, kept: 0, key: String::new() });
        self.state = if object { State::FirstKey } else { State::FirstItem };
        Ok(())
    }

    fn close(&mut self, byte: u8) -> Result<(), WalkError> {
        let object = byte == b'}';
        if self.levels.last().is_none_or(|level| level.object != object) {
            return Err(WalkError::Syntax(self.position));
        }
        self.keep(&[byte])?;
        self.levels.pop();
        self.end_value();
        Ok(())
    }

    fn end_value(&mut self) {
        let depth = self.levels.len();
        self.dropping = self.dropping.filter(|dropped| *dropped != depth);
        self.state = if depth == 0 { State::End } else { State::After };
    }

    /// Takes the string up to its end, or all there is of it; gives how much.
    fn take_string(&mut self, bytes: &[u8], key: bool, escaped: bool) -> Result<usize, WalkError> {
        let mut escaped = escaped;
        let mut length = bytes.len();
        let mut closed = false;
        for (index, byte) in bytes.iter().enumerate() {
            if escaped {
                escaped = false;
            } else if *byte == b'\\' {
                escaped = true;
            } else if *byte == b'"' {
                length = index + 1;
                closed = true;
                break;
            }
        }
        let taken = bytes.get(..length).unwrap_or_default();
        if key {
            if self.key.len() + taken.len() > COLLECTED_LIMIT {
                return Err(WalkError::TooLarge);
            }
            self.key.extend_from_slice(taken);
        } else {
            self.keep(taken)?;
        }
        match (closed, key) {
            (false, _) => self.state = State::String { key, escaped },
            (true, true) => self.end_key(),
            (true, false) => self.end_value(),
        }
        Ok(length)
    }

    fn end_key(&mut self) {
        self.state = State::Colon;
        let depth = self.levels.len();
        // Deeper than an attachment's members no key matters.
        if depth <= 3 {
            let key = serde_json::from_slice(&self.key).unwrap_or_default();
            if let Some(level) = self.levels.last_mut() {
                level.key = key;
            }
        }
        if depth == 2 && self.is_below("versions") {
            self.versions += 1;
            self.outline |= self.versions > 1;
        }
    }

    /// A member of a version of which only `deprecated` counts.
    fn is_unwanted(&self) -> bool {
        self.outline
            && self.levels.len() == 3
            && self.is_below("versions")
            && self.levels.iter().all(|level| level.object)
            && self.levels.last().is_some_and(|level| level.key != "deprecated")
    }

    fn is_attachment_data(&self) -> bool {
        self.levels.len() == 3
            && self.is_below("_attachments")
            && self.levels.iter().all(|level| level.object)
            && self.levels.last().is_some_and(|level| level.key == "data")
    }

    fn is_below(&self, member: &str) -> bool {
        self.levels.first().is_some_and(|level| level.key == member)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), WalkError> {
        if self.dropping.is_some() {
            return Ok(());
        }
        if self.collected.len() + bytes.len() > COLLECTED_LIMIT {
            return Err(WalkError::TooLarge);
        }
        self.collected.extend_from_slice(bytes);
        Ok(())
    }
}

/// What numbers, `true`, `false` and `null` are made of.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

#[cfg(test)]
mod tests;

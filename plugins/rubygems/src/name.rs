//! The names of gems, versions, platforms and files. A name is parsed once, when a request arrives. It
//! cannot contain a `/`, white space or a control character. It knows no storage and no HTTP.

use std::fmt;

pub use version::{Number, compare};

mod version;

/// The longest name of a gem, in bytes. Keys have 255 bytes a segment, and a file's name holds a
/// version and a platform too.
const LONGEST_NAME: usize = 120;
/// The longest version and the longest platform, in bytes.
const LONGEST: usize = 60;

/// The platform of gems that run everywhere.
pub const RUBY: &str = "ruby";

/// The name of a gem, as it is spelled.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GemName(String);

impl GemName {
    /// ASCII letters, digits, `.`, `-` and `_`; it holds a letter and begins with no sign.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let is_name = is_plain(text, LONGEST_NAME)
            && !text.starts_with(['.', '-', '_'])
            && text.bytes().any(|byte| byte.is_ascii_alphabetic());
        if is_name { Ok(Self(text.to_owned())) } else { Err(NameError::Gem(shown(text))) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a gem that another one needs. RubyGems also loads names that no gem can have, such
    /// as `_rake` and `123`.
    pub fn parse_needed(text: &str) -> Result<String, NameError> {
        if is_plain(text, LONGEST_NAME) { Ok(text.to_owned()) } else { Err(NameError::Gem(shown(text))) }
    }

    /// Names that have this in common are one name to the registry.
    pub fn lower(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for GemName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A version and the platform that it is for: `1.0`, or `1.0-java`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    pub number: Number,
    /// [`RUBY`] for gems that run everywhere.
    pub platform: String,
}

impl Slot {
    /// No platform, or an empty one, is [`RUBY`].
    pub fn new(number: &str, platform: Option<&str>) -> Result<Self, NameError> {
        let platform = platform.filter(|platform| !platform.is_empty()).unwrap_or(RUBY);
        if !is_plain(platform, LONGEST) || platform.starts_with('.') {
            return Err(NameError::Platform(shown(platform)));
        }
        Ok(Self { number: Number::parse(number)?, platform: platform.to_owned() })
    }

    /// As the compact index writes it. A version has no `-`, so what follows one is the platform.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match text.split_once('-') {
            Some((_, platform)) if matches!(platform, "" | RUBY) => {
                Err(NameError::Platform(platform.to_owned()))
            }
            Some((number, platform)) => Self::new(number, Some(platform)),
            None => Self::new(text, None),
        }
    }

    pub fn is_ruby(&self) -> bool {
        self.platform == RUBY
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ruby() {
            write!(formatter, "{}", self.number)
        } else {
            write!(formatter, "{}-{}", self.number, self.platform)
        }
    }
}

/// The name of a gem's file without `.gem`: `rack-1.0`, `nokogiri-1.0-java`.
pub fn full_name(name: &GemName, slot: &Slot) -> String {
    format!("{name}-{slot}")
}

/// What a file of this name may be: `a-1-2` is `a-1` in version 2 and `a` in version 1 for the
/// platform 2. The longest name comes first.
pub fn readings(full_name: &str) -> Vec<(GemName, Slot)> {
    let mut readings = Vec::new();
    for (dash, _) in full_name.rmatch_indices('-') {
        let (name, rest) = full_name.split_at(dash);
        let rest = rest.get(1..).unwrap_or_default();
        if let (Ok(name), Ok(slot)) = (GemName::parse(name), Slot::parse(rest)) {
            readings.push((name, slot));
        }
    }
    readings
}

/// Why a name was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameError {
    Gem(String),
    Version(String),
    Platform(String),
}

impl fmt::Display for NameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gem(name) => write!(
                formatter,
                "{name:?} is not a valid gem name: it has ASCII letters, digits, `.`, `-` and `_`, at least one \
                 letter, at most {LONGEST_NAME} characters, and begins with a letter or a digit"
            ),
            Self::Version(version) => write!(
                formatter,
                "{version:?} is not a valid version: it has numbers and letters with dots between them, and begins \
                 with a number"
            ),
            Self::Platform(platform) => write!(formatter, "{platform:?} is not a valid platform"),
        }
    }
}

impl std::error::Error for NameError {}

fn is_plain(text: &str, longest: usize) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !text.is_empty() && text.len() <= longest && text.bytes().all(is_plain)
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests;

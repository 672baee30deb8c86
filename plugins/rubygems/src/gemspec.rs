//! The specification of a gem: the file `metadata` in it, as YAML that old and new RubyGems write. This
//! module does not use storage or HTTP.
//!
//! Ruby makes objects from this YAML. Here values stay text: a version `1.10` does not become a number.
//! A tag of an unknown class is rejected, as in RubyGems.

use std::borrow::Cow;
use std::fmt;

use crate::name::{GemName, NameError, Slot};
use crate::yaml::{self, Kind, Node, YamlError};

pub use requirement::{Requirement, RequirementError};

mod requirement;
mod strict;

/// What Ruby makes of the document.
const CLASS: &str = "Gem::Specification";
/// The longest text that may stand in one field, in bytes.
const LONGEST: usize = 64 << 10;
/// The most dependencies, authors, licenses and members of `metadata`.
const MOST: usize = 1000;

/// A specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gemspec {
    pub name: GemName,
    pub slot: Slot,
    pub summary: Option<String>,
    pub description: Option<String>,
    pub homepage: Option<String>,
    pub authors: Vec<String>,
    pub emails: Vec<String>,
    pub licenses: Vec<String>,
    /// Names and values, in order.
    pub metadata: Vec<(String, String)>,
    pub dependencies: Vec<Dependency>,
    pub required_ruby: Requirement,
    pub required_rubygems: Requirement,
    /// Of the program that made the gem.
    pub rubygems_version: Option<String>,
    pub specification_version: u8,
    /// `2026-01-01`
    pub date: Option<String>,
}

/// A gem that another one needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    pub name: String,
    pub requirement: Requirement,
    pub is_development: bool,
}

/// Why a text is not a valid gemspec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GemspecError {
    NotUtf8,
    Yaml(YamlError),
    NoSpecification,
    /// RubyGems adds `--- ` to the beginning, and does not find a specification then.
    Beginning,
    Missing(&'static str),
    Name(NameError),
    Requirement(&'static str, RequirementError),
    TooLong(&'static str),
    TooMany(&'static str),
    /// The field, and its text without quotes, of which Ruby makes a number, a date, or true or false.
    Unquoted(&'static str, String),
    /// A field of which RubyGems makes something else than it installs, and what it should be.
    Wrong(&'static str, &'static str),
    /// The character at this offset is not allowed in YAML.
    Character(usize),
}

impl fmt::Display for GemspecError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => formatter.write_str("the gemspec is not UTF-8"),
            Self::Yaml(error) => write!(formatter, "the gemspec cannot be read: {error}"),
            Self::NoSpecification => {
                formatter.write_str("the metadata of the gem is not a Gem::Specification")
            }
            Self::Beginning => {
                write!(formatter, "the gemspec does not begin with `--- !ruby/object:{CLASS}`")
            }
            Self::Missing(what) => write!(formatter, "the gemspec has no {what}"),
            Self::Name(error) => write!(formatter, "the gemspec is not valid: {error}"),
            Self::Requirement(what, error) => {
                write!(formatter, "the {what} in the gemspec is not valid: {error}")
            }
            Self::TooLong(what) => {
                write!(formatter, "the {what} in the gemspec has more than {LONGEST} bytes")
            }
            Self::TooMany(what) => write!(formatter, "the gemspec has more than {MOST} {what}"),
            Self::Unquoted(what, text) => write!(
                formatter,
                "the {what} {text} in the gemspec is not text in YAML: write it in quotes, '{text}'"
            ),
            Self::Wrong(what, wanted) => write!(formatter, "the {what} in the gemspec is not {wanted}"),
            Self::Character(offset) => {
                write!(
                    formatter,
                    "the gemspec contains a byte order mark or a control character at byte {offset}"
                )
            }
        }
    }
}

impl std::error::Error for GemspecError {}

impl From<NameError> for GemspecError {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

impl Gemspec {
    /// The gemspec of a gem that is pushed. Also rejects what RubyGems loads, but does not install.
    pub fn parse_pushed(bytes: &[u8]) -> Result<Self, GemspecError> {
        let root = strict::parse(bytes)?;
        let spec = Self::of(&root)?;
        strict::check(&root)?;
        Ok(spec)
    }

    pub fn parse(bytes: &[u8]) -> Result<Self, GemspecError> {
        let text = std::str::from_utf8(bytes).map_err(|_| GemspecError::NotUtf8)?;
        let root = yaml::parse(text).map_err(GemspecError::Yaml)?;
        if !root.is_a(CLASS) {
            return Err(GemspecError::NoSpecification);
        }
        Self::of(&root)
    }

    fn of(root: &Node) -> Result<Self, GemspecError> {
        let name = text_of(root, "name")?.ok_or(GemspecError::Missing("name"))?;
        let version = root.get("version").and_then(version_text).ok_or(GemspecError::Missing("version"))?;
        let platform = root.get("platform").map(platform_text).transpose()?.flatten();
        let platform = platform.or(text_of(root, "original_platform")?);
        let date = text_of(root, "date")?
            .and_then(|date| date.get(..10).map(str::to_owned))
            .filter(|date| is_date(date));
        let specification_version =
            text_of(root, "specification_version")?.and_then(|text| text.parse().ok());
        Ok(Self {
            name: GemName::parse(&name)?,
            slot: Slot::new(&version, platform.as_deref())?,
            summary: text_of(root, "summary")?,
            description: text_of(root, "description")?,
            homepage: text_of(root, "homepage")?,
            authors: texts_of(root, "authors", "author")?,
            emails: texts_of(root, "email", "emails")?,
            licenses: texts_of(root, "licenses", "license")?,
            metadata: metadata_of(root)?,
            dependencies: dependencies_of(root)?,
            required_ruby: requirement_of(root, "required_ruby_version")?,
            required_rubygems: requirement_of(root, "required_rubygems_version")?,
            rubygems_version: text_of(root, "rubygems_version")?,
            specification_version: specification_version.unwrap_or(4),
            date,
        })
    }
}

/// `Gem::Version` is a map with a member `version`; others wrote the text alone.
fn version_text(node: &Node) -> Option<String> {
    node.get("version").unwrap_or(node).text().map(Cow::into_owned)
}

/// `Gem::Platform` is a map with `cpu`, `os` and `version`; since long it is a text.
fn platform_text(node: &Node) -> Result<Option<String>, GemspecError> {
    if !matches!(node.kind, Kind::Map(_)) {
        return Ok(node.text().map(Cow::into_owned));
    }
    let parts = ["cpu", "os", "version"].map(|part| text_of(node, part));
    let mut words = Vec::new();
    for part in parts {
        words.extend(part?);
    }
    Ok(if words.is_empty() { None } else { Some(words.join("-")) })
}

fn text_of(node: &Node, key: &'static str) -> Result<Option<String>, GemspecError> {
    let Some(text) = node.get(key).and_then(Node::text) else { return Ok(None) };
    if text.len() > LONGEST {
        return Err(GemspecError::TooLong(key));
    }
    Ok(Some(text.into_owned()))
}

/// A list of texts, or one text; `other` is what the field was called in other times.
fn texts_of(root: &Node, key: &'static str, other: &'static str) -> Result<Vec<String>, GemspecError> {
    let Some(node) = root.get(key).or_else(|| root.get(other)) else { return Ok(Vec::new()) };
    if node.items().len() > MOST {
        return Err(GemspecError::TooMany(key));
    }
    let texts: Vec<String> = match &node.kind {
        Kind::List(items) => items.iter().filter_map(|item| item.text()).map(Cow::into_owned).collect(),
        _ => node.text().map(Cow::into_owned).into_iter().collect(),
    };
    if texts.iter().any(|text| text.len() > LONGEST) { Err(GemspecError::TooLong(key)) } else { Ok(texts) }
}

fn metadata_of(root: &Node) -> Result<Vec<(String, String)>, GemspecError> {
    let Some(Kind::Map(entries)) = root.get("metadata").map(|node| &node.kind) else { return Ok(Vec::new()) };
    if entries.len() > MOST {
        return Err(GemspecError::TooMany("members in `metadata`"));
    }
    let pair = |(key, value): &(std::rc::Rc<Node>, std::rc::Rc<Node>)| {
        Some((key.text()?.into_owned(), value.text().unwrap_or_default().into_owned()))
    };
    let pairs: Vec<(String, String)> = entries.iter().filter_map(pair).collect();
    let is_long = |(key, value): &(String, String)| key.len() > LONGEST || value.len() > LONGEST;
    if pairs.iter().any(is_long) { Err(GemspecError::TooLong("metadata")) } else { Ok(pairs) }
}

fn dependencies_of(root: &Node) -> Result<Vec<Dependency>, GemspecError> {
    let items = root.get("dependencies").map(Node::items).unwrap_or_default();
    if items.len() > MOST {
        return Err(GemspecError::TooMany("dependencies"));
    }
    let mut dependencies = Vec::with_capacity(items.len());
    for item in items {
        let name = text_of(item, "name")?.ok_or(GemspecError::Missing("name of a dependency"))?;
        let keys = ["requirement", "version_requirements", "version_requirement"];
        let is_something = |node: &&Node| node.text().is_some() || !matches!(node.kind, Kind::Scalar { .. });
        let requirement = keys.iter().find_map(|key| item.get(key).filter(is_something));
        let requirement = requirement.map(Requirement::of_yaml).transpose();
        let requirement =
            requirement.map_err(|error| GemspecError::Requirement("requirement of a dependency", error))?;
        let kind = item.get("type");
        let is_development = kind.is_some_and(|kind| {
            kind.symbol() == Some("development") || kind.text().as_deref() == Some(":development")
        });
        dependencies.push(Dependency {
            name: GemName::parse_needed(&name)?,
            requirement: requirement.unwrap_or_default(),
            is_development,
        });
    }
    Ok(dependencies)
}

fn requirement_of(root: &Node, key: &'static str) -> Result<Requirement, GemspecError> {
    let requirement = root.get(key).map(Requirement::of_yaml).transpose();
    Ok(requirement.map_err(|error| GemspecError::Requirement(key, error))?.unwrap_or_default())
}

fn is_date(text: &str) -> bool {
    let is_right = |(index, byte): (usize, u8)| {
        if matches!(index, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() }
    };
    text.len() == 10 && text.bytes().enumerate().all(is_right)
}

#[cfg(test)]
mod tests;

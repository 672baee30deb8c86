//! A requirement on the versions of a gem: `>= 1.0, < 2`.

use std::fmt;

use crate::name::Number;
use crate::yaml::{Kind, Node};

const OPERATORS: [&str; 7] = ["=", "!=", ">", "<", ">=", "<=", "~>"];
/// The most bounds of one requirement.
const MOST: usize = 100;

/// Bounds that must all hold. The default is any version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement(Vec<(&'static str, Number)>);

/// Why a requirement was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequirementError(String);

impl fmt::Display for RequirementError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} is not a requirement such as \">= 1.0\"", self.0)
    }
}

impl std::error::Error for RequirementError {}

impl Default for Requirement {
    fn default() -> Self {
        Self(Number::parse("0").map(|zero| vec![(">=", zero)]).unwrap_or_default())
    }
}

impl Requirement {
    /// `Gem::Requirement` is a map with a list `requirements` of pairs; nothing, and no pairs, are
    /// any version.
    pub fn of_yaml(node: &Node) -> Result<Self, RequirementError> {
        if let Some(text) = node.text() {
            return Self::parse(&text);
        }
        let list = if matches!(node.kind, Kind::List(_)) { Some(node) } else { node.get("requirements") };
        let items = list.map(Node::items).unwrap_or_default();
        if items.len() > MOST {
            return Err(RequirementError(format!("{MOST} bounds and more")));
        }
        let mut bounds = Vec::with_capacity(items.len());
        for item in items {
            bounds.push(match item.items() {
                [operator, version] => {
                    // Syck took the operator `=` for something else.
                    let operator = operator.text().unwrap_or("=".into());
                    let version = version.get("version").unwrap_or(version).text().unwrap_or_default();
                    bound(&operator, &version)?
                }
                _ => parse_bound(&item.text().unwrap_or_default())?,
            });
        }
        Ok(if bounds.is_empty() { Self::default() } else { Self(bounds) })
    }

    /// `>= 1.0, < 2`
    pub fn parse(text: &str) -> Result<Self, RequirementError> {
        let bounds = text.split(',').map(parse_bound).collect::<Result<Vec<_>, _>>()?;
        Ok(Self(bounds))
    }

    /// Whether every version that is not a pre-release is right.
    pub fn is_any(&self) -> bool {
        matches!(self.0.as_slice(), [(">=", number)] if number.as_str() == "0")
    }

    /// The bounds, in order.
    pub fn bounds(&self) -> &[(&'static str, Number)] {
        &self.0
    }

    /// Whether a bound is a pre-release.
    pub fn is_prerelease(&self) -> bool {
        self.0.iter().any(|(_, number)| number.is_prerelease())
    }

    /// With this between the bounds.
    pub fn joined(&self, separator: &str) -> String {
        let bounds: Vec<String> =
            self.0.iter().map(|(operator, number)| format!("{operator} {number}")).collect();
        bounds.join(separator)
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.joined(", "))
    }
}

/// `>= 1.0`, or `1.0` for `= 1.0`.
fn parse_bound(text: &str) -> Result<(&'static str, Number), RequirementError> {
    let text = text.trim();
    let digit = text.find(|character: char| character.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (operator, version) = text.split_at(digit);
    let operator = operator.trim();
    if version.is_empty() {
        return Err(RequirementError(text.chars().take(100).collect()));
    }
    bound(if operator.is_empty() { "=" } else { operator }, version)
}

fn bound(operator: &str, version: &str) -> Result<(&'static str, Number), RequirementError> {
    let error = || RequirementError(format!("{operator} {version}").chars().take(100).collect());
    let known = OPERATORS.into_iter().find(|known| *known == operator).ok_or_else(error)?;
    // An empty version is 0 to RubyGems.
    let version = if version.trim().is_empty() { "0" } else { version.trim() };
    Ok((known, Number::parse(version).map_err(|_| error())?))
}

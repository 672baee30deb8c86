//! The `composer.json` in the dist, in which the publisher describes the version. The registry keeps
//! it unchanged, except for the members that only the registry may set. It refuses a member of a wrong
//! type if Composer could then not read the package, nor any other package of the repository.

use std::fmt;

use packhouse_plugin::json::{self, BadJson};
use serde_json::Value;

use crate::members::{self, Members};
use crate::name::{PackageName, Version, VersionError};

pub mod constraint;
mod details;

/// The byte order mark that some editors write.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// Members that list packages with constraints.
const LINKS: [&str; 5] = ["require", "require-dev", "conflict", "replace", "provide"];
/// Members that Composer wants to be lists or objects.
const ARRAYS: [&str; 3] = ["autoload", "autoload-dev", "support"];
/// Members that Composer wants to be a text.
const TEXTS: [&str; 2] = ["type", "target-dir"];

/// Why a `composer.json` is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestError {
    NotJson(BadJson),
    /// Names the member, and says what it must be.
    Member(String),
    /// No version, here or in the request.
    NoVersion,
    Version(VersionError),
}

impl fmt::Display for ManifestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(reason) => reason.fmt(formatter),
            Self::Member(reason) => write!(formatter, "composer.json cannot be read by Composer: {reason}"),
            Self::NoVersion => formatter.write_str(
                "composer.json has no `version`: add one, or give the version in the address as ?version=1.0.0",
            ),
            Self::Version(error) => write!(formatter, "the `version` of composer.json: {error}"),
        }
    }
}

impl std::error::Error for ManifestError {}

/// What does not agree with the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disagreement {
    Name { inside: Option<String>, asked: PackageName },
    Version { inside: Version, asked: Version },
}

impl fmt::Display for Disagreement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { inside: None, asked } => {
                write!(formatter, "composer.json has no `name`: it must be {asked}")
            }
            Self::Name { inside: Some(inside), asked } => {
                let shown: String = inside.chars().take(200).collect();
                write!(formatter, "composer.json is for {shown:?}, but the upload is for {asked}")
            }
            Self::Version { inside, asked } => {
                write!(formatter, "composer.json says version {inside}, but the request says {asked}")
            }
        }
    }
}

impl std::error::Error for Disagreement {}

/// The `composer.json` of a version.
#[derive(Debug, Clone)]
pub struct Manifest(pub Members);

impl Manifest {
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let text = bytes.strip_prefix(MARK).unwrap_or(bytes);
        let read = |text: &[u8]| json::parse_of("composer.json", text).map_err(ManifestError::NotJson);
        let _: Members = read(text)?;
        // JSON is UTF-8, and what has no place in it was refused above.
        let compact = members::compact(&String::from_utf8_lossy(text)).map_err(ManifestError::Member)?;
        let manifest = Self(read(compact.as_bytes())?);
        manifest.check().map_err(ManifestError::Member)?;
        Ok(manifest)
    }

    /// The version that it names, if any: Composer accepts a number too.
    pub fn version(&self) -> Result<Option<Version>, ManifestError> {
        let text = match self.0.value("version") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(ManifestError::Member("`version` must be a string".to_owned())),
        };
        Version::parse(&text).map(Some).map_err(ManifestError::Version)
    }

    /// Checks that it is of this package.
    pub fn agree(&self, name: &PackageName) -> Result<(), Disagreement> {
        let inside = self.0.value("name");
        let inside = inside.as_ref().and_then(Value::as_str);
        if inside.is_some_and(|inside| name.is_named(inside)) {
            return Ok(());
        }
        Err(Disagreement::Name { inside: inside.map(str::to_owned), asked: name.clone() })
    }

    fn check(&self) -> Result<(), String> {
        for (name, value) in self.0.iter() {
            let value = &members::shallow(value);
            if value.is_null() {
                continue;
            }
            if LINKS.contains(&name) {
                check_links(name, value)?;
            } else if ARRAYS.contains(&name) {
                if !value.is_object() && !value.is_array() {
                    return Err(format!("`{name}` must be an object"));
                }
                details::check(name, value)?;
            } else if TEXTS.contains(&name) && !value.is_string() {
                return Err(format!("`{name}` must be a string"));
            } else if name == "include-path" && !is_texts(value) {
                return Err("`include-path` must be a list of strings".to_owned());
            } else if name == "bin" && !value.is_string() && !is_texts(value) {
                return Err("`bin` must be a string or a list of strings".to_owned());
            } else if name == "suggest" && !is_suggestions(value) {
                return Err("`suggest` must be an object of names and strings".to_owned());
            } else {
                details::check(name, value)?;
            }
        }
        Ok(())
    }
}

fn is_texts(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().all(Value::is_string),
        Value::Object(values) => values.values().all(Value::is_string),
        _ => false,
    }
}

/// PHP makes numbers of names that are numbers, and Composer then fails.
fn is_suggestions(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.is_empty(),
        Value::Object(values) => is_texts(value) && !values.keys().any(|name| details::is_number(name)),
        _ => false,
    }
}

fn check_links(member: &str, value: &Value) -> Result<(), String> {
    let links = match value {
        Value::Object(links) => links,
        Value::Array(links) if links.is_empty() => return Ok(()),
        _ => return Err(format!("`{member}` must be an object of package names and constraints")),
    };
    for (package, constraint) in links {
        let shown: String = package.chars().take(100).collect();
        if details::is_number(package) {
            return Err(format!("`{member}` names {shown:?}, which is a number and no package"));
        }
        let Some(constraint) = constraint.as_str() else {
            return Err(format!("the constraint on {shown:?} in `{member}` must be a string"));
        };
        if !constraint::is_valid(constraint) {
            let constraint: String = constraint.chars().take(100).collect();
            return Err(format!(
                "`{member}` has the constraint {constraint:?} on {shown:?}, which is not valid"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! Compares a POM with the path to which it is uploaded. Values that the POM inherits or computes from
//! properties are not known here, so they are not compared.

use std::fmt;

use crate::name::{Coordinates, FileName};
use crate::xml::{self, Met, XmlError, strict};
use twice::Twice;

mod twice;

/// The largest POM, in bytes.
pub const LIMIT: u64 = 4 << 20;

/// The elements that the registry reads; none for a missing one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pom {
    group: Option<String>,
    artifact: Option<String>,
    version: Option<String>,
    packaging: Option<String>,
    has_parent: bool,
    parent_group: Option<String>,
    parent_version: Option<String>,
}

/// Why a POM is not that of these coordinates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PomError {
    Xml(XmlError),
    Missing(&'static str),
    Differs { element: &'static str, found: String, expected: String },
    Packaging(String),
    Twice { element: &'static str, parent: &'static str },
}

impl fmt::Display for PomError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PomError::Xml(error) => write!(formatter, "the POM cannot be read: {error}"),
            PomError::Missing(element) => write!(formatter, "the POM has no <{element}>"),
            PomError::Differs { element, found, expected } => {
                write!(
                    formatter,
                    "the POM says <{element}> {found}, but it was sent to the path of {expected}"
                )
            }
            PomError::Twice { element, parent } => {
                write!(formatter, "the POM has <{element}> twice in <{parent}>, which Maven rejects")
            }
            PomError::Packaging(found) => {
                write!(formatter, "the POM has the packaging {found}, which is not valid")
            }
        }
    }
}

impl std::error::Error for PomError {}

impl Pom {
    pub fn parse(bytes: &[u8]) -> Result<Self, PomError> {
        let mut pom = Self::default();
        let mut twice = Twice::default();
        let visit = |path: &[String], met: Met<'_>| {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let Met::End(text) = met else {
                twice.start(&path);
                pom.has_parent |= path == ["project", "parent"];
                return;
            };
            let element = match path.as_slice() {
                ["project", "groupId"] => &mut pom.group,
                ["project", "artifactId"] => &mut pom.artifact,
                ["project", "version"] => &mut pom.version,
                ["project", "packaging"] => &mut pom.packaging,
                ["project", "parent", "groupId"] => &mut pom.parent_group,
                ["project", "parent", "version"] => &mut pom.parent_version,
                _ => return,
            };
            *element = Some(text.to_owned()).filter(|text| !text.is_empty());
        };
        xml::read(bytes, "project", visit).map_err(PomError::Xml)?;
        strict::check(bytes).map_err(PomError::Xml)?;
        match twice.found {
            Some((element, parent)) => Err(PomError::Twice { element, parent }),
            None => Ok(pom),
        }
    }

    /// It is that of these coordinates, as far as it says. `name` is the name of its file.
    pub fn check(&self, coordinates: &Coordinates, name: &FileName) -> Result<(), PomError> {
        let artifact = &coordinates.artifact;
        agrees("artifactId", self.artifact.as_deref(), name.artifact())?;
        agrees(
            "groupId",
            self.inherited(self.group.as_deref(), self.parent_group.as_deref()),
            artifact.group.as_str(),
        )?;
        agrees(
            "version",
            self.inherited(self.version.as_deref(), self.parent_version.as_deref()),
            coordinates.version(),
        )?;
        match &self.packaging {
            Some(packaging) if !is_computed(packaging) && !is_word(packaging) => {
                Err(PomError::Packaging(shown(packaging)))
            }
            _ => Ok(()),
        }
    }

    /// A parent need not say either: Maven 4 finds it by its folder.
    fn inherited<'a>(&self, own: Option<&'a str>, parents: Option<&'a str>) -> Option<&'a str> {
        let known = own.or(parents);
        known.or(self.has_parent.then_some("${inherited}"))
    }
}

fn agrees(element: &'static str, found: Option<&str>, expected: &str) -> Result<(), PomError> {
    match found {
        None => Err(PomError::Missing(element)),
        Some(found) if found == expected || is_computed(found) => Ok(()),
        Some(found) => Err(PomError::Differs { element, found: shown(found), expected: expected.to_owned() }),
    }
}

/// It holds a property.
fn is_computed(text: &str) -> bool {
    text.split_once("${").is_some_and(|(_, rest)| rest.contains('}'))
}

fn is_word(text: &str) -> bool {
    text.len() <= 100 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte))
}

fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use crate::name::{Artifact, GroupId};

    fn check(inside: &str) -> Result<(), String> {
        let artifact = Artifact::parse(GroupId::parse("com.example").unwrap(), "lib").unwrap();
        let pom = Pom::parse(
            format!("<project xmlns=\"http://maven.apache.org/POM/4.0.0\">{inside}</project>").as_bytes(),
        );
        let coordinates = Coordinates::parse(artifact, "1.0").unwrap();
        let name = FileName::parse(&coordinates, "lib-1.0.pom").unwrap();
        let checked = pom.and_then(|pom| pom.check(&coordinates, &name));
        checked.map_err(|error| error.to_string())
    }

    #[test]
    fn what_agrees_is_accepted() {
        let parent =
            "<parent><groupId>com.example</groupId><artifactId>p</artifactId><version>1.0</version></parent>";
        for inside in [
            "<groupId>com.example</groupId><artifactId>lib</artifactId><version>1.0</version>",
            "<groupId> com.example\n</groupId><artifactId>lib</artifactId><version>1.0</version><packaging>maven-plugin</packaging>",
            &format!("{parent}<artifactId>lib</artifactId>"),
            &format!("{parent}<artifactId>lib</artifactId><packaging>${{packaging}}</packaging>"),
            "<parent><relativePath/></parent><artifactId>lib</artifactId>",
            "<groupId>${g}</groupId><artifactId>lib${suffix}</artifactId><version>${revision}${changelist}</version>",
            "<groupId>com.example</groupId><artifactId>lib</artifactId><version>1.0</version><dependencies><dependency><groupId>other</groupId></dependency></dependencies>",
        ] {
            assert_eq!(check(inside), Ok(()), "{inside}");
        }
    }

    #[test]
    fn an_element_that_is_there_twice_is_refused() {
        let ours = "<groupId>com.example</groupId><artifactId>lib</artifactId><version>1.0</version>";
        for more in [
            "<version>1.0</version>",
            "<dependencies/><dependencies/>",
            "<parent><version>1</version><version>1</version></parent>",
            "<dependencies><dependency><scope>test</scope><scope>test</scope></dependency></dependencies>",
            "<build><plugins><plugin><configuration/><configuration/></plugin></plugins></build>",
        ] {
            let error = check(&format!("{ours}{more}")).unwrap_err();
            assert!(error.contains("twice"), "{more}: {error}");
            assert!(check(&format!("<version>9</version>{ours}")).is_err());
        }
        for more in [
            "<dependencies><dependency><groupId>a</groupId></dependency><dependency><groupId>a</groupId></dependency></dependencies>",
            "<build><plugins><plugin><configuration><version>1</version><version>2</version><plugin><groupId>a</groupId><groupId>b</groupId></plugin></configuration></plugin></plugins></build>",
            "<properties><version>1</version><version>2</version></properties>",
            "<custom/><custom/>",
            "<modules><module>a</module><module>a</module></modules>",
        ] {
            assert_eq!(check(&format!("{ours}{more}")), Ok(()), "{more}");
        }
    }

    #[test]
    fn what_differs_is_refused() {
        for (inside, why) in [
            ("<artifactId>lib</artifactId><version>1.0</version>", "has no <groupId>"),
            ("<groupId>com.example</groupId><artifactId>lib</artifactId>", "has no <version>"),
            ("<groupId>com.example</groupId><version>1.0</version>", "has no <artifactId>"),
            (
                "<groupId>com.example</groupId><artifactId>other</artifactId><version>1.0</version>",
                "<artifactId> other",
            ),
            (
                "<groupId>com.evil</groupId><artifactId>lib</artifactId><version>1.0</version>",
                "<groupId> com.evil",
            ),
            (
                "<parent><groupId>com.example</groupId><version>2.0</version></parent><artifactId>lib</artifactId>",
                "<version> 2.0",
            ),
            (
                "<groupId>com.example</groupId><artifactId>lib</artifactId><version>1.0</version><packaging>a b</packaging>",
                "packaging",
            ),
        ] {
            let error = check(inside).unwrap_err();
            assert!(error.contains(why), "{inside}: {error}");
        }
    }
}

//! Core metadata: `METADATA` in a wheel, `PKG-INFO` in a source distribution. Headers as in an e-mail,
//! then the description. It knows no archive and no storage.

use std::fmt;

use crate::name::{ProjectName, Version, is_specifier};

/// The largest that is read, in bytes.
pub const LIMIT: u64 = 4 << 20;
/// The longest `Requires-Python`, in bytes: the project's document repeats it for each file.
const REQUIRES_PYTHON: usize = 1024;

/// The fields of a distribution, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CoreMetadata {
    fields: Vec<(String, String)>,
}

/// Why metadata does not fit its distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataError {
    /// A field that must be there, once.
    NotOnce(&'static str),
    /// It is of another project or version.
    Differs { field: &'static str, inside: String, stated: String },
    /// No version specifier.
    BadRequiresPython(String),
    /// Longer than documents hold.
    LongRequiresPython,
}

impl fmt::Display for MetadataError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOnce(field) => {
                write!(formatter, "the metadata inside the distribution must have the field {field} once")
            }
            Self::Differs { field, inside, stated } => write!(
                formatter,
                "the metadata inside the distribution has the {field} {inside:?}, and the upload {stated:?}"
            ),
            Self::LongRequiresPython => write!(
                formatter,
                "the metadata inside the distribution has a Requires-Python of more than {REQUIRES_PYTHON} bytes"
            ),
            Self::BadRequiresPython(text) => write!(
                formatter,
                "the metadata inside the distribution has the Requires-Python {text:?}, which is not a version specifier such as `>=3.9`"
            ),
        }
    }
}

impl std::error::Error for MetadataError {}

impl CoreMetadata {
    /// Reads all fields; other lines are skipped.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut rest = text.as_ref();
        while !rest.is_empty() {
            // Python reads a line's end in each of its forms.
            let (line, behind) = rest.split_once(['\n', '\r']).unwrap_or((rest, ""));
            let is_cr = rest.as_bytes().get(line.len()) == Some(&b'\r');
            rest = behind.strip_prefix('\n').filter(|_| is_cr).unwrap_or(behind);
            if line.is_empty() {
                break;
            }
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push('\n');
                    value.push_str(line.strip_prefix("       |").unwrap_or(line.trim_start()));
                }
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
        let has_description = fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("description"));
        if !has_description && !rest.trim().is_empty() {
            fields.push(("Description".to_owned(), rest.to_owned()));
        }
        Self { fields }
    }

    /// The first of this name, unless it is empty or `UNKNOWN`, as old tools write.
    pub fn first(&self, name: &str) -> Option<&str> {
        let mut same = self.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let value = same.find(|(_, value)| !value.is_empty() && value != "UNKNOWN");
        value.map(|(_, value)| value.as_str())
    }

    /// All of this name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let same = move |(field, _): &&(String, String)| field.eq_ignore_ascii_case(name);
        self.fields.iter().filter(same).map(|(_, value)| value.as_str())
    }

    /// Which Python it needs, as it was written. Stored files may have what no upload can have now, and
    /// clients read it more leniently: uv reads `>=3.6.*` as `>=3.6`.
    pub fn requires_python(&self) -> Option<&str> {
        self.first("Requires-Python").filter(|text| text.len() <= REQUIRES_PYTHON)
    }

    /// Does it belong to this version of this project?
    pub fn check(&self, project: &ProjectName, version: &Version) -> Result<(), MetadataError> {
        let name = self.once("Name")?;
        if ProjectName::parse(name).ok().as_ref() != Some(project) {
            return Err(differs("name", name, project));
        }
        let inside = self.once("Version")?;
        if Version::parse(inside).ok().as_ref() != Some(version) {
            return Err(differs("version", inside, version));
        }
        self.once("Metadata-Version")?;
        match self.first("Requires-Python") {
            Some(text) if text.len() > REQUIRES_PYTHON => Err(MetadataError::LongRequiresPython),
            Some(text) if !is_specifier(text) => Err(MetadataError::BadRequiresPython(text.to_owned())),
            _ => Ok(()),
        }
    }

    fn once(&self, name: &'static str) -> Result<&str, MetadataError> {
        let mut all = self.all(name);
        match (all.next(), all.next()) {
            (Some(value), None) => Ok(value),
            _ => Err(MetadataError::NotOnce(name)),
        }
    }
}

fn differs(field: &'static str, inside: &str, stated: &impl fmt::Display) -> MetadataError {
    let inside: String = inside.chars().take(200).collect();
    MetadataError::Differs { field, inside, stated: stated.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    fn check(text: &str) -> Result<(), MetadataError> {
        let project = ProjectName::parse("foo-bar").unwrap();
        CoreMetadata::parse(text.as_bytes()).check(&project, &Version::parse("1.0").unwrap())
    }

    #[test]
    fn fields_are_read_in_all_their_forms() {
        let text = "Metadata-Version: 2.1\r\nName: Foo.Bar\r\nVersion: 1.0\r\nSummary: a  b\r\n\
                    License: line one\r\n        line two\r\nClassifier: A\nClassifier: B\nAuthor: UNKNOWN\n\
                    Requires-Python: >=3.9, <4\n\n# Title\n\nName: not a field\n";
        let metadata = CoreMetadata::parse(text.as_bytes());
        assert_eq!(metadata.first("license"), Some("line one\nline two"));
        assert_eq!(metadata.all("Classifier").collect::<Vec<_>>(), ["A", "B"]);
        assert_eq!(metadata.first("Author"), None);
        assert_eq!(metadata.requires_python(), Some(">=3.9, <4"));
        assert_eq!(metadata.first("Description"), Some("# Title\n\nName: not a field\n"));
        assert_eq!(check(text), Ok(()));
    }

    #[test]
    fn what_documents_would_hold_too_often_is_not_taken() {
        let long = ">=3,".repeat(300);
        let text =
            format!("Metadata-Version: 2.1\nName: foo_bar\nVersion: 1.0\nRequires-Python: {long}>=3\n");
        assert_eq!(check(&text), Err(MetadataError::LongRequiresPython));
        assert_eq!(CoreMetadata::parse(text.as_bytes()).requires_python(), None);
    }

    /// As it stands in real releases of openpyxl and celery.
    #[test]
    fn a_comma_at_the_end_of_requires_python_is_valid() {
        let text = "Metadata-Version: 2.1\nName: foo_bar\nVersion: 1.0\nRequires-Python: >=3.6,\n";
        assert_eq!(check(text), Ok(()));
        assert_eq!(CoreMetadata::parse(text.as_bytes()).requires_python(), Some(">=3.6,"));
    }

    #[test]
    fn a_description_may_be_a_field() {
        let metadata = CoreMetadata::parse(b"Name: a\nDescription: one\n       |two\n        three\n");
        assert_eq!(metadata.first("Description"), Some("one\ntwo\nthree"));
    }

    #[test]
    fn what_does_not_belong_is_told() {
        for (text, wanted) in [
            ("", "Name"),
            ("Name: foo-bar\nVersion: 1.0\n", "Metadata-Version"),
            ("Metadata-Version: 2.1\nName: foo-bar\nName: foo-bar\nVersion: 1.0\n", "once"),
            ("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n", "\"other\""),
            ("Metadata-Version: 2.1\nName: foo_bar\nVersion: 1.1\n", "\"1.1\""),
            ("Metadata-Version: 2.1\nName: foo_bar\nVersion: 1.0\nRequires-Python: 3 or so\n", "3 or so"),
            ("Metadata-Version: 2.1\nName: foo_bar\nVersion: 1.0\nSummary: a\rVersion: 2.0\n", "once"),
        ] {
            let error = check(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}

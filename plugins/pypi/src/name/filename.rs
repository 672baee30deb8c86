//! Names of distribution files: wheels (PEP 427) and source distributions (PEP 625), and what
//! earlier systems have stored besides.

use std::fmt;

use super::{ProjectName, Version};

/// The longest, in bytes: a segment of a key on every backend, less the longest ending of
/// what is kept beside the file.
const LENGTH: usize = 255 - ".provenance".len();

/// The name of a file that is a distribution of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    text: String,
    pub version: Version,
    pub kind: FileKind,
}

/// What a file is, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// `python_tag`: e.g. `py3` or `cp311`. `build` is the build tag, empty without one.
    Wheel { python_tag: String, abi_tag: String, platform_tag: String, build: String },
    /// A `.tar.gz`.
    Sdist,
    /// Files that can no longer be uploaded, but are still served: eggs, installers, other archives.
    Other { form: Form },
}

/// The kinds of old, by what the JSON API calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Sdist,
    Egg,
    Installer,
}

/// Endings of files that can no longer be uploaded.
const OLD_ENDINGS: [(&str, Form); 7] = [
    (".zip", Form::Sdist),
    (".tar.bz2", Form::Sdist),
    (".tgz", Form::Sdist),
    (".tar.xz", Form::Sdist),
    (".egg", Form::Egg),
    (".exe", Form::Installer),
    (".msi", Form::Installer),
];

/// A file name that cannot be one of this project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileNameError {
    name: String,
    reason: String,
}

impl fmt::Display for FileNameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.name.chars().take(LENGTH).collect();
        write!(formatter, "the file name {shown:?} is not valid: {}", self.reason)
    }
}

impl std::error::Error for FileNameError {}

impl FileName {
    /// The name of a file to be uploaded: a wheel or a `.tar.gz` of this project.
    pub fn parse(project: &ProjectName, text: &str) -> Result<Self, FileNameError> {
        let refuse = |reason: String| Err(FileNameError { name: text.to_owned(), reason });
        if let Some(reason) = fault(text) {
            return refuse(reason);
        }
        let parsed = if let Some(stem) = text.strip_suffix(".whl") {
            parse_wheel(project, stem)
        } else if let Some(stem) = text.strip_suffix(".tar.gz") {
            split_sdist(project, stem).map(|version| (version, FileKind::Sdist))
        } else {
            Err("only wheels (.whl) and source distributions (.tar.gz) are accepted".to_owned())
        };
        match parsed {
            Ok((version, kind)) => Ok(Self { text: text.to_owned(), version, kind }),
            Err(reason) => refuse(reason),
        }
    }

    /// The name of a stored file, also of a kind that can no longer be uploaded. None if it is not a
    /// distribution of the project.
    pub fn parse_stored(project: &ProjectName, text: &str) -> Option<Self> {
        if let Ok(parsed) = Self::parse(project, text) {
            return Some(parsed);
        }
        if fault(text).is_some() {
            return None;
        }
        let (stem, form) =
            OLD_ENDINGS.iter().find_map(|(ending, form)| Some((text.strip_suffix(ending)?, *form)))?;
        // Behind the version of an egg or installer stand tags.
        let version = (stem.len()..=stem.len())
            .chain(stem.rmatch_indices('-').map(|(at, _)| at))
            .find_map(|end| split_sdist(project, stem.get(..end)?).ok())?;
        Some(Self { text: text.to_owned(), version, kind: FileKind::Other { form } })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn is_wheel(&self) -> bool {
        matches!(self.kind, FileKind::Wheel { .. })
    }

    /// `bdist_wheel`, `sdist`, …: how the upload form and the JSON API call it.
    pub fn package_type(&self) -> &'static str {
        match &self.kind {
            FileKind::Wheel { .. } => "bdist_wheel",
            FileKind::Sdist | FileKind::Other { form: Form::Sdist } => "sdist",
            FileKind::Other { form: Form::Egg } => "bdist_egg",
            FileKind::Other { form: Form::Installer } => "bdist_wininst",
        }
    }

    /// The same for all names of one distribution. Clients take two files of one identity for the
    /// same, and install either: names differ in spelling, versions in zeros, tags in order.
    pub fn identity(&self) -> String {
        let version = self.version.canonical();
        match &self.kind {
            FileKind::Wheel { python_tag, abi_tag, platform_tag, build } => {
                let tags = [python_tag, abi_tag, platform_tag].map(|tag| tag_set(tag)).join("-");
                format!("wheel {version} {} {tags}", build_number(build))
            }
            FileKind::Sdist => format!("sdist {version}"),
            FileKind::Other { .. } => format!("other {}", self.text),
        }
    }

    /// `source`, or the first of the tags: how the JSON API calls it.
    pub fn python_version(&self) -> &str {
        match &self.kind {
            FileKind::Wheel { python_tag, .. } => python_tag,
            _ => "source",
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// What is wrong with the name of any file.
fn fault(text: &str) -> Option<String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+!".contains(&byte);
    if text.len() > LENGTH {
        Some(format!("it is longer than {LENGTH} characters"))
    } else if !text.starts_with(|first: char| first.is_ascii_alphanumeric()) || !text.bytes().all(is_allowed)
    {
        Some("it may contain only letters, digits and `-_.+!`, and begins with a letter or digit".to_owned())
    } else {
        None
    }
}

/// `{name}-{version}(-{build})?-{python}-{abi}-{platform}` (PEP 427).
fn parse_wheel(project: &ProjectName, stem: &str) -> Result<(Version, FileKind), String> {
    let parts: Vec<&str> = stem.split('-').collect();
    let (name, version, build, tags) = match parts.as_slice() {
        [name, version, tags @ ..] if tags.len() == 3 => (name, version, None, tags),
        [name, version, build, tags @ ..] if tags.len() == 3 => (name, version, Some(build), tags),
        _ => return Err("a wheel is called name-version[-build]-python-abi-platform.whl".to_owned()),
    };
    if build.is_some_and(|build| !build.starts_with(|first: char| first.is_ascii_digit())) {
        return Err("the build tag of a wheel begins with a digit".to_owned());
    }
    let is_tag = |tag: &&str| {
        !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte))
    };
    if !tags.iter().all(is_tag) {
        return Err("the tags of a wheel may contain only letters, digits, `_` and `.`".to_owned());
    }
    check_name(project, name)?;
    let version = Version::parse(&version.replace('_', "-")).map_err(|error| error.to_string())?;
    let tag = |place: usize| tags.get(place).copied().unwrap_or_default().to_owned();
    let build = build.copied().unwrap_or_default().to_owned();
    let (python_tag, abi_tag, platform_tag) = (tag(0), tag(1), tag(2));
    Ok((version, FileKind::Wheel { python_tag, abi_tag, platform_tag, build }))
}

/// `py2.py3` stands for a set of tags, in any order and case (PEP 425).
fn tag_set(compressed: &str) -> String {
    let compressed = compressed.to_ascii_lowercase();
    let mut tags: Vec<&str> = compressed.split('.').collect();
    tags.sort_unstable();
    tags.dedup();
    tags.join(".")
}

/// A build tag is a number and what follows it (the binary distribution format).
fn build_number(build: &str) -> String {
    let digits = build.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = build.split_at(digits);
    let number = number.trim_start_matches('0');
    let number = if number.is_empty() && digits > 0 { "0" } else { number };
    format!("{number}{rest}")
}

/// Is this the folder in a source distribution of this version? A version may contain dashes
/// (`6.7.8-9` is a post-release), and so may the name before it.
pub fn is_sdist_folder(project: &ProjectName, version: &Version, folder: &str) -> bool {
    let parsed = |name, inside| (ProjectName::parse(name).ok(), Version::parse(inside).ok());
    folder.match_indices('-').any(|(dash, _)| {
        let (name, inside) = folder.split_at(dash);
        let inside = inside.strip_prefix('-').unwrap_or(inside);
        matches!(parsed(name, inside), (Some(name), Some(inside)) if name == *project && inside == *version)
    })
}

/// `{name}-{version}` (PEP 625). Tools of old have left `-` in the name, so that the name says
/// where it ends.
fn split_sdist(project: &ProjectName, stem: &str) -> Result<Version, String> {
    let mut reason = format!("a source distribution of {project} is called {project}-version.tar.gz");
    for (dash, _) in stem.match_indices('-') {
        let name = stem.get(..dash).unwrap_or_default();
        if check_name(project, name).is_ok() {
            match Version::parse(stem.get(dash + 1..).unwrap_or_default()) {
                Ok(version) => return Ok(version),
                Err(error) => reason = error.to_string(),
            }
        }
    }
    Err(reason)
}

fn check_name(project: &ProjectName, name: &str) -> Result<(), String> {
    match ProjectName::parse(name) {
        Ok(parsed) if parsed == *project => Ok(()),
        Ok(parsed) => Err(format!("it is of the project {parsed}, not of {project}")),
        Err(error) => Err(error.to_string()),
    }
}

//! The simple API (PEP 503, 592, 629, 658, 691, 700, 714, 740, 792): a model of its two pages. One file
//! renders it as HTML and one as JSON, so both always have the same content.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::document::{File, Project};
use crate::name::ProjectName;

pub mod html;
pub mod json;

/// The version of the simple API that is served.
pub const API_VERSION: &str = "1.4";

/// The characters of a file's name that are not escaped in a URL.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'!');

/// Where the links of a page lead.
#[derive(Debug, Clone, Copy)]
pub enum Links<'a> {
    /// Below this address, without a trailing slash.
    Absolute(&'a str),
    /// From the page's own place in the bucket.
    Relative,
}

/// The page of one project.
#[derive(Debug, Clone, Copy)]
pub struct ProjectPage<'a> {
    pub name: &'a ProjectName,
    pub project: &'a Project,
    pub links: Links<'a>,
}

/// The list of all projects.
#[derive(Debug, Clone, Copy)]
pub struct RootPage<'a> {
    pub names: &'a [String],
    pub links: Links<'a>,
}

impl RootPage<'_> {
    /// The page of a project.
    fn url(&self, name: &str) -> String {
        match self.links {
            Links::Absolute(base) => format!("{base}/simple/{name}/"),
            Links::Relative => format!("{name}/"),
        }
    }
}

impl ProjectPage<'_> {
    /// The files that are offered.
    fn files(&self) -> &[File] {
        if self.project.offers_files() { &self.project.files } else { &[] }
    }

    /// Where a file is downloaded.
    fn url(&self, file: &File) -> String {
        file_url(self.name, &file.filename, self.links)
    }

    /// Where its attestations are read.
    fn provenance_url(&self, file: &File) -> Option<String> {
        file.provenance.then(|| format!("{}.provenance", self.url(file)))
    }
}

/// Where a file is downloaded.
pub fn file_url(name: &ProjectName, filename: &str, links: Links<'_>) -> String {
    let base = match links {
        Links::Absolute(base) => base,
        Links::Relative => "../..",
    };
    format!("{base}/packages/{name}/{}", utf8_percent_encode(filename, PLAIN))
}

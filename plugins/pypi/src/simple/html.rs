//! The pages as HTML 5.

use std::io::{self, Write};

use packhouse_plugin::markup::Escaped;

use super::{API_VERSION, ProjectPage, RootPage};
use crate::document::File;

/// The content type of HTML with a version.
pub const CONTENT_TYPE: &str = "application/vnd.pypi.simple.v1+html";

/// What a page begins with that was written here, and by no other system.
pub const BEGIN: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                         <meta name=\"pypi:repository-version\" content=\"";

/// Writes the page of a project.
pub fn write_project(out: &mut impl Write, page: &ProjectPage<'_>) -> io::Result<()> {
    let name = page.name;
    begin(out, &format!("Links for {name}"))?;
    if let Some(status) = &page.project.status {
        let marker = status.status.as_str();
        writeln!(out, "<meta name=\"pypi:project-status\" content=\"{marker}\">")?;
        if let Some(reason) = &status.reason {
            let reason = Escaped(reason);
            writeln!(out, "<meta name=\"pypi:project-status-reason\" content=\"{reason}\">")?;
        }
    }
    writeln!(out, "</head>\n<body>\n<h1>Links for {name}</h1>")?;
    for file in page.files() {
        write_file(out, page, file)?;
    }
    out.write_all(b"</body>\n</html>\n")
}

/// Writes the list of all projects.
pub fn write_root(out: &mut impl Write, page: &RootPage<'_>) -> io::Result<()> {
    begin(out, "Simple index")?;
    out.write_all(b"</head>\n<body>\n")?;
    for name in page.names {
        writeln!(out, "<a href=\"{}\">{}</a><br>", Escaped(&page.url(name)), Escaped(name))?;
    }
    out.write_all(b"</body>\n</html>\n")
}

fn begin(out: &mut impl Write, title: &str) -> io::Result<()> {
    writeln!(out, "{BEGIN}{API_VERSION}\">\n<title>{title}</title>")
}

fn write_file(out: &mut impl Write, page: &ProjectPage<'_>, file: &File) -> io::Result<()> {
    write!(out, "<a href=\"{}", Escaped(&page.url(file)))?;
    if let Some(sha256) = &file.sha256 {
        write!(out, "#sha256={sha256}")?;
    }
    out.write_all(b"\"")?;
    if let Some(requires_python) = &file.requires_python {
        write!(out, " data-requires-python=\"{}\"", Escaped(requires_python))?;
    }
    if let Some(sha256) = file.core_metadata() {
        // The first is the name of PEP 658, which many clients know alone.
        write!(out, " data-dist-info-metadata=\"sha256={sha256}\" data-core-metadata=\"sha256={sha256}\"")?;
    }
    if let Some(url) = page.provenance_url(file) {
        write!(out, " data-provenance=\"{}\"", Escaped(&url))?;
    }
    if let Some(reason) = &file.yanked {
        write!(out, " data-yanked=\"{}\"", Escaped(reason))?;
    }
    writeln!(out, ">{}</a><br>", Escaped(&file.filename))
}

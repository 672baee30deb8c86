//! Finds one file in a project's document. It does not read the whole document, which may have
//! megabytes, because every installation downloads files.

use packhouse_plugin::Error as HostError;
use packhouse_plugin::storage::{self, Scan};

use crate::document::{File, Marker, Project, Status};
use crate::endpoints::{no_file, read};
use crate::error::{self, Error};
use crate::layout;
use crate::name::ProjectName;

/// The longest value that is looked at, in bytes.
const LONGEST: u64 = 1 << 20;

/// What the stored document says.
enum Found {
    File(Box<File>),
    NoFile,
    /// It has no files: the project is not there, or they were lost.
    Empty,
    Quarantined,
    /// It is another system's, of a form that is not known, or of another project.
    Foreign,
}

/// The file of this name, or 404 for `asked`; or 403 while the project offers no files.
pub fn find(name: &ProjectName, filename: &str, asked: &str) -> Result<File, Error> {
    match storage::scan(&layout::document(name), |scan| look(scan, name, filename))? {
        Some(Found::File(file)) => Ok(*file),
        Some(Found::NoFile) => Err(no_file(name, asked)),
        Some(Found::Quarantined) => Err(Error::new(error::QUARANTINED)),
        Some(Found::Foreign | Found::Empty) | None => {
            find_in(&read(name)?, filename)?.ok_or_else(|| no_file(name, asked))
        }
    }
}

fn find_in(project: &Project, filename: &str) -> Result<Option<File>, Error> {
    if !project.offers_files() {
        return Err(Error::new(error::QUARANTINED));
    }
    Ok(project.file(filename).cloned())
}

/// Relies on the order in which our documents are written: `format`, `name`, `status`, `files`.
fn look(scan: &mut Scan, name: &ProjectName, filename: &str) -> Result<Found, HostError> {
    let (mut is_ours, mut is_named) = (false, false);
    if !scan.begin_object()? {
        return Ok(Found::Foreign);
    }
    while let Some(member) = scan.next_member()? {
        match member.as_str() {
            "format" => is_ours = Project::is_format(&scan.value(LONGEST)?),
            _ if !is_ours => return Ok(Found::Foreign),
            "name" => {
                let own: String =
                    serde_json::from_slice(&scan.value(LONGEST)?).map_err(|_| scan.damaged())?;
                is_named = ProjectName::parse(&own).is_ok_and(|own| own == *name);
            }
            _ if !is_named => return Ok(Found::Foreign),
            "status" => {
                let status: Option<Status> =
                    serde_json::from_slice(&scan.value(LONGEST)?).map_err(|_| scan.damaged())?;
                if status.is_some_and(|status| status.status == Marker::Quarantined) {
                    return Ok(Found::Quarantined);
                }
            }
            "files" if scan.begin_list()? => return seek(scan, filename),
            _ => scan.skip()?,
        }
    }
    Ok(Found::Foreign)
}

/// Goes over the list of files up to the one that is wanted.
fn seek(scan: &mut Scan, filename: &str) -> Result<Found, HostError> {
    let mut found = Found::Empty;
    while scan.next_item()? {
        let item = scan.value(LONGEST)?;
        let item = str::from_utf8(&item).map_err(|_| scan.damaged())?;
        // Reading each of them as JSON would take most of the time.
        if item.contains(filename) {
            let file: File = serde_json::from_str(item).map_err(|_| scan.damaged())?;
            if file.filename == filename {
                return Ok(Found::File(Box::new(file)));
            }
        }
        found = Found::NoFile;
    }
    Ok(found)
}

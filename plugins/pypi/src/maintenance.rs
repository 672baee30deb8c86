//! Looking after the bucket: what interrupted uploads left behind, documents and pages to be
//! made of files that were copied in, and whether what is stored is what the documents say.

use packhouse_plugin::maintenance::{Maintenance, Step};
use packhouse_plugin::storage::{self, Document};
use packhouse_plugin::{Error, log};

use crate::Pypi;
use crate::document::Project;
use crate::endpoints::found;
use crate::layout;
use crate::name::ProjectName;

mod collect;
mod reindex;
mod verify;

impl Maintenance for Pypi {
    fn collect(step: &Step<'_>) -> Result<(), Error> {
        collect::collect(step)
    }

    fn reindex(step: &Step<'_>) -> Result<(), Error> {
        reindex::reindex(step)
    }

    fn verify(step: &Step<'_>) -> Result<(), Error> {
        verify::verify(step)
    }
}

/// What lies at a project's key.
enum Stored {
    Nothing,
    /// Another system's: the files speak, not this.
    Foreign(Document),
    /// A whole one of ours.
    Project(Document, Project),
    /// One of ours that is not whole, as far as it can be read, and why.
    Damaged(Option<Document>, Option<Project>, String),
}

impl Stored {
    /// Reads the document as it is now, so after whatever was listed before.
    fn read(name: &ProjectName) -> Result<Stored, Error> {
        match storage::get(&layout::document(name)) {
            Ok(None) => Ok(Stored::Nothing),
            Ok(Some(document)) => Ok(match Project::parse(&document.bytes) {
                Ok(Some(project)) => match (project.check(), found::lost_files(name, &project)?) {
                    (Ok(()), None) => Stored::Project(document, project),
                    (Err(why), _) | (Ok(()), Some(why)) => {
                        Stored::Damaged(Some(document), Some(project), why)
                    }
                },
                Ok(None) => Stored::Foreign(document),
                Err(error) => Stored::Damaged(Some(document), None, format!("it cannot be read: {error}")),
            }),
            Err(Error::Damaged { why, .. }) => Ok(Stored::Damaged(None, None, why)),
            Err(error) => Err(error),
        }
    }

    /// None when no document of ours speaks.
    fn project(&self) -> Option<&Project> {
        match self {
            Stored::Project(_, project) | Stored::Damaged(_, Some(project), _) => Some(project),
            Stored::Nothing | Stored::Foreign(_) | Stored::Damaged(..) => None,
        }
    }

    /// Bytes that were read.
    fn size(&self) -> u64 {
        match self {
            Stored::Foreign(document)
            | Stored::Project(document, _)
            | Stored::Damaged(Some(document), ..) => document.bytes.len() as u64,
            Stored::Nothing | Stored::Damaged(None, ..) => 0,
        }
    }
}

/// What an endpoint's function met while it was used here: the sentence is the same.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn told(error: crate::error::Error) -> Error {
    if error.status() >= 500 {
        log::error("maintenance met an error", &[("error", &error.to_string())]);
    }
    Error::Other { code: error.code().to_owned(), message: error.to_string() }
}

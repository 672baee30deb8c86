//! Looking after the bucket: what interrupted uploads left behind, documents and pages to be
//! made of files that were copied in, and whether what is stored is what the documents say.

use packhouse_plugin::maintenance::{Maintenance, Step};
use packhouse_plugin::storage::Document;
use packhouse_plugin::{Error, log};

use crate::Pypi;
use crate::document::Project;
use crate::endpoints::stored;
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
    /// One of ours that is not whole or was lost, and why. With what it says, if it can be read.
    Damaged(Option<(Document, Project)>, String),
}

impl Stored {
    /// Reads the document as it is now, so after whatever was listed before.
    fn read(name: &ProjectName) -> Result<Stored, Error> {
        Ok(match stored::read(name) {
            Ok((None, _)) => Stored::Nothing,
            Ok((Some(document), None)) => Stored::Foreign(document),
            Ok((Some(document), Some(project))) => match project.check() {
                Ok(()) => Stored::Project(document, project),
                Err(why) => Stored::Damaged(Some((document, project)), why),
            },
            Err(Error::Damaged { why, .. }) => Stored::Damaged(None, why),
            Err(error) => return Err(error),
        })
    }

    /// None when no document of ours can be read.
    fn project(&self) -> Option<&Project> {
        match self {
            Stored::Project(_, project) | Stored::Damaged(Some((_, project)), _) => Some(project),
            Stored::Nothing | Stored::Foreign(_) | Stored::Damaged(None, _) => None,
        }
    }

    /// Bytes that were read.
    fn size(&self) -> u64 {
        match self {
            Stored::Foreign(document)
            | Stored::Project(document, _)
            | Stored::Damaged(Some((document, _)), _) => document.bytes.len() as u64,
            Stored::Nothing | Stored::Damaged(None, _) => 0,
        }
    }
}

/// What is stored can be such that nothing can be made of it. Then it is reported at its key, or at
/// `key`, and the run goes on; an error of the store ends the run.
fn go_on<T: Default>(step: &Step<'_>, key: &str, done: Result<T, Error>) -> Result<T, Error> {
    match done {
        Err(Error::Damaged { key, why }) => step.damaged_once(&key, &why),
        Err(error @ (Error::Invalid(_) | Error::TooLarge(_) | Error::Truncated)) => {
            step.damaged_once(key, &format!("it cannot be worked on: {error}"));
        }
        other => return other,
    }
    Ok(T::default())
}

/// What an endpoint's function met while it was used here: the sentence is the same.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn told(error: crate::error::Error) -> Error {
    if error.status() >= 500 {
        log::error("maintenance met an error", &[("error", &error.to_string())]);
    }
    Error::Other { code: error.code().to_owned(), message: error.to_string() }
}

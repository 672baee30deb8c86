//! Maintenance of the bucket: removes what interrupted uploads left, makes documents and pages from
//! files that were copied in, and verifies the stored files against the documents.

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::{self, Maintenance, Step};

use crate::Pypi;
use crate::document::Project;
use crate::endpoints::stored;
use crate::name::ProjectName;

mod collect;
mod reindex;
mod verify;

impl Maintenance for Pypi {
    fn collect(step: &Step<'_>) -> Result<(), Error> {
        step.run_phases(collect::PHASES)
    }

    fn reindex(step: &Step<'_>) -> Result<(), Error> {
        step.run_phases(reindex::PHASES)
    }

    fn verify(step: &Step<'_>) -> Result<(), Error> {
        step.run_phases(verify::PHASES)
    }
}

/// What lies at a project's key.
type Stored = maintenance::Stored<Project>;

/// The document of a project as it is now. It is read after the files were listed. Where another
/// system's document lies, the files speak.
fn stored(name: &ProjectName) -> Result<Stored, Error> {
    let stored = Stored::or_damaged(stored::read(name).map(|read| match read {
        (None, _) => Stored::Nothing,
        (Some(document), None) => Stored::Foreign(document),
        (Some(document), Some(project)) => {
            let checked = project.check();
            Stored::ours(document, project, checked)
        }
    }))?;
    stored.unless_older()
}

/// If a stored object cannot be processed, it is reported at its key, or at `key`, and the run
/// continues. An error of the storage ends the run.
fn go_on<T: Default>(step: &Step<'_>, key: &str, done: Result<T, Error>) -> Result<T, Error> {
    match done {
        Err(error @ (Error::Invalid(_) | Error::BadJson(_) | Error::TooLarge(_) | Error::Truncated)) => {
            step.damaged_once(key, &format!("it cannot be processed: {error}"));
            Ok(T::default())
        }
        done => Ok(step.pass(done)?.unwrap_or_default()),
    }
}

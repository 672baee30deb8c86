//! The referrers of a manifest: one object for each manifest with a `subject`, so that two pushes never
//! write the same object.

use packhouse_plugin::Error;
use packhouse_plugin::storage::{self, Document, Json, Precondition};

use crate::digest::ContentDigest;
use crate::document::Referrer;
use crate::layout;
use crate::name::RepositoryName;

/// The same manifest always writes the same bytes.
pub fn write(
    repository: &RepositoryName,
    subject: &ContentDigest,
    digest: &ContentDigest,
    referrer: &Referrer,
) -> Result<(), Error> {
    Json::at(layout::referrer(repository, subject, digest)).write(referrer).map(drop)
}

/// Is the entry there, as it would be written?
pub fn is_stored(
    repository: &RepositoryName,
    subject: &ContentDigest,
    digest: &ContentDigest,
    referrer: &Referrer,
) -> Result<bool, Error> {
    let stored = storage::get(&layout::referrer(repository, subject, digest))?;
    let bytes = storage::to_json(referrer)?;
    Ok(stored.is_some_and(|stored| stored.bytes == bytes))
}

/// What is wrong with the entry; none if nothing is. `Damaged` if it cannot be read.
pub fn fault(
    repository: &RepositoryName,
    subject: &ContentDigest,
    digest: &ContentDigest,
) -> Result<Option<&'static str>, Error> {
    match storage::get(&layout::referrer(repository, subject, digest))? {
        None => Ok(Some("it does not exist, and its manifest does: run `packhouse reindex`")),
        Some(document) => parse(&document, digest).map(|_| None),
    }
}

/// The entry of the manifest with this digest.
pub fn parse(document: &Document, digest: &ContentDigest) -> Result<Referrer, Error> {
    let run = |why: String| document.damaged(format!("{why}: run `packhouse reindex`"));
    let referrer: Referrer =
        serde_json::from_slice(&document.bytes).map_err(|error| run(error.to_string()))?;
    if referrer.digest == digest.to_string() {
        Ok(referrer)
    } else {
        Err(run(format!("it is about {}", referrer.digest)))
    }
}

pub fn remove(
    repository: &RepositoryName,
    subject: &ContentDigest,
    digest: &ContentDigest,
) -> Result<(), Error> {
    storage::remove(&layout::referrer(repository, subject, digest), Precondition::Any).map(|_| ())
}

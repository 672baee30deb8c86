//! The referrers of a manifest: one object for each manifest with a `subject`, so that two pushes never
//! write the same object.

use packhouse_plugin::Error;
use packhouse_plugin::storage::{self, Json, Precondition};

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

pub fn remove(
    repository: &RepositoryName,
    subject: &ContentDigest,
    digest: &ContentDigest,
) -> Result<(), Error> {
    storage::remove(&layout::referrer(repository, subject, digest), Precondition::Any).map(|_| ())
}

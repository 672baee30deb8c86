//! What refers to a manifest: an object for each manifest with a `subject`, so that two
//! pushes never meet.

use packhouse_plugin::Error;
use packhouse_plugin::storage::{self, Precondition};

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
    let key = layout::referrer(repository, subject, digest);
    let bytes = serde_json::to_vec(referrer).map_err(|error| Error::Invalid(error.to_string()))?;
    storage::put(&key, &bytes, Precondition::Any, Some("application/json")).map(|_| ())
}

pub fn remove(
    repository: &RepositoryName,
    subject: &ContentDigest,
    digest: &ContentDigest,
) -> Result<(), Error> {
    storage::remove(&layout::referrer(repository, subject, digest), Precondition::Any).map(|_| ())
}

//! What an earlier system has left of a repository is a folder of manifests. Before anything
//! is asked of it that only members or referrers can answer, these are written from the
//! manifests, once.

use packhouse_plugin::storage::{self, Document, Precondition};
use packhouse_plugin::{Error, log};

use crate::digest::ContentDigest;
use crate::document::Manifest;
use crate::name::RepositoryName;
use crate::{holdings, layout, membership, referrers, tag_map};

/// Adopts the repository unless that was done; true when it was done now.
pub fn ensure(repository: &RepositoryName) -> Result<bool, Error> {
    if storage::stat(&layout::adopted(repository))?.is_some() {
        return Ok(false);
    }
    adopt(repository)?;
    Ok(true)
}

/// Writes what follows from the repository's manifests, then the mark that it is complete.
fn adopt(repository: &RepositoryName) -> Result<(), Error> {
    let mut has_manifests = false;
    for manifest in holdings::manifests(repository) {
        let (digest, document) = manifest?;
        has_manifests = true;
        match Manifest::parse(&document.bytes) {
            Ok(manifest) => {
                write_members(repository, &manifest)?;
                write_referrer(repository, &digest, &document, &manifest)?;
            }
            Err(error) => {
                let fields = [("key", document.info.key.as_str()), ("error", &error.to_string())];
                log::error("a stored manifest cannot be read", &fields);
            }
        }
    }
    if has_manifests {
        tag_map::create(repository)?;
    }
    storage::put(&layout::adopted(repository), b"{}", Precondition::Any, Some("application/json"))?;
    Ok(())
}

/// Those that are missing.
pub fn write_members(repository: &RepositoryName, manifest: &Manifest) -> Result<(), Error> {
    let named = manifest.named();
    let keys: Vec<String> = named.iter().map(|digest| layout::member(repository, digest)).collect();
    for (digest, member) in named.iter().zip(storage::stat_many(&keys)?) {
        if !member.is_some_and(|member| membership::is_settled(&member)) {
            membership::settle(repository, digest)?;
        }
    }
    Ok(())
}

/// The entry of a manifest that has a subject, if it is missing.
pub fn write_referrer(
    repository: &RepositoryName,
    digest: &ContentDigest,
    document: &Document,
    manifest: &Manifest,
) -> Result<(), Error> {
    let Some(subject) = manifest.subject() else {
        return Ok(());
    };
    let media_type = crate::media_types::find(repository, digest, document, manifest)?;
    let referrer = manifest.referrer(&media_type, digest, document.info.size);
    referrers::write(repository, &subject, digest, &referrer)
}

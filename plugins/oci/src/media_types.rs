//! Under which media type a stored manifest is served. Most say it themselves; for the others
//! it is kept beside them, since not every store keeps content types.

use packhouse_plugin::Error;
use packhouse_plugin::storage::{self, Document, Precondition};

use crate::digest::ContentDigest;
use crate::document::{Manifest, is_media_type};
use crate::layout;
use crate::name::RepositoryName;

/// Content types that say nothing of what a document is.
const GENERIC: [&str; 4] =
    ["application/json", "application/octet-stream", "application/x-www-form-urlencoded", "text/plain"];

/// The media type in a header, without parameters; none for one that says nothing.
pub fn in_header(value: Option<&str>) -> Option<String> {
    let kind = value?.split(';').next().unwrap_or_default().trim();
    Some(kind.to_owned()).filter(|kind| is_media_type(kind) && !GENERIC.contains(&kind.as_str()))
}

/// Keeps the type that a manifest was pushed as, where the manifest does not show it.
pub fn keep(
    repository: &RepositoryName,
    digest: &ContentDigest,
    manifest: &Manifest,
    media_type: &str,
) -> Result<(), Error> {
    if manifest.says_its_type() || manifest.looks_like() == media_type {
        return Ok(());
    }
    let key = layout::media_type(repository, digest);
    storage::put(&key, media_type.as_bytes(), Precondition::Any, Some("text/plain")).map(|_| ())
}

/// The type to serve it as.
pub fn find(
    repository: &RepositoryName,
    digest: &ContentDigest,
    document: &Document,
    manifest: &Manifest,
) -> Result<String, Error> {
    if manifest.says_its_type() {
        return Ok(manifest.media_type(None));
    }
    let kept = storage::get(&layout::media_type(repository, digest))?;
    let kept = kept.and_then(|kept| String::from_utf8(kept.bytes).ok()).filter(|kind| is_media_type(kind));
    let stored = || in_header(document.info.content_type.as_deref());
    Ok(manifest.media_type(kept.or_else(stored).as_deref()))
}

/// With the manifest.
pub fn forget(repository: &RepositoryName, digest: &ContentDigest) -> Result<(), Error> {
    storage::remove(&layout::media_type(repository, digest), Precondition::Any).map(|_| ())
}

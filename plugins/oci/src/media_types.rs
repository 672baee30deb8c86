//! The media type with which a stored manifest is served. Most manifests contain it. For the others it
//! is stored in a separate object, because not every storage keeps content types.
//!
//! A client chooses the type, and a browser follows it. So a type that is not valid for a manifest is
//! rejected at the push, and is not served if an earlier system stored it.

use packhouse_plugin::Error;
use packhouse_plugin::storage::{self, Document, Precondition};

use crate::digest::ContentDigest;
use crate::document::{MANIFEST_TYPES, Manifest, is_manifest_type};
use crate::error::{self, Error as Refusal};
use crate::layout;
use crate::name::RepositoryName;

/// Content types that clients send with any kind of document.
const GENERIC: [&str; 4] =
    ["application/json", "application/octet-stream", "application/x-www-form-urlencoded", "text/plain"];

/// The media type that a manifest is pushed as, without parameters; `None` for a header that
/// says nothing.
pub fn sent(value: Option<&str>) -> Result<Option<String>, Refusal> {
    let kind = essence(value.unwrap_or_default());
    if kind.is_empty() || is_generic(kind) {
        return Ok(None);
    }
    if is_manifest_type(kind) {
        return Ok(Some(kind.to_owned()));
    }
    let sentence = format!("the Content-Type is {kind:.100?}: {MANIFEST_TYPES}");
    Err(Refusal::because(error::MANIFEST_INVALID, sentence))
}

/// The media type of a stored manifest in the words of the store, if a manifest may have it.
pub fn stored(value: Option<&str>) -> Option<String> {
    value.map(essence).filter(|kind| is_manifest_type(kind)).map(str::to_owned)
}

fn essence(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

fn is_generic(kind: &str) -> bool {
    GENERIC.iter().any(|generic| generic.eq_ignore_ascii_case(kind))
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
    let kept = kept.and_then(|kept| String::from_utf8(kept.bytes).ok()).filter(|kind| is_manifest_type(kind));
    let stored = || stored(document.info.content_type.as_deref());
    Ok(manifest.media_type(kept.or_else(stored).as_deref()))
}

/// With the manifest.
pub fn forget(repository: &RepositoryName, digest: &ContentDigest) -> Result<(), Error> {
    storage::remove(&layout::media_type(repository, digest), Precondition::Any).map(|_| ())
}

//! `GET, HEAD, DELETE /v2/{repository}/manifests/{tag or digest}`; pushing is in `push`.

use packhouse_plugin::storage::{self, Document, unless_conflict};
use packhouse_plugin::{Call, Error as HostError, Response, settings};
use serde_json::json;

use super::{BYTES, CONTENT_DIGEST, damaged, repository};
use crate::access::{Access, require};
use crate::digest::ContentDigest;
use crate::document::Manifest;
use crate::error::{self, Error};
use crate::name::{Reference, RepositoryName, Tag};
use crate::{holdings, layout, media_types, records, referrers, tag_map};

mod push;

pub use push::push_manifest;

/// The bytes as they were pushed.
pub fn read_manifest(call: &Call) -> Result<Response, Error> {
    let repository = repository(call)?;
    require(&repository, Access::Pull)?;
    let reference = reference(call)?;
    let digest = match &reference {
        Reference::Digest(digest) => digest.clone(),
        Reference::Tag(tag) => match tag_map::resolve(&repository, tag)? {
            Some(Ok(digest)) => digest,
            // A push of the tag repairs it.
            Some(Err(error)) => return Err(damaged(call, &repository, error, unknown(&reference))),
            None => return Err(unknown(&reference)),
        },
    };
    let key = layout::manifest(&repository, &digest);
    let Some(document) = storage::get(&key)? else {
        return Err(match lost(&repository, &reference, &digest)? {
            Some(error) => damaged(call, &repository, error, unknown(&reference)),
            None => unknown(&reference),
        });
    };
    if let Some(why) = holdings::other_content(&digest, &document)? {
        let error = document.damaged(format!("{why}: push it again"));
        return Err(damaged(call, &repository, error, unknown(&reference)));
    }
    let media_type = media_type(&repository, &digest, &document)?;
    let response = Response::new(200)
        .content_type(&media_type)
        .header(CONTENT_DIGEST, &digest.to_string())
        .header("etag", &format!("\"{digest}\""))
        // Its length is a part of every descriptor that names it.
        .no_compression();
    Ok(response.bytes(document.bytes))
}

/// Why a missing manifest should exist: a tag points to it, or its push was recorded. A deletion takes
/// the tags away first, then marks the record, then removes the manifest; so all of it is looked at
/// once more.
fn lost(
    repository: &RepositoryName,
    reference: &Reference,
    digest: &ContentDigest,
) -> Result<Option<HostError>, Error> {
    let key = layout::manifest(repository, digest);
    let is_expected = match reference {
        Reference::Digest(_) => records::is_lost(repository, digest)?,
        Reference::Tag(tag) => {
            !records::is_deleted(repository, digest)?
                && tag_map::resolve(repository, tag)?.is_some_and(|found| found.as_ref() == Ok(digest))
        }
    };
    if !is_expected || storage::stat(&key)?.is_some() {
        return Ok(None);
    }
    let why = match reference {
        Reference::Digest(_) => "it was pushed, but is lost: push it again".to_owned(),
        Reference::Tag(tag) => format!("the tag {tag} points to it, but it is lost: push it again"),
    };
    Ok(Some(HostError::damaged(key, why)))
}

/// A tag goes alone; a digest takes its tags and its entry among the referrers along.
pub fn delete_manifest(call: &Call) -> Result<Response, Error> {
    let repository = repository(call)?;
    settings::require_feature("deletion")?;
    require(&repository, Access::Delete)?;
    match reference(call)? {
        Reference::Tag(tag) => delete_tag(&repository, &tag)?,
        Reference::Digest(digest) => delete_digest(&repository, &digest)?,
    }
    Ok(Response::new(202))
}

fn delete_tag(repository: &RepositoryName, tag: &Tag) -> Result<(), Error> {
    if tag_map::resolve(repository, tag)?.is_some() && tag_map::remove(repository, tag)? {
        return Ok(());
    }
    Err(unknown(&Reference::Tag(tag.clone())))
}

/// The tags are removed first, so that none points to nothing; and once more at the end, for one that a
/// push has set meanwhile.
fn delete_digest(repository: &RepositoryName, digest: &ContentDigest) -> Result<(), Error> {
    let key = layout::manifest(repository, digest);
    storage::retry(&key, |attempt| {
        let Some(document) = storage::get(&key)? else {
            // An earlier attempt removed it, and its answer was lost.
            return if attempt > 1 { Ok(Some(())) } else { Err(unknown(&Reference::Digest(digest.clone()))) };
        };
        tag_map::remove_all(repository, digest)?;
        let manifest = Manifest::parse(&document.bytes).unwrap_or_default();
        records::delete(repository, digest, &manifest.named(), document.info.modified)?;
        if let Some(subject) = manifest.subject() {
            referrers::remove(repository, &subject, digest)?;
        }
        // Or it was pushed again meanwhile.
        Ok(unless_conflict(storage::remove(&key, document.precondition()))?.map(drop))
    })?;
    media_types::forget(repository, digest)?;
    Ok(tag_map::remove_all(repository, digest)?)
}

/// What a stored manifest is served as, also when it cannot be read.
fn media_type(
    repository: &RepositoryName,
    digest: &ContentDigest,
    document: &Document,
) -> Result<String, Error> {
    match Manifest::parse(&document.bytes) {
        Ok(manifest) => Ok(media_types::find(repository, digest, document, &manifest)?),
        Err(_) => {
            Ok(media_types::stored(document.info.content_type.as_deref()).unwrap_or_else(|| BYTES.to_owned()))
        }
    }
}

/// The tag or digest in the path.
fn reference(call: &Call) -> Result<Reference, Error> {
    Ok(Reference::parse(&call.decoded("reference")?)?)
}

fn unknown(reference: &Reference) -> Error {
    let sentence = format!("this repository has no manifest {reference}");
    error::about(error::MANIFEST_UNKNOWN, sentence, json!({ "reference": reference.to_string() }))
}

//! `GET, HEAD, DELETE /v2/{repository}/blobs/{digest}`.

use packhouse_plugin::{Call, Response, settings, storage};
use serde_json::json;

use super::{BYTES, CONTENT_DIGEST, damaged, digest, repository};
use crate::access::{Access, is_allowed, require};
use crate::digest::ContentDigest;
use crate::document::Manifest;
use crate::error::{self, Error};
use crate::holdings::Manifests;
use crate::membership::Found;
use crate::{holdings, layout, membership, pending};

/// How much too early a store may say that an object was written, with room to spare; in
/// milliseconds.
const MARGIN: u64 = 10_000;
/// The digest of a blob up to this size is computed before it is served, in bytes: configurations are
/// smaller. The client verifies a larger one.
const SMALL: u64 = 64 << 10;

/// For a caller who may push, the blob is then kept for a while, because clients do not upload what
/// they have found.
pub fn read_blob(call: &Call) -> Result<Response, Error> {
    let (repository, digest) = (repository(call)?, digest(call)?);
    require(&repository, Access::Pull)?;
    let member = match membership::read(&repository, &digest)? {
        Some(member) => member,
        None => match membership::find(&repository, &digest)? {
            Found::Whole(member) => member,
            Found::Damaged(error) => return Err(damaged(call, &repository, error, unknown(&digest))),
            Found::Nothing => return Err(unknown(&digest)),
        },
    };
    if member.size().is_some_and(|size| size <= SMALL)
        && let Some(error) = membership::other_content(&digest)?
    {
        return Err(damaged(call, &repository, error, unknown(&digest)));
    }
    let mut response = Response::new(200)
        .content_type(BYTES)
        .header(CONTENT_DIGEST, &digest.to_string())
        .header("etag", &format!("\"{digest}\""))
        .no_compression();
    let size = response.write_object(&layout::blob(&digest))?.map(|blob| blob.size);
    if size.is_none_or(|size| !member.is_of(size)) {
        // It may have been collected or brought again in this moment.
        return match membership::find(&repository, &digest)? {
            Found::Damaged(error) => Err(damaged(call, &repository, error, unknown(&digest))),
            Found::Nothing => Err(unknown(&digest)),
            Found::Whole(_) => Err(Error::new(error::BUSY)),
        };
    }
    if is_allowed(&repository, Access::Push) {
        member.confirm()?;
    }
    Ok(response)
}

/// The repository no longer has the blob; its bytes stay as long as another one has them, and
/// until the garbage collection.
pub fn delete_blob(call: &Call) -> Result<Response, Error> {
    let (repository, digest) = (repository(call)?, digest(call)?);
    settings::require_feature("deletion")?;
    require(&repository, Access::Delete)?;
    let size = match membership::find(&repository, &digest)? {
        Found::Whole(member) => member.size(),
        // What is lost or damaged can be deleted too.
        Found::Damaged(_) => None,
        Found::Nothing => return Err(unknown(&digest)),
    };
    let began = storage::now()?;
    if let Some(manifest) = naming(holdings::manifests(&repository), &digest)? {
        return Err(named(&manifest.to_string()));
    }
    membership::delete(&repository, &digest)?;
    // A push that has looked before this is seen by one of these two, and keeps its blob.
    let later = holdings::manifests_since(&repository, began.saturating_sub(MARGIN));
    let by = match pending::naming(&repository, &digest)? {
        Some(push) => Some(push),
        None => naming(later, &digest)?.map(|manifest| manifest.to_string()),
    };
    if let Some(by) = by {
        membership::mount(&repository, &digest, size)?;
        return Err(named(&by));
    }
    Ok(Response::new(202))
}

/// The first of these manifests that names the blob.
fn naming(manifests: Manifests, blob: &ContentDigest) -> Result<Option<ContentDigest>, Error> {
    for manifest in manifests {
        let (digest, document) = manifest?;
        // One that cannot be read names nobody knows what.
        if Manifest::parse(&document.bytes).map_or(true, |manifest| manifest.named().contains(blob)) {
            return Ok(Some(digest));
        }
    }
    Ok(None)
}

fn named(by: &str) -> Error {
    let sentence = format!("the manifest {by} still names this blob; delete the manifest first");
    error::about(error::BLOB_NAMED, sentence, json!({ "manifest": by }))
}

fn unknown(digest: &ContentDigest) -> Error {
    let sentence = format!("this repository has no blob {digest}");
    error::about(error::BLOB_UNKNOWN, sentence, json!({ "digest": digest.to_string() }))
}

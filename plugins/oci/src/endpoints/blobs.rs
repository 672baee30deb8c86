//! `GET, HEAD, DELETE /v2/{repository}/blobs/{digest}`.

use packhouse_plugin::{Call, Response, storage};
use serde_json::json;

use super::{BYTES, CONTENT_DIGEST, digest, repository, require_feature};
use crate::access::{Access, is_allowed, require};
use crate::digest::ContentDigest;
use crate::document::Manifest;
use crate::error::{self, Error};
use crate::holdings::Manifests;
use crate::{holdings, layout, membership, pending};

/// How much too early a store may say that an object was written, with room to spare; in
/// milliseconds.
const MARGIN: u64 = 10_000;

/// Whoever may push is promised that the blob stays for a while: clients skip what they find.
pub fn read_blob(call: &Call) -> Result<Response, Error> {
    let (repository, digest) = (repository(call)?, digest(call)?);
    require(&repository, Access::Pull)?;
    let member = membership::find(&repository, &digest)?.ok_or_else(|| unknown(&digest))?;
    if is_allowed(&repository, Access::Push) {
        member.confirm()?;
    }
    let response = Response::new(200)
        .content_type(BYTES)
        .header(CONTENT_DIGEST, &digest.to_string())
        .header("etag", &format!("\"{digest}\""))
        .no_compression();
    response.object(&layout::blob(&digest))?.ok_or_else(|| unknown(&digest))
}

/// The repository no longer has the blob; its bytes stay as long as another one has them, and
/// until the garbage collection.
pub fn delete_blob(call: &Call) -> Result<Response, Error> {
    let (repository, digest) = (repository(call)?, digest(call)?);
    require_feature("deletion")?;
    require(&repository, Access::Delete)?;
    membership::find(&repository, &digest)?.ok_or_else(|| unknown(&digest))?;
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
        membership::mount(&repository, &digest)?;
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
    Error::because(error::BLOB_NAMED, sentence).detail(json!({ "manifest": by }))
}

fn unknown(digest: &ContentDigest) -> Error {
    let sentence = format!("this repository has no blob {digest}");
    Error::because(error::BLOB_UNKNOWN, sentence).detail(json!({ "digest": digest.to_string() }))
}

//! Finishes an upload: the bytes get their key, and the blob becomes visible in the repository.

use packhouse_plugin::storage::Precondition;
use packhouse_plugin::uploads::Upload;
use packhouse_plugin::{Call, Error as HostError, Response, SaveOptions, log};

use super::{ContentRange, append, created, open, out_of_order, repository};
use crate::access::{Access, require};
use crate::digest::ContentDigest;
use crate::endpoints::BYTES;
use crate::error::{self, Error};
use crate::name::RepositoryName;
use crate::{layout, membership};

/// `PUT …/uploads/{upload}?digest={digest}`, with the last part, the whole blob, or nothing
/// as its body.
pub fn finish_upload(call: &Call) -> Result<Response, Error> {
    let repository = repository(call)?;
    require(&repository, Access::Push)?;
    let mut upload = open(call, &repository)?;
    let digest = call.query("digest").ok_or_else(|| {
        Error::because(
            error::DIGEST_INVALID,
            "name the digest of the blob in the last request: ?digest=sha256:…",
        )
    })?;
    let digest = ContentDigest::parse(&digest)?;
    if call.body().length() == Some(0) {
        finish(&repository, upload, &digest)?;
    } else if upload.offset() == 0 {
        // All of it came with this request: it goes straight to its key.
        check_start(call, &repository, &upload)?;
        let saved = save_whole(call, &repository, &digest);
        if saved.as_ref().map_or_else(|error| error.code() == error::DIGEST_INVALID.code, |()| true) {
            give_up(upload);
        }
        saved?;
    } else {
        append(call, &repository, &mut upload)?;
        finish(&repository, upload, &digest)?;
    }
    Ok(created(call, &repository, &digest))
}

/// The body is the whole blob.
pub fn save_whole(call: &Call, repository: &RepositoryName, digest: &ContentDigest) -> Result<(), Error> {
    membership::admit(repository, digest, || {
        let options =
            SaveOptions { expect: &[digest.to_host()], content_type: Some(BYTES), ..SaveOptions::default() };
        call.body().save(&layout::blob(digest), &options).map(|saved| saved.info.size).map_err(Error::from)
    })
}

/// Finishes an upload. An upload with the wrong bytes is removed.
fn finish(repository: &RepositoryName, mut upload: Upload, digest: &ContentDigest) -> Result<(), Error> {
    let finished = membership::admit(repository, digest, || {
        let key = layout::blob(digest);
        upload.finish(&key, &[digest.to_host()], Precondition::Any, Some(BYTES)).map(|info| info.size)
    });
    if let Err(HostError::DigestMismatch { .. }) = &finished {
        give_up(upload);
    }
    Ok(finished?)
}

/// A whole blob begins at its first byte.
fn check_start(call: &Call, repository: &RepositoryName, upload: &Upload) -> Result<(), Error> {
    let Some(text) = call.header("content-range") else {
        return Ok(());
    };
    let range = ContentRange::parse(&text)?;
    if range.first != 0 {
        return Err(out_of_order(call, repository, upload));
    }
    if call.body().length().is_some_and(|length| length != range.length()) {
        let sentence = "the Content-Range and the Content-Length do not agree; send both as they are";
        return Err(Error::because(error::SIZE_INVALID, sentence));
    }
    Ok(())
}

/// What cannot be removed expires.
fn give_up(upload: Upload) {
    let id = upload.id();
    if let Err(error) = upload.cancel() {
        log::warn("an upload could not be cleared away", &[("upload", &id), ("error", &error.to_string())]);
    }
}

//! Uploading blobs: `POST /v2/{repository}/blobs/uploads/`, and the requests on the upload session that
//! it begins. A session belongs to the repository and the account in its label: knowing its id does not
//! give access.

use packhouse_plugin::uploads::Upload;
use packhouse_plugin::{Call, Response, auth};

use super::{blob_location, location, repository};
use crate::access::{Access, require, require_with, wanted};
use crate::digest::{Algorithm, ContentDigest};
use crate::error::{self, Error};
use crate::name::RepositoryName;

mod finish;
mod mount;
pub(crate) mod range;

pub use finish::finish_upload;
use finish::save_whole;
use range::ContentRange;

/// Clients that cut a blob into parts are asked for parts of at least this many bytes: each
/// costs a durable write. Smaller ones are taken too.
const SMALLEST_PART: &str = "1048576";
const UPLOAD_ID: &str = "docker-upload-uuid";

/// Begins a session; with `digest` the body is the whole blob, and with `mount` it may be
/// here already.
pub fn start_upload(call: &Call) -> Result<Response, Error> {
    let repository = repository(call)?;
    let mount = mount::Wish::of(call)?;
    let more = mount.as_ref().and_then(mount::Wish::source).map(|source| wanted(source, Access::Pull));
    require_with(&repository, Access::Push, more.as_slice())?;
    if let Some(mount) = mount
        && mount.fulfil(&repository)?
    {
        return Ok(created(call, &repository, &mount.digest));
    }
    if let Some(digest) = call.query("digest") {
        let digest = ContentDigest::parse(&digest)?;
        save_whole(call, &repository, &digest)?;
        return Ok(created(call, &repository, &digest));
    }
    let algorithm = match call.query("digest-algorithm") {
        Some(name) => Algorithm::parse(&name)?,
        None => Algorithm::Sha256,
    };
    let upload = Upload::start(&label(&repository), &[algorithm.as_str()])?;
    Ok(standing(call, &repository, &upload, 202).header("oci-chunk-min-length", SMALLEST_PART))
}

/// `GET`: how far it has come.
pub fn read_upload(call: &Call) -> Result<Response, Error> {
    let repository = repository(call)?;
    require(&repository, Access::Push)?;
    let upload = open(call, &repository)?;
    Ok(standing(call, &repository, &upload, 204))
}

/// `PATCH`: the next part. Without a `Content-Range` it continues at the current end.
pub fn append_to_upload(call: &Call) -> Result<Response, Error> {
    let repository = repository(call)?;
    require(&repository, Access::Push)?;
    let mut upload = open(call, &repository)?;
    append(call, &repository, &mut upload)?;
    Ok(standing(call, &repository, &upload, 202))
}

/// `DELETE`: it ends, and nothing of it stays.
pub fn cancel_upload(call: &Call) -> Result<Response, Error> {
    let repository = repository(call)?;
    require(&repository, Access::Push)?;
    open(call, &repository)?.cancel()?;
    Ok(Response::new(204))
}

/// The label of a session that this caller begins. Sessions of anonymous callers and of earlier
/// versions are labelled with the repository alone.
fn label(repository: &RepositoryName) -> String {
    auth::caller().map_or_else(|| repository.to_string(), |caller| format!("{repository} {}", caller.id()))
}

/// The session in the path, if it belongs to this repository and to nobody else.
fn open(call: &Call, repository: &RepositoryName) -> Result<Upload, Error> {
    let upload = Upload::open(&call.decoded("upload")?)?;
    upload
        .filter(|upload| {
            let of = upload.label();
            of == repository.as_str() || of == label(repository)
        })
        .ok_or_else(|| Error::new(error::UPLOAD_UNKNOWN))
}

/// Appends the body where the request says.
fn append(call: &Call, repository: &RepositoryName, upload: &mut Upload) -> Result<(), Error> {
    let mut body = call.body();
    let range = call.header("content-range").map(|text| ContentRange::parse(&text)).transpose()?;
    let length = match range {
        Some(range) if body.length().is_some_and(|length| length != range.length()) => {
            let sentence = "the Content-Range and the Content-Length do not agree; send both as they are";
            return Err(Error::because(error::SIZE_INVALID, sentence));
        }
        Some(range) => Some(range.length()),
        None => body.length(),
    };
    match upload.append(range.map(|range| range.first), length, &mut body) {
        Ok(_) => Ok(()),
        Err(packhouse_plugin::Error::Conflict) => Err(out_of_order(call, repository, upload)),
        Err(other) => Err(other.into()),
    }
}

/// 416, with the current end.
fn out_of_order(call: &Call, repository: &RepositoryName, upload: &Upload) -> Error {
    let sentence = format!("the upload has {} bytes so far; continue there", upload.offset());
    Error::because(error::UPLOAD_RANGE, sentence)
        .header("location", upload_location(call, repository, upload))
        .header("range", so_far(upload))
        .header(UPLOAD_ID, upload.id())
}

fn standing(call: &Call, repository: &RepositoryName, upload: &Upload, status: u16) -> Response {
    Response::new(status)
        .header("location", &upload_location(call, repository, upload))
        .header("range", &so_far(upload))
        .header(UPLOAD_ID, &upload.id())
        .header("cache-control", "no-store")
}

/// 201, and where the blob is.
fn created(call: &Call, repository: &RepositoryName, digest: &ContentDigest) -> Response {
    Response::new(201)
        .header("location", &blob_location(call, repository, digest))
        .header(super::CONTENT_DIGEST, &digest.to_string())
}

fn upload_location(call: &Call, repository: &RepositoryName, upload: &Upload) -> String {
    location(call, &format!("{repository}/blobs/uploads/{}", upload.id()))
}

/// The first and the last byte that are here. The specification has no word for none.
fn so_far(upload: &Upload) -> String {
    format!("0-{}", upload.offset().saturating_sub(1))
}

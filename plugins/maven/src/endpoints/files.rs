//! Reading files, their checksums, and metadata.

use packhouse_plugin::{Call, Response, storage};

use super::{dated, folders, metadata, no_file, path, sidecars};
use crate::access;
use crate::document::{Digests, File};
use crate::error::{self, Error};
use crate::layout;
use crate::name::{Coordinates, FileName};
use crate::path::{Target, TargetFile, target};
use crate::stored;

/// `GET /{path}`.
pub fn read(call: &Call) -> Result<Response, Error> {
    let path = path(call)?;
    // What is no file's path may be a folder's.
    let Ok(Target { file, sidecar }) = target(&path) else { return folders::redirect(call, &path) };
    if let Some(algorithm) = sidecar {
        return sidecars::read(&path, &file, algorithm);
    }
    match file {
        TargetFile::File(coordinates, name) => read_file(&path, &coordinates, &name),
        TargetFile::Snapshot(coordinates) => metadata::read_snapshot(&path, &coordinates),
        TargetFile::Metadata(place) => metadata::read(&place),
    }
}

/// `GET /.meta/prefixes.txt`: a list of groups that is not there, since Maven would ask for no other
/// groups then.
pub fn no_prefixes(_call: &Call) -> Result<Response, Error> {
    Err(Error::because(
        error::NOT_FOUND,
        "this repository has no list of prefixes, because it may contain any group",
    ))
}

fn read_file(path: &str, coordinates: &Coordinates, name: &FileName) -> Result<Response, Error> {
    access::require(&coordinates.artifact, "read")?;
    let key = layout::file(coordinates, name.as_str());
    let damaged = |why: String| packhouse_plugin::Error::damaged(key.clone(), why);
    storage::retry(&key, |_| {
        let file = stored::file(coordinates, name.as_str())?.ok_or_else(|| no_file(path))?;
        let mut response = Response::new(200).content_type(content_type(name));
        let Some(info) = response.write_object(&key)? else { return Err(damaged(missing()).into()) };
        if !is_replaceable(coordinates, name) && info.size != file.size {
            let why = format!(
                "it has {} bytes, and the document says {}: deploy the same file again",
                info.size, file.size
            );
            return Err(damaged(why).into());
        }
        let Some(file) = stored::actual(coordinates, &file, &info)? else { return Ok(None) };
        Ok(Some(dated(with_checksums(response, &file), file.uploaded_at()).no_compression()))
    })
}

/// Why a missing file that the document names is damaged.
pub fn missing() -> String {
    "it is missing, and the document of its version names it: deploy the same file again".to_owned()
}

/// Whether other bytes may take its place: a file of a snapshot without the name of a build.
pub fn is_replaceable(coordinates: &Coordinates, name: &FileName) -> bool {
    coordinates.is_snapshot() && name.build().is_none()
}

/// So that a client need not ask for the checksums.
fn with_checksums(response: Response, file: &File) -> Response {
    let Some(Digests { md5, sha1, sha256, sha512 }) = &file.digests else { return response };
    response
        .header("x-checksum-md5", md5)
        .header("x-checksum-sha1", sha1)
        .header("x-checksum-sha256", sha256)
        .header("x-checksum-sha512", sha512)
}

fn content_type(name: &FileName) -> &'static str {
    match name.kind().extension.as_str() {
        "pom" | "xml" => "application/xml",
        "jar" | "war" | "ear" => "application/java-archive",
        "module" | "json" => "application/json",
        "zip" => "application/zip",
        "tar.gz" | "tgz" => "application/gzip",
        extension if extension.rsplit('.').next().is_some_and(|ending| ending == "asc") => {
            "application/pgp-signature"
        }
        _ => "application/octet-stream",
    }
}

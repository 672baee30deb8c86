//! Downloads distributions and the objects beside them. A file that the document does not name does not
//! exist for clients, even if its bytes are stored.

use packhouse_plugin::{Call, Response, log, settings, storage};

use super::{change, found, moved, no_file, project, require, spelled};
use crate::attestation;
use crate::document::File;
use crate::error::{self, Error};
use crate::layout;
use crate::name::ProjectName;
use find::find;

mod find;

/// `GET /packages/{project}/{file}`, and with `.metadata` (PEP 658) or `.provenance` (PEP 740)
/// behind it.
pub fn read_file(call: &Call) -> Result<Response, Error> {
    let (name, is_normalised) = spelled(call)?;
    require(&name, "read")?;
    if !is_normalised {
        return Ok(moved(call, &format!("../{name}/{}", call.param("file"))));
    }
    let wanted = call.decoded("file")?;
    if let Some(distribution) = wanted.strip_suffix(layout::CORE_METADATA) {
        let file = find(&name, distribution, &wanted)?;
        return if file.metadata_sha256.is_some() {
            serve_metadata(&name, &file)
        } else {
            Err(no_file(&name, &wanted))
        };
    }
    if let Some(distribution) = wanted.strip_suffix(layout::PROVENANCE) {
        let file = find(&name, distribution, &wanted)?;
        return if file.provenance { serve_provenance(&name, &file) } else { Err(no_file(&name, &wanted)) };
    }
    let file = find(&name, &wanted, &wanted)?;
    serve(&name, &file)
}

/// `GET /integrity/{project}/{version}/{file}/provenance`: the same as the file's name with
/// `.provenance` behind it, where PyPI's own clients look.
pub fn read_provenance(call: &Call) -> Result<Response, Error> {
    let name = project(call)?;
    require(&name, "read")?;
    let version = super::version(call)?;
    let wanted = call.decoded("file")?;
    let file = find(&name, &wanted, &wanted)?;
    if file.provenance && file.is_of(&version) {
        return serve_provenance(&name, &file);
    }
    let sentence = format!("{wanted} was uploaded without attestations");
    Err(Error::because(error::NOT_FOUND, sentence))
}

/// `DELETE /packages/{project}/{file}`.
pub fn delete_file(call: &Call) -> Result<Response, Error> {
    settings::require_feature("delete")?;
    let name = project(call)?;
    require(&name, "delete")?;
    let wanted = call.decoded("file")?;
    if !change::remove_files(&name, |file| file.filename == wanted)? {
        return Err(no_file(&name, &wanted));
    }
    log::info("deleted a file", &[("package.name", name.as_str()), ("package.file", &wanted)]);
    Ok(Response::new(204))
}

/// `PUT /packages/{project}/{file}/yank`.
pub fn yank_file(call: &Call) -> Result<Response, Error> {
    set_yanked(call, true)
}

/// `DELETE /packages/{project}/{file}/yank`.
pub fn unyank_file(call: &Call) -> Result<Response, Error> {
    set_yanked(call, false)
}

fn set_yanked(call: &Call, is_yanked: bool) -> Result<Response, Error> {
    let name = project(call)?;
    require(&name, "write")?;
    let wanted = call.decoded("file")?;
    let reason = is_yanked.then(|| super::releases::reason(call)).transpose()?;
    super::releases::set_yanked(&name, reason.as_deref(), |file| file.filename == wanted)?
        .ok_or_else(|| no_file(&name, &wanted))
}

/// A file that the document names. Its size is compared with the document's; its digest is not,
/// since that would read each file twice.
fn serve(name: &ProjectName, file: &File) -> Result<Response, Error> {
    let (key, size) = (layout::file(name, &file.filename), file.size);
    let mut response = Response::new(200).content_type("application/octet-stream");
    let why = match response.write_object(&key)?.map(|info| info.size) {
        None => MISSING.to_owned(),
        Some(found) if found != size => {
            format!("it has {found} bytes, but the document says {size}: upload the same file again")
        }
        // Not immutable: a file that was deleted may come back with other bytes.
        _ => return Ok(response.no_compression()),
    };
    Err(packhouse_plugin::Error::damaged(key, why).into())
}

/// The stored metadata. If an earlier system has stored none, it is read from the distribution.
fn serve_metadata(name: &ProjectName, file: &File) -> Result<Response, Error> {
    let response = Response::new(200).content_type("text/plain; charset=utf-8");
    if let Some(document) = found::beside(name, file)? {
        return Ok(response.document(&document).no_compression());
    }
    Ok(response.no_compression().bytes(found::inside_named(name, file)?))
}

fn serve_provenance(name: &ProjectName, file: &File) -> Result<Response, Error> {
    let key = layout::file(name, &format!("{}{}", file.filename, layout::PROVENANCE));
    let document = storage::get(&key)?.ok_or_else(|| packhouse_plugin::Error::damaged(key, MISSING))?;
    if !attestation::is_stored(&document.bytes) {
        return Err(document
            .damaged("it is not a JSON object: upload the same file with its attestations")
            .into());
    }
    let response = Response::new(200).content_type("application/vnd.pypi.integrity.v1+json");
    Ok(response.document(&document).no_compression())
}

const MISSING: &str = "it is missing, but the document lists it";

//! What `npm unpublish` and `npm owner` do against a revision: change the document, remove
//! a tarball that it no longer names, or remove the whole package.

use packhouse_plugin::digests::SHA1;
use packhouse_plugin::maintenance::Removal;
use packhouse_plugin::storage::{self, Document, ObjectInfo, Precondition};
use packhouse_plugin::{Call, Response, log};
use serde_json::json;

use super::publish::{Changes, apply, receive_outline};
use super::{JSON, load, now, package, parse, parse_whole, require_any, require_feature, require_listed};
use crate::document::{Manifest, Packument, revision};
use crate::error::{self, Error};
use crate::json::Object;
use crate::layout;
use crate::name::PackageName;

/// `PUT /{package}/-rev/{rev}`: versions that the body leaves out go away; tags and owners
/// become what it says. Only against the revision that the client has read.
pub fn put_revision(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require_any(&name, &["write", "delete", "owner"])?;
    let json = receive_outline(call)?;
    let body = Object::parse_bytes(&json)?;
    let changes = Changes::of_revision(&body)?;
    let document = load(&name)?;
    check_revision(call, &document)?;
    let mut packument = parse_whole(&name, &document)?;
    if !apply(&name, &mut packument, &changes)? {
        return Ok(done(&name, &document.info.version));
    }
    packument.touch(&now());
    let bytes = packument.to_bytes();
    let info = storage::put(&layout::index(&name), &bytes, document.precondition(), Some(JSON))?;
    log::info("changed a package", &[("package.name", name.as_str())]);
    Ok(done(&name, &info.version))
}

/// `DELETE /{package}/-/{file}/-rev/{rev}`: the tarball of a version that was unpublished.
pub fn delete_tarball(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require_feature("unpublish")?;
    require_listed(&name, "delete")?;
    let file = call.decoded("file")?;
    let no_file = || Error::because(error::NOT_FOUND, format!("{name} has no file {file}"));
    let version = layout::version_of_file(&name, &file, "tgz").ok_or_else(no_file)?;
    let key = layout::file(&name, &file);
    // Looked up before the document is read: what is published meanwhile has another
    // version, and stays.
    let info = storage::stat(&key)?.ok_or_else(no_file)?;
    if let Some(document) = storage::get(&layout::index(&name))? {
        check_revision(call, &document)?;
        if parse_whole(&name, &document)?.version(version).is_some() {
            return Err(Error::new(error::STILL_LISTED));
        }
    }
    let bundle = bundle_of(&name, version, &key)?;
    storage::remove(&key, Precondition::Version(&info.version))?;
    if let Some(bundle) = bundle {
        remove_leftover(&bundle.key, &bundle.version);
    }
    Ok(Response::new(200).json(&json!({ "ok": true })))
}

/// The provenance bundle that came with the tarball at this key. The document has
/// forgotten its digest by now.
fn bundle_of(name: &PackageName, version: &str, tarball: &str) -> Result<Option<ObjectInfo>, Error> {
    let digests = storage::digests(tarball, &[SHA1])?.unwrap_or_default();
    match digests.first() {
        Some(sha1) => Ok(storage::stat(&layout::provenance(name, version, &sha1.hex))?),
        None => Ok(None),
    }
}

/// `DELETE /{package}/-rev/{rev}`: the document first, then what it named.
pub fn delete_package(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require_feature("unpublish")?;
    require_listed(&name, "delete")?;
    let document = load(&name)?;
    check_revision(call, &document)?;
    let files = files_of(&name, &parse(&document)?);
    let found = storage::stat_many(&files)?;
    let index = layout::index(&name);
    let removal = Removal::begin(&index, &files)?;
    if let Err(error) = storage::remove(&index, document.precondition()) {
        removal.finish();
        return Err(error.into());
    }
    // The mark stays where a file does, so that a collection may remove the file.
    if found.into_iter().flatten().all(|info| remove_leftover(&info.key, &info.version)) {
        removal.finish();
    }
    log::info("removed a package", &[("package.name", name.as_str())]);
    Ok(Response::new(200).json(&json!({ "ok": true })))
}

/// The keys of everything that the document names.
fn files_of(name: &PackageName, packument: &Packument<'_>) -> Vec<String> {
    let mut files = Vec::new();
    for (version, text) in packument.versions() {
        files.push(layout::file(name, &layout::tarball_name(name, version)));
        let manifest = Manifest(text);
        if let (true, Some(sha1)) = (manifest.has_attestations(), manifest.shasum()) {
            files.push(layout::provenance(name, version, &sha1));
        }
    }
    files
}

/// Nobody can see it any more, so that failing to remove it is no failure: maintenance
/// finds it. What was published anew meanwhile has another version, and stays. False when
/// something may lie there still.
fn remove_leftover(key: &str, version: &str) -> bool {
    let removed = storage::remove(key, Precondition::Version(version));
    if let Err(error) = &removed {
        let fields = [("key", key), ("error", &error.to_string())];
        log::warn("a file that nothing names any more was left behind", &fields);
    }
    removed.is_ok()
}

/// The client has seen the document as it is, or 409.
fn check_revision(call: &Call, document: &Document) -> Result<(), Error> {
    if call.decoded("revision")? == revision(&document.info.version) {
        Ok(())
    } else {
        Err(Error::new(error::STALE))
    }
}

fn done(name: &PackageName, version: &str) -> Response {
    Response::new(201).json(&json!({
        "ok": true,
        "id": name.as_str(),
        "rev": revision(version),
    }))
}

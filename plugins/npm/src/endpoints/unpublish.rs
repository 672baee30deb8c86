//! What `npm unpublish` and `npm owner` do against a revision: change the document and remove
//! what it no longer names, or remove the whole package.

use packhouse_plugin::digests::SHA1;
use packhouse_plugin::maintenance::{RemovalMark, void_removal};
use packhouse_plugin::storage::{self, Document, GRACE, Removal};
use packhouse_plugin::{Call, Error as HostError, Response, log};
use serde_json::json;

use super::publish::{Changes, apply, is_made, receive_outline};
use super::{JSON, load, now, package, parse, parse_whole, require_any, require_feature, require_listed};
use crate::document::{Manifest, Packument, revision};
use crate::error::{self, Error};
use crate::json::Object;
use crate::layout;
use crate::name::PackageName;

/// `PUT /{package}/-rev/{rev}`: versions that the body leaves out go away, and their tarballs
/// with them; tags and owners become what it says. Only against the revision that the client
/// has read.
pub fn put_revision(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require_any(&name, &["write", "delete", "owner"])?;
    let json = receive_outline(call)?;
    let body = Object::parse_bytes(&json)?;
    let changes = Changes::of_revision(&body)?;
    let document = load(&name)?;
    check_revision(call, &document)?;
    let mut packument = parse_whole(&name, &document)?;
    let removed = changes.removed(&packument);
    let files = files_of(&name, &packument, |version| removed.iter().any(|removed| removed == version));
    if !apply(&name, &mut packument, &changes)? {
        return Ok(done(&name, &document.info.version));
    }
    packument.touch(&now());
    let bytes = packument.to_bytes();
    let mut removal = Removal::of(&layout::folder(&name));
    removal.announce(&files)?;
    void_removal(&layout::index(&name))?;
    let written = storage::put(&layout::index(&name), &bytes, document.precondition(), Some(JSON));
    let version = match written {
        Ok(info) => info.version,
        Err(HostError::Conflict) => {
            drop((bytes, packument));
            drop(document);
            let document = load(&name)?;
            if !is_made(&name, &mut parse(&name, &document)?, changes, &removed) {
                return Err(HostError::Conflict.into());
            }
            document.info.version
        }
        Err(error) => return Err(error.into()),
    };
    removal.carry_out();
    log::info("changed a package", &[("package.name", name.as_str())]);
    Ok(done(&name, &version))
}

/// `DELETE /{package}/-/{file}/-rev/{rev}`: the tarball of a version that was unpublished. It
/// went with the version; one that a crash left goes here.
pub fn delete_tarball(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require_feature("unpublish")?;
    require_listed(&name, "delete")?;
    let file = call.decoded("file")?;
    let no_file = || Error::because(error::NOT_FOUND, format!("{name} has no file {file}"));
    let version = layout::version_of_file(&name, &file, "tgz").ok_or_else(no_file)?;
    let key = layout::file(&name, &file);
    // Announced before the document is read: a publish that comes later stops the removal.
    let mut removal = Removal::of(&layout::folder(&name));
    let bundle = bundle_of(&name, version, &key)?;
    removal.announce(&[key].into_iter().chain(bundle).collect::<Vec<_>>())?;
    let document = storage::get(&layout::index(&name))?;
    if let Some(document) = &document {
        check_revision(call, document)?;
        if parse_whole(&name, document)?.version(version).is_some() {
            return Err(Error::new(error::STILL_LISTED));
        }
    }
    match removal.announced().first() {
        None if document.is_none() => return Err(no_file()),
        None => {}
        // Younger ones may be about to be named; `gc` removes them if they are not.
        Some(tarball) if storage::age(tarball)?.is_none_or(|age| age <= GRACE) => {}
        Some(_) => removal.carry_out(),
    }
    Ok(Response::new(200).json(&json!({ "ok": true })))
}

/// The key of the provenance bundle that came with the tarball at this key. The document has
/// forgotten its digest by now.
fn bundle_of(name: &PackageName, version: &str, tarball: &str) -> Result<Option<String>, Error> {
    let digests = storage::digests(tarball, &[SHA1])?.unwrap_or_default();
    Ok(digests.first().map(|sha1| layout::provenance(name, version, &sha1.hex)))
}

/// `DELETE /{package}/-rev/{rev}`: the document first, then what it named.
pub fn delete_package(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require_feature("unpublish")?;
    require_listed(&name, "delete")?;
    let document = load(&name)?;
    check_revision(call, &document)?;
    let files = files_of(&name, &parse(&name, &document)?, |_| true);
    let mut removal = Removal::of(&layout::folder(&name));
    removal.announce(&files)?;
    // If this request is interrupted, a collection can tell its files from those of a lost
    // packument.
    let mark = RemovalMark::begin(&layout::index(&name), &files)?;
    match storage::remove(&layout::index(&name), document.precondition()) {
        // Ours, if the answer was lost.
        Err(HostError::Conflict) if storage::stat(&layout::index(&name))?.is_none() => {}
        Err(error) => {
            mark.finish();
            return Err(error.into());
        }
        Ok(_) => {}
    }
    removal.carry_out();
    // The mark stays where a file does.
    if storage::stat_many(&files)?.iter().all(Option::is_none) {
        mark.finish();
    }
    log::info("removed a package", &[("package.name", name.as_str())]);
    Ok(Response::new(200).json(&json!({ "ok": true })))
}

/// The keys of what the document names of these versions.
fn files_of(name: &PackageName, packument: &Packument<'_>, is_meant: impl Fn(&str) -> bool) -> Vec<String> {
    let mut files = Vec::new();
    for (version, text) in packument.versions().filter(|(version, _)| is_meant(version)) {
        files.push(layout::file(name, &layout::tarball_name(name, version)));
        let manifest = Manifest(text);
        if let (true, Some(sha1)) = (manifest.has_attestations(), manifest.shasum()) {
            files.push(layout::provenance(name, version, &sha1));
        }
    }
    files
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

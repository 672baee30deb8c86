//! The requests of `npm unpublish` and `npm owner` that name a revision: they change the packument and
//! remove what it no longer names, or remove the whole package.

use packhouse_plugin::digests::SHA1;
use packhouse_plugin::maintenance::{RemovalMark, void_removal};
use packhouse_plugin::storage::{self, Before, Document, GRACE, Proof, Removal, put_naming, unless_conflict};
use packhouse_plugin::{Call, Response, json, log, settings};
use serde_json::json;

use super::publish::{Changes, apply, is_made, receive_outline, refused_for_body};
use super::{JSON, load, now, package, parse, parse_whole};
use crate::access::{require_any, require_listed};
use crate::document::{Manifest, Packument, revision, said};
use crate::error::{self, Error};
use crate::json::Object;
use crate::layout;
use crate::name::PackageName;

/// `PUT /{package}/-rev/{rev}`: versions that the body leaves out go away, and their tarballs
/// with them; tags and owners become what it says. Only against the revision that the client
/// has read.
pub fn put_revision(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require_any(&name, &["write", "delete", "owner"])
        .map_err(|denied| refused_for_body(call, &name, denied))?;
    let json = receive_outline(call)?;
    let body: Object<'_> = json::parse(&json)?;
    let mut changes = Changes::of_revision(&name, &body)?;
    let index = layout::index(&name);
    let mut removal = Removal::of(&layout::folder(&name));
    let mut removed = Vec::new();
    // A star changes the document, but not its revision.
    let (now_at, is_changed) = storage::retry(&index, |attempt| {
        let document = load(&name)?;
        let mut packument = parse_whole(&name, &document)?;
        if let Err(stale) = check_revision(call, &packument, &document) {
            // This request may have made the change, and its answer was lost.
            let is_ours = attempt > 1 && is_made(&name, &mut packument, &mut changes, &removed);
            return if is_ours { Ok(Some((revision(&document.info.version), true))) } else { Err(stale) };
        }
        removed = changes.removed(&packument);
        let files = files_of(&name, &packument, |version| removed.iter().any(|removed| removed == version));
        if !apply(&name, &mut packument, &changes)? {
            return Ok(Some((packument.revision(&document.info.version), false)));
        }
        packument.touch(&now());
        let before = Before::from(&document);
        storage::check_newest(&index, &before)?;
        removal.announce_from(&index, &before, &files)?;
        void_removal(&index)?;
        let bytes = packument.to_bytes();
        let proof = Proof::of(&index)?.saying(said(&bytes));
        let written = put_naming(proof, Some(&before), bytes, Some(JSON), &[]);
        Ok(unless_conflict(written)?.map(|info| (revision(&info.version), true)))
    })?;
    if is_changed {
        removal.carry_out();
        log::info("changed a package", &[("package.name", name.as_str())]);
    }
    Ok(done(&name, &now_at))
}

/// `DELETE /{package}/-/{file}/-rev/{rev}`: the tarball of an unpublished version. It was removed with the
/// version. If a crash has left it, this request removes it.
pub fn delete_tarball(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    settings::require_feature("unpublish")?;
    require_listed(&name, "delete")?;
    let file = call.decoded("file")?;
    let no_file = || Error::because(error::NOT_FOUND, format!("{name} has no file {file}"));
    let version = layout::version_of_file(&name, &file, "tgz").ok_or_else(no_file)?;
    let key = layout::file(&name, &file);
    // Announced before the document is read: a publish that comes later stops the removal.
    let mut removal = Removal::of(&layout::folder(&name));
    let bundle = bundle_of(&name, version, &key)?;
    removal.announce(&[key.clone()].into_iter().chain(bundle).collect::<Vec<_>>())?;
    let document = storage::get(&layout::index(&name))?;
    if let Some(document) = &document {
        let packument = parse_whole(&name, document)?;
        check_revision(call, &packument, document)?;
        if packument.version(version).is_some() {
            return Err(Error::new(error::STILL_LISTED));
        }
        // The packument may be an older copy, or have lost the version.
        let proof = Proof::of(&document.info.key)?;
        proof.check(&document.into())?;
        proof.check_unnamed(&key)?;
    } else {
        // It may be the last copy of a version.
        storage::check_absent(&layout::index(&name))?;
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
    settings::require_feature("unpublish")?;
    require_listed(&name, "delete")?;
    let index = layout::index(&name);
    let mut removal = Removal::of(&layout::folder(&name));
    // A star changes the document, and not its revision.
    let (files, mark) = storage::retry(&index, |_| {
        let document = load(&name)?;
        let packument = parse(&name, &document)?;
        check_revision(call, &packument, &document)?;
        let files = files_of(&name, &packument, |_| true);
        let before = Before::from(&document);
        storage::check_newest(&index, &before)?;
        removal.announce(&files)?;
        // If this request is interrupted, a collection can tell its files from those of a lost
        // packument.
        let mark = RemovalMark::remove(&index, &before, &files)?;
        Ok::<_, Error>(mark.map(|mark| (files, mark)))
    })?;
    removal.carry_out();
    // If a file stays, the mark stays too.
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
fn check_revision(call: &Call, packument: &Packument<'_>, document: &Document) -> Result<(), Error> {
    if call.decoded("revision")? == packument.revision(&document.info.version) {
        Ok(())
    } else {
        Err(Error::new(error::STALE))
    }
}

fn done(name: &PackageName, revision: &str) -> Response {
    Response::new(201).json(&json!({
        "ok": true,
        "id": name.as_str(),
        "rev": revision,
    }))
}

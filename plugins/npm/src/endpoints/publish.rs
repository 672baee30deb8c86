//! `PUT /{package}`: with an attachment it publishes a version; without one it changes deprecations,
//! owners or stars.
//!
//! # Invariants
//! - Nothing is visible before the packument names it. Between giving the tarball its key and writing
//!   the packument, only writing the provenance bundle can fail.
//! - An existing version is never replaced. Publishing the same bytes again repairs the stored tarball
//!   if it is damaged.

use packhouse_plugin::auth::{self, Decision, Owner};
use packhouse_plugin::maintenance::void_removal;
use packhouse_plugin::storage::{Document, Entry, Publish, Refused};
use packhouse_plugin::{Call, Response, json, log, settings};
use serde_json::json;

use super::{JSON, PACKAGE, caller, load, now, package, parse_whole};
use crate::access::{require, require_any, require_in, require_listed};
use crate::document::{Manifest, Packument, Release, revision, said};
use crate::error::{self, Error};
use crate::json::Object;
use crate::layout;
use crate::name::PackageName;
use crate::walker::Walker;
use received::{Received, receive};

mod change;
mod received;
mod types;
mod verify;

pub use change::{Changes, apply, is_made, refused_for_body};
pub use received::receive_outline;

/// The content type of stored tarballs.
const TARBALL: &str = "application/octet-stream";

/// `PUT /{package}`: see the module.
pub fn put_package(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    // A star needs only `read`. Other permissions are checked when the content of the body is known. An
    // anonymous caller is rejected before the body is read.
    let may_star =
        auth::caller().is_some() && auth::check(PACKAGE, name.as_str(), "read") == Decision::Granted;
    if !may_star {
        require_any(&name, &["write", "owner"])
            .map_err(|denied| change::refused_for_body(call, &name, denied))?;
    }
    let received = receive(call, Walker::new(), |_| {
        require_listed(&name, "write")?;
        Ok(settings::require_feature("publish")?)
    })?;
    if received.tarball.is_some() {
        publish(&name, received)
    } else {
        change::change_package(&name, &received.json)
    }
}

fn publish(name: &PackageName, received: Received) -> Result<Response, Error> {
    let Received { json, tarball, bundle } = received;
    let body: Object<'_> = json::parse(&json)?;
    let Some(tarball) = tarball else {
        return Err(Error::new(error::BAD_BODY));
    };
    let mut verified = verify::verify(name, &body, tarball)?;
    let published = now();
    let release = Release {
        name,
        version: &verified.version,
        manifest: with_readme(&verified.manifest, &body),
        tags: verified.tags.clone(),
        sha1: &verified.sha1,
        integrity: &verified.integrity,
        size: verified.staged.size(),
        publisher: caller(),
        owner: auth::caller().map(|account| Owner::of(&account)),
        provenance: bundle.as_ref().map(|_| super::provenance::PREDICATE.to_owned()),
        published: &published,
    };
    let (key, file) =
        (layout::index(name), layout::file(name, &layout::tarball_name(name, &verified.version)));
    let mut look = |document: Option<&Document>| look(&release, document);
    let refuse = |refused| match refused {
        Refused::Busy => Error::new(error::BEING_PUBLISHED),
        Refused::TooLarge => Error::because(
            error::TOO_LARGE,
            "this package has more versions than the registry can hold; unpublish some",
        ),
        Refused::Same | Refused::Exists => error::version_exists(release.version),
    };
    let publish = Publish::new(&key).content_type(JSON).begun(begun).proven().saying(said);
    let prepared = match publish.prepare(&mut look)? {
        // The same bytes again repair a damaged tarball.
        Err(Refused::Same) if verified.staged.repair(&file, Some(TARBALL))? => {
            let document = load(name)?;
            return Ok(published_as(name, &parse_whole(name, &document)?.revision(&document.info.version)));
        }
        prepared => prepared.map_err(refuse)?,
    };
    let is_new = prepared.is_new_document();
    let claimed = prepared.claim(&mut verified.staged, &file, Some(TARBALL), &mut look)?.map_err(refuse)?;
    if !is_new {
        void_removal(&key)?;
    }
    if let Some(bundle) = bundle {
        let key = layout::provenance(name, release.version, release.sha1);
        claimed.beside(&key, &bundle, Some(JSON))?;
    }
    let named = claimed.name(&mut look)?.map_err(refuse)?;
    let fields = [("package.name", name.as_str()), ("package.version", release.version)];
    log::info("published a version", &fields);
    Ok(published_as(name, &revision(&named.document.version)))
}

fn published_as(name: &PackageName, revision: &str) -> Response {
    Response::new(201).json(&json!({
        "ok": true,
        "success": true,
        "id": name.as_str(),
        "rev": revision,
    }))
}

/// Yarn berry sends the readme beside the manifest instead of in it.
fn with_readme<'a>(manifest: &Object<'a>, body: &Object<'a>) -> Object<'a> {
    let mut manifest = manifest.clone();
    if let (false, Some(readme)) = (manifest.contains("readme"), body.get_source("readme"))
        && readme.starts_with('"')
    {
        manifest.set_raw("readme", readme);
    }
    manifest
}

/// When a packument was begun.
fn begun(document: &Document) -> Option<u64> {
    Packument::parse(&document.bytes).ok()?.begun()
}

/// Whether the packument has the release already, and the packument with the release.
fn look(release: &Release<'_>, current: Option<&Document>) -> Result<Entry, Error> {
    let mut packument = match current {
        Some(document) => parse_whole(release.name, document)?,
        None => Packument::new(release.name),
    };
    if let Some(there) = packument.version(release.version) {
        let is_same = Manifest(there).integrity().as_deref() == Some(release.integrity);
        return Ok(if is_same { Entry::Same } else { Entry::Other });
    }
    // Checked again with the document that is changed: the caller may no longer be an owner, and a new
    // package needs a grant.
    if current.is_some() {
        require_in(release.name, &packument, "write")?;
    } else {
        require(release.name, "write")?;
        if !settings::feature("old_names") {
            release.name.check_new()?;
        }
    }
    packument.add(release);
    Ok(Entry::New(packument.to_bytes()))
}

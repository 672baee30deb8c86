//! `PUT /{package}`: with an attachment it publishes a version; without one it changes
//! what is there (deprecations, owners, stars).
//!
//! # Invariants
//! - Nothing is visible before the packument names it, and nothing that can fail stands
//!   between giving the tarball its key and writing the packument, except writing the
//!   provenance bundle and the packument.
//! - A version that is there is never replaced; the same bytes again repair the stored tarball
//!   if it is damaged.

use packhouse_plugin::auth::{self, Decision};
use packhouse_plugin::storage::{self, Claim, Document, Precondition, Staged};
use packhouse_plugin::{Call, Response, log};
use serde_json::json;

use super::{
    JSON, PACKAGE, caller, now, package, parse_whole, require, require_any, require_feature, require_in,
    require_listed,
};
use crate::document::{Manifest, Packument, Release, revision};
use crate::error::{self, Error};
use crate::integrity::{self, Verdict};
use crate::json::Object;
use crate::layout;
use crate::name::PackageName;
use crate::walker::Walker;
use received::{Received, receive};

mod change;
mod received;
mod verify;

pub use change::{Changes, apply};
pub use received::receive_outline;

/// Of tarballs in the store, where it keeps content types.
const TARBALL: &str = "application/octet-stream";

/// See the module.
pub fn put_package(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    // A star needs no more than `read`; what else the body wants is asked for when it is
    // known. Nobody in particular is refused before anything is read.
    let may_star =
        auth::caller().is_some() && auth::check(PACKAGE, name.as_str(), "read") == Decision::Granted;
    if !may_star {
        require_any(&name, &["write", "owner"])?;
    }
    let received = receive(call, Walker::new(), |_| {
        require_listed(&name, "write")?;
        require_feature("publish")
    })?;
    if received.tarball.is_some() {
        publish(&name, received)
    } else {
        change::change_package(&name, &received.json)
    }
}

fn publish(name: &PackageName, received: Received) -> Result<Response, Error> {
    let Received { json, tarball, bundle } = received;
    let body = Object::parse_bytes(&json)?;
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
        publisher: caller(),
        provenance: bundle.as_ref().map(|_| super::provenance::PREDICATE.to_owned()),
        published: &published,
    };
    let prepared = match Prepared::new(&release) {
        Err(error) if error.code() == error::VERSION_EXISTS.code => {
            let version = repair(&release, &mut verified.staged)?.ok_or(error)?;
            return Ok(published_as(name, &version));
        }
        prepared => prepared?,
    };
    commit(name, &mut verified.staged, &verified.version)?;
    if let Some(bundle) = bundle {
        let key = layout::provenance(name, &verified.version, &verified.sha1);
        storage::put(&key, &bundle, Precondition::Any, Some(JSON))?;
    }
    let version = prepared.write(&release)?;
    let fields = [("package.name", name.as_str()), ("package.version", release.version)];
    log::info("published a version", &fields);
    Ok(published_as(name, &version))
}

fn published_as(name: &PackageName, version: &str) -> Response {
    Response::new(201).json(&json!({
        "ok": true,
        "success": true,
        "id": name.as_str(),
        "rev": revision(version),
    }))
}

/// A version that is there with the same bytes, and whose stored tarball is damaged, is
/// repaired. Gives the stored version of the packument; none when there is nothing to repair.
fn repair(release: &Release<'_>, staged: &mut Staged) -> Result<Option<String>, Error> {
    let Some(document) = storage::get(&layout::index(release.name))? else { return Ok(None) };
    let packument = parse_whole(release.name, &document)?;
    let Some(manifest) = packument.version(release.version).map(Manifest) else { return Ok(None) };
    let is_same = match manifest.integrity() {
        Some(declared) => integrity::compare(&declared, &staged.digests()) == Verdict::Agrees,
        None => manifest.shasum().is_some_and(|sha1| sha1.eq_ignore_ascii_case(release.sha1)),
    };
    let key = layout::file(release.name, &layout::tarball_name(release.name, release.version));
    let is_repaired = is_same && staged.repair(&key, Some(TARBALL))?;
    Ok(is_repaired.then_some(document.info.version))
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

/// The packument as it will be, against what it was made of.
struct Prepared {
    bytes: Vec<u8>,
    /// None when there was none.
    version: Option<String>,
}

impl Prepared {
    /// Reads what is there and adds the release: 403 when it is there already, 413 when
    /// the document would grow over what can be read back.
    fn new(release: &Release<'_>) -> Result<Self, Error> {
        let current = storage::get(&layout::index(release.name))?;
        let bytes = Self::build(release, current.as_ref())?;
        Ok(Self { bytes, version: current.map(|document| document.info.version) })
    }

    fn build(release: &Release<'_>, current: Option<&Document>) -> Result<Vec<u8>, Error> {
        // Asked again of what is built on: an owner may be none any more, and a package
        // that is new takes a grant.
        let mut packument = if let Some(document) = current {
            let packument = parse_whole(release.name, document)?;
            require_in(release.name, &packument, "write")?;
            packument
        } else {
            require(release.name, "write")?;
            release.name.check_new()?;
            Packument::new(release.name)
        };
        if packument.version(release.version).is_some() {
            return Err(Error::version_exists(release.version));
        }
        packument.add(release);
        let bytes = packument.to_bytes();
        if bytes.len() as u64 > storage::DEFAULT_LIMIT {
            return Err(Error::because(
                error::TOO_LARGE,
                "this package has more versions than the registry can hold; unpublish some",
            ));
        }
        Ok(bytes)
    }

    /// Writes it, made anew whenever somebody else was faster. Gives the new version.
    fn write(mut self, release: &Release<'_>) -> Result<String, Error> {
        let key = layout::index(release.name);
        let mut attempt = 1;
        loop {
            let precondition = self.version.as_deref().map_or(Precondition::Absent, Precondition::Version);
            match storage::put(&key, &self.bytes, precondition, Some(JSON)) {
                Ok(info) => return Ok(info.version),
                Err(packhouse_plugin::Error::Conflict) => {
                    // Two of them at once may be more than there is room for.
                    self.bytes = Vec::new();
                    storage::wait_turn(&key, attempt)?;
                    self = Self::new(release)?;
                    attempt += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Gives the tarball its key.
fn commit(name: &PackageName, staged: &mut Staged, version: &str) -> Result<(), Error> {
    let key = layout::file(name, &layout::tarball_name(name, version));
    let is_named = || -> Result<bool, Error> {
        let document = storage::get(&layout::index(name))?;
        document.map_or(Ok(false), |document| Ok(parse_whole(name, &document)?.version(version).is_some()))
    };
    match staged.claim(&key, Some(TARBALL), is_named)? {
        Claim::Committed => Ok(()),
        Claim::Named => Err(Error::version_exists(version)),
        Claim::Busy => Err(Error::new(error::BEING_PUBLISHED)),
    }
}

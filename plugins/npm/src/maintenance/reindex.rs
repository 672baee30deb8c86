//! No document is derived from another here, so a reindex writes only the proofs of packuments that an
//! earlier version left, and reports the packuments that were lost. If the proof shows that a packument
//! has lost versions, they are restored from their tarballs.

use std::io::BufReader;

use packhouse_plugin::digests::{SHA1, SHA512};
use packhouse_plugin::maintenance::{Phase, Step, digests, each};
use packhouse_plugin::storage::{self, Document, Name, Proof, Reader, put_rebuilt, unless_conflict};
use packhouse_plugin::{Error, find_digest, log, time};

use crate::archive;
use crate::document::{Packument, Release};
use crate::endpoints::provenance::PREDICATE;
use crate::integrity;
use crate::json::Object;
use crate::layout;
use crate::name::PackageName;

/// Keys of one step.
const KEYS: u32 = 1000;
/// How much of a tarball is fetched from the host at once, in bytes.
const READ: usize = 256 * 1024;

pub const PHASES: &[Phase] = &[
    Phase { name: "packages", step: packages },
    Phase {
        name: "older",
        step: |step, after| step.each_proven(after, |packument, proof| rebuild(step, &packument, proof)),
    },
    Phase { name: "lost", step: |step, after| step.report_lost(after) },
];

fn packages(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    if after.is_none() {
        log::info("npm has no derived documents: there is nothing to rebuild", &[]);
    }
    let mut packuments = Vec::new();
    let next = each(layout::PACKAGES, after, KEYS, |object| {
        if layout::package_of_index(&object.key).is_some() {
            packuments.push(object.key.clone());
        }
        Ok(())
    })?;
    step.checked(packuments.len() as u64, 0);
    step.prove(&packuments)?;
    Ok(next)
}

/// An older copy of a packument, or one that does not name what it has named: with the versions whose
/// tarballs are here. What else was said of them, e.g. who published them, is lost.
fn rebuild(step: &Step<'_>, document: &Document, proof: Proof) -> Result<(), Error> {
    let Some(name) = layout::package_of_index(&document.info.key) else { return Ok(()) };
    let Ok(mut packument) = Packument::parse(&document.bytes) else { return Ok(()) };
    // Other damage is for `verify` to tell: the operator may have it restored.
    if packument.check(&name).is_err() {
        return Ok(());
    }
    let is_older = proof.is_ahead_of(document)?;
    let mut is_changed = is_older;
    for (file, named) in proof.files() {
        let version = file.rsplit_once('/').and_then(|(_, file)| layout::version_of_file(&name, file, "tgz"));
        let Some(version) = version.filter(|version| packument.version(version).is_none()) else { continue };
        match read(&name, version, file)? {
            Ok(found) => {
                found.add(&name, version, named, &mut packument)?;
                is_changed = true;
            }
            Err(why) => step.damaged_once(file, &why),
        }
    }
    if !is_changed {
        let names =
            packument.versions().filter_map(|(version, _)| named(&name, &packument, version)).collect();
        return step.prove_names(document, proof, names);
    }
    if !step.is_dry_run() {
        let bytes = packument.to_bytes();
        let written =
            put_rebuilt(&document.info.key, Some(&document.into()), bytes, Some("application/json"));
        // Somebody has changed it since.
        if unless_conflict(written)?.is_none() {
            return Ok(());
        }
    }
    step.rebuilt(&document.info.key);
    Ok(())
}

/// The tarball of a version that the packument names.
fn named(name: &PackageName, packument: &Packument<'_>, version: &str) -> Option<Name> {
    let tarball = layout::tarball_name(name, version);
    if tarball.len() > layout::SEGMENT_LENGTH || tarball.contains('/') {
        return None;
    }
    let since = packument.time(version).and_then(|time| time::parse_rfc3339(&time));
    Some(Name { since, ..Name::from(layout::file(name, &tarball)) })
}

/// What a tarball says of its version.
struct Found {
    package_json: Vec<u8>,
    sha1: String,
    integrity: String,
    size: u64,
}

/// Or why a version cannot be made anew from its tarball.
fn read(name: &PackageName, version: &str, key: &str) -> Result<Result<Found, String>, Error> {
    let lost =
        |why: &str| format!("its packument has lost the version {version}, and {why}: publish it again");
    let (Some(reader), Some(computed)) = (Reader::open(key)?, digests(key, &[SHA1, SHA512])?) else {
        return Ok(Err(lost("it is missing")));
    };
    let size = reader.size();
    let package_json = match archive::stored_package_json(BufReader::with_capacity(READ, reader)) {
        Ok(package_json) => package_json,
        Err(error) => return Ok(Err(lost(&error.to_string()))),
    };
    let digest = |algorithm| find_digest(&computed, algorithm);
    let (Some(sha1), Some(sha512)) = (digest(SHA1), digest(SHA512)) else {
        return Ok(Err(lost("its digests are not known")));
    };
    let package_json = package_json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&package_json).to_vec();
    let inside = Object::parse_bytes(&package_json).ok().and_then(|inside| inside.text("name"));
    if inside.as_deref().map(str::trim) != Some(name.as_str()) {
        return Ok(Err(lost("its package.json belongs to another package")));
    }
    let integrity = integrity::text(sha512);
    Ok(Ok(Found { package_json, sha1: sha1.hex.clone(), integrity, size }))
}

impl Found {
    fn add(
        &self,
        name: &PackageName,
        version: &str,
        named: u64,
        packument: &mut Packument<'_>,
    ) -> Result<(), Error> {
        let bundle = storage::stat(&layout::provenance(name, version, &self.sha1))?;
        packument.add(&Release {
            name,
            version,
            manifest: Object::parse_bytes(&self.package_json)?,
            tags: Vec::new(),
            sha1: &self.sha1,
            integrity: &self.integrity,
            size: self.size,
            publisher: None,
            owner: None,
            provenance: bundle.map(|_| PREDICATE.to_owned()),
            published: &time::rfc3339(named),
        });
        Ok(())
    }
}

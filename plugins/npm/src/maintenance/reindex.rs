//! No document is derived from another here, so a reindex writes only the proofs of packuments that an
//! earlier version left, and reports the packuments that were lost. If the proof shows that a packument
//! has lost versions, they are restored from their tarballs.

use std::io::BufReader;

use packhouse_plugin::digests::{SHA1, SHA512};
use packhouse_plugin::maintenance::{Phase, Step, digests, each};
use packhouse_plugin::storage::{self, Document, Name, Proof, Reader, put_anew, unless_conflict};
use packhouse_plugin::{Error, find_digest, log, time};

use crate::archive;
use crate::document::{Packument, Release, said};
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
    if is_older {
        restore_owners(&mut packument, &proof);
    }
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
        return step.prove_names(document, proof.saying(said(&document.bytes)), names);
    }
    if is_older {
        remove_taken_out(&name, &mut packument, &proof)?;
        if !packument.has_versions() {
            let why = "it is an older copy, and none of its versions is left: restore the newest copy";
            step.damaged_once(&document.info.key, why);
            return Ok(());
        }
    }
    if !step.is_dry_run() {
        let bytes = packument.to_bytes();
        let proof = proof.saying(said(&bytes));
        let written = put_anew(proof, Some(&document.into()), bytes, Some("application/json"));
        // Another request has changed it since.
        if unless_conflict(written)?.is_none() {
            return Ok(());
        }
    }
    step.rebuilt(&document.info.key);
    Ok(())
}

/// The owners of the newest state, as the proof has them. If it has none of them, e.g. as an earlier
/// version wrote it, nobody is an owner: those of an older copy may have been removed since.
fn restore_owners(packument: &mut Packument<'_>, proof: &Proof) {
    let said = proof.said();
    if said.is_none() {
        let listed: Vec<String> = packument.owners().into_iter().map(|owner| owner.name).collect();
        let fields = [("key", proof.document()), ("listed", &listed.join(", "))];
        log::warn(
            "an older copy of a packument does not decide any more who owns the package: an administrator must add the owners again",
            &fields,
        );
    }
    packument.set_owners(said.map(|said| said.owners.as_slice()).unwrap_or_default());
}

/// The versions of an older copy that were unpublished since.
fn remove_taken_out(name: &PackageName, packument: &mut Packument<'_>, proof: &Proof) -> Result<(), Error> {
    let versions: Vec<(String, String)> = packument
        .versions()
        .filter_map(|(version, _)| Some((version.to_owned(), named(name, packument, version)?.name)))
        .collect();
    let files: Vec<String> = versions.iter().map(|(_, file)| file.clone()).collect();
    let gone = proof.taken_out(&files)?;
    let versions: Vec<String> =
        versions.into_iter().filter(|(_, file)| gone.contains(file)).map(|(version, _)| version).collect();
    packument.remove_versions(&versions);
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

/// The version of a tarball, read from its `package.json`.
struct Found {
    package_json: String,
    sha1: String,
    integrity: String,
    size: u64,
}

/// Why a version cannot be restored from its tarball.
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
    let package_json = archive::text(&package_json).into_owned();
    let inside = Object::parse(&package_json).ok().and_then(|inside| inside.text("name"));
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
            manifest: Object::parse(&self.package_json)?,
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

//! Documents that are older copies, or do not name what they have named, as their proofs tell: the lost
//! versions are made anew from the gems. The proof knows the owners of the newest state, and what was
//! yanked.

use packhouse_plugin::digests::SHA256;
use packhouse_plugin::maintenance::{Step, digests};
use packhouse_plugin::storage::{self, Document, Name, Proof, Reader, put_anew, unless_conflict};
use packhouse_plugin::{Error, find_digest, log, time};

use crate::archive::{self, ArchiveError};
use crate::catalog;
use crate::document::{Package, Release};
use crate::layout;
use crate::name::{GemName, Slot};
use crate::stored::{self, JSON};

/// Other damage is for `verify` to tell: the operator may have it restored.
pub fn rebuild(step: &Step<'_>, document: &Document, proof: Proof) -> Result<(), Error> {
    let Ok(mut package) = stored::parse(document) else { return Ok(()) };
    let Ok(name) = GemName::parse(&package.name) else { return Ok(()) };
    let is_older = proof.is_ahead_of(document)?;
    let mut is_changed = is_older;
    let mut files: Vec<(&str, u64)> = proof.files().collect();
    files.sort_by_key(|(_, named)| *named);
    for (file, named) in files {
        let readings = layout::releases_of_file(file);
        let Some((_, slot)) = readings.into_iter().find(|(there, _)| *there == name) else { continue };
        if package.find(&slot).is_some() {
            continue;
        }
        match release(file, &name, &slot, named)? {
            Ok(release) => {
                package.versions.push(release);
                is_changed = true;
            }
            Err(why) => {
                let why = format!("its document has lost the version {slot}, and {why}: push it again");
                step.damaged_once(file, &why);
            }
        }
    }
    if !is_changed {
        return step.prove_names(document, proof.saying(package.said()), named(&name, &package));
    }
    if is_older {
        restore(&mut package, &proof);
    }
    if !step.is_dry_run() {
        catalog::announce(&name)?;
        let bytes = storage::to_json(&package)?;
        let written = put_anew(proof.saying(package.said()), Some(&document.into()), bytes, Some(JSON));
        // Somebody has changed it since.
        if unless_conflict(written)?.is_none() {
            return Ok(());
        }
    }
    step.rebuilt(&document.info.key);
    Ok(())
}

/// If the proof does not know the owners, e.g. as an earlier version wrote it, nobody is an owner.
fn restore(package: &mut Package, proof: &Proof) {
    if proof.said().is_none() {
        let listed: Vec<String> = package.owners().into_iter().map(|owner| owner.name).collect();
        let fields = [("key", proof.document()), ("listed", &listed.join(", "))];
        log::warn(
            "an older copy of a document does not decide any more who owns the gem: an administrator must add the owners again",
            &fields,
        );
    }
    package.restore(proof.said());
}

/// The gems that a document names.
fn named(name: &GemName, package: &Package) -> Vec<Name> {
    let named = |release: &Release| {
        let since = release.created.as_deref().and_then(time::parse_rfc3339);
        let slot = release.parsed().ok()?;
        Some(Name { since, ..Name::from(layout::gem_file(name, &slot)) })
    };
    package.versions.iter().filter_map(named).collect()
}

/// A version as its gem has it, or why it cannot be made from that.
fn release(key: &str, name: &GemName, slot: &Slot, named: u64) -> Result<Result<Release, String>, Error> {
    let (Some(mut reader), Some(computed)) = (Reader::open(key)?, digests(key, &[SHA256])?) else {
        return Ok(Err("it is missing".to_owned()));
    };
    let Some(checksum) = find_digest(&computed, SHA256) else {
        return Ok(Err("its SHA-256 is not known".to_owned()));
    };
    let spec = match archive::read(&mut reader) {
        Ok(spec) => spec,
        Err(ArchiveError::Host(error)) => return Err(error),
        Err(error) => return Ok(Err(error.to_string())),
    };
    if spec.name != *name || spec.slot != *slot {
        return Ok(Err(format!("it contains {} {}", spec.name, spec.slot)));
    }
    Ok(Ok(Release::new(&spec, &checksum.hex, reader.size(), named)))
}

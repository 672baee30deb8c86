//! Index files that are older copies, or do not name what they have named, as their proofs tell: the
//! lost lines are made anew from the files. The proof knows what was yanked.

use std::io::BufReader;

use packhouse_plugin::digests::SHA256;
use packhouse_plugin::maintenance::{Step, digests};
use packhouse_plugin::storage::{Document, Name, Proof, Reader, put_anew, unless_conflict};
use packhouse_plugin::{Error, find_digest};

use crate::archive;
use crate::document::{Index, Line, Release, said};
use crate::layout;
use crate::manifest::Manifest;
use crate::name::{CrateName, Version};

/// How much of a crate is fetched from the host at once, in bytes.
const READ: usize = 256 * 1024;
const TEXT: &str = "text/plain; charset=utf-8";

/// Other damage is for `verify` to tell: the operator may have it restored.
pub fn rebuild(step: &Step<'_>, document: &Document, proof: Proof) -> Result<(), Error> {
    let Some(name) = layout::crate_of_index(&document.info.key) else { return Ok(()) };
    if Index::new(&document.bytes).check(&name).is_err() {
        return Ok(());
    }
    let is_older = proof.is_ahead_of(document)?;
    let mut is_changed = is_older;
    let mut bytes = document.bytes.clone();
    for (file, named) in proof.files() {
        let Some((spelled, version)) = layout::release_of_file(file) else { continue };
        if Index::new(&bytes).find(&version).is_some() {
            continue;
        }
        match line(file, &spelled, &version, named)? {
            Ok(line) => {
                bytes = Index::new(&bytes).with_line(&line);
                is_changed = true;
            }
            Err(why) => {
                let why =
                    format!("its index file has lost the version {version}, and {why}: publish it again");
                step.damaged_once(file, &why);
            }
        }
    }
    if !is_changed {
        return step.prove_names(document, proof.saying(said(&bytes)), named(&name, &document.bytes));
    }
    if let Some(yanks) = proof.said().filter(|_| is_older) {
        bytes = Index::new(&bytes).with_yanks(yanks).unwrap_or(bytes);
    }
    if !step.is_dry_run() {
        let proof = proof.saying(said(&bytes));
        let written = put_anew(proof, Some(&document.into()), bytes, Some(TEXT));
        // Somebody has changed it since.
        if unless_conflict(written)?.is_none() {
            return Ok(());
        }
    }
    step.rebuilt(&document.info.key);
    Ok(())
}

/// The files that an index names.
fn named(name: &CrateName, index: &[u8]) -> Vec<Name> {
    let named = |line: Line<'_>| {
        let (spelled, version) = line.release(name)?;
        Some(Name { since: line.published(), ..Name::from(layout::crate_file(&spelled, &version)) })
    };
    Index::new(index).lines().filter_map(named).collect()
}

/// The line of a version, or why it cannot be made from the file.
fn line(
    key: &str,
    name: &CrateName,
    version: &Version,
    named: u64,
) -> Result<Result<Vec<u8>, String>, Error> {
    let (Some(reader), Some(computed)) = (Reader::open(key)?, digests(key, &[SHA256])?) else {
        return Ok(Err("it is missing".to_owned()));
    };
    let Some(checksum) = find_digest(&computed, SHA256) else {
        return Ok(Err("its SHA-256 is not known".to_owned()));
    };
    let size = reader.size();
    let reader = BufReader::with_capacity(READ, reader);
    let manifest = match archive::read_manifest(reader, name, version) {
        Ok(manifest) => Manifest::parse(&manifest),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let new = match manifest {
        Ok(manifest) => manifest.to_request(),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let release = Release { new: &new, checksum: &checksum.hex, size, published: named };
    Ok(release.to_line().map_err(|error| error.to_string()))
}

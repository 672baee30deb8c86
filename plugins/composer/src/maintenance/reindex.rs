//! Makes documents from the dists: adds dists that were copied in, and keeps what the documents already
//! contain. Then it writes notes that were lost, and makes the list of packages.
//!
//! # Invariants
//! - A damaged document is reported and never replaced: it may be restored, and it says more than the
//!   dists. An old copy gets the versions that it does not know, and loses those that were deleted since.
//!   Its package is abandoned if the newest state said so, which the proof repeats.
//! - A dist of a publish that was refused, and of a version that was deleted, never becomes a version; see
//!   `adopt`.
//! - The time of a publish comes from the note beside the dist, or from another system's document. If
//!   both are missing, it is the time of the file.
//! - Nothing is removed. `verify` reports dists that a document names and that are missing.
//! - A dist that is younger than [`GRACE`] may belong to a publish that has not ended, so it is
//!   skipped.

use packhouse_plugin::digests::{SHA1, SHA256};
use packhouse_plugin::maintenance::{Budget, Phase, Place, Step, digests, each, each_in_parts};
use packhouse_plugin::storage::{self, Before, GRACE, Json, Name, Proof, Reader, put_anew, unless_conflict};
use packhouse_plugin::time::{self, SECOND};
use packhouse_plugin::{Error, ObjectInfo, find_digest};

use super::{Stored, notes, stored};
use crate::archive::{self, ArchiveError};
use crate::catalog;
use crate::document::foreign::{self, Said};
use crate::document::{self, Dist, Note, Package, Release};
use crate::endpoints::publish::{deleted, written};
use crate::endpoints::{self, JSON};
use crate::layout;
use crate::name::{PackageName, Version};
use crate::upload::Manifest;

mod adopt;

/// Keys of one listing.
const KEYS: u32 = 500;
/// Dists after which a step ends, and bytes of them.
const MOST_FILES: u64 = 200;
const MOST_READ: u64 = 1 << 30;

pub const PHASES: &[Phase] = &[
    Phase { name: "documents", step: documents },
    Phase { name: "notes", step: notes::write },
    Phase { name: "advisories", step: advisories },
    Phase { name: "list", step: |step, _| write_list(step).map(|()| None) },
    Phase { name: "lost", step: |step, after| step.report_lost_unless(after, was_removed) },
];

/// Those that an earlier version wrote get a stamp and a proof. Only a backup can replace an older copy.
fn advisories(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let mut names = Vec::new();
    let next = each(layout::PACKAGES, after, KEYS, |object| {
        let found = layout::package_of(&object.key).filter(|(_, file)| *file == layout::ADVISORIES);
        names.extend(found.map(|(name, _)| name));
        Ok(())
    })?;
    let keys: Vec<String> = names.iter().map(layout::advisories).collect();
    step.prove_strict(&keys)?;
    for name in &names {
        step.pass(endpoints::advisories::check(name))?;
    }
    Ok(next)
}

/// Packages in the order of their keys. What is found of one is written at once.
fn documents(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let mut budget = Budget::new(MOST_FILES, MOST_READ);
    let mut batch: Option<Batch> = None;
    let next = each_in_parts(layout::PACKAGES, after, KEYS, |key, _| {
        if budget.is_spent() {
            return Ok(Some(Place::at(0, key)));
        }
        let Some((name, file)) = layout::package_of(key) else { return Ok(None) };
        if batch.as_ref().is_none_or(|batch| batch.name != name) {
            let before = batch.replace(Batch::of(step, name)?);
            before.map_or(Ok(()), |before| before.write(step))?;
        }
        let Some(batch) = &mut batch else { return Ok(None) };
        let added = batch.add(step, file, &mut budget);
        step.pass(added)?;
        Ok(None)
    })?;
    batch.map_or(Ok(()), |batch| batch.write(step))?;
    Ok(next)
}

/// What is found of one package.
struct Batch {
    name: PackageName,
    /// None where the document is damaged.
    known: Option<Package>,
    /// The document is an older copy of what was acknowledged.
    is_older: bool,
    /// The document names all that it has to name.
    is_whole: bool,
    proof: Proof,
    said: Vec<Said>,
    /// When the package was deleted, if its document is gone.
    deleted: Option<u64>,
    has_document: bool,
    found: Vec<Release>,
}

impl Batch {
    fn of(step: &Step<'_>, name: PackageName) -> Result<Self, Error> {
        let key = layout::document(&name);
        let (stored, proof) = read(&name)?;
        let mut batch = Self {
            known: None,
            is_older: false,
            is_whole: false,
            proof,
            said: Vec::new(),
            deleted: None,
            has_document: true,
            found: Vec::new(),
            name,
        };
        match stored {
            Stored::Ours(document, package) => {
                let proof = batch.proof.clone().saying(package.said());
                step.prove_names(&document, proof, named(&batch.name, &package))?;
                batch.is_whole = true;
                batch.known = Some(package);
            }
            // As `read` gives it.
            Stored::Damaged(Some((_, package)), _) => {
                batch.is_older = true;
                batch.known = Some(package);
            }
            Stored::Foreign(document) => {
                batch.said = foreign::read(&document.bytes);
                batch.has_document = false;
                batch.known = Some(Package::new(&batch.name));
            }
            Stored::Nothing => {
                batch.deleted = deleted_at(&batch.name)?;
                batch.has_document = false;
                batch.known = Some(Package::new(&batch.name));
            }
            Stored::Damaged(None, why) => step.damaged_once(&key, &why),
        }
        Ok(batch)
    }

    /// A dist that the document does not name.
    fn add(&mut self, step: &Step<'_>, file: &str, budget: &mut Budget) -> Result<(), Error> {
        let Some(reference) = layout::reference_of(file).filter(|_| layout::is_dist(file)) else {
            return Ok(());
        };
        let Some(known) = &self.known else { return Ok(()) };
        if known.dists().any(|dist| dist.reference == reference) {
            return Ok(());
        }
        let key = layout::dist(&self.name, reference);
        let Some(info) = storage::stat(&key)? else { return Ok(()) };
        step.checked(1, info.size);
        let floor = step.started().saturating_sub(GRACE);
        let is_under_way = self.has_document && info.modified.is_none_or(|modified| modified >= floor);
        // It was to go with its package.
        let is_left_over =
            self.deleted.is_some_and(|deleted| info.modified.is_none_or(|modified| modified <= deleted));
        let is_named = self.proof.names(&key) && !self.deleted.is_some_and(|at| self.proof.is_before(at));
        if (is_under_way || is_left_over) && !is_named {
            return Ok(());
        }
        budget.spend(1, info.size);
        match self.describe(reference, &info)? {
            Ok(release) if !is_named && adopt::is_refused(&self.proof, self.is_whole, &release)? => {}
            Ok(release) => self.found.push(release),
            Err(why) => step.damaged_once(&key, &why),
        }
        Ok(())
    }

    /// What a document says of a dist, or why nothing can be said.
    fn describe(&self, reference: &str, info: &ObjectInfo) -> Result<Result<Release, String>, Error> {
        let Some(reader) = Reader::open(&info.key)? else { return Ok(Err("it is gone".to_owned())) };
        let read = |offset, max| reader.read_at(offset, max);
        let manifest = match archive::find_manifest(&read, reader.size()) {
            Ok(bytes) => Manifest::parse(&bytes).map_err(|error| error.to_string()),
            Err(ArchiveError::Host(error)) => return Err(error),
            Err(error) => Err(error.to_string()),
        };
        let manifest = match manifest.and_then(|manifest| {
            manifest.agree(&self.name).map_err(|error| error.to_string()).map(|()| manifest)
        }) {
            Ok(manifest) => manifest,
            Err(why) => return Ok(Err(why)),
        };
        let note: Option<Note> = match Json::at(layout::note(&self.name, reference)).read() {
            Err(Error::Damaged { .. }) => None,
            note if layout::is_ours(reference) => note?,
            _ => None,
        };
        let said = self.said.iter().find(|said| said.reference == reference);
        let Some(version) = version_of(note.as_ref(), said, &manifest, reference) else {
            let why = "neither a note beside it nor its composer.json names its version: upload it again";
            return Ok(Err(why.to_owned()));
        };
        let computed = digests(&info.key, &[SHA1, SHA256])?.unwrap_or_default();
        let hex =
            |algorithm| find_digest(&computed, algorithm).map(|found| found.hex.clone()).unwrap_or_default();
        let dist =
            Dist { reference: reference.to_owned(), size: info.size, sha1: hex(SHA1), sha256: hex(SHA256) };
        let time =
            note.as_ref().map(|note| note.time.clone()).or_else(|| said.and_then(|said| said.time.clone()));
        let note = Note {
            version: version.to_string(),
            time: time.unwrap_or_else(|| written(info.modified.unwrap_or_default())),
            uploader: note.and_then(|note| note.uploader),
        };
        Ok(document::Manifest::new(&manifest.0)
            .map(|manifest| Release::new(&version, note, dist, manifest))
            .map_err(|error| error.to_string()))
    }

    /// The document with what was found.
    fn write(mut self, step: &Step<'_>) -> Result<(), Error> {
        self.report_lost(step)?;
        if self.found.is_empty() && !self.is_older {
            return Ok(());
        }
        // What the proof names comes before other bytes of the same version. Of a branch the dist that was
        // published last is the one that is offered.
        self.found.sort_by_cached_key(|release| {
            let dist = layout::dist(&self.name, &release.dist.reference);
            (!self.proof.names(&dist), release.time.clone())
        });
        let key = layout::document(&self.name);
        let is_rebuilt = storage::retry(&key, |_| {
            let (stored, proof) = read(&self.name)?;
            let is_older = stored.damage().is_some();
            let (package, before) = match stored {
                Stored::Ours(document, package) => (package, Some(Before::from(&document))),
                Stored::Damaged(Some((document, package)), _) => {
                    (adopt::without_deleted(&self.name, package, &proof)?, Some(Before::from(&document)))
                }
                Stored::Foreign(document) => (Package::new(&self.name), Some(Before::from(&document))),
                Stored::Nothing => (Package::new(&self.name), None),
                Stored::Damaged(None, why) => {
                    step.damaged_once(&key, &why);
                    return Ok(Some(false));
                }
            };
            let mut changed = with_all(package.clone(), &self.found);
            if let Some(said) = proof.said().filter(|_| is_older) {
                changed.restore(said);
            }
            if changed == package && !is_older {
                return Ok(Some(false));
            }
            if changed.versions.is_empty() {
                let why = "it is an older copy, and no version of it is left: restore the newest copy";
                step.damaged_once(&key, why);
                return Ok(Some(false));
            }
            if step.is_dry_run() {
                return Ok(Some(true));
            }
            let written = storage::stat(&key)?.and_then(|info| info.modified).map(|written| written / SECOND);
            changed.touch(storage::now()? / SECOND, written.max(deleted(&self.name)?));
            let proof = proof.saying(changed.said());
            let written = put_anew(proof, before.as_ref(), storage::to_json(&changed)?, Some(JSON));
            Ok::<_, Error>(unless_conflict(written)?.map(|_| true))
        })?;
        if is_rebuilt {
            step.rebuilt(&key);
        }
        Ok(())
    }

    /// Dists that the document has named and does not any more, and that are gone too.
    fn report_lost(&self, step: &Step<'_>) -> Result<(), Error> {
        let Some(known) = &self.known else { return Ok(()) };
        let is_named = |key: &str| known.dists().any(|dist| layout::dist(&self.name, &dist.reference) == key);
        let is_dist = |key: &str| layout::package_of(key).is_some_and(|(_, file)| layout::is_dist(file));
        let files = self.proof.files().map(|(file, _)| file);
        let keys: Vec<&str> = files.filter(|file| is_dist(file) && !is_named(file)).collect();
        for (key, found) in keys.iter().zip(storage::stat_many(&keys)?) {
            if found.is_none() {
                step.damaged_once(
                    key,
                    "it is missing, and its document has lost its version: publish it again",
                );
            }
        }
        Ok(())
    }
}

/// When a request has last begun to delete the package.
fn deleted_at(name: &PackageName) -> Result<Option<u64>, Error> {
    Ok(storage::stat(&layout::deleted(name))?.and_then(|note| note.modified))
}

/// Whether a request has deleted the package of this document after the last change that the proof knows.
/// Versions before 0.1.1 left such proofs when somebody published at the same moment.
fn was_removed(document: &str, proof: &Proof) -> Result<bool, Error> {
    let Some((name, _)) = layout::package_of(document) else { return Ok(false) };
    Ok(deleted_at(&name)?.is_some_and(|at| proof.is_before(at)))
}

/// What lies at the key of the package's document, and its proof. An older copy is damaged, with what
/// it says; of another damage nothing is taken.
fn read(name: &PackageName) -> Result<(Stored, Proof), Error> {
    let stored = stored(name)?;
    let proof = Proof::of(&layout::document(name))?;
    let stored = match stored {
        Stored::Damaged(Some((document, package)), why)
            if package.check(name).is_err() || !proof.is_ahead_of(&document)? =>
        {
            Stored::Damaged(None, why)
        }
        stored => stored,
    };
    Ok((stored, proof))
}

/// The files that a document names, and since when.
fn named(name: &PackageName, package: &Package) -> Vec<Name> {
    let since = |dist: &Dist| {
        let release = package.versions.iter().find(|release| release.dist.reference == dist.reference)?;
        time::parse_rfc3339(&release.time)
    };
    let dists = package.dists().filter(|dist| layout::is_reference(&dist.reference));
    let name = |dist: &Dist| Name { since: since(dist), ..Name::from(layout::dist(name, &dist.reference)) };
    dists.map(name).collect()
}

fn with_all(mut package: Package, found: &[Release]) -> Package {
    for release in found {
        if !package.place_older(release) {
            // What is there in another form stays.
            let _ = package.place(release);
        }
    }
    package
}

/// The first that says it: the note, another system's document, the file, its name.
fn version_of(
    note: Option<&Note>,
    said: Option<&Said>,
    manifest: &Manifest,
    reference: &str,
) -> Option<Version> {
    let parse = |text: &str| Version::parse(text).ok();
    note.and_then(|note| parse(&note.version))
        .or_else(|| said.and_then(|said| parse(&said.version)))
        .or_else(|| manifest.version().ok().flatten())
        .or_else(|| parse(reference).filter(|_| !layout::is_ours(reference)))
}

fn write_list(step: &Step<'_>) -> Result<(), Error> {
    let names = catalog::walk()?;
    if catalog::stored()?.is_none_or(|stored| stored == names) {
        return Ok(());
    }
    step.rebuilt(layout::LIST);
    if !step.is_dry_run() {
        catalog::changed();
        catalog::names()?;
    }
    Ok(())
}

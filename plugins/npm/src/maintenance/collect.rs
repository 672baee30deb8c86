//! Tarballs and provenance bundles that no packument names: left behind by publishes and
//! unpublishes that were interrupted.
//!
//! # Invariants
//! - A packument is read after its files were listed: what was published in between is
//!   named by then.
//! - Where a packument cannot be read, nothing beside it is removed.

use packhouse_plugin::Error;
use packhouse_plugin::ObjectInfo;
use packhouse_plugin::maintenance::{Step, forget_claims};
use packhouse_plugin::storage::{ListingOptions, list_page};

use super::Stored;
use crate::document::{Manifest, Packument};
use crate::layout;
use crate::name::PackageName;

/// Keys of one step.
const KEYS: u32 = 500;
/// Bytes of packuments after which a step ends.
const MOST_READ: u64 = 16 << 20;

/// One step: a page of keys, package by package.
pub fn collect(step: &Step<'_>) -> Result<(), Error> {
    let after = step.cursor();
    if after.is_none() {
        forget_claims(step)?;
    }
    let options =
        ListingOptions { after: after.as_deref(), limit: KEYS, ..ListingOptions::new(layout::PACKAGES) };
    let page = list_page(&options)?;
    let mut read = 0;
    for files in page.objects.chunk_by(|one, next| folder(&one.key) == folder(&next.key)) {
        read += collect_package(step, files)?;
        match files.last() {
            Some(last) if read > MOST_READ => {
                step.set_cursor(&last.key);
                return Ok(());
            }
            _ => {}
        }
    }
    page.next.iter().for_each(|next| step.set_cursor(next));
    Ok(())
}

fn folder(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The files of one package, or some of them. Gives the bytes that were read.
fn collect_package(step: &Step<'_>, files: &[ObjectInfo]) -> Result<u64, Error> {
    step.checked(files.len() as u64, 0);
    let Some(name) = files.first().and_then(|file| package_of(&file.key)) else { return Ok(0) };
    if !files.iter().any(|file| Part::of(&name, &file.key).is_some()) {
        return Ok(0);
    }
    let stored = Stored::read(&name)?;
    step.checked(0, stored.size());
    if let Stored::Damaged(why) = &stored {
        step.damaged(&layout::index(&name), why);
        return Ok(0);
    }
    let packument = stored.packument();
    for file in files {
        let Some(part) = Part::of(&name, &file.key) else { continue };
        if !part.is_named(packument.as_ref()) {
            let is_named = || Ok::<_, Error>(part.is_named(Stored::read(&name)?.packument().as_ref()));
            step.reclaim(file, "no packument names it", is_named)?;
        }
    }
    Ok(stored.size())
}

fn package_of(key: &str) -> Option<PackageName> {
    PackageName::parse(folder(key).strip_prefix(layout::PACKAGES)?).ok()
}

/// A file that a packument can name.
enum Part<'a> {
    Tarball { version: &'a str },
    Bundle { version: &'a str, sha1: &'a str },
}

impl<'a> Part<'a> {
    /// None for the packument itself, and for what is not ours.
    fn of(name: &PackageName, key: &'a str) -> Option<Part<'a>> {
        let (_, file) = key.rsplit_once('/')?;
        if let Some(version) = layout::version_of_file(name, file, "tgz") {
            return Some(Part::Tarball { version });
        }
        let (version, sha1) = layout::version_of_file(name, file, "sigstore")?.rsplit_once('.')?;
        Some(Part::Bundle { version, sha1 })
    }

    fn is_named(&self, packument: Option<&Packument<'_>>) -> bool {
        let manifest =
            |version: &str| packument.and_then(|packument| packument.version(version).map(Manifest));
        match self {
            Part::Tarball { version } => manifest(version).is_some(),
            Part::Bundle { version, sha1 } => manifest(version).is_some_and(|manifest| {
                manifest.has_attestations() && manifest.shasum().as_deref() == Some(sha1)
            }),
        }
    }
}

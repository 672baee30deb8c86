//! A file that a packument can name: a tarball or a provenance bundle.

use packhouse_plugin::maintenance::{Reference, Stored};

use crate::document::{Manifest, Packument};
use crate::layout;
use crate::name::PackageName;

pub enum Part<'a> {
    Tarball { version: &'a str },
    Bundle { version: &'a str, sha1: &'a str },
}

impl<'a> Part<'a> {
    /// None for the packument itself, and for objects of other programs.
    pub fn of(name: &PackageName, key: &'a str) -> Option<Part<'a>> {
        let (_, file) = key.rsplit_once('/')?;
        if let Some(version) = layout::version_of_file(name, file, "tgz") {
            return Some(Part::Tarball { version });
        }
        let (version, sha1) = layout::version_of_file(name, file, "sigstore")?.rsplit_once('.')?;
        Some(Part::Bundle { version, sha1 })
    }

    /// Whether the stored packument names the file. `packument` is the part that could be read.
    pub fn reference(&self, stored: &Stored, packument: Option<&Packument<'_>>) -> Reference {
        match (stored, packument) {
            (Stored::Nothing, _) => Reference::NoDocument,
            (Stored::Ours(..), Some(packument)) if self.is_named(packument) => Reference::Named,
            (Stored::Ours(..), Some(_)) => Reference::Unnamed,
            (Stored::Ours(..), None) | (Stored::Damaged(..) | Stored::Foreign(_), _) => Reference::Damaged,
        }
    }

    fn is_named(&self, packument: &Packument<'_>) -> bool {
        let manifest = |version: &str| packument.version(version).map(Manifest);
        match self {
            Part::Tarball { version } => manifest(version).is_some(),
            Part::Bundle { version, sha1 } => manifest(version).is_some_and(|manifest| {
                manifest.has_attestations() && manifest.shasum().as_deref() == Some(sha1)
            }),
        }
    }
}

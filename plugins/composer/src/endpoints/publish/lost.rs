//! A version that the document has lost: the proof names its dist, and the document does not. The key of
//! a dist follows from its bytes, so other bytes of the version would get another key.

use std::collections::BTreeSet;

use packhouse_plugin::Error as HostError;
use packhouse_plugin::storage::{self, Document, Json, Proof};

use crate::document::{Note, Package, Release};
use crate::layout;
use crate::name::version::is_dev;
use crate::name::{PackageName, Version};

/// `Damaged` if the document has named other bytes of this release, and no request has removed them. A
/// branch may get other bytes.
pub fn check(
    name: &PackageName,
    document: &Document,
    package: &Package,
    release: &Release,
) -> Result<(), HostError> {
    if is_dev(&release.normalized)
        || package.versions.iter().any(|there| there.normalized == release.normalized)
    {
        return Ok(());
    }
    let proof = Proof::of(&document.info.key)?;
    let known: BTreeSet<&str> = package.dists().map(|dist| dist.reference.as_str()).collect();
    for (file, _) in proof.files() {
        let Some(reference) = layout::package_of(file)
            .filter(|(_, file)| layout::is_dist(file))
            .and_then(|(_, file)| layout::reference_of(file))
        else {
            continue;
        };
        if known.contains(reference) || reference == release.dist.reference || storage::stat(file)?.is_none()
        {
            continue;
        }
        let version = version_of(name, reference)?;
        if version.is_some_and(|version| version.normalized() != release.normalized) {
            continue;
        }
        // If it was changed after it was read, the write notices that.
        if storage::stat(&document.info.key)?.is_some_and(|now| now.version == document.info.version) {
            return proof.check_unnamed(file);
        }
    }
    Ok(())
}

/// The version of a dist that is no longer named; none if nothing says it.
fn version_of(name: &PackageName, reference: &str) -> Result<Option<Version>, HostError> {
    if !layout::is_ours(reference) {
        return Ok(Version::parse(reference).ok());
    }
    let note: Option<Note> = match Json::at(layout::note(name, reference)).read() {
        Err(HostError::Damaged { .. }) => None,
        read => read?,
    };
    Ok(note.and_then(|note| Version::parse(&note.version).ok()))
}

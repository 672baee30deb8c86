//! Which dists may become versions. A dist that a publish has written, and that its document does not name,
//! is one of these: the publish was refused or interrupted, a request has deleted the version, or the document
//! has lost it. Only the proof tells.

use std::collections::BTreeSet;

use packhouse_plugin::storage::{self, GRACE, Proof};
use packhouse_plugin::{Error, time};

use crate::document::{Package, Release};
use crate::endpoints::publish::reference_of;
use crate::layout;
use crate::name::PackageName;

/// Whether no document has named this dist, which the proof does not name. A whole document names all that
/// there is. Without one, the proof decides about what was published since it names files: the proof of a
/// document of an earlier version may know only what was published later. What was copied into the bucket has
/// another form of name, and is always taken.
pub fn is_refused(proof: &Proof, has_whole_document: bool, release: &Release) -> Result<bool, Error> {
    if reference_of(&release.normalized, &release.dist.sha256)? != release.dist.reference {
        return Ok(false);
    }
    let since = proof.files().map(|(_, since)| since).min();
    let published = time::parse_rfc3339(&release.time);
    let is_known = |since: u64| published.is_none_or(|published| published >= since.saturating_sub(GRACE));
    Ok(has_whole_document || since.is_some_and(is_known))
}

/// What an older copy of the document says, without the versions that were deleted after it was made.
pub fn without_deleted(name: &PackageName, mut package: Package, proof: &Proof) -> Result<Package, Error> {
    if proof.files().next().is_none() {
        return Ok(package);
    }
    let unnamed: Vec<(String, String)> = package
        .dists()
        .map(|dist| (dist.reference.clone(), layout::dist(name, &dist.reference)))
        .filter(|(_, key)| !proof.names(key))
        .collect();
    let keys: Vec<&String> = unnamed.iter().map(|(_, key)| key).collect();
    let found = storage::stat_many(&keys)?;
    let mut deleted: BTreeSet<String> = BTreeSet::new();
    for ((reference, _), found) in unnamed.iter().zip(found) {
        let release = package.versions.iter().find(|release| release.dist.reference == *reference);
        let is_refused = release.map_or(Ok(false), |release| is_refused(proof, false, release))?;
        if found.is_none() || is_refused {
            deleted.insert(reference.clone());
        }
    }
    package.versions.retain(|release| !deleted.contains(&release.dist.reference));
    package.earlier.retain(|earlier| !deleted.contains(&earlier.dist.reference));
    Ok(package)
}

//! Checks that everything exists that a manifest references. The push is pending during this check, so
//! that the garbage collection keeps what was found.

use packhouse_plugin::{settings, storage};
use serde_json::json;

use crate::condemned;
use crate::digest::ContentDigest;
use crate::document::{Descriptor, Manifest};
use crate::error::{self, Error};
use crate::layout;
use crate::membership;
use crate::name::RepositoryName;
use crate::sparse;

/// What is condemned is rescued first, and looked for after it: in this order a garbage
/// collection cannot come between. Gives the blobs that the repository has.
pub fn check(
    repository: &RepositoryName,
    manifest: &Manifest,
    named: &[ContentDigest],
) -> Result<Vec<ContentDigest>, Error> {
    let lost = condemned::rescue_all(named)?;
    let children = missing_children(repository, manifest)?;
    let needed: Vec<&Descriptor> = manifest.needed_blobs().chain(children).collect();
    let mut known: Vec<ContentDigest> = needed.iter().filter_map(|descriptor| descriptor.content()).collect();
    known.retain(|digest| !lost.contains(digest));
    known.sort_unstable();
    known.dedup();
    let mut here = Vec::with_capacity(known.len());
    for (digest, found) in known.iter().zip(membership::find_all(repository, &known)?) {
        if let Some(member) = found.whole() {
            member.confirm()?;
            here.push(digest.clone());
        }
    }
    let mut unknown: Vec<&str> = needed.iter().map(|descriptor| descriptor.digest.as_str()).collect();
    unknown.retain(|digest| !here.iter().any(|known| known.to_string() == *digest));
    unknown.sort_unstable();
    unknown.dedup();
    if unknown.is_empty() {
        return Ok(here);
    }
    if settings::feature("sparse") {
        sparse::mark()?;
        return Ok(here);
    }
    let sentence =
        format!("the manifest names content that this repository does not have: {}", unknown.join(", "));
    Err(error::about(error::MANIFEST_BLOB_UNKNOWN, sentence, json!({ "digests": unknown })))
}

/// Children that are not manifests of this repository; a build cache may list blobs as children.
fn missing_children<'a>(
    repository: &RepositoryName,
    manifest: &'a Manifest,
) -> Result<Vec<&'a Descriptor>, Error> {
    let children: Vec<(&Descriptor, String)> = manifest
        .children()
        .filter_map(|child| Some((child, layout::manifest(repository, &child.content()?))))
        .collect();
    let keys: Vec<&String> = children.iter().map(|(_, key)| key).collect();
    let found = storage::stat_many(&keys)?;
    let here = |key: &String| keys.iter().zip(&found).any(|(other, found)| *other == key && found.is_some());
    let unknown_kind = manifest.children().filter(|child| child.content().is_none());
    Ok(children.iter().filter(|(_, key)| !here(key)).map(|(child, _)| *child).chain(unknown_kind).collect())
}

//! Is everything here that a manifest names? Asked while its push is pending, so that what is
//! found stays.

use packhouse_plugin::{settings, storage};
use serde_json::json;

use crate::condemned;
use crate::digest::ContentDigest;
use crate::document::{Descriptor, Manifest};
use crate::error::{self, Error};
use crate::layout;
use crate::membership;
use crate::name::RepositoryName;

/// What is condemned is rescued first, and looked for after it: in this order a garbage
/// collection cannot come between.
pub fn check(repository: &RepositoryName, manifest: &Manifest, named: &[ContentDigest]) -> Result<(), Error> {
    let lost = condemned::rescue_all(named)?;
    let children = missing_children(repository, manifest)?;
    let needed = manifest.needed_blobs().chain(children);
    let missing = |descriptor: &&Descriptor| -> Result<bool, Error> {
        let Some(digest) = descriptor.content().filter(|digest| !lost.contains(digest)) else {
            return Ok(true);
        };
        match membership::find(repository, &digest)? {
            Some(member) => member.confirm().map(|()| false).map_err(Error::from),
            None => Ok(true),
        }
    };
    let mut unknown: Vec<&str> = Vec::new();
    for descriptor in needed {
        if !unknown.contains(&descriptor.digest.as_str()) && missing(&descriptor)? {
            unknown.push(&descriptor.digest);
        }
    }
    if unknown.is_empty() || settings::feature("sparse") {
        return Ok(());
    }
    let sentence =
        format!("the manifest names content that this repository does not have: {}", unknown.join(", "));
    Err(Error::because(error::MANIFEST_BLOB_UNKNOWN, sentence).detail(json!({ "digests": unknown })))
}

/// Children that are no manifests of this repository; a build cache may list blobs as such.
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

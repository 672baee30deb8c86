//! Reads everything: do blobs and manifests match their digests, is what they name here, and
//! do tags stand for something? It changes nothing.

use packhouse_plugin::maintenance::Step;
use packhouse_plugin::storage::{self, Document};
use packhouse_plugin::{Error, digests, settings};

use super::{DOCUMENTS, Phase, page};
use crate::digest::ContentDigest;
use crate::document::{Manifest, Tags};
use crate::name::{RepositoryName, Tag};
use crate::{layout, membership};

pub const PHASES: &[Phase] = &[
    Phase { name: "blobs", step: blobs },
    Phase { name: "manifests", step: manifests },
    Phase { name: "tags", step: tags },
];

/// Of blobs, after which a step ends, in bytes.
const MOST_READ: u64 = 1 << 30;

fn blobs(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::BLOBS, after, DOCUMENTS)?;
    let mut read = 0;
    for blob in &listing.objects {
        let Some(digest) = layout::digest_of(&blob.key) else {
            step.damaged(&blob.key, "its name is no digest");
            continue;
        };
        // Removed since it was listed.
        let Some(computed) = storage::digests(&blob.key, &[digest.algorithm().as_str()])? else { continue };
        step.checked(1, blob.size);
        if !computed.contains(&digest.to_host()) {
            let computed = computed.first().map(ToString::to_string).unwrap_or_default();
            step.damaged(&blob.key, &format!("its content is {computed}"));
        }
        read += blob.size;
        if read > MOST_READ {
            return Ok(Some(blob.key.clone()));
        }
    }
    Ok(listing.next)
}

fn manifests(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::MANIFESTS, after, DOCUMENTS)?;
    let keys: Vec<String> = listing.objects.into_iter().map(|object| object.key).collect();
    for (key, document) in keys.iter().zip(storage::get_each(&keys)) {
        // Deleted since it was listed.
        let Some(document) = document? else { continue };
        let Some((repository, digest)) = layout::manifest_of(key) else {
            step.damaged(key, "its name is not that of a repository and a digest");
            continue;
        };
        step.checked(1, document.bytes.len() as u64);
        if let Some(why) = fault(&repository, &digest, &document)? {
            // It may have been deleted with what it names meanwhile.
            if storage::stat(key)?.is_some() {
                step.damaged(key, &why);
            }
        }
    }
    Ok(listing.next)
}

/// What is wrong with a manifest.
fn fault(
    repository: &RepositoryName,
    digest: &ContentDigest,
    document: &Document,
) -> Result<Option<String>, Error> {
    let computed = digests::of(&document.bytes, &[digest.algorithm().as_str()])?;
    if !computed.contains(&digest.to_host()) {
        let computed = computed.first().map(ToString::to_string).unwrap_or_default();
        return Ok(Some(format!("its content is {computed}")));
    }
    let manifest = match Manifest::parse(&document.bytes) {
        Ok(manifest) => manifest,
        Err(error) => return Ok(Some(error.to_string())),
    };
    if !settings::feature("sparse") {
        for blob in manifest.needed_blobs().filter_map(super::super::document::Descriptor::content) {
            if storage::stat(&layout::blob(&blob))?.is_none() {
                return Ok(Some(format!("it names the blob {blob}, which is not here")));
            }
        }
    }
    let is_adopted = storage::stat(&layout::adopted(repository))?.is_some();
    if let (true, Some(blob)) = (is_adopted, membership::missing(repository, &manifest.named())?.first()) {
        return Ok(Some(format!("the blob {blob} is not visible beside it: run `packhouse reindex`")));
    }
    Ok(None)
}

fn tags(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::TAGS, after, DOCUMENTS)?;
    let keys: Vec<String> = listing.objects.into_iter().map(|object| object.key).collect();
    for (key, document) in keys.iter().zip(storage::get_each(&keys)) {
        let Some(document) = document? else { continue };
        let Some(repository) = layout::repository_of_tags(key) else {
            step.damaged(key, "its name is not that of a repository's tags");
            continue;
        };
        step.checked(1, document.bytes.len() as u64);
        match Tags::parse(&document.bytes) {
            Ok(tags) => check_tags(step, &repository, key, &tags)?,
            Err(error) => step.damaged(key, &format!("it is no map of tags: {error}")),
        }
    }
    Ok(listing.next)
}

fn check_tags(step: &Step<'_>, repository: &RepositoryName, key: &str, tags: &Tags) -> Result<(), Error> {
    for name in tags.names_after("") {
        let digest = Tag::parse(name).ok().and_then(|tag| tags.get(&tag));
        let Some(digest) = digest else {
            step.damaged(key, &format!("{name:?} does not stand for a digest"));
            continue;
        };
        if storage::stat(&layout::manifest(repository, &digest))?.is_none() {
            step.damaged(key, &format!("the tag {name} stands for {digest}, which is not here"));
        }
    }
    Ok(())
}

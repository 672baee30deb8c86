//! All manifests of one repository, page by page, each with its bytes.

use packhouse_plugin::storage::{self, Document, Documents, ListingOptions, ObjectInfo};
use packhouse_plugin::{Error, digests, log};

use crate::digest::ContentDigest;
use crate::document::{Descriptor, Manifest};
use crate::name::RepositoryName;
use crate::{layout, records};

/// What a stored manifest says, if its bytes have the digest in its name and can be read; else
/// why it is damaged.
pub fn check(digest: &ContentDigest, document: &Document) -> Result<Result<Manifest, String>, Error> {
    match other_content(digest, document)? {
        Some(why) => Ok(Err(why)),
        None => Ok(Manifest::parse(&document.bytes).map_err(|error| error.to_string())),
    }
}

/// Why the bytes do not match the digest in the name; none if they match.
pub fn other_content(digest: &ContentDigest, document: &Document) -> Result<Option<String>, Error> {
    let computed = digests::of(&document.bytes, &[digest.algorithm().as_str()])?;
    if computed.contains(&digest.to_host()) {
        return Ok(None);
    }
    let computed = computed.first().map(ToString::to_string).unwrap_or_default();
    Ok(Some(format!("its content is {computed}")))
}

/// Those of these manifests of a repository that are not there although no request has deleted
/// them. A record is read after the manifest was looked for, and the manifest is looked for once
/// more: it may be deleted or pushed at the same time.
pub fn lost(repository: &RepositoryName, digests: &[ContentDigest]) -> Result<Vec<ContentDigest>, Error> {
    let keys: Vec<String> = digests.iter().map(|digest| layout::manifest(repository, digest)).collect();
    let mut lost = Vec::new();
    for (digest, _) in digests.iter().zip(storage::stat_many(&keys)?).filter(|(_, found)| found.is_none()) {
        let is_explained = records::explain_absence(repository, digest)?;
        if !is_explained && storage::stat(&layout::manifest(repository, digest))?.is_none() {
            lost.push(digest.clone());
        }
    }
    Ok(lost)
}

/// Those children of an index that are lost. A child may also be a blob: a build cache is kept in
/// an index.
pub fn lost_children(repository: &RepositoryName, manifest: &Manifest) -> Result<Vec<ContentDigest>, Error> {
    let children: Vec<ContentDigest> = manifest.children().filter_map(Descriptor::content).collect();
    let lost = lost(repository, &children)?;
    let blobs: Vec<String> = lost.iter().map(layout::blob).collect();
    let found = lost.into_iter().zip(storage::stat_many(&blobs)?);
    Ok(found.filter(|(_, blob)| blob.is_none()).map(|(child, _)| child).collect())
}

/// In the order of their digests; At one time, 1 MiB of them or one larger manifest is in memory.
/// Objects that are not manifests are skipped.
pub fn manifests(repository: &RepositoryName) -> Manifests {
    manifests_since(repository, 0)
}

/// Those that were written at this moment or later, in milliseconds of the store's clock.
pub fn manifests_since(repository: &RepositoryName, since: u64) -> Manifests {
    Manifests { prefix: layout::manifests(repository), since, after: None, ended: false, documents: None }
}

/// Made by [`manifests`].
pub struct Manifests {
    prefix: String,
    since: u64,
    after: Option<String>,
    ended: bool,
    documents: Option<Documents>,
}

impl Manifests {
    /// Reads the next page of keys. The repositories below this one are folders, which are left out.
    fn turn_page(&mut self) -> Result<(), Error> {
        let options = ListingOptions {
            folders: true,
            after: self.after.as_deref(),
            ..ListingOptions::new(&self.prefix)
        };
        let listing = storage::list_page(&options)?;
        let objects = listing.objects.into_iter();
        let is_wanted = |object: &ObjectInfo| object.modified.is_none_or(|moment| moment >= self.since);
        let keys: Vec<String> = objects.filter(is_wanted).map(|object| object.key).collect();
        self.documents = Some(storage::get_each(&keys));
        self.ended = listing.next.is_none();
        self.after = listing.next;
        Ok(())
    }
}

impl Iterator for Manifests {
    type Item = Result<(ContentDigest, Document), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.documents.as_mut().and_then(Iterator::next) {
                Some(Ok(Some(document))) => {
                    let Some((_, digest)) = layout::manifest_of(&document.info.key) else {
                        log::warn("this object is not a manifest", &[("key", &document.info.key)]);
                        continue;
                    };
                    return Some(Ok((digest, document)));
                }
                // Deleted since it was listed.
                Some(Ok(None)) => {}
                Some(Err(error)) => return Some(Err(error)),
                None if self.ended => return None,
                None => {
                    if let Err(error) = self.turn_page() {
                        self.ended = true;
                        return Some(Err(error));
                    }
                }
            }
        }
    }
}

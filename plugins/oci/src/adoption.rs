//! A repository of an earlier system is only a folder of manifests. Its members and referrers are
//! written from the manifests once, before the first request that needs them.

use packhouse_plugin::storage::{self, Document, ListingOptions, Precondition};
use packhouse_plugin::{Error, log};

use crate::digest::ContentDigest;
use crate::document::{Manifest, Referrer};
use crate::membership::Lacking;
use crate::name::RepositoryName;
use crate::{holdings, layout, media_types, membership, records, referrers, tag_map};

/// Adopts the repository unless that was done; true when it was done now.
pub fn ensure(repository: &RepositoryName) -> Result<bool, Error> {
    if storage::stat(&layout::adopted(repository))?.is_some() {
        return Ok(false);
    }
    adopt(repository)?;
    Ok(true)
}

/// Writes the objects that are derived from the manifests of the repository, then the mark that it is
/// complete.
fn adopt(repository: &RepositoryName) -> Result<(), Error> {
    let mut has_manifests = false;
    for manifest in holdings::manifests(repository) {
        let (digest, document) = manifest?;
        has_manifests = true;
        match Derived::of(repository, &digest, &document, false) {
            Ok(Ok(derived)) => derived.write(repository)?,
            Ok(Err(why)) => {
                let fields = [("key", document.info.key.as_str()), ("why", &why)];
                log::error("a stored manifest is damaged", &fields);
            }
            // Its record proves nothing.
            Err(error @ Error::Damaged { .. }) => error.log_unless_clients(),
            Err(other) => return Err(other),
        }
    }
    if has_manifests {
        tag_map::create(repository)?;
    }
    mark(repository)
}

/// Says that members and referrers of the repository are complete.
pub fn mark(repository: &RepositoryName) -> Result<(), Error> {
    let key = layout::adopted(repository);
    storage::put(&key, b"{}", Precondition::Any, Some("application/json")).map(|_| ())
}

/// Whether a repository with manifests was adopted, which has made a document of tags if there was
/// none. Manifests that were written a moment ago do not count: their push may be under way.
pub fn has_made_tags(repository: &RepositoryName) -> Result<bool, Error> {
    if storage::stat(&layout::adopted(repository))?.is_none() {
        return Ok(false);
    }
    let prefix = layout::manifests(repository);
    let mut after: Option<String> = None;
    loop {
        let options =
            ListingOptions { folders: true, after: after.as_deref(), ..ListingOptions::new(&prefix) };
        let listing = storage::list_page(&options)?;
        for object in listing.objects.iter().filter(|object| layout::manifest_of(&object.key).is_some()) {
            if records::is_old(object)? {
                return Ok(true);
            }
        }
        match listing.next {
            Some(next) => after = Some(next),
            None => return Ok(false),
        }
    }
}

/// What follows from one manifest and is missing or differs.
pub struct Derived {
    members: Vec<Lacking>,
    referrer: Option<(ContentDigest, ContentDigest, Referrer)>,
}

impl Derived {
    /// The members of the repository: blobs that exist, and that a push or an earlier system proved to be
    /// part of it. Also the entry of a manifest with a subject. The inner error says why the manifest is
    /// damaged.
    pub fn of(
        repository: &RepositoryName,
        digest: &ContentDigest,
        document: &Document,
        is_adopted: bool,
    ) -> Result<Result<Self, String>, Error> {
        match holdings::check(digest, document)? {
            Ok(manifest) => Self::of_manifest(repository, digest, document, &manifest, is_adopted).map(Ok),
            Err(why) => Ok(Err(why)),
        }
    }

    fn of_manifest(
        repository: &RepositoryName,
        digest: &ContentDigest,
        document: &Document,
        manifest: &Manifest,
        is_adopted: bool,
    ) -> Result<Self, Error> {
        let proven = records::proven(repository, digest, &document.info, manifest, is_adopted)?;
        let members = membership::lacking(repository, &proven, &manifest.sizes())?;
        let mut derived = Self { members, referrer: None };
        if let Some(subject) = manifest.subject() {
            let media_type = media_types::find(repository, digest, document, manifest)?;
            let referrer = manifest.referrer(&media_type, digest, document.info.size);
            if !referrers::is_stored(repository, &subject, digest, &referrer)? {
                derived.referrer = Some((subject, digest.clone(), referrer));
            }
        }
        Ok(derived)
    }

    /// The keys of what is to be written.
    pub fn keys(&self, repository: &RepositoryName) -> Vec<String> {
        let members = self.members.iter().map(|lacking| layout::member(repository, &lacking.digest));
        let referrer = self.referrer.iter();
        let referrer = referrer.map(|(subject, digest, _)| layout::referrer(repository, subject, digest));
        members.chain(referrer).collect()
    }

    pub fn write(&self, repository: &RepositoryName) -> Result<(), Error> {
        for lacking in &self.members {
            lacking.write(repository)?;
        }
        match &self.referrer {
            Some((subject, digest, referrer)) => referrers::write(repository, subject, digest, referrer),
            None => Ok(()),
        }
    }
}

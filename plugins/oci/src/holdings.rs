//! All manifests of one repository, page by page, each with its bytes.

use packhouse_plugin::storage::{self, Document, Documents, ListingOptions};
use packhouse_plugin::{Error, log};

use crate::digest::ContentDigest;
use crate::layout;
use crate::name::RepositoryName;

/// In the order of their digests; 1 MiB of them or one larger is held at a time. What lies
/// among the manifests and is none is passed over.
pub fn manifests(repository: &RepositoryName) -> Manifests {
    Manifests { prefix: layout::manifests(repository), after: None, ended: false, documents: None }
}

/// Made by [`manifests`].
pub struct Manifests {
    prefix: String,
    after: Option<String>,
    ended: bool,
    documents: Option<Documents>,
}

impl Manifests {
    /// The next page of keys; those of the repositories below this one are folders and left
    /// out.
    fn turn_page(&mut self) -> Result<(), Error> {
        let options = ListingOptions {
            folders: true,
            after: self.after.as_deref(),
            ..ListingOptions::new(&self.prefix)
        };
        let listing = storage::list_page(&options)?;
        let keys: Vec<String> = listing.objects.into_iter().map(|object| object.key).collect();
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
                        log::warn("this is no manifest", &[("key", &document.info.key)]);
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

//! Decides whether an unreferenced blob may be removed. The manifest that references it may have been
//! lost.
//!
//! A repository that has lost its documents and gets a new push looks like a new repository. So a
//! member that is older than the oldest document of its repository is an orphan, unless a request
//! released the blob: an earlier document was lost.

use std::collections::BTreeMap;

use packhouse_plugin::maintenance::Step;
use packhouse_plugin::storage::{self, ListingOptions};
use packhouse_plugin::{Error, ObjectInfo};

use crate::digest::ContentDigest;
use crate::name::RepositoryName;
use crate::records::{self, Record, State};
use crate::{layout, membership};

/// What is known of a blob that no manifest names.
pub enum Verdict {
    /// A document proves that nobody needs it.
    MayGo,
    /// It stays unless the operator orders otherwise; in words for the operator.
    Orphan(String),
}

/// The repositories that were looked at in one step.
pub struct Evidence<'a> {
    step: &'a Step<'a>,
    repositories: BTreeMap<RepositoryName, Documents>,
    deleted: BTreeMap<RepositoryName, Option<u64>>,
}

#[derive(Clone, Copy)]
struct Documents {
    has_tags: bool,
    /// When the oldest was written, in milliseconds of the store's clock.
    begun: Option<u64>,
}

impl<'a> Evidence<'a> {
    pub fn new(step: &'a Step<'a>) -> Self {
        Self { step, repositories: BTreeMap::new(), deleted: BTreeMap::new() }
    }

    /// Whether the blob may be removed. `members` are its members in repositories.
    pub fn judge(&mut self, digest: &ContentDigest, members: &[ObjectInfo]) -> Result<Verdict, Error> {
        let mut is_proven = is_released(self.step, digest);
        for member in members {
            let Some((_, repository)) = layout::member_of(&member.key) else { continue };
            if membership::is_deleted(member) && membership::is_mark(&member.key)? {
                is_proven = true;
                continue;
            }
            if let Some(why) = self.predates(digest, &repository, member)? {
                return Ok(Verdict::Orphan(why));
            }
            is_proven = is_proven || self.documents(&repository)?.has_tags;
        }
        if is_proven {
            return Ok(Verdict::MayGo);
        }
        Ok(Verdict::Orphan("no manifest names it, and no repository with tags has it".to_owned()))
    }

    /// Why an earlier document of the repository may have named the blob; none if nothing says so.
    pub fn predates(
        &mut self,
        digest: &ContentDigest,
        repository: &RepositoryName,
        member: &ObjectInfo,
    ) -> Result<Option<String>, Error> {
        if self.step.remembered(&[released_by(repository, &digest.to_string())]).contains(&true) {
            return Ok(None);
        }
        let is_older = |begun: Option<u64>| {
            let begun = begun.map(|begun| begun.saturating_sub(storage::GRACE));
            member.modified.zip(begun).is_some_and(|(modified, begun)| modified < begun)
        };
        if !is_older(self.documents(repository)?.begun) {
            return Ok(None);
        }
        // A request may have deleted the older ones.
        let deleted = self.deleted(repository)?;
        if deleted.is_some() && !is_older(deleted) {
            return Ok(None);
        }
        Ok(Some(format!(
            "no manifest names it, and {repository} has had it for longer than its tags, manifests and \
             records: earlier ones were lost, so restore them"
        )))
    }

    /// When the oldest of the manifests was pushed that requests have deleted and that still have a record.
    fn deleted(&mut self, repository: &RepositoryName) -> Result<Option<u64>, Error> {
        if let Some(known) = self.deleted.get(repository) {
            return Ok(*known);
        }
        let keys: Vec<String> = storage::list(&layout::pushes(repository))
            .map(|record| record.map(|record| record.key))
            .collect::<Result<_, _>>()?;
        let mut oldest = None;
        for document in storage::get_each(&keys) {
            // Those that cannot be read are reported where all records are read.
            let begun = document?.and_then(|document| records::parse(&document).ok()?.begun);
            oldest = oldest.into_iter().chain(begun).min();
        }
        self.deleted.insert(repository.clone(), oldest);
        Ok(oldest)
    }

    fn documents(&mut self, repository: &RepositoryName) -> Result<Documents, Error> {
        if let Some(known) = self.repositories.get(repository) {
            return Ok(*known);
        }
        let tags = storage::stat(&layout::tags(repository))?;
        let mut begun = tags.as_ref().and_then(|tags| tags.modified);
        for prefix in [layout::manifests(repository), layout::pushes(repository)] {
            let mut after: Option<String> = None;
            loop {
                // The manifests of the repositories below this one are in folders.
                let options =
                    ListingOptions { folders: true, after: after.as_deref(), ..ListingOptions::new(&prefix) };
                let listing = storage::list_page(&options)?;
                let modified = listing.objects.iter().filter_map(|object| object.modified);
                begun = begun.into_iter().chain(modified).min();
                after = listing.next;
                if after.is_none() {
                    break;
                }
            }
        }
        let documents = Documents { has_tags: tags.is_some(), begun };
        self.repositories.insert(repository.clone(), documents);
        Ok(documents)
    }
}

/// Remembers the blobs that a deleted manifest named.
pub fn release(step: &Step<'_>, repository: &RepositoryName, record: &Record) {
    if record.state != State::Deleted {
        return;
    }
    let blobs = record.released.iter().chain(&record.blobs);
    let words: Vec<String> =
        blobs.flat_map(|blob| [released_word(blob), released_by(repository, blob)]).collect();
    step.remember(&words);
}

/// Whether a manifest named the blob that a request has deleted.
pub fn is_released(step: &Step<'_>, blob: &ContentDigest) -> bool {
    step.remembered(&[released_word(&blob.to_string())]).contains(&true)
}

fn released_word(blob: &str) -> String {
    format!("released {blob}")
}

fn released_by(repository: &RepositoryName, blob: &str) -> String {
    format!("released {blob} by {repository}")
}

//! Writes what follows from manifests: members, referrers, documents of tags, marks of
//! adoption. It removes nothing, and changes nothing where all is well. A member follows from
//! what a push has proved ([`crate::records`]), not from what a manifest says.

use std::collections::BTreeMap;

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::Step;
use packhouse_plugin::storage;

use super::{DOCUMENTS, KEYS, Phase, page};
use crate::adoption::{self, Derived};
use crate::name::RepositoryName;
use crate::{layout, tag_map};

pub const PHASES: &[Phase] = &[
    Phase { name: "manifests", step: from_manifests },
    // When every manifest has been read.
    Phase { name: "marks", step: marks },
];

fn from_manifests(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::MANIFESTS, after, DOCUMENTS)?;
    let keys: Vec<String> = listing.objects.into_iter().map(|object| object.key).collect();
    let mut repositories = BTreeMap::new();
    for (key, document) in keys.iter().zip(storage::get_each(&keys)) {
        let (Some((repository, digest)), Some(document)) = (layout::manifest_of(key), document?) else {
            continue;
        };
        step.checked(1, document.bytes.len() as u64);
        let is_adopted = match repositories.get(&repository) {
            Some(is_adopted) => *is_adopted,
            None => storage::stat(&layout::adopted(&repository))?.is_some(),
        };
        match Derived::of(&repository, &digest, &document, is_adopted)? {
            Ok(derived) => write(step, &repository, &derived)?,
            Err(why) => step.damaged(key, &why),
        }
        repositories.insert(repository, is_adopted);
    }
    for repository in repositories.keys() {
        make_tags(step, repository)?;
    }
    Ok(listing.next)
}

fn write(step: &Step<'_>, repository: &RepositoryName, derived: &Derived) -> Result<(), Error> {
    let keys = derived.keys(repository);
    if !keys.is_empty() && !step.is_dry_run() {
        derived.write(repository)?;
    }
    tell(step, &keys);
    Ok(())
}

/// Each once: two manifests may name one blob, and in a dry run both miss its member.
fn tell(step: &Step<'_>, keys: &[String]) {
    let new = keys.iter().zip(step.remembered(keys)).filter(|(_, is_told)| !is_told);
    new.for_each(|(key, _)| step.rebuilt(key));
    step.remember(keys);
}

/// An empty document where there is none, or one was emptied: it makes the repository found, and
/// says that the operator knows of the loss.
fn make_tags(step: &Step<'_>, repository: &RepositoryName) -> Result<(), Error> {
    let key = layout::tags(repository);
    match tag_map::check_stored(repository) {
        Ok(()) if storage::stat(&key)?.is_some() => return Ok(()),
        Ok(()) => {}
        // Nothing shows it later.
        Err(Error::Damaged { key, why }) => {
            step.damaged_once(&key, &format!("{why}. It begins without tags now"))
        }
        Err(other) => return Err(other),
    }
    if !step.is_dry_run() {
        tag_map::create(repository)?;
    }
    tell(step, &[key]);
    Ok(())
}

/// Every repository with a manifest has a document of tags by now.
fn marks(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::TAGS, after, KEYS)?;
    let repositories = listing.objects.iter().filter_map(|object| layout::repository_of_tags(&object.key));
    let repositories: Vec<RepositoryName> = repositories.collect();
    let keys: Vec<String> = repositories.iter().map(layout::adopted).collect();
    let found = storage::stat_many(&keys)?;
    for ((repository, key), _) in
        repositories.iter().zip(&keys).zip(found).filter(|(_, found)| found.is_none())
    {
        if !step.is_dry_run() {
            adoption::mark(repository)?;
        }
        step.rebuilt(key);
    }
    Ok(listing.next)
}

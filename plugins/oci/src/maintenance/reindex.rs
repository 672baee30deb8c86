//! Writes what is derived from manifests: members, referrers, documents of tags, marks of adoption. It
//! removes nothing, and changes nothing that is correct. A member is derived from the record of a push
//! ([`crate::records`]), not from the manifest alone.

use std::collections::{BTreeMap, BTreeSet};

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::{Phase, Step};
use packhouse_plugin::storage;

use super::{DOCUMENTS, KEYS, page};
use crate::adoption::{self, Derived};
use crate::document::Tags;
use crate::layout;
use crate::name::{RepositoryName, Tag};
use crate::tag_map::{self, Restored};

pub const PHASES: &[Phase] = &[
    Phase { name: "manifests", step: from_manifests },
    Phase { name: "records", step: from_records },
    Phase { name: "proofs", step: from_proofs },
    Phase { name: "tags", step: tags },
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
        match step.pass(Derived::of(&repository, &digest, &document, is_adopted))? {
            Some(Ok(derived)) => write(step, &repository, &derived)?,
            Some(Err(why)) => step.damaged(key, &why),
            None => {}
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

/// Writes an empty document if there is none, so that the repository is found.
fn make_tags(step: &Step<'_>, repository: &RepositoryName) -> Result<(), Error> {
    if !replace_lost_tags(step, repository)? && storage::stat(&layout::tags(repository))?.is_none() {
        if !step.is_dry_run() {
            tag_map::create(repository)?;
        }
        tell(step, &[layout::tags(repository)]);
    }
    Ok(())
}

/// A document where one was lost or emptied. The loss is reported: the operator must know of it, and nothing
/// shows it later.
fn replace_lost_tags(step: &Step<'_>, repository: &RepositoryName) -> Result<bool, Error> {
    match tag_map::check_stored(repository) {
        Err(Error::Damaged { why, .. }) => replace_tags(step, repository, &why).map(|()| true),
        other => other.map(|_| false),
    }
}

fn replace_tags(step: &Step<'_>, repository: &RepositoryName, why: &str) -> Result<(), Error> {
    let key = layout::tags(repository);
    let document = storage::get(&key)?;
    let Restored { set, lost } = tag_map::restore(repository, document.as_ref(), step.is_dry_run())?;
    let set = match set {
        0 => "It has no tags now".to_owned(),
        set => format!("{set} of its tags are set again"),
    };
    let lost = match lost.as_slice() {
        [] => String::new(),
        lost => {
            format!(". The manifests of these tags are lost too, so push them again: {}", lost.join(", "))
        }
    };
    step.damaged_once(&key, &format!("{why}. {set}{lost}"));
    tell(step, &[key]);
    Ok(())
}

/// Repositories that have lost their manifests too.
fn from_records(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::PUSHED, after, KEYS)?;
    let keys = listing.objects.iter();
    let repositories: BTreeSet<RepositoryName> =
        keys.filter_map(|object| Some(layout::manifest_of_record(&object.key)?.0)).collect();
    for repository in &repositories {
        replace_lost_tags(step, repository)?;
    }
    Ok(listing.next)
}

/// Repositories that have lost everything but the proof of their tags.
fn from_proofs(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let (lost, next) = super::lost_tags(after)?;
    for repository in &lost {
        replace_lost_tags(step, repository)?;
    }
    Ok(next)
}

/// Documents of tags that hold nothing, are older copies or those of other repositories are made anew. Other damage is reported: the operator may have
/// it restored.
fn tags(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let listing = page(layout::TAGS, after, DOCUMENTS)?;
    let keys: Vec<String> = listing.objects.into_iter().map(|object| object.key).collect();
    for (key, document) in keys.iter().zip(storage::get_each(&keys)) {
        let Some(repository) = layout::repository_of_tags(key) else { continue };
        let Some(document) = step.pass(document)?.flatten() else { continue };
        step.checked(1, document.bytes.len() as u64);
        if tag_map::why_not_newest(&document)?.is_some() && Tags::parse(&document.bytes).is_ok() {
            tell(step, std::slice::from_ref(key));
            for name in tag_map::restore(&repository, Some(&document), step.is_dry_run())?.lost {
                step.damaged(key, &format!("the tag {name} is lost, and so is its manifest: push it again"));
            }
            continue;
        }
        match Tags::parse(&document.bytes) {
            Ok(_) if Tags::may_be_emptied(&document.bytes) => {
                replace_lost_tags(step, &repository)?;
            }
            Ok(tags) => {
                for name in tags.names_after("") {
                    if Tag::parse(name).ok().and_then(|tag| tags.get(&tag)).is_none() {
                        let why = format!("the tag {name:?} does not contain a digest: push or delete it");
                        step.damaged(key, &why);
                    }
                }
                let names = tag_map::names_of(&tags);
                if !names.is_empty() {
                    step.prove_names(&document, storage::Proof::of(key)?, names)?;
                }
            }
            Err(error) => {
                let why = tag_map::why_unreadable(&document.bytes, &error);
                if Tags::holds_nothing(&document.bytes) {
                    replace_tags(step, &repository, &why)?;
                } else {
                    step.damaged_once(key, &why);
                }
            }
        }
    }
    Ok(listing.next)
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
